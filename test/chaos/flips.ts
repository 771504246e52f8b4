/**
 * `npm run chaos -- flips`: one bit flipped at `--n` random places of a store and its write-ahead log (10,000), and the
 * store cut at the end of every page and every frame of the log. Each time it is opened as a start would: it reports
 * what it found, or says what it said before; it invents nothing, and it goes on.
 */
import { nextBetween, seeded } from '../../src/base/random.ts';
import type { Options, Outcome } from './main.ts';
import { StoreImage } from './store-image.ts';
import type { Verdict } from './store-image.ts';

const FLIPS = 10_000;
const PAGE_BYTES = 2048;
const LOG_HEADER_BYTES = 32;
const FRAME_BYTES = 24 + PAGE_BYTES;

export async function run({ n = FLIPS, seed = 1 }: Options): Promise<Outcome> {
  const image = await StoreImage.make();
  try {
    const flips = await flipBits(image, { n, seed });
    const cuts = await cutEverywhere(image);
    const failed = [...flips.failed, ...cuts.failed];
    return {
      bytes: image.main.length,
      logBytes: image.log.length,
      flips,
      cuts,
      ...(failed.length === 0 ? {} : { replay: `npm run chaos -- flips --n ${n} --seed ${seed}` }),
    };
  } finally {
    await image.close();
  }
}

export interface Verdicts {
  readonly verdicts: Readonly<Partial<Record<Verdict, number>>>;
  /** Where nothing was said, or something was invented. */
  readonly failed: readonly string[];
}

export async function flipBits(
  image: StoreImage,
  { n, seed }: { n: number; seed: number },
): Promise<Verdicts> {
  const random = seeded(seed);
  const count = new Count();
  for (let flip = 0; flip < n; flip++) {
    const at = nextBetween(random, 0, image.main.length + image.log.length - 1);
    const bit = nextBetween(random, 0, 7);
    const [main, log] = [Buffer.from(image.main), Buffer.from(image.log)];
    const [target, offset] = at < main.length ? [main, at] : [log, at - main.length];
    target.writeUInt8(target.readUInt8(offset) ^ (1 << bit), offset);
    const where = `bit ${bit} of byte ${offset} of the ${target === main ? 'file' : 'log'}`;
    count.add(where, await image.judge(main, log));
  }
  return count;
}

/** At the end of every page, in the middle of one, and likewise of the log; each with the other whole. */
export async function cutEverywhere(image: StoreImage): Promise<Verdicts> {
  const count = new Count();
  for (let at = 0; at < image.main.length; at += PAGE_BYTES / 2)
    count.add(`file cut to ${at}`, await image.judge(image.main.subarray(0, at), image.log));
  for (let at = 0; at < image.main.length; at += PAGE_BYTES)
    count.add(`file cut to ${at}, no log`, await image.judge(image.main.subarray(0, at), Buffer.alloc(0)));
  for (let at = LOG_HEADER_BYTES + FRAME_BYTES / 2; at < image.log.length; at += FRAME_BYTES)
    count.add(`log cut to ${at}`, await image.judge(image.main, image.log.subarray(0, at)));
  return count;
}

class Count implements Verdicts {
  readonly verdicts: Partial<Record<Verdict, number>> = {};
  readonly failed: string[] = [];

  add(where: string, { verdict, why }: { readonly verdict: Verdict; readonly why: string }): void {
    this.verdicts[verdict] = (this.verdicts[verdict] ?? 0) + 1;
    if (verdict === 'silent' || verdict === 'invented') this.failed.push(`${where}: ${verdict}: ${why}`);
  }
}
