/**
 * A whole model: its registers to engineering values, and values to registers.
 *
 * Scale factors and counts are taken from the same registers as the values they belong to, so a factor that
 * moves with power is never applied to a value it was not read with. Decoding places the points by
 * {@link place}; encoding writes them one after the other, so that each is a check of the other.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { GroupDef, ModelDef, PointDef } from './definition.ts';
import { type PlacedGroup, type PlacedPoint, locate, place } from './layout.ts';
import {
  type Value,
  type ValueRefusal,
  type Words,
  decodeRaw,
  encodeRaw,
  exponentOf,
  scaled,
  unscaled,
} from './value.ts';

/** Engineering values by point name, `undefined` where unknown; groups by name, each a list of instances. */
export interface GroupInstance {
  readonly points: Readonly<Record<string, Value | undefined>>;
  readonly groups: Readonly<Record<string, readonly GroupInstance[]>>;
}

/** One model of one device, as read. */
export interface ModelInstance extends GroupInstance {
  readonly id: number;
  /** `null`: no definition of it is known, then `points` and `groups` are empty. */
  readonly name: string | null;
  /** Address of the ID register, 0-based. */
  readonly address: number;
  /** What the L register says: words behind it. */
  readonly length: number;
}

/** What a simulator gives: a point or a group that is absent is not implemented. */
export interface GroupValues {
  readonly points: Readonly<Record<string, Value | undefined>>;
  readonly groups?: Readonly<Record<string, readonly GroupValues[]>>;
}

export type EncodeRefusal =
  | ValueRefusal
  | 'no-scale-factor'
  | 'no-count'
  | 'too-many-instances'
  | 'no-such-point';
export type PointRefusal = ValueRefusal | 'no-scale-factor' | 'no-such-point' | 'read-only';

/** What `words`, from the ID register on, say. Words that are missing or behind the model's length are unknown. */
export function decodeModel(def: ModelDef, words: Words, address: number): ModelInstance {
  const length = words[1] ?? Math.max(0, words.length - 2);
  const within = words.length > length + 2 ? words.slice(0, length + 2) : words;
  const placed = place(def, length + 2, point => count(decodeRaw(point.def, within, point.offset)));
  return { id: def.id, name: def.name, address, length, ...decodeGroup(placed, within) };
}

/**
 * The registers of a whole model, from ID on; ID and L are filled in. A count point that is absent takes the
 * number of instances given, where the group stands right under it. `detail` of a refusal is the path.
 */
export function encodeModel(def: ModelDef, values: GroupValues): Result<readonly number[], EncodeRefusal> {
  const words: number[] = [];
  const header = { points: { ...values.points, ID: def.id, L: 0 } };
  const fault = encodeGroup(def, { ...values, ...header }, { words, outer: [], path: '' });
  if (fault !== undefined) return fault;
  words[1] = words.length - 2;
  return ok(words);
}

/** The registers that set one point, `offset` words behind the ID register. Values go to the nearest step. */
export function encodePoint(
  def: ModelDef,
  path: string,
  value: Value,
  { scaleFactor, counts = {} }: { scaleFactor?: number; counts?: Readonly<Record<string, number>> } = {},
): Result<{ readonly offset: number; readonly words: readonly number[] }, PointRefusal> {
  const point = locate(def, path, counts);
  if (!point.ok) return point;
  if (point.value.def.access !== 'RW') return refused('read-only', `${path} of model ${def.id} is read-only`);
  const { scale } = point.value;
  const exponent = scale === undefined ? 0 : typeof scale === 'number' ? scale : exponentOf(scaleFactor);
  if (exponent === undefined)
    return refused('no-scale-factor', `${path} needs the value of its scale factor`);
  const words = encodeScaled(point.value.def, value, exponent);
  return words.ok ? ok({ offset: point.value.offset, words: words.value }) : words;
}

/** The engineering value of one point among the words of its model. */
export function decodePoint(point: PlacedPoint, words: Words): Value | undefined {
  const raw = decodeRaw(point.def, words, point.offset);
  if (raw === undefined || typeof raw === 'string' || point.scale === undefined) return raw;
  const exponent = scaleOf(point, words);
  return exponent === undefined ? undefined : scaled(raw, exponent);
}

