/**
 * What a device can be ordered on, as far as its registers tell: each model that carries an axis is looked at once,
 * when the device is found, and an axis counts where all that an order would write is implemented.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { Axis } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import { type ModelSet, type SunSpecDevice, scaleOf } from '../sunspec/mod.ts';
import { type ValueControl, axesOf, valueControlsOf } from './controls.ts';
import { pointsNeeded } from './plan.ts';
import { type Seen, look, pointAt, rawAt } from './seen.ts';

/** The axes a device can be ordered on, and what carries each out: the switch that two axes may share. */
export type Abilities = ReadonlyMap<Axis, string>;

/**
 * The axes of `device`, in the order of their alternatives. The connection and the limit of power count wherever a
 * model for them stands, though its points should say "not implemented": a device that sleeps may, and an emergency
 * must be tried on it all the same. `silent`: it stopped answering, and nothing is known.
 */
export function* abilitiesIn(
  device: SunSpecDevice,
  models: ModelSet,
): Conversation<Result<Abilities, 'silent'>> {
  const rows = valueControlsOf(device);
  const able = new Set<ValueControl>();
  for (const id of new Set(rows.map(row => row.model))) {
    const own = rows.filter(row => row.model === id);
    const found = yield* look(device, { id, models, points: own.flatMap(row => pointsNeeded(row) ?? []) });
    if (found.kind === 'silent') return refused('silent', found.why, 'later');
    if (found.kind === 'no') continue;
    for (const row of own) if (canCarry(row, found.seen)) able.add(row);
  }
  const expected = axesOf(device);
  const axes = [...new Set(rows.map(row => row.mode))];
  return ok(
    new Map(
      axes.flatMap(axis => {
        const its = rows.filter(row => row.mode === axis);
        const first = its.find(row => able.has(row)) ?? (expected.includes(axis) ? its[0] : undefined);
        return first === undefined ? [] : [[axis, carrierOf(first)] as const];
      }),
    ),
  );
}

/** What an order on this row takes for itself: `704.WSetEna`. */
export function carrierOf({ model, enable, values }: ValueControl): string {
  return `${model}.${enable ?? Object.keys(values).join()}`;
}

/** Whether everything that an order writes can be written, in its unit. */
function canCarry({ values, meant = {}, enable }: ValueControl, seen: Seen): boolean {
  const needed = [...Object.keys(values), ...Object.keys(meant), ...(enable === undefined ? [] : [enable])];
  return needed.every(path => isWritable(seen, path));
}

function isWritable(seen: Seen, path: string): boolean {
  const point = pointAt(seen, path);
  if (point?.def.access !== 'RW' || rawAt(seen, path) === undefined) return false;
  return point.scale === undefined || scaleOf(point, seen.words) !== undefined;
}
