/** `underglass utility target`: watts from a whole group, split among its members, and what became of them. */
import type { Command } from 'commander';
import { sayOf } from '../../local/say.ts';
import type { Say } from '../../local/say.ts';
import { asking, duration, oneOf, usage, whole } from './options.ts';
import type { UtilityOptions } from './options.ts';

interface TargetOptions extends UtilityOptions {
  readonly group: string;
  readonly set: string;
  readonly duration: string;
  readonly class: string;
  readonly primacy: string;
  readonly timeout: string;
}

interface Told {
  readonly targetW: number;
  readonly implementedW: number;
  readonly unprovenW: number;
  readonly shortW: number;
  readonly rule: string;
  readonly mRIDs: readonly string[];
  readonly members: readonly {
    readonly gateway: string;
    readonly roomW?: number;
    readonly askedW: number;
    readonly implementedW: number;
    readonly state: string;
    readonly why: string;
  }[];
}

export function addTarget(utility: Command): void {
  asking(
    utility
      .command('target')
      .description('split watts among the members of a group, and report what receipts prove of them'),
  )
    .requiredOption('--group <id>', 'the group whose members share it')
    .requiredOption(
      '--set <axis=watts>',
      'opModTargetW=-200000 or opModStorageTargetW=5000, for all together',
    )
    .requiredOption('--duration <time>', '900, 90s, 15m, 2h; it begins now')
    .option('--class <class>', 'emergency, transmission, reliability, dispatch or market', 'dispatch')
    .option('--primacy <n>', '1 to 255; inside a class the lower wins', '10')
    .option('--timeout <s>', 'wait no longer for a first status, and for the answers of each round', '30')
    .action((options: TargetOptions, it: Command) => target(options, sayOf(it)));
}

async function target(options: TargetOptions, say: Say): Promise<void> {
  const { ask, Refusal } = await import('../../utility/reach.ts');
  const [, axis = '', watts = ''] = /^([A-Za-z]+)=(-?\d+)$/.exec(options.set) ?? [];
  if (watts === '') throw usage(`--set: ${options.set} is no axis=watts, in whole watts`);
  const args = {
    group: options.group,
    axis: oneOf('--set', axis, ['opModTargetW', 'opModStorageTargetW']),
    targetW: whole('--set', watts, -1e12, 1e12),
    durationS: duration('--duration', options.duration),
    class: oneOf('--class', options.class, [
      'emergency',
      'transmission',
      'reliability',
      'dispatch',
      'market',
    ]),
    primacy: whole('--primacy', options.primacy, 1, 255),
    timeoutS: whole('--timeout', options.timeout, 1, 86_400),
  };
  const tell = (value: unknown): void => (options.json === true ? say.json(value) : show(value as Told, say));
  try {
    tell(await ask(options, { call: 'target', args }, say));
  } catch (error) {
    if (error instanceof Refusal && error.value !== null) tell(error.value);
    throw error;
  }
}

function show({ targetW, implementedW, unprovenW, shortW, rule, mRIDs, members }: Told, say: Say): void {
  say.out(`target ${targetW} W: ${implementedW} W proven, ${unprovenW} W unproven, ${shortW} W short`);
  say.out(`split ${rule}`);
  for (const { gateway, roomW, askedW, implementedW: done, state, why } of members) {
    const room = roomW === undefined ? 'room unknown' : `room ${roomW} W`;
    say.out(`${gateway}  ${room}, asked ${askedW} W, ${state} ${done} W  ${why}`);
  }
  for (const mRID of mRIDs) say.out(`event ${mRID}`);
}
