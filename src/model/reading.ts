/**
 * What a device was seen to do.
 */
import type { UnixTime } from '../base/time.ts';
import type { Axis } from './control.ts';
import type { DeviceId } from './ids.ts';

/** What a device is to the site. PV with storage is one actor to the decision (INT-1), two devices here. */
export type DeviceRole = 'inverter' | 'storage' | 'meter';

/** Engineering values by SunSpec point name; a point that is unknown or not implemented is absent, never 0. */
export type Points = Readonly<Record<string, number>>;

export interface Reading {
  readonly device: DeviceId;
  readonly role: DeviceRole;
  /** When the last register of it was read, to 1 s or better (TIME-1). */
  readonly at: UnixTime;
  readonly points: Points;
  /** What it was just seen to hold on its axes; absent where it was not looked at with this reading. */
  readonly held?: Held;
}

/** A value in the unit of the axis with the step of its register in that unit, or `none`: nothing is in force. */
export type HeldOn = 'none' | { readonly value: number; readonly step: number };
/** An axis that is absent cannot be told. */
export type Held = Readonly<Partial<Record<Axis, HeldOn>>>;

/** One register written and what it held when read back. Raw words, because this is evidence. */
export interface Evidence {
  /** `704.WMaxLimPct`: model and point. */
  readonly point: string;
  /** Register address on the device, 0-based. */
  readonly address: number;
  readonly wrote: readonly number[];
  /** Absent when the read-back did not come. */
  readonly readBack?: readonly number[];
}

/**
 * How an order to a device ended. `implemented`: written and read back alike. `refused`: the device said no,
 * cannot do it, or holds another value. `unknown`: it did not answer; the value may stand or not.
 */
export type Outcome = 'implemented' | 'refused' | 'unknown';

/**
 * The names a reading may have, SunSpec's own. W, var, VA, A, Hz, V and Wh; SoC in %; WMaxLimPct in % of WMax;
 * harmonic distortion (Thd…) and unbalance of phases (…Unb) in %. Power is positive out of an inverter or battery, and
 * into the site at a meter.
 */
export const READING_POINTS = [
  'W',
  'VA',
  'Var',
  'PF',
  'A',
  'AphA',
  'AphB',
  'AphC',
  'Hz',
  'PhV',
  'PhVphA',
  'PhVphB',
  'PhVphC',
  'PhVUnb',
  'AphUnb',
  'ThdPhVphA',
  'ThdPhVphB',
  'ThdPhVphC',
  'ThdAphA',
  'ThdAphB',
  'ThdAphC',
  'TotWhInj',
  'TotWhImp',
  'TotWhExp',
  'InvSt',
  'ConnSt',
  'WMax',
  'SoC',
  'WHRtg',
  'WHAvail',
  'WMaxLimPct',
  'WMaxLimPctEna',
  'Conn',
] as const;
