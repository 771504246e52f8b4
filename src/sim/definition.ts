/**
 * The layout of a SunSpec model as the simulator needs it: every point with its place, type, scale factor and
 * whether it may be written, read from the data files. Written apart from the client's reader on purpose: two
 * readings of the same tables check each other.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert } from '../base/assert.ts';

/** One point of a model, named by its path: `W`, `PFWInj.PF`, `Crv[0].Pt[1].V`. */
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

/** How often groups repeat, by the name of the point that counts them: `NCrv`. Other names are not looked at. */
export type Counts = Readonly<Record<string, number | string>>;

const loaded = new Map<number, GroupJson>();

/** The layout of model `id`. A group whose count is not given has no instance. */
export function modelLayout(id: number, counts: Counts = {}): ModelLayout {
  const points: PointPlace[] = [];
  const size = new Placing(counts, points).group(modelGroup(id), { prefix: '', offset: 0 });
  return { id, size, points };
}

function modelGroup(id: number): GroupJson {
  const known = loaded.get(id);
  if (known !== undefined) return known;
  const file = import.meta.resolve(`underglass/device-profiles/sunspec/model_${id}.json`);
  const group = JSON.parse(readFileSync(fileURLToPath(file), 'utf8')) as GroupJson;
  loaded.set(id, group);
  return group;
}

interface At {
  readonly prefix: string;
  readonly offset: number;
}

class Placing {
  readonly #counts: Counts;
  readonly #points: PointPlace[];

  constructor(counts: Counts, points: PointPlace[]) {
    this.#counts = counts;
    this.#points = points;
  }

  /** Appends the points of `group` and returns the offset behind it. */
  group(group: GroupJson, { prefix, offset }: At): number {
    let end = offset;
    for (const point of group.points ?? []) {
      this.#points.push(place(point, prefix, end));
      end += point.size;
    }
    for (const inner of group.groups ?? []) end = this.#instances(inner, { prefix, offset: end });
    assert(Number.isInteger(end), 'a model has a whole number of registers');
    return end;
  }

  #instances(group: GroupJson, { prefix, offset }: At): number {
    const { name, count = 1 } = group;
    if (count === 1) return this.group(group, { prefix: `${prefix}${name}.`, offset });
    // 0: as many as there is room for; the models that say so count their curves by NCrv.
    const counter = count === 0 ? 'NCrv' : count;
    const times = typeof counter === 'number' ? counter : Number(this.#counts[counter] ?? 0);
    let end = offset;
    for (let n = 0; n < times; n++)
      end = this.group(group, { prefix: `${prefix}${name}[${n}].`, offset: end });
    return end;
  }
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
