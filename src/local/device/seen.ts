/**
 * A model as it stands in a device at this moment: its registers from the ID on, and where each point is. Plans
 * are made from nothing else; what was read a second ago is not what is there now.
 */
import type { Conversation } from '../bus/conversation.ts';
import {
  type ModelDef,
  type ModelEntry,
  type ModelSet,
  type PlacedGroup,
  type PlacedPoint,
  type ReadFailure,
  type Span,
  type SunSpecDevice,
  type Value,
  type Words,
  decodePoint,
  decodeRaw,
  describeFailure,
  locate,
  place,
  readAround,
  seamsOf,
} from '../sunspec/mod.ts';
import { firstPiece } from '../sunspec/read.ts';

export interface Seen {
  readonly def: ModelDef;
  readonly entry: ModelEntry;
  /** From the ID register on; a word that was not or cannot be read is `undefined`. */
  readonly words: Words;
  readonly placed: PlacedGroup;
}

export type Look =
  | { readonly kind: 'seen'; readonly seen: Seen }
  /** This model cannot be used. */
  | { readonly kind: 'no'; readonly why: string }
  | { readonly kind: 'silent'; readonly why: string };

/**
 * Reads the first model `id` of `device` from its ID on: a map that has moved must not be written to. `points`
 * are the paths that matter; without them all of it is read, curves too.
 */
export function* look(
  device: SunSpecDevice,
  {
    id,
    models,
    points,
  }: { readonly id: number; readonly models: ModelSet; readonly points?: readonly string[] },
): Conversation<Look> {
  const entry = device.models.find(each => each.id === id);
  const def = models.get(id);
  if (entry === undefined || def === undefined) return { kind: 'no', why: `model ${id} is not known` };
  const wanted = points === undefined ? entry.length + 2 : wordsNeeded(def, points);
  const to = entry.address + Math.min(wanted, entry.length + 2);
  const words = yield* readLong(device.unit, { from: entry.address, to }, read => seamsOf(def, entry, read));
  if (!words.ok) return { kind: 'silent', why: `${describeFailure(words)} while reading model ${id}` };
  const [is, length] = words.words;
  if (is !== id || length !== (entry.claims ?? entry.length))
    return { kind: 'no', why: `model ${id} is no longer at ${entry.address}` };
  return { kind: 'seen', seen: seenOf(def, entry, words.words) };
}

export function seenOf(def: ModelDef, entry: ModelEntry, words: Words): Seen {
  const placed = place(def, entry.length + 2, point => {
    const count = decodeRaw(point.def, words, point.offset);
    return typeof count === 'number' && count >= 0 ? count : undefined;
  });
  return { def, entry, words, placed };
}

/** Registers in as many requests as they need, parted at seams; `seams` is told what is known by then. */
export function* readLong(
  unit: number,
  { from, to }: Span,
  seams: (read: Words) => readonly number[],
): Conversation<{ readonly ok: true; readonly words: Words } | ReadFailure> {
  const words: (number | undefined)[] = [];
  while (from + words.length < to) {
    const at = () => seams(words);
    const reply = yield* readAround(unit, firstPiece({ from: from + words.length, to }, at), at);
    if (!reply.ok) return reply;
    words.push(...reply.words);
  }
  return { ok: true, words };
}

/** The group that `path` leads to: `Crv[1]`, `Crv[1].MustTrip`; an index that is left out is 0. */
export function groupAt(seen: Seen, path: string): PlacedGroup | undefined {
  let group: PlacedGroup | undefined = seen.placed;
  for (const step of path === '' ? [] : path.split('.')) {
    const [, name = '', index = '0'] = /^([^[\]]+)(?:\[(\d+)\])?$/.exec(step) ?? [];
    group = group?.groups.get(name)?.[Number(index)];
  }
  return group;
}

/** The point that `path` names, where this device has room for it: `PFWInj.PF`, `Crv[1].Pt[0].V`. */
export function pointAt(seen: Seen, path: string): PlacedPoint | undefined {
  const end = path.lastIndexOf('.');
  return groupAt(seen, path.slice(0, Math.max(end, 0)))?.points.get(path.slice(end + 1));
}

/** What a point holds before any scale factor; `undefined`: not there, not implemented, or not readable. */
export function rawAt(seen: Seen, path: string): Value | undefined {
  const point = pointAt(seen, path);
  return point && decodeRaw(point.def, seen.words, point.offset);
}

/** What a point holds as an engineering value. */
export function valueAt(seen: Seen, path: string): number | undefined {
  const point = pointAt(seen, path);
  const value = point && decodePoint(point, seen.words);
  return typeof value === 'number' ? value : undefined;
}

/** Words from the ID register that must be read before anything can be planned with `points`. */
function wordsNeeded(def: ModelDef, points: readonly string[]): number {
  const placed = points.flatMap(path => {
    const point = locate(def, path);
    if (!point.ok) return [];
    return typeof point.value.scale === 'object' ? [point.value, point.value.scale] : [point.value];
  });
  return Math.max(2, ...placed.map(point => point.offset + point.def.size));
}
