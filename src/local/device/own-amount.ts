/**
 * An order in the unit of its axis as a number in the unit of the point that takes it. Which of the two is a
 * percentage, and of what, decides; where that is not known nothing is written.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import { type Axis, axisRow } from '../../model/mod.ts';
import { type Amount, hundredths, plain, whole } from './amount.ts';

/** Where a number goes. `units` as the point states them; `base`: what is 100 % to the device, in W. */
export interface Taker {
  readonly name: string;
  readonly units: string | undefined;
  readonly base: number | undefined;
}

type Kind = 'percent' | 'W' | 'switch' | 'other';

/** Never more than was ordered: what does not fit a step of the point is rounded towards 0. */
export function ownAmount(axis: Axis, value: number, taker: Taker): Result<Amount, 'cannot-carry'> {
  const [from, to] = [kindOfAxis(axis), kindOfUnits(taker.units)];
  const { base, name } = taker;
  if (from === 'switch') return ok(plain(value));
  if (from === 'W' && to === 'W') return ok(whole(value));
  if (from === 'percent' && to === 'percent' && base === undefined) return ok(hundredths(value));
  if (base !== undefined && base > 0) {
    if (from === 'percent' && to === 'W' && isOfWMax(axis)) return ok(whole((value * base) / 10_000));
    if (from === 'W' && to === 'percent') return ok(hundredths((value * 10_000) / base));
  }
  const { unit } = axisRow(axis);
  const of = base === undefined ? 'percentOf names nothing that is 100 %' : `100 % is ${base} W`;
  return refused(
    'cannot-carry',
    `${axis} is in ${unit} and ${name} in ${taker.units ?? 'no unit that is known'}; ${of}`,
  );
}

function kindOfAxis(axis: Axis): Kind {
  const { unit } = axisRow(axis);
  if (unit === 'switch') return 'switch';
  if (unit.startsWith('0.01 %')) return 'percent';
  return unit === 'W' || unit.startsWith('W,') ? 'W' : 'other';
}

/** As profiles and models write them: `%`, `% WMax`, `Pct`, `W`. */
function kindOfUnits(units: string | undefined): Kind {
  const text = units?.trim() ?? '';
  if (text.startsWith('%') || text === 'Pct') return 'percent';
  return text === 'W' ? 'W' : 'other';
}

function isOfWMax(axis: Axis): boolean {
  return axisRow(axis).unit.endsWith('of WMax');
}
