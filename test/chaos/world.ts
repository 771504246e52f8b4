/**
 * `npm run chaos -- world --seeds N [--seed S]`: N simulated worlds from seed S on, each with every fault that there
 * is. The first that goes wrong is printed with its story and the command that replays it; `--story 1` prints the
 * story in any case.
 */
import type { Options, Outcome } from './main.ts';
import { live } from './world/world.ts';

const SEEDS = 200;
/** The end of a story is what tells. */
const LINES = 120;
const MAX_FAILED = 10;

export async function run({ seeds = SEEDS, seed = 1, story = 0 }: Options): Promise<Outcome> {
  const failed: { seed: number; wrong: readonly string[] }[] = [];
  const sum = { commands: 0, records: 0, crashes: 0 };
  let told: readonly string[] = [];
  for (let n = seed; n < seed + seeds && failed.length < MAX_FAILED; n++) {
    const fate = await live(n);
    sum.commands += fate.commands;
    sum.records += fate.records;
    sum.crashes += fate.crashes;
    if (story > 0 && told.length === 0) told = fate.story;
    if (fate.wrong.length === 0) continue;
    if (failed.length === 0) told = fate.story;
    failed.push({ seed: n, wrong: fate.wrong });
  }
  const [first] = failed;
  return {
    seeds,
    ...sum,
    failed,
    ...(told.length === 0 ? {} : { story: told.slice(-LINES) }),
    ...(first === undefined ? {} : { replay: `npm run chaos -- world --seeds 1 --seed ${first.seed}` }),
  };
}
