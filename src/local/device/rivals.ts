/**
 * Reactive power has one master: a fixed number of var or a fixed power factor, or a curve by which the device answers
 * voltage or power on its own (IEEE 1547-2018, 5.3.1). Ordering the one means that the other does not act while the
 * order stands, whichever the registers say is on. No curve is switched off here (AUTO-1), and whoever ordered is told
 * of those that are on, and of those that the device itself switched off with the order.
 */
import type { Axis, Intent } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import type { ModelSet, SunSpecDevice } from '../sunspec/mod.ts';
import type { ApplyResult } from './apply.ts';
import { look } from './seen.ts';
import { isOn } from './steps.ts';

const FIXED: readonly Axis[] = ['opModFixedVar', 'opModFixedPFInjectW', 'opModFixedPFAbsorbW'];

/** The curves that rule reactive power, each with the point that says it is on. */
const CURVES: readonly { readonly model: number; readonly enable: string; readonly name: string }[] = [
  { model: 705, enable: 'Ena', name: 'volt-var' },
  { model: 712, enable: 'Ena', name: 'watt-var' },
  { model: 126, enable: 'ModEna', name: 'volt-var' },
  { model: 131, enable: 'ModEna', name: 'watt-PF' },
];

/** A curve that could be read. */
interface Rival {
  /** `705, volt-var`. */
  readonly name: string;
  readonly state: 'on' | 'off';
}

/** The curves of `device` that cannot act while `intent` stands. One that cannot be read is left out. */
export function* rivalsOf(
  device: SunSpecDevice,
  intent: Intent,
  models: ModelSet,
): Conversation<readonly Rival[]> {
  if (intent.kind !== 'value' || !FIXED.includes(intent.mode)) return [];
  const rivals: Rival[] = [];
  for (const { model: id, enable, name } of CURVES) {
    if (!device.models.some(each => each.id === id)) continue;
    const found = yield* look(device, { id, models, points: [enable] });
    if (found.kind === 'seen')
      rivals.push({ name: `${id}, ${name}`, state: isOn(found.seen, enable) ? 'on' : 'off' });
  }
  return rivals;
}

/** `result` with what it means for the curves that were on `before` it; `again` looks at them once more. */
export function* withRivals(
  result: ApplyResult,
  before: readonly Rival[],
  again: () => Conversation<readonly Rival[]>,
): Conversation<ApplyResult> {
  const wereOn = before.filter(({ state }) => state === 'on').map(({ name }) => name);
  if (wereOn.length === 0) return result;
  const { recheck, outcome, why } = result;
  const after = outcome === 'refused' ? [] : yield* again();
  const words = after
    .filter(({ name }) => wereOn.includes(name))
    .map(({ name, state }) =>
      state === 'on'
        ? `${name}, is on and does not act while this order stands`
        : `${name}, was on before this order and is no more`,
    );
  const told = words.length === 0 ? result : { ...result, why: [why ?? [], ...words].flat().join('; ') };
  if (recheck === undefined) return told;
  return {
    ...told,
    *recheck() {
      return yield* withRivals(yield* recheck(), before, again);
    },
  };
}
