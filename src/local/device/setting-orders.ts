/**
 * Orders for what stands at a device until it is set otherwise: a standard packet by its name, or special curves and
 * settings. What they are made of, and whether a device could carry all of it, before anything is written.
 *
 * Each intent is then carried out by {@link applyIntent}; nothing here writes.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import { AXES, type Intent, MAX_INTENTS, type Outcome, type SettingsOrder, modeOf } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import type { ModelSet, SunSpecDevice } from '../sunspec/mod.ts';
import { type ApplyOptions, planIntent } from './apply.ts';
import { PACKETS } from './packets.ts';

/** `unknown-packet`: no packet has that name. `too-many`: more than {@link MAX_INTENTS}. `none`: nothing to set. `no-setting`: a number on an axis, which only an event may order. */
export type SettingsRefusal = 'unknown-packet' | 'too-many' | 'none' | 'no-setting';

/** The intents of an order, in the order in which they are carried out. */
export function intentsOf(order: SettingsOrder): Result<readonly Intent[], SettingsRefusal> {
  if (order.kind === 'packet') {
    const packet = Object.entries(PACKETS).find(([name]) => name === order.name)?.[1];
    const names = Object.keys(PACKETS).join(', ');
    return packet === undefined
      ? refused('unknown-packet', `no packet is called ${order.name}; there are ${names}`)
      : ok(packet.intents);
  }
  const { intents } = order;
  if (intents.length === 0) return refused('none', 'the order names nothing to set');
  if (intents.length > MAX_INTENTS)
    return refused('too-many', `${intents.length} intents; at most ${MAX_INTENTS} go in one order`);
  const axis = intents.find(intent => isOfAxis(intent));
  return axis === undefined
    ? ok(intents)
    : refused('no-setting', `${modeOf(axis)} is ordered by an event, not set`);
}

const AXIS_NAMES: ReadonlySet<string> = new Set(AXES.map(row => row.axis));

function isOfAxis(intent: Intent): boolean {
  return intent.kind === 'value' || (intent.kind === 'release' && AXIS_NAMES.has(intent.mode));
}

/** Why `device` would not carry all of `intents` as it stands now; `undefined`: it would. Writes nothing. */
export function* preview(
  device: SunSpecDevice,
  intents: readonly Intent[],
  models: ModelSet,
  options: ApplyOptions = {},
): Conversation<{ readonly outcome: Outcome; readonly why: string } | undefined> {
  for (const intent of intents) {
    const planned = yield* planIntent(device, intent, models, options);
    if ('outcome' in planned)
      return { outcome: planned.outcome, why: `${modeOf(intent)}: ${planned.why ?? planned.outcome}` };
  }
  return undefined;
}
