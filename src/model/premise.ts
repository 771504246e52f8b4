/**
 * What passes between the gateway and the people behind the meter: a view that may be shown, and requests.
 */
import type { UnixTime } from '../base/time.ts';
import type { CommandClass, Setpoint } from './control.ts';
import type { ClockTrust, MRID } from './ids.ts';
import type { Reading } from './reading.ts';

export type EventStatus = 'scheduled' | 'active' | 'completed' | 'cancelled' | 'superseded';

export interface EventView {
  readonly mRID: MRID;
  readonly class: CommandClass;
  readonly issuer: string;
  readonly status: EventStatus;
  readonly start: UnixTime;
  /** Absent: until released. */
  readonly end?: UnixTime;
  /** What it asks for, in words: `limit of real power 50 %`. */
  readonly asks: string;
  readonly acknowledged: boolean;
  readonly overridden: boolean;
  readonly mayOverride: boolean;
  /** Why it may, or why it may not. */
  readonly why: string;
  readonly note?: string;
}

/** A sentence of the utility's to this customer, which nobody else could read. */
export interface MessageView {
  readonly issuer: string;
  readonly at: UnixTime;
  readonly text: string;
  /** The event it belongs to, if it belongs to one. */
  readonly mRID?: MRID;
}

/** Everything the customer display may see. */
export interface PremiseView {
  readonly gateway: string;
  readonly at: UnixTime;
  /** Whether the utility can be reached. */
  readonly online: boolean;
  /** How far `at` and the times below are to be believed. */
  readonly clock: ClockTrust;
  readonly readings: readonly Reading[];
  readonly setpoints: readonly Setpoint[];
  readonly events: readonly EventView[];
  /** For this customer alone, newest first; absent when there are none. */
  readonly messages?: readonly MessageView[];
}

/** What the display may ask. `code` is checked outside the step function, against a slow salted hash. */
export type PremiseRequest =
  | { readonly kind: 'acknowledge'; readonly mRID: MRID }
  | { readonly kind: 'override'; readonly mRID: MRID; readonly code: string }
  | { readonly kind: 'end-override'; readonly mRID: MRID };

/** The answer to a request: done, or refused by name with a sentence. */
export interface PremiseReply {
  readonly ok: boolean;
  readonly refusal?: string;
  readonly why: string;
}
