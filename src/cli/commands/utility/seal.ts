/**
 * `underglass utility seal`: an override code or a message to one customer, sealed to their gateway. The text comes
 * from the terminal, unseen, or from standard input: as an argument every user of the machine could read it.
 */
import type { Command } from 'commander';
import { EXIT, Trouble } from '../../exit.ts';
import { sayOf } from '../../local/say.ts';
import { asking, oneOf, whole } from './options.ts';
import type { UtilityOptions } from './options.ts';
import { askAndTell } from './tell.ts';

interface SealOptions extends UtilityOptions {
  readonly gateway: string;
  readonly event?: string;
  readonly timeout: string;
}

export function addSeal(utility: Command): void {
  asking(
    utility
      .command('seal <what>')
      .description('send a code or a message that one gateway alone can read; it is typed, or piped in')
      .requiredOption('--gateway <id>', 'whose it is')
      .option(
        '--event <mrid>',
        'the event a code overrides, or a message is about; the customer unless given',
      )
      .option('--timeout <s>', 'wait no longer than this for its answer', '30'),
  ).action((what: string, options: SealOptions, command: Command) => seal(what, options, command));
}

async function seal(what: string, options: SealOptions, command: Command): Promise<void> {
  const kind = oneOf('what', what, ['code', 'message']);
  const { gateway, event } = options;
  const timeoutS = whole('--timeout', options.timeout, 0, 86_400);
  const { readSecret } = await import('../../secret.ts');
  const { isLine } = await import('../../../wan/envelope/mod.ts');
  const text = await readSecret(kind === 'code' ? 'override code' : 'message');
  if (!isLine(text))
    throw new Trouble(`the ${kind} is no line of 1 to 280 letters without control characters`, EXIT.failed);
  const about = event === undefined ? {} : { mRID: event };
  await askAndTell(
    options,
    { call: 'seal', args: { gateway, kind, text, timeoutS, ...about } },
    sayOf(command),
  );
}
