/**
 * The form of a map in an envelope, as a table: one row a key. The table is the reader's half of the CDDL; a
 * key that has no row is refused, because a command half understood must not act on a house.
 */
import { isId } from '../../model/mod.ts';
import type { ClaimMap } from './codec.ts';

export interface Row {
  readonly key: number;
  /** The claim's or field's own name, for the detail of a refusal. */
  readonly name: string;
  readonly need: 'always' | 'sometimes';
  readonly fits: (value: unknown) => boolean;
}

export type Misfit = { readonly how: 'missing' | 'unknown' | 'invalid'; readonly what: string };

/** The first row that is not met, then the first key without a row; `undefined` when all is well. */
export function misfit(map: ClaimMap, rows: readonly Row[]): Misfit | undefined {
  let known = 0;
  for (const row of rows) {
    const value = map.get(row.key);
    if (value === undefined) {
      if (row.need === 'always') return { how: 'missing', what: row.name };
      continue;
    }
    if (!row.fits(value)) return { how: 'invalid', what: row.name };
    known++;
  }
  if (known === map.size) return undefined;
  const stranger = [...map.keys()].find(key => !rows.some(row => row.key === key));
  return { how: 'unknown', what: `key ${JSON.stringify(stranger)}` };
}

/** 9999-12-31T23:59:59Z: later than any plan, and early enough for every date in the program to be printable. */
const LAST_SECOND = 253_402_300_799;

export const isIdText = (value: unknown): boolean => typeof value === 'string' && isId(value);
export const isSeconds = (value: unknown): boolean => isBetween(value, 0, LAST_SECOND);
export const isCount = (value: unknown): boolean => isBetween(value, 1, Number.MAX_SAFE_INTEGER);

/** Whether `value` is a whole number within `min` … `max`. */
export function isBetween(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
