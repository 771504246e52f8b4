/** `underglass utility readings`: what devices measure, now or every so often for so long. */
import type { Command } from 'commander';
import { sayOf } from '../../local/say.ts';
import type { Say } from '../../local/say.ts';
import { duration, sending, sendingArgs, usage } from './options.ts';
import type { SendingOptions } from './options.ts';
import { askAndTell, tellSent } from './tell.ts';
import type { SentAnswer } from './tell.ts';

interface ReadingsOptions extends SendingOptions {
  readonly every?: string;
  readonly for?: string;
}

interface Told {
  readonly gateway: string;
  readonly device: string;
  readonly at: string;
  readonly points: Readonly<Record<string, number>>;
}

export function addReadings(utility: Command): void {
  const command = utility
    .command('readings')
    .description('ask gateways what their devices measure: now, or sampled every so often for so long')
    .option('--every <time>', 'a sample every so often, as 1s; with --for')
    .option('--for <time>', 'for so long, as 60s, 15m or 24h; with --every');
  sending(command, { class: 'market' }).action((options: ReadingsOptions, it: Command) =>
    readings(options, sayOf(it)),
  );
}

async function readings(options: ReadingsOptions, say: Say): Promise<void> {
  const { every, for: length } = options;
  if ((every === undefined) !== (length === undefined)) throw usage('--every and --for go together');
  const samples =
    every === undefined || length === undefined
      ? {}
      : { every: { s: duration('--every', every), forS: duration('--for', length) } };
  const asked = { call: 'readings', args: { ...sendingArgs(options), ...samples } };
  return askAndTell(options, asked, say, answer => {
    tellSent(answer as SentAnswer, say);
    const { readings: told, more } = answer as { readonly readings: readonly Told[]; readonly more: number };
    for (const { gateway, device, at, points } of told) {
      const values = Object.entries(points).map(([name, value]) => `${name} ${value}`);
      say.out(`${gateway} ${device} ${at}  ${values.join(', ')}`);
    }
    if (more > 0) say.out(`${more} more are in the ledger and not shown`);
  });
}
