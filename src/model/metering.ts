/**
 * What is reported of a meter: voltage outside its range, and energy by the quarter of an hour.
 */
import type { UnixTime } from '../base/time.ts';
import type { DeviceId } from './ids.ts';

/**
 * Who tells it. `gateway`: it read the meter on the premise's own line and speaks for it, since the meter has no radio
 * to the utility of its own.
 */
export type Speaker = 'gateway';

/** What a meter counts: all that crosses the boundary of the premise, or what its generation gives. */
export const METER_SERVICES = ['net-billing', 'rec'] as const;
export type MeterService = (typeof METER_SERVICES)[number];

/** A phase to neutral; `average` where the meter tells no phases. */
export type Phase = 'A' | 'B' | 'C' | 'average';

/** 0 inside Range A of ANSI C84.1, 1 above it, 2 above Range B; negative below. */
export type VoltageLevel = -2 | -1 | 0 | 1 | 2;

/** One phase changed its level (ALARM-1). */
export interface VoltageAlarm {
  readonly meter: DeviceId;
  readonly speaks: Speaker;
  readonly phase: Phase;
  readonly change: 'raised' | 'escalated' | 'eased' | 'cleared';
  readonly level: VoltageLevel;
  readonly voltageV: number;
  readonly nominalV: number;
  /** The limit that was crossed, V. */
  readonly limitV: number;
  /** When the phase was first seen on this side of that limit. */
  readonly since: UnixTime;
}

/**
 * `actual`: both ends were read at their time. `estimated`: an end was interpolated, or the clock was set meanwhile.
 * `missed`: the energy of this interval is not known, or is that of more than a day.
 */
export const BILLING_QUALITIES = ['actual', 'estimated', 'missed'] as const;
export type BillingQuality = (typeof BILLING_QUALITIES)[number];

/** `silent`: the meter was not read all the time. `register-reset`: a register went back. */
export const BILLING_FLAGS = ['silent', 'clock-adjusted', 'clock-untrusted', 'register-reset'] as const;
export type BillingFlag = (typeof BILLING_FLAGS)[number];

/** The energy of one interval of the clock, 15 minutes from a quarter of an hour. */
export interface BillingBody {
  readonly kind: 'billing';
  readonly meter: DeviceId;
  readonly speaks: Speaker;
  readonly service: MeterService;
  readonly start: UnixTime;
  /** 900, or a multiple of it with quality `missed`. */
  readonly durationS: number;
  readonly quality: BillingQuality;
  /** Energy in the interval; absent where it is not known, or the meter does not count it. */
  readonly importWh?: number;
  readonly exportWh?: number;
  /** The registers at its end. */
  readonly importRegisterWh?: number;
  readonly exportRegisterWh?: number;
  /** What happened meanwhile; none in a quiet interval. */
  readonly flags: readonly BillingFlag[];
}
