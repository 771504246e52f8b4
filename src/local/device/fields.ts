/**
 * Named engineering values and the points they go to: what rows of settings and of slots are made of.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import { setting } from './amount.ts';
import { type Seen, rawAt, valueAt } from './seen.ts';
import type { PlanRefusal, Put } from './steps.ts';

export type FieldValues = Readonly<Record<string, number | string>>;

/** Which points a named value goes to; none: it only says how another is meant. */
export type Fields = Readonly<Record<string, readonly Field[]>>;

export interface Field {
  readonly point: string;
  /** From the engineering value to the point's, where they are not the same; `all` are the values beside it. */
  readonly by?: (value: number, all: FieldValues) => number;
  /** What undoes {@link by}. Without it the point does not tell the value. */
  readonly back?: (value: number) => number;
  readonly symbols?: Readonly<Record<string, number>>;
  /** While this point is 0, the value is. */
  readonly gate?: true;
  /** Left out where the device has it not: it only makes the value more precise. */
  readonly optional?: true;
}

export const to = (point: string, field: Omit<Field, 'point'> = {}): readonly Field[] => [
  { point, ...field },
];

/** What to put where; `under` is the path of the group that the points stand in. */
export function putsOf(
  seen: Seen,
  fields: Fields,
  { values, under = '' }: { readonly values: FieldValues; readonly under?: string },
): Result<readonly Put[], PlanRefusal> {
  const puts: Put[] = [];
  for (const [name, value] of Object.entries(values)) {
    const places = fields[name];
    if (places === undefined) return refused('cannot-carry', `model ${seen.def.id} has no place for ${name}`);
    for (const place of places) {
      const point = under + place.point;
      if (place.optional === true && rawAt(seen, point) === undefined) continue;
      const number = numberOf(place, value, values);
      if (number === undefined)
        return refused('cannot-carry', `model ${seen.def.id} knows no ${name} of ${value}`);
      puts.push({ point, amount: setting(number) });
    }
  }
  return ok(puts);
}

/** The values that a device holds; what it does not tell is left out. */
export function valuesIn(seen: Seen, fields: Fields, under = ''): FieldValues {
  const values: Record<string, number | string> = {};
  for (const [name, places] of Object.entries(fields)) {
    const value = heldIn(seen, places, under);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function numberOf(place: Field, value: number | string, all: FieldValues): number | undefined {
  if (place.symbols !== undefined) return place.symbols[value];
  if (typeof value === 'string') return undefined;
  return place.by === undefined ? value : place.by(value, all);
}

function heldIn(seen: Seen, places: readonly Field[], under: string): number | string | undefined {
  const gate = places.find(place => place.gate === true);
  if (gate !== undefined && valueAt(seen, under + gate.point) === 0) return 0;
  const place = places.find(each => each.gate !== true && (each.by === undefined || each.back !== undefined));
  const held = place && valueAt(seen, under + place.point);
  if (place === undefined || held === undefined) return undefined;
  if (place.symbols !== undefined)
    return Object.entries(place.symbols).find(([, number]) => number === held)?.[0];
  return place.back === undefined ? held : place.back(held);
}
