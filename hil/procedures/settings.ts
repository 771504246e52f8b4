/**
 * Which settings the bench writes to see whether writing works, and with which values. All are harmless while the
 * control they belong to is not in force, and all are put back. Values are in the points' units, or a share of
 * another point of the same model.
 */
import type { Bench, Sheet } from '../bench/mod.ts';
import { numberIn, stepOf } from '../bench/mod.ts';
import { spotOf } from './steps.ts';

export interface Setting {
  readonly model: number;
  /** Points that are written together, each with what to write: a number, or a share of another point. */
  readonly values: Readonly<Record<string, number | { readonly share: number; readonly of: string }>>;
  /** The enable that must be 0 for the values to be harmless. */
  readonly unless?: string;
  /** A value of the first point that no device may take, in its unit. */
  readonly beyond?: number;
}

/** The test of configuration writes 80 % of a setting (IEEE 1547.1-2020, 6.5). */
const SHARE = 0.8;

export const SETTINGS: readonly Setting[] = [
  { model: 704, values: { WMaxLimPct: 80 }, unless: 'WMaxLimPctEna', beyond: 150 },
  { model: 704, values: { WMaxLimPctRvrt: 75 }, unless: 'WMaxLimPctEna' },
  { model: 704, values: { WSetPct: 40 }, unless: 'WSetEna', beyond: 150 },
  { model: 704, values: { VarSetPct: 20 }, unless: 'VarSetEna', beyond: 150 },
  { model: 704, values: { 'PFWInj.PF': 0.95, 'PFWInj.Ext': 1 }, unless: 'PFWInjEna' },
  { model: 704, values: { 'PFWAbs.PF': 0.95, 'PFWAbs.Ext': 1 }, unless: 'PFWAbsEna' },
  { model: 123, values: { WMaxLimPct: 80 }, unless: 'WMaxLim_Ena', beyond: 150 },
  { model: 123, values: { OutPFSet: 0.95 }, unless: 'OutPFSet_Ena', beyond: 1.5 },
  { model: 123, values: { VArMaxPct: 20 }, unless: 'VArPct_Ena', beyond: 150 },
  { model: 702, values: { WMax: { share: SHARE, of: 'WMaxRtg' } } },
  { model: 121, values: { WMax: { share: SHARE, of: 'WMax' } } },
  { model: 703, values: { ESDlyTms: 123 } },
];

/** A setting that this device has and whose control rests, with the numbers to write. */
export interface Writable {
  readonly name: string;
  readonly sheet: Sheet;
  readonly first: string;
  readonly values: Readonly<Record<string, number>>;
  readonly beyond?: number;
}

export function writables(bench: Bench): readonly Writable[] {
  return SETTINGS.flatMap(setting => {
    if (!bench.has(setting.model)) return [];
    const sheet = bench.found(setting.model);
    const rests = setting.unless === undefined || numberIn(sheet, setting.unless) === 0;
    const values = valuesOf(sheet, setting.values);
    const first = Object.keys(setting.values)[0];
    if (!rests || values === undefined || first === undefined) return [];
    const { beyond } = setting;
    const name = Object.keys(values)
      .map(path => `${setting.model}.${path}`)
      .join(' and ');
    return [{ name, sheet, first, values, ...(beyond === undefined ? {} : { beyond }) }];
  });
}

/** The numbers to write, each at a whole step of its point; `undefined` where a point is not implemented. */
function valuesOf(sheet: Sheet, values: Setting['values']): Readonly<Record<string, number>> | undefined {
  const numbers: Record<string, number> = {};
  for (const [path, value] of Object.entries(values)) {
    const step = spotOf(sheet, path) === undefined ? undefined : stepOf(sheet, path);
    const whole = typeof value === 'number' ? 1 : numberIn(sheet, value.of);
    if (step === undefined || whole === undefined) return undefined;
    const wanted = typeof value === 'number' ? value : value.share * whole;
    numbers[path] = Math.round(wanted / step) * step;
  }
  return numbers;
}

export function formatValues(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([path, value]) => `${path} = ${Number(value.toPrecision(12))}`)
    .join(', ');
}
