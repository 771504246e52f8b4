/**
 * Numbers on their way into a register: an integer of hundredths or an engineering value, divided by the power
 * of ten that the device's scale factor gives. Which way is rounded belongs to the number, not to the device.
 */

/**
 * `toward-zero`: what is set never exceeds what was ordered (33.33 % with whole percents is 33). `nearest`: a
 * power factor. `never-to-zero`: nearest too, but a ramp or a clearing time finer than the device's step is
 * refused, for 0 is another thing: no ramp at all, a trip at once.
 */
export type Rounding = 'toward-zero' | 'nearest' | 'never-to-zero';

/** `value` × 10^−`decimals`. Whole numbers with decimals lose nothing on the way to a register. */
export interface Amount {
  readonly value: number;
  readonly decimals: number;
  readonly rounding: Rounding;
  /** `value` is in steps of the register already: no scale factor applies. */
  readonly unit?: 'steps';
}

/** The raw register for `amount` with a scale factor of `exponent`, or `undefined` where it is too fine. */
export function rawOf({ value, decimals, rounding, unit }: Amount, exponent: number): number | undefined {
  if (unit === 'steps') return value;
  const steps = exponent + decimals;
  const exact = steps <= 0 ? value * 10 ** -steps : value / 10 ** steps;
  const raw = rounding === 'toward-zero' ? Math.trunc(exact) : Math.round(exact);
  if (rounding === 'never-to-zero' && raw === 0 && value !== 0) return undefined;
  return raw;
}

/** A switch, a symbol, a time: unscaled. */
export const plain = (value: number): Amount => ({ value, decimals: 0, rounding: 'nearest' });
/** In the steps of the register itself. */
export const inSteps = (value: number): Amount => ({
  value,
  decimals: 0,
  rounding: 'toward-zero',
  unit: 'steps',
});
/** 0.01 %, as limits and setpoints come. */
export const hundredths = (value: number): Amount => ({ value, decimals: 2, rounding: 'toward-zero' });
/** 0.0001, as power factors come. */
export const tenThousandths = (value: number): Amount => ({ value, decimals: 4, rounding: 'nearest' });
/** W and var. */
export const whole = (value: number): Amount => ({ value, decimals: 0, rounding: 'toward-zero' });
/** A setting or a coordinate of a curve, in engineering values. */
export const setting = (value: number): Amount => ({ value, decimals: 0, rounding: 'never-to-zero' });
