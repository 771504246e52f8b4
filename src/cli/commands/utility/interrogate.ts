/** `underglass utility interrogate`: which modes devices hold, which curve is active, its points, set by whom. */
import type { Command } from 'commander';
import { AXES, curveUnits } from '../../../model/mod.ts';
import type { Curve, ModeHeld, ModeSetBy } from '../../../model/mod.ts';
import { sayOf } from '../../local/say.ts';
import type { Say } from '../../local/say.ts';
import { sending, sendingArgs } from './options.ts';
import type { SendingOptions } from './options.ts';
import { askAndTell, tellSent } from './tell.ts';
import type { SentAnswer } from './tell.ts';

interface InterrogateOptions extends SendingOptions {
  readonly device?: string;
  readonly known?: true;
}

/** What one device told, as the head end answers it. */
interface Told {
  readonly gateway: string;
  readonly device: string;
  readonly at: string;
  readonly modes: readonly ModeHeld[];
  readonly unread: readonly { readonly model: number; readonly why: string }[];
  readonly setBy: readonly (Omit<ModeSetBy, 'at'> & { readonly at: string })[];
  readonly missing: number;
}

interface WithDevices {
  readonly devices: readonly Told[];
}

export function addInterrogate(utility: Command): void {
  const command = utility
    .command('interrogate')
    .description('ask gateways which modes and curves their devices hold, and who set them')
    .option('--device <id>', 'one device behind the gateway; all unless given')
    .option('--known', 'show what was last told, and ask nobody');
  sending(command, { class: 'market' }).action((options: InterrogateOptions, it: Command) =>
    interrogate(options, sayOf(it)),
  );
}

async function interrogate(options: InterrogateOptions, say: Say): Promise<void> {
  const { device, known } = options;
  const of = device === undefined ? {} : { device };
  const { to, ...how } = sendingArgs(options);
  if (known === true) {
    const asked = { call: 'modes', args: { to, ...of }, needsLink: false };
    return askAndTell(options, asked, say, answer => tellDevices((answer as WithDevices).devices, say));
  }
  const asked = { call: 'interrogate', args: { to, ...how, ...of } };
  return askAndTell(options, asked, say, answer => {
    tellSent(answer as SentAnswer, say);
    tellDevices((answer as WithDevices).devices, say);
  });
}

function tellDevices(devices: readonly Told[], say: Say): void {
  for (const { gateway, device, at, modes, unread, setBy, missing } of devices) {
    say.out(`${gateway} ${device}, told ${at}`);
    for (const mode of modes) for (const line of linesOf(mode, setBy)) say.out(`    ${line}`);
    for (const { model, why } of unread) say.out(`    model ${model} could not be read: ${why}`);
    if (missing > 0) say.out(`    ${missing} parts of the answer have not come`);
  }
}

function linesOf(held: ModeHeld, setBy: Told['setBy']): readonly string[] {
  const { mode, model, state, points, settings, curve, slots = [], activeSlot } = held;
  const by = setBy.find(one => one.mode === mode);
  const packet = by?.packet === undefined ? '' : `, ${by.packet}`;
  const nobody = isAxis(mode) ? 'ordered by events' : 'not set over the WAN: as maker or installer left it';
  const who = by === undefined ? nobody : `set by ${by.issuer} ${by.at}${packet}`;
  const values = Object.entries({ ...points, ...settings }).map(([name, value]) => `${name} ${value}`);
  const slot = activeSlot === undefined ? '' : `, slot ${activeSlot} is active`;
  const spare = slots.length === 0 ? '' : `, ${slots.length} slots`;
  return [
    `${mode} ${state} (model ${model}${slot}${spare}; ${who})`,
    ...(values.length === 0 ? [] : [`  ${values.join(', ')}`]),
    ...(curve === undefined ? [] : [`  ${curveText(curve)}`]),
  ];
}

function isAxis(mode: ModeHeld['mode']): boolean {
  return AXES.some(({ axis }) => axis === mode);
}

function curveText({ mode, points, reference, responseS, priority, vRefPct }: Curve): string {
  const { x, y } = curveUnits(mode);
  const more = [
    ...(reference === undefined ? [] : [`of ${reference}`]),
    ...(responseS === undefined ? [] : [`response ${responseS} s`]),
    ...(priority === undefined ? [] : [`${priority} power first`]),
    ...(vRefPct === undefined ? [] : [`VRef ${vRefPct} %`]),
  ];
  const list = points.map(point => `${point.x}:${point.y}`).join(' ');
  return [`${list} (${x} : ${y})`, ...more].join(', ');
}
