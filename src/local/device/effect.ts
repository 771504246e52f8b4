/**
 * Orders that are judged by what is measured and not by what a register holds: some devices acknowledge, even show
 * the value, and do nothing. What an order should bring about, whether it is so, and what to answer.
 *
 * Waiting is the business of who holds the clock; here are the questions and the verdict.
 */
import type { Conversation } from '../bus/conversation.ts';
import { type PointProfile, ownPointsOf, readOwn } from '../profiles/mod.ts';
import type { ModelSet, SunSpecDevice } from '../sunspec/mod.ts';
import type { ApplyResult, AxisOrder } from './apply.ts';
import type { Effect } from './deviation.ts';

/** What should be measured, in W: no more than so much, or so much. */
export interface Goal {
  readonly kind: 'at-most' | 'near';
  readonly powerW: number;
  readonly toleranceW: number;
}

/**
 * How exactly a device follows where its profile says nothing: IEEE 1547-2018, table 3, has active power measured
 * to 5 % of the rating.
 */
const OF_RATING = 0.05;
/** Where the rating is not known: of what was ordered, and no less than a measurement of a small load is off. */
const OF_ORDER = 0.05;
const LEAST_W = 50;

/**
 * What `order` should bring about; `undefined` where no measurement can show it: a release leaves power to the sun, a
 * connection too, and a percentage means nothing without `ratingW` (WMax).
 */
export function goalOf(
  { axis, value }: AxisOrder,
  { ratingW, tolerance }: { readonly ratingW: number | undefined; readonly tolerance?: number | undefined },
): Goal | undefined {
  if (value === undefined) return undefined;
  const within = (powerW: number) =>
    tolerance ??
    (ratingW === undefined ? Math.max(LEAST_W, OF_ORDER * Math.abs(powerW)) : OF_RATING * ratingW);
  const goal = (kind: Goal['kind'], powerW: number): Goal => ({ kind, powerW, toleranceW: within(powerW) });
  const share = ratingW === undefined ? undefined : (value * ratingW) / 10_000;
  switch (axis) {
    case 'opModMaxLimW':
      if (value === 0) return goal('at-most', 0);
      return share === undefined ? undefined : goal('at-most', share);
    case 'opModFixedW':
      return share === undefined ? undefined : goal('near', share);
    case 'opModGenLimW':
      return goal('at-most', value);
    case 'opModTargetW':
      return goal('near', value);
    case 'opModStorageTargetW':
      // Readings count power out of the device, an order of storage what goes in.
      return goal('near', -value);
    case 'opModConnect':
      return value === 0 ? goal('at-most', 0) : undefined;
    default:
      return undefined;
  }
}

/** Whether a measurement can show that the order took effect at all: a release or a connection needs the sun, too. */
export function isMeasurable({ axis, value }: AxisOrder): boolean {
  return value !== undefined && !(axis === 'opModConnect' && value === 1);
}

export function isReached({ kind, powerW, toleranceW }: Goal, measuredW: number): boolean {
  const over = measuredW - powerW;
  return kind === 'at-most' ? over <= toleranceW : Math.abs(over) <= toleranceW;
}

/** What the point shows now, in the sign of readings. `undefined`: it cannot be read, or nothing stands there. */
export function* measure(
  device: SunSpecDevice,
  { point: name }: Effect,
  { points, models }: { readonly points: Readonly<Record<string, PointProfile>>; readonly models: ModelSet },
): Conversation<number | undefined> {
  const point = points[name] ?? { from: [{ sunspec: name }] };
  const read = yield* readOwn(ownPointsOf({ [name]: point }, device, models));
  const value = read.ok ? read.value.values.get(name) : undefined;
  return value === undefined || typeof value === 'string' ? undefined : Number(value);
}

/** What was seen of one order. */
export interface Seeing {
  readonly effect: Effect;
  readonly goal: Goal | undefined;
  /** Before the order was written, and last of all. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/**
 * The answer to an order, once what is measured is known. A register that holds its value and a measurement that
 * agrees is implemented; so is a change that was seen without such a register. What was so before proves nothing.
 */
export function judgeEffect(result: ApplyResult, { effect, goal, before, after }: Seeing): ApplyResult {
  const { why: _, ...rest } = result;
  const held = result.outcome === 'implemented';
  if (goal === undefined || after === undefined) {
    const why = `acknowledged; ${effect.point} cannot show whether it took effect`;
    return { ...rest, outcome: 'unknown', why: join(why, result.why) };
  }
  const should = `${goal.kind === 'at-most' ? 'at most ' : ''}${Math.round(goal.powerW)} W`;
  const says = `${effect.point} shows ${Math.round(after)} W where ${should} was ordered`;
  if (!isReached(goal, after))
    return {
      ...rest,
      outcome: 'refused',
      why: join(`acknowledged, but after ${effect.withinMs} ms ${says}`, effect.hint),
    };
  if (held || (before !== undefined && !isReached(goal, before))) return { ...rest, outcome: 'implemented' };
  return { ...rest, outcome: 'unknown', why: join(`${says}, and did before`, result.why) };
}

function join(first: string, more: string | undefined): string {
  return more === undefined ? first : `${first}; ${more}`;
}
