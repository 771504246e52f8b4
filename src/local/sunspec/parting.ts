/**
 * Where a stretch of models is parted into requests: the fewest that keep each value with its scale factor, because
 * a factor may move with power (Fronius). A factor that the model calls static and that a setting or a rating has
 * may stand in another request than its values. Of as many requests, those that part the fewest models are taken.
 *
 * A stretch may be parted between two models, and in a model before a point where no scale factor stands on one
 * side and a value tied to it on the other. A model is torn, before some value of its groups, which its counts tell
 * once they are read, where nothing in it is tied, or where it has a longer run than one request holds.
 */
import { type GroupDef, type ModelDef, type PointDef, ownWords } from './definition.ts';
import type { ModelEntry } from './discovery.ts';
import { ownPoints } from './layout.ts';
import type { Span } from './read.ts';

/** A model, or its beginning, that is to be read. */
export interface Part {
  readonly entry: ModelEntry;
  readonly def: ModelDef;
  /** Addresses. */
  readonly span: Span;
}

/** Parts that ascend, each at most a gap behind the one before, so that one request may read over their ends. */
export interface Stretch<P extends Part = Part> {
  readonly parts: readonly P[];
  readonly span: Span;
  /** Where the next request from an address on ends. */
  readonly cutAfter: (from: number) => Cut;
}

/** `torn`: `end` is as far as one request reaches, in the middle of a model that must be torn. */
export interface Cut {
  readonly end: number;
  /** Where the request after it begins: at `end`, or behind a gap. */
  readonly next: number;
  readonly torn: boolean;
}

/** Most registers of a gap that is read over, and of a request. */
export interface Manner {
  readonly mostGap: number;
  readonly maxRead: number;
}

export function stretchesOf<P extends Part>(parts: readonly P[], manner: Manner): readonly Stretch<P>[] {
  const runs: P[][] = [];
  for (const part of parts.toSorted((a, b) => a.span.from - b.span.from)) {
    const run = runs.at(-1);
    const gap = part.span.from - (run?.at(-1)?.span.to ?? Number.NEGATIVE_INFINITY);
    if (run !== undefined && gap >= 0 && gap <= manner.mostGap) run.push(part);
    else runs.push([part]);
  }
  return runs.map(run => stretchOf(run, manner.maxRead));
}

/** The stretch of `parts`, which follow each other. */
export function stretchOf<P extends Part>(parts: readonly P[], maxRead: number): Stretch<P> {
  const from = parts[0]?.span.from ?? 0;
  const span = { from, to: parts.at(-1)?.span.to ?? from };
  return { parts, span, cutAfter: cutter(parts, maxRead) };
}

/** A place where a request may end. `price`: what it does to a model. */
interface Place {
  readonly end: number;
  readonly next: number;
  readonly price: number;
}
/** Words of ID and L. */
const HEADER = 2;
const NOT_PARTED = 0;
const PARTED = 1;
const TORN = 2;
/** More than all prices of a stretch together, which has fewer requests than the 65,536 registers there are. */
const REQUEST = 0x4_0000;

type Costed = Cut & { readonly cost: number };

function cutter(parts: readonly Part[], maxRead: number): Stretch['cutAfter'] {
  const places = placesOf(parts);
  const tearable = parts.filter(part => mayBeTorn(part.def) || mustBeTorn(part, places, maxRead));
  const to = parts.at(-1)?.span.to ?? 0;
  /** By the address a request begins at: at most as many as the stretch has registers. */
  const best = new Map<number, Costed>();
  const after = (from: number): Costed => {
    const known = best.get(from);
    if (known !== undefined) return known;
    const priced = ({ end, next, price }: Place, torn = false): Costed => {
      const cost = REQUEST + price + (next >= to ? 0 : after(next).cost);
      return { end, next, torn, cost };
    };
    const offers = reachable(places, from, from + maxRead).map(place => priced(place));
    const end = from + maxRead;
    if (offers.length === 0 || tearable.some(({ span }) => end >= span.from + HEADER && end < span.to))
      offers.push(priced({ end, next: end, price: TORN }, true));
    const cheapest = offers.reduce((least, offer) => (offer.cost <= least.cost ? offer : least));
    best.set(from, cheapest);
    return cheapest;
  };
  // From the end: each asks only for what lies behind it, so none waits on a long row of others.
  for (const { next } of places.toReversed()) if (next < to) after(next);
  return after;
}

