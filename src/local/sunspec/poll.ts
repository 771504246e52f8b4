/**
 * Reading models of a device that discovery has found, in as few requests as keep every value together with
 * its scale factor: models that follow each other share a request, no model is parted that fits in one, and
 * registers between two wanted models are not read unless the caller allows it.
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
import {
  MAX_READ,
  type ReadFailure,
  type Span,
  describeFailure,
  firstPiece,
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
  const jobs = wants.map(want => jobOf(want, options.models));
  const found = new Map<Job, Words>();
  const manner = { mostGap: options.joinGapsUpTo ?? 0, maxRead: options.maxRead ?? MAX_READ };
  for (const group of requestsOf(jobs.filter(isReadable), manner)) {
    const failure = yield* readGroup({ unit: device.unit, jobs: group, maxRead: manner.maxRead }, found);
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
  return yield* readModels(
    device,
    device.models.map(entry => ({ entry })),
    options,
  );
}

/** No seams: a piece as long as one request can be. */
const NOWHERE = () => [];

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

/** Neighbours share a request while it holds them all. */
function requestsOf(
  jobs: readonly ReadableJob[],
  { mostGap, maxRead }: { readonly mostGap: number; readonly maxRead: number },
): readonly (readonly ReadableJob[])[] {
  const groups: ReadableJob[][] = [];
  for (const job of jobs.toSorted((a, b) => a.span.from - b.span.from)) {
    const group = groups.at(-1);
    const first = group?.[0];
    const last = group?.at(-1);
    const joins =
      first !== undefined &&
      last !== undefined &&
      job.span.from - last.span.to <= mostGap &&
      job.span.to - first.span.from <= maxRead;
    if (joins) group?.push(job);
    else groups.push([job]);
  }
  return groups;
}

function* readGroup(
  { unit, jobs, maxRead }: { unit: number; jobs: readonly ReadableJob[]; maxRead: number },
  found: Map<Job, Words>,
): Conversation<ReadFailure | undefined> {
  const from = jobs[0]?.span.from ?? 0;
  const to = jobs.at(-1)?.span.to ?? from;
  const together = jobs.length > 1 ? yield* readOnce(unit, { from, to }) : undefined;
  if (together?.ok === true) {
    for (const job of jobs) found.set(job, together.words.slice(job.span.from - from, job.span.to - from));
    return undefined;
  }
  if (together !== undefined && together.refusal !== 'exception') return together;
  for (const job of jobs) {
    const words = yield* readJob(unit, job, maxRead);
    if (!words.ok) return words;
    found.set(job, words.words);
  }
  return undefined;
}

/**
 * A model by itself, piece by piece. Where the groups begin within the first piece, nobody knows yet where it
 * may be parted: it is read in full, and what the counts in it show to be torn is read again with the next.
 */
function* readJob(
  unit: number,
  { entry, def, span }: ReadableJob,
  maxRead: number,
): Conversation<{ readonly ok: true; readonly words: Words } | ReadFailure> {
  const words: (number | undefined)[] = [];
  while (words.length < span.to - span.from) {
    const rest = { from: span.from + words.length, to: span.to };
    const blind = words.length === 0 && ownWords(def) < maxRead;
    const seams = () => seamsOf(def, entry, words);
    const piece = firstPiece(rest, blind ? NOWHERE : seams, maxRead);
    const reply = yield* readAround(unit, piece, seams);
    if (!reply.ok) return reply;
    words.push(...reply.words);
    if (blind) words.length = firstPiece(rest, seams, maxRead).to - rest.from;
  }
  return { ok: true, words };
}

function isWhereItWas({ entry, def }: Job, [id, length]: Words): boolean {
  if (def === undefined) return true;
  const expected = entry.claims ?? entry.length;
  return (id === undefined || id === entry.id) && (length === undefined || length === expected);
}

function instanceOf({ entry, def }: Job, words: Words): ModelInstance {
  const { id, address, length } = entry;
  if (def === undefined) return { id, name: null, address, length, points: {}, groups: {} };
  return { ...decodeModel(def, [words[0], length, ...words.slice(2)], address), length };
}
