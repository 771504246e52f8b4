/**
 * Curves and settings over the WAN (SIWG-4, SIWG-5): what a head end asks of the modes a device holds, what it
 * wants them to be, and what a gateway answers. Beside events: these have no end, and stand until they are changed.
 */
import type { UnixTime } from '../base/time.ts';
import type { ModeHeld, SettingsOrder } from './held.ts';
import type { Cti, DeviceId } from './ids.ts';
import type { Mode } from './intent.ts';
import type { Reading } from './reading.ts';

/** What modes does a device hold? Of every device behind the gateway unless one is named. */
export interface InterrogateBody {
  readonly kind: 'interrogate';
  readonly device?: DeviceId;
}

/** Sets modes of one device, or of every device that is no meter where none is named. */
export interface SettingsBody {
  readonly kind: 'settings';
  readonly device?: DeviceId;
  readonly order: SettingsOrder;
}

/**
 * What do the devices measure? Answered from the newest readings, without a question to a device: once, or every
 * `every.s` seconds for `every.forS` seconds (TIME-1).
 */
export interface ReadBody {
  readonly kind: 'read';
  readonly every?: { readonly s: number; readonly forS: number };
}

/** The longest that one command may ask for samples: a week. */
export const MAX_SAMPLED_S = 7 * 24 * 3600;
/** The longest from one sample to the next: an hour. */
export const MAX_SAMPLE_EVERY_S = 3600;

/** What one device holds, or a part of it where one record cannot carry all. */
export interface ModesBody {
  readonly kind: 'modes';
  /** The command that asked. */
  readonly cti: Cti;
  readonly issuer: string;
  readonly device: DeviceId;
  /** 1 … `parts`. */
  readonly part: number;
  readonly parts: number;
  readonly modes: readonly ModeHeld[];
  /** Models that could not be read: about them nothing is known. */
  readonly unread: readonly { readonly model: number; readonly why: string }[];
  /** Who changed which mode through this gateway last. Without an entry: by maker or installer, or by events. */
  readonly setBy: readonly ModeSetBy[];
}

export interface ModeSetBy {
  readonly mode: Mode;
  readonly issuer: string;
  readonly cti: Cti;
  readonly at: UnixTime;
  /** Name of the standard packet it came from. */
  readonly packet?: string;
}

/** The newest readings of all devices, as asked by a command. */
export interface ReadingsBody {
  readonly kind: 'readings';
  readonly cti: Cti;
  readonly issuer: string;
  readonly readings: readonly Reading[];
}
