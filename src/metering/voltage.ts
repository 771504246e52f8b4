/**
 * Is the voltage at a service entrance where it has to be (ALARM-1)? A machine for each phase of a meter, fed with
 * readings. It raises when a phase has been outside a range of ANSI C84.1 for the whole dwell, escalates from Range A
 * to Range B, and clears when the phase has been back inside, by the hysteresis, for as long.
 *
 * Each limit is a comparator of its own: so a voltage that moves between two levels outside does not start the dwell
 * anew. What is not read proves nothing: it neither raises nor clears, and ends a dwell that was running.
 *
 * It reads no meter and sends nothing: it says what changed.
 */
import { assert } from '../base/assert.ts';
import { after, between, seconds } from '../base/time.ts';
import type { Duration, Instant } from '../base/time.ts';
import type { Phase, Points, VoltageLevel } from '../model/mod.ts';

/** Limits of service voltage, in parts of nominal (ANSI C84.1, on a base of 120 V). */
interface Limits {
  readonly a: { readonly low: number; readonly high: number };
  readonly b: { readonly low: number; readonly high: number };
}
/** Up to 600 V. */
const LOW_VOLTAGE: Limits = {
  a: { low: 114 / 120, high: 126 / 120 },
  b: { low: 110 / 120, high: 127 / 120 },
};
/** Above 600 V. */
const MEDIUM_VOLTAGE: Limits = {
  a: { low: 117 / 120, high: 126 / 120 },
  b: { low: 114 / 120, high: 127 / 120 },
};
/** How far back inside a limit a phase has to be, in parts of nominal: half of the narrowest step between A and B. */
export const HYSTERESIS = 0.5 / 120;
/** The limits are for sustained voltage; a tap changer waits as long. */
export const DEFAULT_DWELL = seconds(30);

/** What a meter is watched by. */
export interface VoltageTerms {
  /** Line to neutral, V. */
  readonly nominalV: number;
  /** How long a phase has to stay on the other side of a limit before that counts. */
  readonly dwell: Duration;
  /** Readings further apart than this do not show what was between them. */
  readonly staleAfter: Duration;
}

interface Comparator {
  active: boolean;
  /** Since when the voltage has been on the other side. */
  since: Instant | undefined;
}

/** One phase of one meter. */
export interface PhaseWatch {
  readonly lowB: Comparator;
  readonly lowA: Comparator;
  readonly highA: Comparator;
  readonly highB: Comparator;
  /** When the phase was read last. */
  readAt: Instant | undefined;
}

/** How a phase moved from one level to another. */
export interface VoltageChange {
  readonly phase: Phase;
  readonly from: VoltageLevel;
  readonly to: VoltageLevel;
  readonly voltageV: number;
  /** The limit that was crossed, V. */
  readonly limitV: number;
  /** How long the phase had been on the other side of it. */
  readonly for: Duration;
}

/** A phase at `level`, as it was stored; normal unless given. */
export function newPhaseWatch(level: VoltageLevel = 0): PhaseWatch {
  const comparator = (active: boolean): Comparator => ({ active, since: undefined });
  return {
    lowB: comparator(level <= -2),
    lowA: comparator(level <= -1),
    highA: comparator(level >= 1),
    highB: comparator(level >= 2),
    readAt: undefined,
  };
}

/** 0 inside Range A, 1 above it, 2 above Range B; negative below. */
export function levelOf({ lowB, lowA, highA, highB }: PhaseWatch): VoltageLevel {
  if (highA.active) return highB.active ? 2 : 1;
  if (lowA.active) return lowB.active ? -2 : -1;
  return 0;
}

/** The voltages in a reading, by phase. A meter that tells their average alone is watched by that. */
export function phasesOf(points: Points): readonly (readonly [Phase, number])[] {
  const each = (['A', 'B', 'C'] as const).flatMap(phase => {
    const value = points[`PhVph${phase}`];
    return value === undefined ? [] : [[phase, value] as const];
  });
  const average = points['PhV'];
  return each.length > 0 || average === undefined ? each : [['average', average]];
}

/** Takes one reading of one phase. How its level changed, or `undefined`. */
export function watchPhase(
  watch: PhaseWatch,
  { phase, voltageV }: { readonly phase: Phase; readonly voltageV: number },
  terms: VoltageTerms,
  now: Instant,
): VoltageChange | undefined {
  const { a, b } = terms.nominalV > 600 ? MEDIUM_VOLTAGE : LOW_VOLTAGE;
  const stale = watch.readAt === undefined || between(watch.readAt, now) > terms.staleAfter;
  watch.readAt = now;
  const from = levelOf(watch);
  const limits = { '-2': b.low, '-1': a.low, '1': a.high, '2': b.high };
  const turned = new Map<number, Instant>();
  for (const level of LEVELS) {
    const comparator = comparatorOf(watch, level);
    if (stale) comparator.since = undefined;
    const beyondV = (voltageV - limits[level] * terms.nominalV) * Math.sign(level);
    const isOther = comparator.active ? beyondV <= -HYSTERESIS * terms.nominalV : beyondV > 0;
    const since = turn(comparator, isOther, terms.dwell, now);
    if (since !== undefined) turned.set(level, since);
  }
  const to = levelOf(watch);
  if (to === from) return undefined;
  const isInward = Math.abs(to) < Math.abs(from) && to * from >= 0;
  const crossed = (isInward ? to + Math.sign(from) : to) as (typeof LEVELS)[number];
  const since = turned.get(crossed);
  assert(since !== undefined, 'a level changes by the comparator of the limit that was crossed');
  return {
    phase,
    from,
    to,
    voltageV,
    limitV: limits[crossed] * terms.nominalV,
    for: between(since, now),
  };
}

const LEVELS = [-2, -1, 1, 2] as const;

function comparatorOf(watch: PhaseWatch, level: (typeof LEVELS)[number]): Comparator {
  return { '-2': watch.lowB, '-1': watch.lowA, '1': watch.highA, '2': watch.highB }[level];
}

/** Since when the other side was seen, if that was long enough and the comparator turned. */
function turn(comparator: Comparator, isOther: boolean, dwell: Duration, now: Instant): Instant | undefined {
  if (!isOther) {
    comparator.since = undefined;
    return undefined;
  }
  comparator.since ??= now;
  if (now < after(comparator.since, dwell)) return undefined;
  const { since } = comparator;
  comparator.active = !comparator.active;
  comparator.since = undefined;
  return since;
}