/** Those that end behind `from` and not behind `last`. */
function reachable(places: readonly Place[], from: number, last: number): readonly Place[] {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle]?.end ?? 0) > from) high = middle;
    else low = middle + 1;
  }
  let end = low;
  while ((places[end]?.end ?? Number.POSITIVE_INFINITY) <= last) end += 1;
  return places.slice(low, end);
}

/** Ascending. */
function placesOf(parts: readonly Part[]): readonly Place[] {
  return parts.flatMap(({ entry, def, span }, at) => {
    const inside = looseSeamsOf(def).map(offset => entry.address + offset);
    return [
      ...inside.filter(end => end < span.to).map(end => ({ end, next: end, price: PARTED })),
      { end: span.to, next: parts[at + 1]?.span.from ?? span.to, price: NOT_PARTED },
    ];
  });
}

/** A model of groups in which nothing is tied to its factor: any of its values may be the last of a request. */
function mayBeTorn(def: ModelDef): boolean {
  return def.groups !== undefined && tiesOf(def).length === 0;
}

function mustBeTorn({ span }: Part, places: readonly Place[], maxRead: number): boolean {
  let from = span.from;
  for (const { end } of places) {
    if (end <= span.from || end > span.to) continue;
    if (end - from > maxRead) return true;
    from = end;
  }
  return false;
}

const loose = new WeakMap<ModelDef, readonly number[]>();

/**
 * Words from the ID register to the points of the model itself before which it may be parted, ascending. Its header
 * stays whole: id and length together say whether the map is what it was.
 */
function looseSeamsOf(def: ModelDef): readonly number[] {
  const known = loose.get(def);
  if (known !== undefined) return known;
  const ties = tiesOf(def);
  const ends = [...ownPoints(def).values()].map(point => point.offset + point.def.size);
  const seams = ends.filter(end => end >= HEADER && !ties.some(({ from, to }) => from < end && end < to));
  loose.set(def, seams);
  return seams;
}

/** What one request must hold: from a value to its scale factor, and to the last group where a value there has it. */
function tiesOf(def: ModelDef): readonly Span[] {
  const own = ownPoints(def);
  const inGroups = (def.groups ?? []).flatMap(scaledIn);
  const scaled = [...def.points.filter(({ sf }) => typeof sf === 'string'), ...inGroups];
  const ties: Span[] = [];
  for (const { offset, def: point, scale } of own.values())
    if (typeof scale === 'object' && mayMove(scale.def, scaled))
      ties.push({
        from: Math.min(offset, scale.offset),
        to: Math.max(offset + point.size, scale.offset + 1),
      });
  for (const name of new Set(inGroups.map(({ sf }) => String(sf)))) {
    const factor = own.get(name);
    if (factor !== undefined && mayMove(factor.def, scaled))
      ties.push({ from: factor.offset, to: ownWords(def) + 1 });
  }
  return ties;
}

/**
 * Whether `factor` may be another one when the next request is answered. One that the model calls static stays where
 * a setting or a rating has it too, which would else say something new with every change. Of what is only measured
 * not even that is believed: there are devices whose factors follow the power.
 */
function mayMove({ name, static: fixed }: PointDef, scaled: readonly PointDef[]): boolean {
  const stands = scaled.some(point => point.sf === name && (point.access === 'RW' || point.static === 'S'));
  return fixed !== 'S' || !stands;
}

/** The points of a group that name a scale factor, wherever that stands. */
function scaledIn(group: GroupDef): readonly PointDef[] {
  const named = group.points.filter(({ sf }) => typeof sf === 'string');
  return [...named, ...(group.groups ?? []).flatMap(scaledIn)];
}
