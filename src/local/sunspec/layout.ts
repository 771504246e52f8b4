/**
 * Where each point of a model stands. A model's points follow each other; groups follow the points; how often
 * a group repeats is held by a point around it or follows from the model's length. So the layout of a model
 * is known only together with its counts: {@link place} asks for them as it goes.
 *
 * Groups that do not fit in the model's length are left out whole: half a curve is no curve.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { GroupDef, ModelDef, PointDef } from './definition.ts';

export interface PlacedPoint {
  readonly def: PointDef;
  /** Words from the model's ID register. */
  readonly offset: number;
  /** The exponent itself, the point that holds it, or `undefined`: the value is not scaled. */
  readonly scale: number | PlacedPoint | undefined;
}

export interface PlacedGroup {
  readonly points: ReadonlyMap<string, PlacedPoint>;
  readonly groups: ReadonlyMap<string, readonly PlacedGroup[]>;
  /** First word behind it. */
  readonly end: number;
  /** Whether everything its counts promise fitted. */
  readonly whole: boolean;
}

/** Answers how often a group repeats: the value of its count point, or `undefined` where that is unknown. */
export type CountSource = (point: PlacedPoint) => number | undefined;

/**
 * Layouts kept of one model: the devices of a gateway come in few makes, and a make has one size of a model. When
 * it is full the oldest goes, and is placed again should it be asked for.
 */
const LAYOUTS_MAX = 8;

/** A layout, and the answers of the count points that led to it, in the order they were asked for. */
interface Kept {
  readonly end: number;
  readonly asked: ReadonlyMap<PlacedPoint, number | undefined>;
  readonly placed: PlacedGroup;
}
const layouts = new WeakMap<ModelDef, readonly Kept[]>();

/**
 * Places every point of `model`, whose last word is before `end` (words from the ID register). Placing takes longer
 * than decoding, so a layout is kept for as long as the same questions get the same answers.
 */
export function place(model: ModelDef, end: number, countOf: CountSource): PlacedGroup {
  const kept = layouts.get(model) ?? [];
  const known = kept.find(each => each.end === end && holds(each.asked, countOf));
  if (known !== undefined) return known.placed;
  const asked = new Map<PlacedPoint, number | undefined>();
  const noting: CountSource = point => {
    const count = countOf(point);
    asked.set(point, count);
    return count;
  };
  const placed = placeGroup(model, 0, [], { end, countOf: noting, mostToTheEnd: end });
  layouts.set(model, [{ end, asked, placed }, ...kept].slice(0, LAYOUTS_MAX));
  return placed;
}

function holds(asked: Kept['asked'], countOf: CountSource): boolean {
  for (const [point, count] of asked) if (countOf(point) !== count) return false;
  return true;
}

/**
 * The point that `path` names: `WMaxLimPct`, `PFWInj.PF`, `Crv[0].Pt[1].V`; an index that is left out is 0.
 * `counts` are the values of the count points by name (`NCrv`, `NPt`).
 */
export function locate(
  model: ModelDef,
  path: string,
  counts: Readonly<Record<string, number>> = {},
): Result<PlacedPoint, 'no-such-point'> {
  const steps = path.split('.').map(step => /^([^[\]]+)(?:\[(\d{1,5})\])?$/.exec(step));
  const last = steps.pop();
  let group: PlacedGroup | undefined = placeGroup(model, 0, [], {
    end: ADDRESSES,
    countOf: point => counts[point.def.name],
    mostToTheEnd: Math.max(...steps.map(step => Number(step?.[2] ?? 0) + 1), 0),
  });
  for (const step of steps) group = group?.groups.get(step?.[1] ?? '')?.[Number(step?.[2] ?? 0)];
  const point = last?.[2] === undefined ? group?.points.get(last?.[1] ?? '') : undefined;
  return point === undefined ? refused('no-such-point', `model ${model.id} has no ${path}`) : ok(point);
}

/** The points of the model itself, by name: they stand where they stand whatever the groups count. */
export function ownPoints(model: ModelDef): ReadonlyMap<string, PlacedPoint> {
  const known = own.get(model);
  if (known !== undefined) return known;
  const points = new Map<string, PlacedPoint>();
  placePoints(model, 0, [points], points);
  own.set(model, points);
  return points;
}

const own = new WeakMap<ModelDef, ReadonlyMap<string, PlacedPoint>>();

/** Registers a device can have at all. */
const ADDRESSES = 0x1_0000;

interface Room {
  readonly end: number;
  readonly countOf: CountSource;
  /** Most instances of a group that repeats to the end: all that fit, or as many as a path asks for. */
  readonly mostToTheEnd: number;
}
type Scope = readonly ReadonlyMap<string, PlacedPoint>[];

function placeGroup(def: GroupDef, offset: number, outer: Scope, room: Room): PlacedGroup {
  const points = new Map<string, PlacedPoint>();
  const scope = [points, ...outer];
  let at = placePoints(def, offset, scope, points);
  const groups = new Map<string, readonly PlacedGroup[]>();
  let whole = at <= room.end;
  for (const inner of def.groups ?? []) {
    const wanted = timesOf(inner, scope, room.countOf);
    const most = wanted === 'to-the-end' ? room.mostToTheEnd : wanted;
    const instances = whole ? placeInstances({ def: inner, offset: at, most }, scope, room) : [];
    groups.set(inner.name, instances);
    at = instances.at(-1)?.end ?? at;
    whole &&= wanted === 'to-the-end' || instances.length === wanted;
  }
  return { points, groups, end: at, whole };
}

function placePoints(def: GroupDef, offset: number, scope: Scope, points: Map<string, PlacedPoint>): number {
  let at = offset;
  const scaled: PointDef[] = [];
  for (const point of def.points) {
    points.set(point.name, {
      def: point,
      offset: at,
      scale: typeof point.sf === 'number' ? point.sf : undefined,
    });
    if (typeof point.sf === 'string') scaled.push(point);
    at += point.size;
  }
  for (const point of scaled) {
    const placed = points.get(point.name);
    if (placed !== undefined) points.set(point.name, { ...placed, scale: nearest(scope, String(point.sf)) });
  }
  return at;
}

function placeInstances(
  { def, offset, most }: { def: GroupDef; offset: number; most: number },
  scope: Scope,
  room: Room,
): readonly PlacedGroup[] {
  const instances: PlacedGroup[] = [];
  let at = offset;
  while (instances.length < most) {
    const instance = placeGroup(def, at, scope, room);
    if (!instance.whole || instance.end === at) break;
    instances.push(instance);
    at = instance.end;
  }
  return instances;
}

function timesOf(def: GroupDef, scope: Scope, countOf: CountSource): number | 'to-the-end' {
  if (def.count === undefined) return 1;
  if (typeof def.count === 'number') return def.count === 0 ? 'to-the-end' : def.count;
  const point = nearest(scope, def.count);
  return (point && countOf(point)) ?? 0;
}

function nearest(scope: Scope, name: string): PlacedPoint | undefined {
  for (const points of scope) {
    const point = points.get(name);
    if (point !== undefined) return point;
  }
  return undefined;
}
