/** `underglass utility send` and `cancel`: an event to a gateway or a group, and its end. */
import type { Command } from 'commander';
import { AXES, axisRow } from '../../../model/mod.ts';
import type { Axis } from '../../../model/mod.ts';
import { sayOf } from '../../local/say.ts';
import { askAndTell } from './tell.ts';
import { duration, moment, oneOf, sending, sendingArgs, usage } from './options.ts';
import type { SendingOptions } from './options.ts';

interface SendOptions extends SendingOptions {
  readonly set: readonly string[];
  readonly start?: string;
  readonly duration?: string;
  readonly service: string;
  readonly note?: string;
  readonly mrid?: string;
}

export function addSend(utility: Command): void {
  const command = utility
    .command('send')
    .description("send an event, and wait for the gateways' signed receipts")
    .requiredOption(
      '--set <axis=value...>',
      'what devices shall do: opModMaxLimW=5000, opModMaxLimW=50%, opModConnect=0',
    )
    .option('--start <time>', 'a time with its zone, or +15m; now unless given')
    .option('--duration <time>', '900, 90s, 15m, 2h; only an emergency may be without')
    .option('--service <name>', 'direct or demand-response (which a customer may answer)', 'direct')
    .option('--note <text>', 'a sentence for the customer')
    .option('--mrid <id>', 'the name of the event; a random one unless given');
  sending(command, { class: 'dispatch' }).action((options: SendOptions, it: Command) => send(options, it));
}

async function send(options: SendOptions, command: Command): Promise<void> {
  const { start, duration: lasts, note, mrid } = options;
  const args = {
    ...sendingArgs(options),
    axes: axesFrom(options.set),
    service: oneOf('--service', options.service, ['direct', 'demand-response']),
    ...(start === undefined ? {} : { start: moment('--start', start) }),
    ...(lasts === undefined ? {} : { durationS: duration('--duration', lasts) }),
    ...(note === undefined ? {} : { note }),
    ...(mrid === undefined ? {} : { mRID: mrid }),
  };
  if (lasts === undefined && options.class !== 'emergency')
    throw usage('--duration is missing: only an emergency may last until it is cancelled');
  await askAndTell(options, { call: 'send', args }, sayOf(command));
}

interface CancelOptions extends SendingOptions {
  readonly mrid: string;
}

export function addCancel(utility: Command): void {
  const command = utility
    .command('cancel')
    .description('end an event, or release an isolation')
    .requiredOption('--mrid <id>', 'the event, as utility send named it');
  sending(command, { class: 'dispatch' }).action((options: CancelOptions, it: Command) =>
    askAndTell(options, { call: 'cancel', args: { ...sendingArgs(options), mRID: options.mrid } }, sayOf(it)),
  );
}

/** `opModMaxLimW=50%` is 5000, in its 0.01 %. */
export function axesFrom(pairs: readonly string[]): Readonly<Partial<Record<Axis, number>>> {
  const axes: Partial<Record<Axis, number>> = {};
  for (const pair of pairs) {
    const [, name = '', text = '', percent = ''] = /^([A-Za-z]+)=(-?\d+(?:\.\d+)?)(%?)$/.exec(pair) ?? [];
    const known = AXES.find(({ axis }) => axis === name);
    if (known === undefined)
      throw usage(`--set: ${pair} is no axis=value; axes are ${AXES.map(({ axis }) => axis).join(', ')}`);
    const { axis, min, max, unit } = axisRow(known.axis);
    if (percent !== '' && !unit.startsWith('0.01 %')) throw usage(`--set: ${axis} is in ${unit}, not in %`);
    // 57.01 × 100 is 5700.999… in binary.
    const value = percent === '' ? Number(text) : Number((Number(text) * 100).toFixed(6));
    if (!Number.isInteger(value) || value < min || value > max)
      throw usage(`--set: ${pair} is outside ${min} … ${max} (${unit})`);
    if (axes[axis] !== undefined) throw usage(`--set: ${axis} is given twice`);
    axes[axis] = value;
  }
  return axes;
}
