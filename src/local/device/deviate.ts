/**
 * A plan bent to what a product needs instead of the standard, as its profile says. Each step is one line of a
 * {@link Deviation}; none of them knows a product.
 */
import { ok, refused } from '../../base/assert.ts';
import { plain } from './amount.ts';
import type { Control } from './controls.ts';
import type { Deviation } from './deviation.ts';
import { type Seen, pointAt } from './seen.ts';
import { type Phase, type Plan, type Write, isHeld, isOn, switchOf, writesOf } from './steps.ts';

interface Case {
  readonly control: Control;
  readonly seen: Seen;
  readonly deviation: Deviation;
}

export function deviate(phases: readonly Phase[], its: Case): Plan {
  const { functionCode, storage } = its.deviation;
  const fixed = withConstants(phases, its);
  if (!fixed.ok) return fixed;
  const whole = completed(fixed.value, its);
  const plan = toggle(storage === 'flash' ? spared(whole, its) : whole, its);
  const long = plan.flatMap(phase => phase.writes).find(write => write.words.length > 1);
  if (functionCode === 6 && long !== undefined)
    return refused('cannot-carry', `${long.point} is longer than the one register this device takes`);
  return ok(plan);
}

/** A point that goes with every order takes the place of what would have been written to it. */
function withConstants(phases: readonly Phase[], { seen, deviation }: Case): Plan {
  const [first, ...later] = phases;
  const puts = Object.entries(deviation.constants ?? {}).map(([point, number]) => ({
    point,
    amount: plain(number),
  }));
  if (first === undefined || puts.length === 0) return ok(phases);
  const writes = writesOf(seen, puts);
  if (!writes.ok) return writes;
  const fixed = new Set(writes.value.map(write => write.point));
  const all = [...first.writes.filter(write => !fixed.has(write.point)), ...writes.value];
  return ok([{ ...first, writes: all.toSorted((a, b) => a.address - b.address) }, ...later]);
}

/** What acts only as a set is written as a set: what the order leaves out, with what it holds. */
function completed(phases: readonly Phase[], { seen, deviation }: Case): readonly Phase[] {
  const [first, ...later] = phases;
  if (first === undefined) return phases;
  const named = new Set(phases.flatMap(phase => phase.writes.map(write => write.point)));
  const rest = (deviation.completeSet ?? []).flatMap((path): readonly Write[] => {
    const point = pointAt(seen, path);
    const name = `${seen.def.id}.${path}`;
    const words = point && seen.words.slice(point.offset, point.offset + point.def.size);
    const known = words?.flatMap(word => word ?? []);
    if (point === undefined || known?.length !== point.def.size || named.has(name)) return [];
    return [{ point: name, address: seen.entry.address + point.offset, words: known, role: 'order' }];
  });
  const writes = [...first.writes, ...rest];
  return rest.length === 0
    ? phases
    : [{ ...first, writes: writes.toSorted((a, b) => a.address - b.address) }, ...later];
}

/** Off and on again, where it is on already: the new value counts from the second edge. */
function toggle(phases: readonly Phase[], { control, seen, deviation }: Case): readonly Phase[] {
  const { enable } = control;
  const last = phases.at(-1);
  if (deviation.toggleEnable !== true || enable === undefined || last === undefined) return phases;
  const bits = control.kind === 'value' ? control.bits : undefined;
  const off = switchOf(seen, { point: enable, ...(bits === undefined ? {} : { bits }) }, 'off');
  const turnsOn = last.writes.some(
    write => off.ok && write.point === off.value.point && write.words.join() !== off.value.words.join(),
  );
  return off.ok && turnsOn && isOn(seen, enable, bits)
    ? [...phases.slice(0, -1), { writes: [off.value] }, last]
    : phases;
}

/**
 * Flash wears: what holds its value already is not written again. The last phase puts in force what the others
 * wrote, so it goes with them; where nothing is left, there is no plan to carry out.
 */
function spared(phases: readonly Phase[], { seen }: Case): readonly Phase[] {
  const before = phases.slice(0, -1).flatMap(phase => {
    const done = (phase.checks ?? []).every(check => isHeld(seen, check));
    const writes = phase.writes.filter(write => !(write.proof === 'by-check' ? done : isHeld(seen, write)));
    return writes.length === 0 ? [] : [{ ...phase, writes }];
  });
  const last = phases.slice(-1).filter(phase => !phase.writes.every(write => isHeld(seen, write)));
  return before.length === 0 ? last : [...before, ...phases.slice(-1)];
}
