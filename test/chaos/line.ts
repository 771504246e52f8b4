/**
 * `npm run chaos -- line`: a million corrupt frames at the line's own parser, and ten thousand late replies through
 * the bus on real sockets and pseudo-terminals. No wrong word may come out, and a clean request afterwards must be
 * answered. `--n` frames and `--late` replies; each frame has a seed of its own, `--seed` is the first.
 */
import { corruptFrame } from './corrupt.ts';
import type { Verdict } from './corrupt.ts';
import { lateReplies } from './late.ts';
import type { Options, Outcome } from './main.ts';

const FRAMES = 1_000_000;
const LATE = 10_000;

export async function run({ n = FRAMES, late = LATE, seed = 1 }: Options): Promise<Outcome> {
  const frames = corruptFrames(n, seed);
  if (frames.failed !== undefined)
    return { ...frames, replay: `npm run chaos -- line --n 1 --late 0 --seed ${frames.failed.seed}` };
  const replies = late === 0 ? { late: 0, wrong: [] } : await lateReplies({ late, seed });
  const failed = replies.wrong.length > 0;
  return {
    ...frames,
    replies,
    ...(failed ? { replay: `npm run chaos -- line --n 0 --late ${late} --seed ${seed}` } : {}),
  };
}

export interface Frames {
  readonly frames: number;
  readonly seed: number;
  /** Frames by what became of them. */
  readonly verdicts: Readonly<Partial<Record<Verdict, number>>>;
  readonly failed?: { readonly seed: number; readonly why: string };
}

/** Frames with the seeds `seed` … `seed + n − 1`, up to the first that fails. */
export function corruptFrames(n: number, seed: number): Frames {
  const verdicts: Partial<Record<Verdict, number>> = {};
  for (let each = seed; each < seed + n; each++) {
    const outcome = corruptFrame(each);
    if ('why' in outcome)
      return { frames: each - seed + 1, seed, verdicts, failed: { seed: each, ...outcome } };
    verdicts[outcome.verdict] = (verdicts[outcome.verdict] ?? 0) + 1;
  }
  return { frames: n, seed, verdicts };
}
