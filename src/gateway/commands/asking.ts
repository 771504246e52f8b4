/**
 * What is asked of devices beside orders, as data, and the one place where it is carried out by their port. What
 * becomes of a question is the business of inquiries.ts.
 */
import type { Instant, UnixTime } from '../../base/time.ts';
import type { Cti, DeviceId, Interrogated, SettingsOrder, SettingsSet } from '../../model/mod.ts';
import type { SettingsPort } from '../ports.ts';

/** What a device is asked, by the port of its kind. */
export type Ask = { readonly do: 'interrogate' } | { readonly do: 'set'; readonly order: SettingsOrder };

export type Answered =
  | { readonly did: 'interrogate'; readonly told: Interrogated }
  | { readonly did: 'set'; readonly set: SettingsSet };

/** One command and what is left of it. Plain data: its row in the store is the same. */
export interface Inquiry {
  readonly cti: Cti;
  readonly issuer: string;
  readonly ask: Ask;
  /** After this a device that is not there is given up. */
  readonly expires: UnixTime;
  /** Devices that have not answered, with how often each was asked. */
  readonly left: readonly { readonly device: DeviceId; readonly asked: number }[];
  readonly set: readonly SettingsSet[];
  /** Devices that told, and those that did not. */
  readonly told: readonly DeviceId[];
  readonly silent: readonly { readonly device: DeviceId; readonly why: string }[];
}

/** What is under way of all inquiries; nothing of it survives a restart. */
export interface Asking {
  /** By the key of its command. */
  readonly inquiries: Map<string, Inquiry>;
  /** One question at a time to a device, by the inquiry it belongs to. */
  readonly running: Map<DeviceId, string>;
  /** When a device that did not answer is asked again. */
  readonly again: Map<DeviceId, Instant>;
}

export function newAsking(inquiries: readonly (readonly [string, Inquiry])[]): Asking {
  return { inquiries: new Map(inquiries), running: new Map(), again: new Map() };
}

/** Names the inquiry it belongs to. */
export interface Question {
  readonly inquiry: string;
  readonly device: DeviceId;
  readonly ask: Ask;
}

export interface Answer {
  readonly on: 'answered';
  readonly inquiry: string;
  readonly device: DeviceId;
  readonly answer: Answered;
}

/** Carries an effect out. A gateway without such a port has devices that do not answer. */
export async function askDevice(
  port: Partial<SettingsPort> | undefined,
  { inquiry, device, ask }: Question,
): Promise<Answer> {
  const why = 'this gateway cannot ask its devices';
  const of = { on: 'answered', inquiry, device } as const;
  if (ask.do === 'set') {
    const set = (await port?.set?.(device, ask.order)) ?? { device, outcome: 'unknown', why, parts: [] };
    return { ...of, answer: { did: 'set', set } };
  }
  const told = (await port?.interrogate?.(device)) ?? { device, outcome: 'unknown', why };
  return { ...of, answer: { did: 'interrogate', told } };
}
