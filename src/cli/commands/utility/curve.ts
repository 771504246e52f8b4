/**
 * `underglass utility curve`: puts a curve, settings or a standard packet in force at devices, and shows what was
 * written and read back. What has a beginning and an end is an event: `utility send`.
 */
import type { Command } from 'commander';
import { CURVE_MODES, SETTING_MODES, curveFault, curveUnits, settingNames } from '../../../model/mod.ts';
import type { Curve, CurveMode, SettingMode } from '../../../model/mod.ts';
import { PACKETS } from '../../../local/mod.ts';
import { sayOf } from '../../local/say.ts';
import type { Say } from '../../local/say.ts';
import { oneOf, sending, sendingArgs, usage } from './options.ts';
import type { SendingOptions } from './options.ts';
import { askAndTell } from './tell.ts';

interface CurveOptions extends SendingOptions {
  readonly device?: string;
  readonly packet?: string;
  readonly curve?: string;
  readonly points?: readonly string[];
  readonly reference?: string;
  readonly response?: string;
  readonly priority?: string;
  readonly vref?: string;
  readonly settings?: string;
  readonly set?: readonly string[];
  readonly off?: readonly string[];
  readonly list?: true;
}

const REFERENCES = ['WMax', 'WAval', 'VArMax', 'VArAval', 'VAMax'];

export function addCurve(utility: Command): void {
  const command = utility
    .command('curve')
    .description('put a curve, settings or a standard packet in force, each read back')
    .option('--device <id>', 'one device behind the gateway; every one that is no meter unless given')
    .option('--list', 'the standard packets, curves and settings there are; asks nobody')
    .option('--packet <name>', 'a standard packet')
    .option('--curve <mode>', 'a curve, as opModVoltVar; with --points')
    .option('--points <x:y...>', 'its points: 92:44 98:0 102:0 108:-44')
    .option('--reference <name>', 'what y is a percentage of: WMax, WAval, VArMax, VArAval, VAMax')
    .option('--response <s>', 'its open-loop response time')
    .option('--priority <power>', 'active or reactive: which power is kept when both do not fit')
    .option('--vref <percent>', 'its reference voltage, in percent of nominal')
    .option('--settings <mode>', 'settings, as setES; with --set')
    .option('--set <name=value...>', 'its values: delayS=300 rampS=300')
    .option('--off <mode...>', 'curves and settings to be switched off');
  sending(command, { class: 'market' }).action((options: CurveOptions, it: Command) =>
    curve(options, sayOf(it)),
  );
}

async function curve(options: CurveOptions, say: Say): Promise<void> {
  if (options.list === true) return list(options, say);
  const { device } = options;
  const args = {
    ...sendingArgs(options),
    ...(device === undefined ? {} : { device }),
    order: orderOf(options),
  };
  await askAndTell(options, { call: 'set', args }, say);
}

function orderOf(options: CurveOptions): object {
  const { packet, curve: mode, settings, off = [], points = [], set = [] } = options;
  const special = [
    ...(mode === undefined ? [] : [curveOf(mode, options)]),
    ...(settings === undefined ? [] : [settingsOf(settings, set)]),
    ...off.map(one => ({ release: oneOf('--off', one, [...CURVE_MODES, ...SETTING_MODES]) })),
  ];
  if (mode === undefined && points.length > 0) throw usage('--points is of a curve: name it with --curve');
  if (settings === undefined && set.length > 0)
    throw usage('--set is of settings: name them with --settings');
  if ((packet === undefined) === (special.length === 0))
    throw usage('name either --packet or one of --curve, --settings and --off; --list shows what there is');
  if (packet === undefined) return { special };
  return { packet: oneOf('--packet', packet, Object.keys(PACKETS)) };
}

function curveOf(mode: string, options: CurveOptions): Curve {
  const { points = [], reference, response, priority, vref } = options;
  const pairs = points.flatMap(text => text.split(/[\s,]+/)).filter(text => text !== '');
  if (pairs.length === 0) throw usage('--points is missing, as in --points 92:44 98:0 102:0 108:-44');
  const curve: Curve = {
    mode: oneOf('--curve', mode, CURVE_MODES) as CurveMode,
    points: pairs.map(pair => {
      const [x = '', y = '', ...rest] = pair.split(':');
      if (rest.length > 0) throw usage(`--points: ${pair} is no x:y`);
      return { x: decimal('--points', x), y: decimal('--points', y) };
    }),
    ...(reference === undefined
      ? {}
      : { reference: oneOf('--reference', reference, REFERENCES) as Curve['reference'] & string }),
    ...(response === undefined ? {} : { responseS: decimal('--response', response) }),
    ...(priority === undefined
      ? {}
      : { priority: oneOf('--priority', priority, ['active', 'reactive']) as 'active' | 'reactive' }),
    ...(vref === undefined ? {} : { vRefPct: decimal('--vref', vref) }),
  };
  const fault = curveFault(curve);
  if (fault !== undefined) throw usage(`--points: ${fault}`);
  return curve;
}

function settingsOf(mode: string, pairs: readonly string[]): object {
  const known = settingNames(oneOf('--settings', mode, SETTING_MODES) as SettingMode);
  if (pairs.length === 0) throw usage(`--set is missing; ${mode} has ${known.join(', ')}`);
  const values: Record<string, number> = {};
  for (const pair of pairs) {
    const [name = '', text = '', ...rest] = pair.split('=');
    if (rest.length > 0 || !known.includes(name))
      throw usage(`--set: ${pair} is no name=value of ${mode}, which has ${known.join(', ')}`);
    if (Object.hasOwn(values, name)) throw usage(`--set: ${name} is given twice`);
    values[name] = decimal('--set', text);
  }
  return { mode, values };
}

function decimal(what: string, text: string): number {
  if (!/^-?\d+(\.\d{1,6})?$/.test(text)) throw usage(`${what}: ${text} is no number, as 98 or -4.5`);
  return Number(text);
}

function list({ json }: CurveOptions, say: Say): void {
  const packets = Object.entries(PACKETS).map(([name, { title }]) => ({ name, title }));
  const curves = CURVE_MODES.map(mode => ({ mode, ...curveUnits(mode) }));
  const settings = SETTING_MODES.map(mode => ({ mode, names: settingNames(mode) }));
  if (json === true) return say.json({ packets, curves, settings });
  for (const { name, title } of packets) say.out(`packet    ${name}  ${title}`);
  for (const { mode, x, y } of curves as readonly { mode: CurveMode; x: string; y: string }[])
    say.out(`curve     ${mode}  x in ${x}, y in ${y}`);
  for (const { mode, names } of settings) say.out(`settings  ${mode}  ${names.join(', ')}`);
}
