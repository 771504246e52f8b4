/**
 * Power of storage by model 124. Its rates are percentages of the greatest rate of the battery, an order is in W or in
 * hundredths of a percent of WMax: the order is brought to W, and the W to steps of the rate, by whole numbers alone.
 *
 * `StorCtl_Mod` puts two windows in force: bit 0 bounds charging by `InWRte`, bit 1 discharging by `OutWRte`. A
 * negative rate is one the other way (the practice of the field: a battery that may discharge by −20 % at most has to
 * charge by 20 % at least), so the same number with opposite signs in both pins the power.
 *
 * The base of `InWRte` is `WChaMax`. That of `OutWRte` is called WDisChaMax and stands in no point of 124; devices take
 * WChaMax for both. Where another model names a greatest rate of discharge that is another one, what a percentage
 * means is not known, and the order is refused by name rather than carried out at a power nobody ordered.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { Axis } from '../../model/mod.ts';
import { scaleOf } from '../sunspec/mod.ts';
import { type Seen, pointAt, rawAt } from './seen.ts';
import type { PlanRefusal } from './steps.ts';

/** A number without loss: `numerator` / `denominator`. */
export interface Fraction {
  readonly numerator: bigint;
  /** More than 0. */
  readonly denominator: bigint;
}

/** The models that tell what a percentage is of, and their points. */
export const BASE_POINTS: Readonly<Record<number, readonly string[]>> = {
  702: ['WMax', 'WMaxRtg', 'WDisChaRteMax'],
  121: ['WMax'],
  120: ['WRtg', 'MaxDisChaRte'],
  802: ['WDisChaRteMax'],
};

/** Greatest real power as it is set, then as it is rated; of what a percentage of opModFixedW is. */
const WMAX = ['702.WMax', '121.WMax', '702.WMaxRtg', '120.WRtg'];
const DISCHARGE = ['702.WDisChaRteMax', '120.MaxDisChaRte', '802.WDisChaRteMax'];
/** Two models may give one rating in other steps: as long as they differ by less than one part in so many. */
const ALIKE = 100n;

/**
 * The rate that brings about `value` on `axis`, in steps of `OutWRte` (positive discharges), rounded towards nothing:
 * the power is never more than ordered. `seen` is 124, `others` are those of {@link BASE_POINTS} that the device has.
 */
export function rateSteps(
  { axis, value }: { readonly axis: Axis; readonly value: number },
  seen: Seen,
  others: readonly Seen[],
): Result<number, PlanRefusal> {
  const base = numberAt(seen, 'WChaMax');
  if (base === undefined || base.numerator <= 0n)
    return refused('no-base', '124.WChaMax is not known: a rate of 124 is a percentage of nothing');
  const other = otherBase(base, others);
  if (other !== undefined) return other;
  const rate = pointAt(seen, 'OutWRte');
  const exponent = rate === undefined ? undefined : scaleOf(rate, seen.words);
  if (exponent === undefined)
    return refused('not-implemented', 'the scale factor of 124.OutWRte is not implemented');
  const watts = wattsOf({ axis, value }, others);
  if (!watts.ok) return watts;
  if (magnitude(watts.value.numerator) * base.denominator > base.numerator * watts.value.denominator)
    return refused(
      'out-of-range',
      `${Math.abs(decimal(watts.value))} W is more than 124.WChaMax, ${decimal(base)} W`,
    );
  // W ÷ base × 100 ÷ step; division of integers rounds towards nothing.
  const { numerator, denominator } = scaled(
    {
      numerator: watts.value.numerator * base.denominator * 100n,
      denominator: watts.value.denominator * base.numerator,
    },
    -exponent,
  );
  return ok(Number(numerator / denominator));
}

/** The power to be given out, W. */
function wattsOf(
  { axis, value }: { readonly axis: Axis; readonly value: number },
  others: readonly Seen[],
): Result<Fraction, PlanRefusal> {
  const whole = { numerator: BigInt(value), denominator: 1n };
  if (axis === 'opModTargetW') return ok(whole);
  if (axis === 'opModStorageTargetW') return ok({ ...whole, numerator: -whole.numerator });
  const wMax = WMAX.map(path => numberIn(others, path)).find(each => each !== undefined);
  if (wMax === undefined)
    return refused('no-base', `no model tells WMax: ${axis} is a percentage of nothing`);
  return ok({
    numerator: whole.numerator * wMax.numerator,
    denominator: 10_000n * wMax.denominator,
  });
}

function otherBase(base: Fraction, others: readonly Seen[]) {
  for (const path of DISCHARGE) {
    const its = numberIn(others, path);
    if (its === undefined || its.numerator === 0n) continue;
    const [a, b] = [its.numerator * base.denominator, base.numerator * its.denominator];
    if (magnitude(a - b) * ALIKE < b) continue;
    const why = `${path} is ${decimal(its)} W and 124.WChaMax ${decimal(base)} W: of which a rate of discharge is`;
    return refused('no-base', `${why} a percentage is not known`);
  }
  return undefined;
}

/** `702.WMax`, from the model as it was seen. */
function numberIn(others: readonly Seen[], path: string): Fraction | undefined {
  const [id = '', point = ''] = path.split('.');
  const seen = others.find(each => each.def.id === Number(id));
  return seen && numberAt(seen, point);
}

/** A point with its scale factor, without loss. */
function numberAt(seen: Seen, path: string): Fraction | undefined {
  const raw = rawAt(seen, path);
  const point = pointAt(seen, path);
  if (typeof raw !== 'number' || point === undefined) return undefined;
  const exponent = point.scale === undefined ? 0 : scaleOf(point, seen.words);
  return exponent === undefined ? undefined : scaled({ numerator: BigInt(raw), denominator: 1n }, exponent);
}

function scaled({ numerator, denominator }: Fraction, exponent: number): Fraction {
  const power = 10n ** BigInt(Math.abs(exponent));
  return exponent < 0
    ? { numerator, denominator: denominator * power }
    : { numerator: numerator * power, denominator };
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** For a person. */
function decimal({ numerator, denominator }: Fraction): number {
  return Number(numerator) / Number(denominator);
}
