/**
 * What a device profile says about controls, as the deviations of this room. A control of a profile is told by
 * the SunSpec point that takes the order; those that live in a maker's own registers are not carried here.
 */
import type { ControlProfile } from '../profiles/mod.ts';
import { CONTROLS, type ValueControl } from './controls.ts';
import type { Deviation, Effect } from './deviation.ts';

/** One for each mode that the profile's controls carry over a SunSpec model. */
export function deviationsOf(controls: Readonly<Record<string, ControlProfile>>): readonly Deviation[] {
  return Object.values(controls).flatMap(control => {
    // One that names its axis is carried out step by step as it says (see by-profile).
    if (control.carries !== undefined) return [];
    const target = control.steps.find(step => step.value === 'order')?.write;
    const rows = CONTROLS.filter((row): row is ValueControl => row.kind === 'value' && takes(row, target));
    return rows.map(row => deviationOf(row, control));
  });
}

function takes({ model, values }: ValueControl, target: string | undefined): boolean {
  return Object.keys(values).some(point => target === `${model}.${point}`);
}

function deviationOf(row: ValueControl, control: ControlProfile): Deviation {
  const { functionCode, toggleEnable, completeSet, verify, keepAlive, storage } = control;
  const own = (points: readonly string[]) => points.flatMap(point => ownPoint(row, point) ?? []);
  const [hint, effect] = [hintOf(control), effectOf(control)];
  const constants = constantsOf(row, control);
  const release = releaseOf(row, control);
  return {
    mode: row.mode,
    model: row.model,
    verify: verify.by === 'none' ? 'none' : 'read-back',
    storage: storage === 'volatile' ? 'volatile' : 'flash',
    ...(storage === 'volatile' ? {} : { writeBudget: { perDay: storage.flash.writesPerDay } }),
    ...(effect === undefined ? {} : { effect }),
    ...(verify.by === 'read-back' ? { shownAfterMs: verify.withinMs } : {}),
    ...(functionCode === undefined ? {} : { functionCode }),
    ...(toggleEnable === undefined ? {} : { toggleEnable: true }),
    ...(completeSet === undefined ? {} : { completeSet: own(completeSet) }),
    ...(Object.keys(constants).length === 0 ? {} : { constants }),
    ...(keepAlive === undefined ? {} : { keepAliveS: keepAlive.everyS }),
    ...(hint === undefined ? {} : { preconditions: hint }),
    ...(release === undefined ? {} : { release }),
  };
}

/** What shows that the control took effect, and what to look at where it is not seen; where the profile judges so. */
export function effectOf({ verify, ...control }: ControlProfile): Effect | undefined {
  if (verify.by !== 'effect') return undefined;
  const { point, withinMs, tolerance } = verify;
  const hint = hintOf(control);
  return {
    point,
    withinMs,
    ...(tolerance === undefined ? {} : { tolerance }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** What must be so at the device before it obeys, in words. */
export function hintOf({
  preconditions = [],
  outrankedBy = [],
}: Pick<ControlProfile, 'preconditions' | 'outrankedBy'>): string | undefined {
  const words = [...preconditions, ...outrankedBy.map(by => `obeys first: ${by}`)];
  return words.length === 0 ? undefined : words.join(' ');
}

/** Numbers that the profile has written beside the order, but for what the control writes anyhow. */
function constantsOf(row: ValueControl, { steps }: ControlProfile): Readonly<Record<string, number>> {
  const usual = new Set([...Object.keys(row.values), ...Object.keys(row.meant ?? {}), row.enable]);
  return Object.fromEntries(
    steps.flatMap(({ write, value }) => {
      const point = ownPoint(row, write);
      return point === undefined || typeof value !== 'number' || usual.has(point) ? [] : [[point, value]];
    }),
  );
}

/** A release that writes another value to the point of the order says it in that point's unit, here the axis's. */
function releaseOf(row: ValueControl, { release }: ControlProfile): Deviation['release'] {
  if ('expiresAfterS' in release) return release;
  for (const { write, value } of release.steps) {
    const say = row.values[ownPoint(row, write) ?? ''];
    if (say !== undefined && typeof value === 'number') return { value: value * 10 ** say(0).decimals };
  }
  return undefined;
}

function ownPoint({ model }: ValueControl, target: string): string | undefined {
  return target.startsWith(`${model}.`) ? target.slice(`${model}.`.length) : undefined;
}
