/**
 * Reading models of a device that discovery has found, in as few requests as keep every value together with
 * its scale factor (see parting): models that follow each other share requests, and registers between two wanted
 * models are not read unless the caller allows it.
 *
 * The id and length of each model are read with it: when they are no longer what discovery saw, the map has
 * moved and nothing that was read is believed.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { Conversation } from '../bus/conversation.ts';
import { type ModelInstance, decodeModel } from './codec.ts';
import { type ModelDef, type ModelSet, ownWords } from './definition.ts';
import type { ModelEntry, SunSpecDevice } from './discovery.ts';
import { type PlacedPoint, ownPoints } from './layout.ts';
import { type Cut, type Part, type Stretch, stretchOf, stretchesOf } from './parting.ts';
import {
  MAX_READ,
  type ReadFailure,
  type Span,
  describeFailure,
  isRefused,
  readAround,
  readOnce,
} from './read.ts';
import { seamsOf } from './seams.ts';
import type { Words } from './value.ts';

/** A model to be read: all of it, or up to the last of the named points (of the model itself, not its groups). */
export interface Want {
  readonly entry: ModelEntry;
  readonly points?: readonly string[];
}

export interface PollOptions {
  readonly models: ModelSet;
  /** Registers nobody asked for that one request may read over: 0 … 123. Default 0, many devices have holes. */
  readonly joinGapsUpTo?: number;
  /** Most registers of one request, where the device takes fewer than {@link MAX_READ}. */
  readonly maxRead?: number;
}

/** `silent`: no answer, or no usable one. `map-changed`: another model, or another length, stands there now. */
export type PollRefusal = 'silent' | 'map-changed';

/** One instance for each want, in their order. A model without definition is not read: it has no points. */
export function* readModels(
  device: SunSpecDevice,
  wants: readonly Want[],
  options: PollOptions,
): Conversation<Result<readonly ModelInstance[], PollRefusal>> {
  const { jobs, stretches, maxRead } = planOf(wants, options);
  const found: Found = new Map();
  for (const stretch of stretches) {
    const failure = yield* readStretch({ unit: device.unit, maxRead }, stretch, found);
    if (failure !== undefined) return refused('silent', describeFailure(failure), 'later');
  }
  const moved = jobs.find(job => !isWhereItWas(job, found.get(job) ?? []));
  if (moved !== undefined)
    return refused('map-changed', `model ${moved.entry.id} is no longer at ${moved.entry.address}`, 'later');
  return ok(jobs.map(job => instanceOf(job, found.get(job) ?? [])));
}

/** Every model of `device`. */
export function* readDevice(
  device: SunSpecDevice,
  options: PollOptions,
): Conversation<Result<readonly ModelInstance[], PollRefusal>> {
  return yield* readModels(device, everythingOf(device), options);
}

function everythingOf(device: SunSpecDevice): readonly Want[] {
  const known = everything.get(device);
  if (known !== undefined) return known;
  const wants = device.models.map(entry => ({ entry }));
  everything.set(device, wants);
  return wants;
}

const everything = new WeakMap<SunSpecDevice, readonly Want[]>();

interface Job {
  readonly entry: ModelEntry;
  readonly def: ModelDef | undefined;
  /** Addresses; empty where there is nothing to read. */
  readonly span: Span;
}
type ReadableJob = Job & { readonly def: ModelDef };

function isReadable(job: Job): job is ReadableJob {
  return job.def !== undefined;
}

function jobOf({ entry, points }: Want, models: ModelSet): Job {
  const def = models.get(entry.id);
  const words = def === undefined || points === undefined ? entry.length + 2 : wordsUpTo(def, points);
  return { entry, def, span: { from: entry.address, to: entry.address + Math.min(words, entry.length + 2) } };
}

/** Words from the ID register to the end of the last of `points` and of their scale factors. */
function wordsUpTo(def: ModelDef, points: readonly string[]): number {
  const own = ownPoints(def);
  const placed = points.flatMap(name => {
    const point = own.get(name);
    return point === undefined ? [] : [point, ...scalePointOf(point)];
  });
  return Math.max(2, ...placed.map(point => point.offset + point.def.size));
}

function scalePointOf({ scale }: PlacedPoint): readonly PlacedPoint[] {
  return typeof scale === 'object' ? [scale] : [];
}

/** What is asked of a device, ready to be read; worked out once for a list of wants. */
interface Plan {
  readonly models: ModelSet;
  readonly mostGap: number;
  readonly maxRead: number;
  readonly jobs: readonly Job[];
  readonly stretches: readonly Stretch<ReadableJob>[];
}

const plans = new WeakMap<readonly Want[], Plan>();

