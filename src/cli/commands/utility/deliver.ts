/** `underglass utility deliver`: a file to a gateway or, in stages, to a group; and how each delivery stands. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { DELIVERIES } from '../../../model/mod.ts';
import { sayOf } from '../../local/say.ts';
import type { Say } from '../../local/say.ts';
import { asking, moment, oneOf, usage, whole } from './options.ts';
import type { UtilityOptions } from './options.ts';

interface DeliverOptions extends UtilityOptions {
  readonly kind?: string;
  readonly model: string;
  readonly makes?: string;
  readonly forVersion?: readonly string[];
  readonly gateway?: string;
  readonly group?: string;
  readonly stages: string;
  readonly expires?: string;
  readonly timeout: string;
  readonly status?: true;
}

interface Status {
  readonly file: string;
  readonly delivers: string;
  readonly model: string;
  readonly version: string;
  readonly chunks: number;
  readonly next: string;
  readonly why?: string;
  readonly stages: readonly number[];
  readonly members: readonly {
    readonly gateway: string;
    readonly progress: string;
    readonly held: number;
    readonly refusal?: string;
    readonly why: string;
  }[];
}

export function addDeliver(utility: Command): void {
  asking(
    utility
      .command('deliver [file]')
      .description('deliver firmware, a profile, a configuration or a version, and see how it goes')
      .option('--kind <kind>', DELIVERIES.join(', '))
      .option(
        '--model <model>',
        'the model of device it is for; underglass for the gateway itself',
        'underglass',
      )
      .option('--makes <version>', 'the version it makes; of a profile its name')
      .option('--for-version <version...>', 'the versions it may be applied to; any unless given')
      .option('--gateway <id>', 'to one gateway')
      .option('--group <id>', 'to the members of a group that is for delivery, in stages')
      .option('--stages <percent>', 'shares of the group, each told when the one before is well', '1,10,100')
      .option('--expires <time>', 'no gateway begins later than this; a time with its zone, or +2h')
      .option('--timeout <s>', 'wait no longer than this; the delivery goes on', '600')
      .option(
        '--status',
        'show every delivery, or that of the file whose SHA-256 begins so, member by member',
      ),
  ).action((file: string | undefined, options: DeliverOptions, command: Command) =>
    options.status === true ? status(file, options, sayOf(command)) : deliver(file, options, sayOf(command)),
  );
}

async function status(file: string | undefined, options: DeliverOptions, say: Say): Promise<void> {
  const { ask } = await import('../../utility/reach.ts');
  const asked = { call: 'deliveries', args: file === undefined ? {} : { file }, needsLink: false };
  const answer = await ask(options, asked, say);
  if (options.json === true) return say.json(answer);
  const { deliveries } = answer as unknown as { readonly deliveries: readonly Status[] };
  if (deliveries.length === 0) say.out('nothing was delivered from here yet');
  for (const one of deliveries) tellStatus(one, say);
}

async function deliver(file: string | undefined, options: DeliverOptions, say: Say): Promise<void> {
  const { gateway, group, kind, makes: version, model, forVersion, expires } = options;
  if (file === undefined) throw usage('name the file to deliver, or --status');
  if ((gateway === undefined) === (group === undefined)) throw usage('name one of --gateway and --group');
  if (kind === undefined) throw usage(`--kind is missing: ${DELIVERIES.join(', ')}`);
  if (version === undefined) throw usage('--makes is missing: the version it makes, of a profile its name');
  const args = {
    to: gateway === undefined ? `g/${group}` : `d/${gateway}`,
    path: resolve(file),
    delivers: oneOf('--kind', kind, DELIVERIES),
    model,
    version,
    stages: stagesFrom(options.stages),
    timeoutS: whole('--timeout', options.timeout, 0, 86_400),
    ...(forVersion === undefined ? {} : { versions: forVersion }),
    ...(expires === undefined ? {} : { expires: moment('--expires', expires) }),
  };
  const { ask, Refusal } = await import('../../utility/reach.ts');
  const show = (value: unknown): void =>
    options.json === true ? say.json(value) : tellStatus(value as Status, say);
  try {
    show(await ask(options, { call: 'deliver', args }, say));
  } catch (error) {
    if (error instanceof Refusal) show(error.value);
    throw error;
  }
}

/** Ascending, and all of the group at the end. */
function stagesFrom(text: string): readonly number[] {
  const stages = text.split(',').map(Number);
  const ascends = stages.every((share, i) => share > (stages[i - 1] ?? 0) && share <= 100);
  if (!ascends || stages.at(-1) !== 100)
    throw usage(`--stages: ${text} does not ascend to 100, as 1,10,100 does`);
  return stages;
}

function tellStatus(status: Status, say: Say): void {
  const { file, delivers, model, version, next, why, members, chunks } = status;
  const how = { tell: 'under way', wait: 'under way', halted: `halted: ${why}`, done: 'ended' }[next] ?? next;
  say.out(`${delivers} ${version} for ${model} (${file.slice(0, 8)}), ${how}`);
  for (const { gateway, progress, held, refusal, why: because } of members) {
    const got = progress === 'fetching' ? ` ${held} of ${chunks} chunks` : '';
    say.out(`${gateway}  ${refusal ?? progress}${got}  ${because}`);
  }
}
