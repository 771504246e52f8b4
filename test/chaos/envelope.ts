/**
 * `npm run chaos -- envelope`: a million mutants at the door of commands and of records. Three of four are envelopes of
 * the second implementation with their structure bent and the signature left; one of four is wrong in one thing and
 * signed well. None may be accepted, none may throw, and none may hold the loop: one that took longer than 10 ms is
 * judged three times more, and counts as a stall when it never takes less, because the collector and the machine stop
 * the program too. `--n` mutants; each has a seed of its own, `--seed` is the first.
 */
import { performance } from 'node:perf_hooks';
import { nextBetween, seeded } from '../../src/base/random.ts';
import { openCommand, openRecord } from '../../src/wan/envelope/mod.ts';
import { VECTORS, bytesOf, contextFor, keyOf } from '../wan/envelope/vectors.ts';
import type { Options, Outcome } from './main.ts';
import { mutant, openEnvelope, pick } from './mutants.ts';
import { NARROW, wrong } from './wrong.ts';

const MUTANTS = 1_000_000;
const STALL_MS = 10;
/** Where the command that is wrong goes: to its group. */
const TOPIC = `ug/1/${VECTORS.utility}/g/feeder-7/cmd`;

export function run({ n = MUTANTS, seed = 1 }: Options): Promise<Outcome> {
  const outcome = mutants(n, seed);
  const { failed } = outcome;
  return Promise.resolve(
    failed === undefined
      ? { ...outcome }
      : { ...outcome, replay: `npm run chaos -- envelope --n 1 --seed ${failed.seed}` },
  );
}

export interface Mutants {
  readonly mutants: number;
  readonly seed: number;
  /** Mutants that came out as an envelope of the second implementation: nothing to judge. */
  readonly same: number;
  readonly accepted: number;
  readonly crashes: number;
  /** Over 10 ms, whatever held it; and of those, each time it was judged. */
  readonly slowOnce: number;
  readonly stalls: number;
  readonly slowestMs: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly failed?: { readonly seed: number; readonly why: string; readonly hex: string };
}

/** Mutants with the seeds `seed` … `seed + n − 1`, up to the first that fails. */
export function mutants(n: number, seed: number): Mutants {
  const refusals: Record<string, number> = {};
  const count = { same: 0, accepted: 0, crashes: 0, slowOnce: 0, stalls: 0, slowestMs: 0 };
  const done = (at: number, failed?: Mutants['failed']): Mutants => ({
    mutants: at - seed,
    seed,
    ...count,
    slowestMs: Number(count.slowestMs.toFixed(2)),
    refusals: Object.fromEntries(Object.entries(refusals).sort(([a], [b]) => (a < b ? -1 : 1))),
    ...(failed === undefined ? {} : { failed }),
  });
  for (let each = seed; each < seed + n; each++) {
    const made = make(each);
    if (made === undefined) {
      count.same++;
      continue;
    }
    const { verdict, tookMs } = timed(made);
    refusals[verdict] = (refusals[verdict] ?? 0) + 1;
    count.slowestMs = Math.max(count.slowestMs, tookMs);
    const slow = tookMs > STALL_MS;
    const stalls = slow && Math.min(...[1, 2, 3].map(() => timed(made).tookMs)) > STALL_MS;
    if (slow) count.slowOnce++;
    if (stalls) count.stalls++;
    if (verdict === 'accepted') count.accepted++;
    if (verdict.startsWith('threw')) count.crashes++;
    if (stalls || verdict === 'accepted' || verdict.startsWith('threw')) {
      const why = `${made.what}: ${stalls ? `stalls for ${tookMs.toFixed(1)} ms` : verdict}`;
      return done(each + 1, { seed: each, why, hex: Buffer.from(made.bytes).toString('hex') });
    }
  }
  return done(seed + n);
}

interface Made {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly open: (bytes: Uint8Array) => { readonly ok: boolean; readonly refusal?: string };
}

const ORIGINALS = [
  ...VECTORS.accepted.map(({ name, topic, hex }) => ({
    name,
    bytes: bytesOf(hex),
    tree: openEnvelope(bytesOf(hex)),
    open: (bytes: Uint8Array) => openCommand(bytes, contextFor(topic)),
  })),
  ...VECTORS.records
    .filter(({ refusal }) => refusal === undefined)
    .map(({ name, topic, hex }) => ({
      name: `record ${name}`,
      bytes: bytesOf(hex),
      tree: openEnvelope(bytesOf(hex)),
      open: (bytes: Uint8Array) => openRecord(bytes, { topic, keyOf }),
    })),
];
const TREES = ORIGINALS.map(({ tree }) => tree);
/** A mutant can come out as another of them: one may be put whole in the place of the other. */
const SOUND = new Set(ORIGINALS.map(({ bytes }) => Buffer.from(bytes).toString('hex')));

function make(seed: number): Made | undefined {
  const random = seeded(seed);
  if (nextBetween(random, 0, 3) === 0) {
    const { what, bytes } = wrong(random);
    return { what, bytes, open: b => openCommand(b, { ...contextFor(TOPIC), keyOf: () => NARROW }) };
  }
  const original = pick(random, ORIGINALS);
  if (original === undefined) return undefined;
  const bytes = mutant(random, original.tree, TREES);
  return SOUND.has(bytes.toString('hex')) ? undefined : { what: original.name, bytes, open: original.open };
}

function timed({ bytes, open }: Made): { verdict: string; tookMs: number } {
  const beganMs = performance.now();
  const verdict = judged(() => open(bytes));
  return { verdict, tookMs: performance.now() - beganMs };
}

function judged(open: () => { readonly ok: boolean; readonly refusal?: string }): string {
  try {
    const opened = open();
    return opened.ok ? 'accepted' : (opened.refusal ?? 'refused');
  } catch (error) {
    return `threw ${String(error)}`;
  }
}