/** The exponent of ten of a scaled point, as the words of its model hold it; `undefined` where unknown. */
export function scaleOf(point: PlacedPoint, words: Words): number | undefined {
  if (typeof point.scale === 'number' || point.scale === undefined) return point.scale;
  return exponentOf(decodeRaw(point.scale.def, words, point.scale.offset));
}

function decodeGroup(placed: PlacedGroup, words: Words): GroupInstance {
  const points: Record<string, Value | undefined> = {};
  for (const [name, point] of placed.points) points[name] = decodePoint(point, words);
  const groups: Record<string, readonly GroupInstance[]> = {};
  for (const [name, instances] of placed.groups)
    groups[name] = instances.map(each => decodeGroup(each, words));
  return { points, groups };
}

function count(value: Value | undefined): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined;
}

interface Sink {
  readonly words: number[];
  /** Values of the points around this group, nearest first. */
  readonly outer: readonly GroupValues['points'][];
  readonly path: string;
}

type Fault = Extract<Result<never, EncodeRefusal>, { ok: false }>;

function encodeGroup(def: GroupDef, values: GroupValues, sink: Sink): Fault | undefined {
  const stranger = strangerIn(def, values);
  if (stranger !== undefined) return refused('no-such-point', `${sink.path}${stranger}`);
  const points = { ...countsOf(def, values), ...present(values.points) };
  const outer = [points, ...sink.outer];
  for (const point of def.points) {
    const words = encodeMember(point, points[point.name], outer);
    if (!words.ok) return refused(words.refusal, `${sink.path}${point.name}: ${words.detail ?? ''}`);
    sink.words.push(...words.value);
  }
  for (const inner of def.groups ?? []) {
    const fault = encodeInstances(inner, values.groups?.[inner.name] ?? [], { ...sink, outer });
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function encodeInstances(def: GroupDef, given: readonly GroupValues[], sink: Sink): Fault | undefined {
  const times =
    typeof def.count === 'string' ? count(lookup(sink.outer, def.count)) : (def.count ?? 1) || given.length;
  if (times === undefined) return refused('no-count', `${sink.path}${def.name}: ${def.count} is not given`);
  if (given.length > times)
    return refused('too-many-instances', `${sink.path}${def.name}: ${times} are counted`);
  for (let at = 0; at < times; at++) {
    const path = `${sink.path}${def.name}[${at}].`;
    const fault = encodeGroup(def, given[at] ?? { points: {} }, { ...sink, path });
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function encodeMember(
  point: PointDef,
  value: Value | undefined,
  scope: readonly GroupValues['points'][],
): Result<readonly number[], EncodeRefusal> {
  if (value === undefined || point.sf === undefined) return encodeRaw(point, value);
  const exponent = typeof point.sf === 'number' ? point.sf : exponentOf(lookup(scope, point.sf));
  return exponent === undefined
    ? refused('no-scale-factor', `${point.sf} is not given`)
    : encodeScaled(point, value, exponent);
}

function encodeScaled(
  point: PointDef,
  value: Value,
  exponent: number,
): Result<readonly number[], ValueRefusal> {
  const bare = typeof value === 'string' || exponent === 0;
  return encodeRaw(point, bare ? value : unscaled(value, exponent));
}

/** Count points of this group that no value is given for, from the instances of the groups right inside it. */
function countsOf(def: GroupDef, values: GroupValues): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const inner of def.groups ?? []) {
    const given = values.groups?.[inner.name];
    const here = def.points.some(point => point.name === inner.count);
    if (here && given !== undefined) counts[String(inner.count)] = given.length;
  }
  return counts;
}

function strangerIn(def: GroupDef, values: GroupValues): string | undefined {
  return (
    Object.keys(values.points).find(name => def.points.every(point => point.name !== name)) ??
    Object.keys(values.groups ?? {}).find(name => (def.groups ?? []).every(group => group.name !== name))
  );
}

function present(points: GroupValues['points']): Record<string, Value> {
  const known: Record<string, Value> = {};
  for (const [name, value] of Object.entries(points)) if (value !== undefined) known[name] = value;
  return known;
}

function lookup(scope: readonly GroupValues['points'][], name: string): Value | undefined {
  return scope.find(points => points[name] !== undefined)?.[name];
}
