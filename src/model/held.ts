/**
 * What modes a device holds, what it is to hold, and how that went: plain data, so that it goes into a record and out
 * of one as it is. Registers are the business of `local/`.
 */
import type { Curve, Intent, Mode } from './intent.ts';
import type { DeviceId } from './ids.ts';
import type { Evidence, Outcome } from './reading.ts';

/** Engineering values by the names of an order. */
export type HeldValues = Readonly<Record<string, number | string>>;

/** One mode in one model. The same mode may stand in two models, and both may be on. */
export interface ModeHeld {
  readonly mode: Mode;
  readonly model: number;
  readonly state: 'on' | 'off';
  /** Engineering values by point: `WMaxLimPct`, `PFWInj.PF`. Of a mode that is a number on an axis. */
  readonly points?: Readonly<Record<string, number>>;
  /** Engineering values by the names of the order. Of settings, and of a droop in force. */
  readonly settings?: HeldValues;
  /** The curve in force; absent where none is. */
  readonly curve?: Curve;
  /** What could be put in force instead, as far as the device shows it. */
  readonly slots?: readonly Slot[];
  /** Where slots are selected: which, from 1. Where they are adopted the device shows only what, not from which. */
  readonly activeSlot?: number;
  /** How the last adoption ended. */
  readonly adoption?: 'in-progress' | 'completed' | 'failed';
  readonly reversion?: Reversion;
}

export interface Slot {
  /** From 1, as the device counts. */
  readonly number: number;
  readonly access: 'read-write' | 'read-only';
  readonly curve?: Curve;
  readonly settings?: HeldValues;
}

/** A fall-back as it is set up; `remainsS` while its timer runs. */
export interface Reversion {
  readonly afterS?: number;
  readonly remainsS?: number;
  readonly state?: 'on' | 'off';
  /** The slot fallen back to, from 1. */
  readonly slot?: number;
  readonly points?: Readonly<Record<string, number>>;
}

export interface Interrogation {
  readonly modes: readonly ModeHeld[];
  /** Models that could not be read: about them nothing is known. */
  readonly unread: readonly { readonly model: number; readonly why: string }[];
}

/**
 * What shall be set at a device: a standard packet by its name, or special intents: curves, settings, and releases of
 * either. A number on an axis is no setting: it is an event, decided among all others.
 */
export type SettingsOrder =
  | { readonly kind: 'packet'; readonly name: string }
  | { readonly kind: 'special'; readonly intents: readonly Intent[] };

/** Intents of one order at most: more than any standard packet and fewer than would hold a line for a minute. */
export const MAX_INTENTS = 16;

/** How one intent of an order ended. */
export interface PartSet {
  readonly mode: Mode;
  readonly outcome: Outcome;
  readonly why?: string;
  readonly evidence: readonly Evidence[];
}

/**
 * How an order ended: `implemented` when every part is, else what became of the first part that is not. Parts are
 * carried out in their order and none after one that failed; where one cannot be planned, none is begun.
 */
export interface SettingsSet {
  readonly device: DeviceId;
  readonly outcome: Outcome;
  readonly why?: string;
  /** Those that were begun. */
  readonly parts: readonly PartSet[];
}

/** What a device answered to the question which modes it holds; `unknown`: it did not answer. */
export type Interrogated =
  | { readonly device: DeviceId; readonly outcome: 'told'; readonly held: Interrogation }
  | { readonly device: DeviceId; readonly outcome: 'unknown'; readonly why: string };

/** One thing that a device holds otherwise than a packet or an intent says. */
export interface Difference {
  readonly mode: Mode;
  /** `points[1].y`, `responseS`, `state`. */
  readonly what: string;
  readonly wanted: number | string;
  /** Absent: the device does not tell, or has no such mode. */
  readonly held?: number | string;
}
