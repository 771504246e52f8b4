/**
 * What is held of each gateway's streams, as a machine: up to where without a gap, and what lies beyond. From
 * it come the cumulative acknowledgement, the gaps, and which records are there already.
 *
 * A gateway sends live records before its backlog, so a gap is the normal case after an outage and no reason
 * to ask for anything. It starts over from our acknowledgement by itself, in order, and says by a record of its own
 * what its disk has lost: that is written off at once. A gap that it passed over {@link PASSES_BEFORE_LOST} times
 * without a word is written off too, for else nothing behind it would ever leave the gateway. A copy that the network
 * made is no pass: only what was signed anew counts.
 */
import { assert } from '../base/assert.ts';
import type { GatewayId, StreamName } from '../model/mod.ts';

/** Stretches beyond a gap, each one outage of the gateway. With more, a record that would open one is not taken. */
export const MAX_RUNS = 64;

/**
 * A gateway starts over every half minute, and on every link: a record that was lost on the way each of so many times
 * is lost to a link on which nothing would arrive.
 */
export const PASSES_BEFORE_LOST = 8;

interface Run {
  readonly first: number;
  last: number;
}

export interface StreamIntake {
  /** Everything up to here is held, or written off. */
  through: number;
  /** What is held beyond the gap; ascending, never adjoining. */
  runs: Run[];
  /** How often the record behind the gap came again while the gap stayed. */
  passes: number;
  /** The end of the signature with which it came last. */
  signed?: string;
}

/** By gateway, then by stream. */
export type Intake = Map<GatewayId, Map<StreamName, StreamIntake>>;

export interface Gap {
  readonly first: number;
  readonly last: number;
}

/** `too-scattered`: not taken, not acknowledged; it comes again when there is room. */
export type Verdict = 'new' | 'duplicate' | 'too-scattered';

export function streamIntake(intake: Intake, gateway: GatewayId, stream: StreamName): StreamIntake {
  const streams = intake.get(gateway) ?? new Map<StreamName, StreamIntake>();
  intake.set(gateway, streams);
  const known = streams.get(stream) ?? { through: 0, runs: [], passes: 0 };
  streams.set(stream, known);
  return known;
}

/** Whether a record is to be stored; changes nothing. */
export function judge(stream: StreamIntake, sequence: number): Verdict {
  if (isHeld(stream, sequence)) return 'duplicate';
  const adjoins = stream.runs.some(run => sequence === run.first - 1 || sequence === run.last + 1);
  if (sequence === stream.through + 1 || adjoins || stream.runs.length < MAX_RUNS) return 'new';
  return 'too-scattered';
}

/** Notes a record that is durable now. A gap that it opened, or `undefined`. */
export function take(stream: StreamIntake, sequence: number): Gap | undefined {
  assert(!isHeld(stream, sequence), 'a record is taken once');
  const opened = stream.runs.length === 0 && sequence > stream.through + 1;
  insert(stream, { first: sequence, last: sequence });
  absorb(stream);
  return opened ? { first: stream.through + 1, last: sequence - 1 } : undefined;
}

/** Notes a record that came again, `signed` so. The gap that is written off with it, or `undefined`. */
export function takeAgain(stream: StreamIntake, sequence: number, signed: string): Gap | undefined {
  const behind = stream.runs[0];
  if (behind === undefined || sequence !== behind.first || signed === stream.signed) return undefined;
  stream.signed = signed;
  if (++stream.passes < PASSES_BEFORE_LOST) return undefined;
  const gap = { first: stream.through + 1, last: behind.first - 1 };
  stream.through = gap.last;
  absorb(stream);
  return gap;
}

/** The gateway has lost everything from `first` to `last`. The stretches of it that were not held: written off. */
export function writeOff(stream: StreamIntake, { first, last }: Gap): readonly Gap[] {
  const gaps: Gap[] = [];
  let next = Math.max(first, stream.through + 1);
  for (const run of stream.runs) {
    if (run.first > last) break;
    if (run.first > next) gaps.push({ first: next, last: run.first - 1 });
    next = Math.max(next, run.last + 1);
  }
  if (next <= last) gaps.push({ first: next, last });
  for (const gap of gaps) insert(stream, gap);
  absorb(stream);
  return gaps;
}

/** How many records lie in the gaps. */
export function missing({ through, runs }: StreamIntake): number {
  const held = runs.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  return (runs.at(-1)?.last ?? through) - through - held;
}

/** A stream that stands where the ledger says. */
export function restored(through: number, ahead: readonly number[]): StreamIntake {
  const stream: StreamIntake = { through, runs: [], passes: 0 };
  for (const first of ahead) if (!isHeld(stream, first)) insert(stream, { first, last: first });
  absorb(stream);
  return stream;
}

function isHeld(stream: StreamIntake, sequence: number): boolean {
  return sequence <= stream.through || stream.runs.some(run => run.first <= sequence && sequence <= run.last);
}

/** Joins `gap` with every run that it overlaps or adjoins. */
function insert({ runs }: StreamIntake, { first, last }: Gap): void {
  const before = runs.filter(run => run.last + 1 < first).length;
  const touched = runs.filter(run => run.last + 1 >= first && run.first - 1 <= last);
  const joined = {
    first: Math.min(first, ...touched.map(run => run.first)),
    last: Math.max(last, ...touched.map(run => run.last)),
  };
  runs.splice(before, touched.length, joined);
}

/** Moves `through` over the run that now adjoins it. */
function absorb(stream: StreamIntake): void {
  const next = stream.runs[0];
  if (next === undefined || next.first > stream.through + 1) return;
  stream.through = next.last;
  stream.runs.shift();
  stream.passes = 0;
}