function planOf(
  wants: readonly Want[],
  { models, joinGapsUpTo: mostGap = 0, maxRead = MAX_READ }: PollOptions,
): Plan {
  const known = plans.get(wants);
  if (known?.models === models && known.mostGap === mostGap && known.maxRead === maxRead) return known;
  const jobs = wants.map(want => jobOf(want, models));
  const stretches = stretchesOf(jobs.filter(isReadable), { mostGap, maxRead });
  const plan = { models, mostGap, maxRead, jobs, stretches };
  plans.set(wants, plan);
  return plan;
}

type Found = Map<Job, Words>;

interface Reader {
  readonly unit: number;
  readonly maxRead: number;
}

/** Piece by piece. Models that the device refuses to give together are read again, each by itself. */
function* readStretch(
  reader: Reader,
  stretch: Stretch<ReadableJob>,
  found: Found,
): Conversation<ReadFailure | undefined> {
  const { parts, span } = stretch;
  const words: (number | undefined)[] = [];
  const apart: Found = new Map();
  for (let at = span.from; at < span.to; ) {
    const cut = stretch.cutAfter(at);
    const piece = { from: at, to: cut.torn ? tearOf(stretch, { at, cut, words }) : cut.end };
    const within = parts.filter(part => part.span.from < piece.to && part.span.to > piece.from);
    const [first] = within;
    const reply =
      within.length === 1 && first !== undefined
        ? yield* readAround(reader.unit, piece, read =>
            seamsIn(first, joined(words, read, at - span.from), span),
          )
        : yield* readOnce(reader.unit, piece);
    if (reply.ok) {
      put(words, reply.words, at - span.from);
      at = cut.torn ? Math.min(piece.to, tearOf(stretch, { at, cut, words })) : cut.next;
    } else if (isRefused(reply)) {
      for (const part of within) {
        const failure = yield* readStretch(reader, stretchOf([part], reader.maxRead), apart);
        if (failure !== undefined) return failure;
        put(words, apart.get(part) ?? [], part.span.from - span.from);
      }
      at = behind(stretch, within.at(-1));
    } else return reply;
  }
  for (const part of parts)
    found.set(part, words.slice(part.span.from - span.from, part.span.to - span.from));
  return undefined;
}

/**
 * Where a model that must be torn is parted: before the last value that begins in reach. As long as its counts are
 * not read nobody knows where that is: then as far as a request reaches, and what proves torn is read with the next.
 */
function tearOf(
  { parts, span }: Stretch<ReadableJob>,
  { at, cut, words }: { readonly at: number; readonly cut: Cut; readonly words: Words },
): number {
  const part = parts.find(each => each.span.from < cut.end && each.span.to > cut.end);
  if (part === undefined) return cut.end;
  const read = span.from + words.length - part.entry.address;
  const own = ownWords(part.def);
  if (read < own && part.entry.address + own < cut.end) return cut.end;
  const seams = seamsIn(part, words, span);
  return seams.findLast(seam => seam > at && seam <= cut.end) ?? cut.end;
}

/** Addresses at which a value of `part` begins, as far as the words of its stretch tell. */
function seamsIn({ entry, def, span }: ReadableJob, words: Words, stretch: Span): readonly number[] {
  return seamsOf(def, entry, words.slice(span.from - stretch.from));
}

/** Puts `more` into `words` from `at` on; what lies between them was not read. */
function put(words: (number | undefined)[], more: Words, at: number): void {
  while (words.length < at) words.push(undefined);
  for (let from = 0; from < more.length; from++) words[at + from] = more[from];
}

function joined(words: Words, more: Words, at: number): Words {
  const all = [...words];
  put(all, more, at);
  return all;
}

function behind({ parts, span }: Stretch, last: Part | undefined): number {
  const to = last?.span.to ?? span.to;
  return parts.find(part => part.span.from >= to)?.span.from ?? span.to;
}

function isWhereItWas({ entry, def }: Job, [id, length]: Words): boolean {
  if (def === undefined) return true;
  const expected = entry.claims ?? entry.length;
  return (id === undefined || id === entry.id) && (length === undefined || length === expected);
}

/** What a model said last, and the words it said it in; one for each model of a device that is still known. */
const last = new WeakMap<
  ModelEntry,
  { readonly def: ModelDef; readonly words: Words; readonly said: ModelInstance }
>();

/** The same value as before where the words are: most models of a device hold settings, and say the same for days. */
function instanceOf({ entry, def }: Job, words: Words): ModelInstance {
  const { id, address, length } = entry;
  if (def === undefined) return { id, name: null, address, length, points: {}, groups: {} };
  const known = last.get(entry);
  if (known?.def === def && sameWords(known.words, words)) return known.said;
  const said = { ...decodeModel(def, [words[0], length, ...words.slice(2)], address), length };
  last.set(entry, { def, words, said });
  return said;
}

function sameWords(before: Words, now: Words): boolean {
  if (before.length !== now.length) return false;
  for (let at = 0; at < now.length; at++) if (before[at] !== now[at]) return false;
  return true;
}
