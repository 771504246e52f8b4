/**
 * The layout of a SunSpec model as the simulator needs it: every point with its place, type, scale factor and
 * whether it may be written, read from the data files. Written apart from the client's reader on purpose: two
 * readings of the same tables check each other.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert } from '../base/assert.ts';

/** One point of a model, named by its path: `W`, `PFWInj.PF`. */
export interface PointPlace {
  readonly name: string;
  readonly type: string;
  /** Registers. */
  readonly size: number;
  /** Registers from the model's id. */
  readonly offset: number;
  /** Name of the point that holds the scale factor, or the factor itself. */
  readonly sf?: string | number;
  readonly writable: boolean;
  /** The values an enumeration may have. */
  readonly symbols?: readonly number[];
}

export interface ModelLayout {
  readonly id: number;
  /** Registers, id and length included. */
  readonly size: number;
  readonly points: readonly PointPlace[];
}

interface PointJson {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly sf?: string | number;
  readonly access?: string;
  readonly symbols?: Readonly<Record<string, number>>;
}

interface GroupJson {
  readonly name: string;
  readonly count?: number | string;
  readonly points?: readonly PointJson[];
  readonly groups?: readonly GroupJson[];
}

const loaded = new Map<number, ModelLayout>();

/** The layout of model `id`, without its repeating groups: a simulated device has none of their instances. */
export function modelLayout(id: number): ModelLayout {
  const known = loaded.get(id);
  if (known !== undefined) return known;
  const file = import.meta.resolve(`underglass/device-profiles/sunspec/model_${id}.json`);
  const group = JSON.parse(readFileSync(fileURLToPath(file), 'utf8')) as GroupJson;
  const points: PointPlace[] = [];
  const size = placeGroup(group, { prefix: '', offset: 0 }, points);
  const layout = { id, size, points };
  loaded.set(id, layout);
  return layout;
}

/** Appends the points of `group` and returns the offset behind it. */
function placeGroup(group: GroupJson, at: { prefix: string; offset: number }, points: PointPlace[]): number {
  let { offset } = at;
  for (const point of group.points ?? []) {
    points.push(place(point, at.prefix, offset));
    offset += point.size;
  }
  for (const inner of group.groups ?? [])
    if ((inner.count ?? 1) === 1)
      offset = placeGroup(inner, { prefix: `${at.prefix}${inner.name}.`, offset }, points);
  assert(Number.isInteger(offset), 'a model has a whole number of registers');
  return offset;
}

function place(point: PointJson, prefix: string, offset: number): PointPlace {
  const { type, size, sf, symbols } = point;
  return {
    name: prefix + point.name,
    type,
    size,
    offset,
    writable: point.access === 'RW',
    ...(sf === undefined ? {} : { sf }),
    ...(symbols !== undefined && type.startsWith('enum') ? { symbols: Object.values(symbols) } : {}),
  };
}
