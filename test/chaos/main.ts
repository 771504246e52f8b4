/**
 * `npm run chaos -- NAME [--n N] [--seed S] …`: runs one campaign of faults and prints what it did as JSON. A campaign
 * that fails prints the seed that shows it first, with the command that replays it, and ends with code 1.
 */
import { parseArgs } from 'node:util';

/** What a campaign is told, as whole numbers: `--n 1000` is `{n: 1000}`. */
export type Options = Readonly<Record<string, number>>;

export interface Outcome {
  /** The command that shows the first failure again; `undefined`: there was none. */
  readonly replay?: string;
  readonly [figure: string]: unknown;
}

const CAMPAIGNS: Readonly<Record<string, () => Promise<{ run: (options: Options) => Promise<Outcome> }>>> = {
  brokers: () => import('./brokers.ts'),
  envelope: () => import('./envelope.ts'),
  flips: () => import('./flips.ts'),
  full: () => import('./full.ts'),
  kill: () => import('./kill.ts'),
  line: () => import('./line.ts'),
  outage: () => import('./outage.ts'),
  world: () => import('./world.ts'),
};

const { positionals, tokens } = parseArgs({ allowPositionals: true, strict: false, tokens: true });
const load = CAMPAIGNS[positionals[0] ?? ''];
const options = numbers();
if (load === undefined || options === undefined) {
  process.stderr.write(`usage: npm run chaos -- ${Object.keys(CAMPAIGNS).join(' | ')} [--n=N] [--seed=S]\n`);
  process.exitCode = 2;
} else {
  const { run } = await load();
  const outcome = await run(options);
  process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`);
  if (outcome.replay !== undefined) process.exitCode = 1;
}

/** `--n=5` and `--n 5`. */
function numbers(): Options | undefined {
  const found: Record<string, number> = {};
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'option') continue;
    const next = tokens[at + 1];
    const text = token.value ?? (next?.kind === 'positional' ? next.value : undefined);
    if (text === undefined || !/^\d+$/.test(text)) return undefined;
    found[token.name] = Number(text);
  }
  return found;
}
