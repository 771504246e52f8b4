/**
 * Reading the points of a profile: registers that adjoin share a request, a place that the device refuses is passed
 * over for the next, and what a point may not do (go backwards) is not believed. Points that a reading of models has
 * said already are not asked for again.
 *
 * A value that is not there is absent, whatever the reason; only silence ends the conversation.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { Conversation } from '../bus/conversation.ts';
import {
  type ModelInstance,
  type ModelSet,
  type SunSpecDevice,
  type Value,
  type Words,
  describeFailure,
  readOnce,
} from '../sunspec/mod.ts';
import { MAX_READ, isRefused } from '../sunspec/read.ts';
import { type Place, asSaid, placesOf } from './places.ts';
import type { PointProfile } from './schema.ts';

/** A point of a profile on one device. */
export interface OwnPoint {
  readonly name: string;
  readonly point: PointProfile;
  readonly places: readonly Place[];
}

/** The points of `profile` that this device can be asked for; those that can only be written are none of them. */
export function ownPointsOf(
  points: Readonly<Record<string, PointProfile>>,
  device: Pick<SunSpecDevice, 'unit' | 'models'>,
  models: ModelSet,
): readonly OwnPoint[] {
  return Object.entries(points).flatMap(([name, point]) => {
    const places = placesOf(point, device, models);
    return places.length === 0 ? [] : [{ name, point, places }];
  });
}

/** What was learnt of points so far. */
export interface OwnRead {
  /** By the name in the profile. */
  readonly values: ReadonlyMap<string, Value>;
  /** Places that the device refused with an exception: asked again once this is forgotten. */
  readonly refused: ReadonlySet<Place>;
  /** The last believed value of points that may only rise, for as long as the device is not found anew. */
  readonly highest: ReadonlyMap<string, number | bigint>;
}

export interface OwnOptions {
  /** Models that were read just now. */
  readonly instances?: readonly ModelInstance[];
  readonly before?: Pick<OwnRead, 'refused' | 'highest'> | undefined;
  /** Registers nobody asked for that one request may read over. 0 unless told. */
  readonly joinGapsUpTo?: number;
  readonly maxRead?: number;
}

/** Every point that is there. `silent`: no answer, or none that makes sense. */
export function* readOwn(
  points: readonly OwnPoint[],
  options: OwnOptions = {},
): Conversation<Result<OwnRead, 'silent'>> {
  const values = new Map<string, Value>();
  const gone = new Set(options.before?.refused);
  const said = new Map<Place, Value | undefined>(placesSaid(points, options.instances ?? []));
  // One round a place: who has nothing at the first is asked at the next.
  for (let waiting = points; waiting.length > 0; ) {
    const next = waiting.flatMap(own => {
      const place = own.places.find(each => !said.has(each) && !gone.has(each));
      return values.has(own.name) || place === undefined ? [] : [{ own, place }];
    });
    const known = take(waiting, said, values);
    const asked = next.filter(({ own }) => !known.has(own.name));
    const failure = yield* ask(
      asked.map(({ place }) => place),
      { ...options, said, gone },
    );
    if (failure !== undefined) return refused('silent', failure, 'later');
    take(points, said, values);
    waiting = asked.map(({ own }) => own).filter(({ name }) => !values.has(name));
  }
  return ok(rising(points, { values, refused: gone, highest: options.before?.highest ?? new Map() }));
}

/** Values of plain SunSpec points that a reading of their models holds; what it lacks is asked for. */
function placesSaid(
  points: readonly OwnPoint[],
  instances: readonly ModelInstance[],
): readonly (readonly [Place, Value | undefined])[] {
  return points.flatMap(({ point, places }) =>
    places.flatMap(place => {
      const instance = instances.find(each => each.address === place.ofModel?.entry.address);
      const value = instance?.points[place.ofModel?.path ?? ''];
      return value === undefined ? [] : [[place, asSaid(point, value)] as const];
    }),
  );
}

/** Puts into `values` what the first place that is there says; returns the names of those it found. */
function take(
  points: readonly OwnPoint[],
  said: ReadonlyMap<Place, Value | undefined>,
  values: Map<string, Value>,
): ReadonlySet<string> {
  for (const { name, places } of points)
    for (const place of places) {
      const value = said.get(place);
      if (value === undefined) continue;
      values.set(name, value);
      break;
    }
  return new Set(values.keys());
}

interface Asking extends OwnOptions {
  readonly said: Map<Place, Value | undefined>;
  readonly gone: Set<Place>;
}

/** Why it ended, where the device fell silent. */
function* ask(places: readonly Place[], asking: Asking): Conversation<string | undefined> {
  for (const block of blocksOf(places, asking)) {
    const failure = yield* askBlock(block, asking);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** What the device refuses to give together is asked for place by place. */
function* askBlock(block: readonly Place[], asking: Asking): Conversation<string | undefined> {
  const [first] = block;
  if (first === undefined) return undefined;
  const span = { from: first.from, to: Math.max(...block.map(({ to }) => to)) };
  const reply = yield* readOnce(first.unit, span, first.space);
  if (reply.ok) {
    for (const place of block) tell(place, reply.words.slice(place.from - span.from), asking);
    return undefined;
  }
  if (!isRefused(reply)) return describeFailure(reply);
  if (block.length === 1) {
    asking.gone.add(first);
    return undefined;
  }
  for (const place of block) {
    const failure = yield* askBlock([place], asking);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function tell(place: Place, words: Words, { said }: Asking): void {
  said.set(place, place.decode(words));
}

/** Places of one unit and table, as many as one request may hold. */
function blocksOf(
  places: readonly Place[],
  { joinGapsUpTo = 0, maxRead = MAX_READ }: OwnOptions,
): readonly (readonly Place[])[] {
  const blocks: Place[][] = [];
  const order = (a: Place, b: Place) =>
    a.unit - b.unit || Number(a.space > b.space) - Number(a.space < b.space) || a.from - b.from;
  for (const place of places.toSorted(order)) {
    const block = blocks.at(-1);
    const [first] = block ?? [];
    const end = Math.max(...(block ?? []).map(({ to }) => to));
    const fits =
      first?.unit === place.unit &&
      first.space === place.space &&
      place.from - end <= joinGapsUpTo &&
      Math.max(end, place.to) - first.from <= maxRead;
    if (fits) block?.push(place);
    else blocks.push([place]);
  }
  return blocks;
}

/** A counter that went back is not believed, as long as it stands below what it was. */
function rising(points: readonly OwnPoint[], read: OwnRead): OwnRead {
  const values = new Map(read.values);
  const highest = new Map(read.highest);
  for (const { name, point } of points) {
    const value = values.get(name);
    if (point.monotonic !== true || typeof value === 'string' || value === undefined) continue;
    const most = highest.get(name);
    if (most !== undefined && value < most) values.delete(name);
    else highest.set(name, value);
  }
  return { values, refused: read.refused, highest };
}
