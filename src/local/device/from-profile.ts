/**
 * What a device profile says about controls, as the deviations of this room. A control of a profile is told by
 * the SunSpec point that takes the order; those that live in a maker's own registers are not carried here.
 */
import type { ControlProfile } from '../profiles/mod.ts';
import { CONTROLS, type ValueControl } from './controls.ts';
import type { Deviation } from './deviation.ts';

/** One for each mode that the profile's controls carry over a SunSpec model. */
export function deviationsOf(controls: Readonly<Record<string, ControlProfile>>): readonly Deviation[] {
  return Object.values(controls).flatMap(control => {
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
  const words = [
    ...(control.preconditions ?? []),
    ...(control.outrankedBy ?? []).map(by => `obeys first: ${by}`),
  ];
  const constants = constantsOf(row, control);
  const release = releaseOf(row, control);
  return {
    mode: row.mode,
    model: row.model,
    verify: verify.by === 'none' ? 'none' : 'read-back',
    storage: storage === 'volatile' ? 'volatile' : 'flash',
    ...(storage === 'volatile' ? {} : { writeBudget: { perDay: storage.flash.writesPerDay } }),
    ...(verify.by === 'effect' ? { effect: { point: verify.point, withinMs: verify.withinMs } } : {}),
    ...(functionCode === undefined ? {} : { functionCode }),
    ...(toggleEnable === undefined ? {} : { toggleEnable: true }),
    ...(completeSet === undefined ? {} : { completeSet: own(completeSet) }),
    ...(Object.keys(constants).length === 0 ? {} : { constants }),
    ...(keepAlive === undefined ? {} : { keepAliveS: keepAlive.everyS }),
    ...(words.length === 0 ? {} : { preconditions: words.join(' ') }),
    ...(release === undefined ? {} : { release }),
  };
}

/** Numbers that the profile has written beside the order, but for what the control writes anyhow. */
function constantsOf(row: ValueControl, { steps }: ControlProfile): Readonly<Record<string, number>> {
  const usual = new Set([...Object.keys(row.values), ...Object.keys(row.meant ?? {}), row.enable]);
  return Object.fromEntries(
    steps.flatMap(({ write, value }) => {
      const point = ownPoint(row, write);
      return point === undefined || value === 'order' || usual.has(point) ? [] : [[point, value]];
    }),
  );
}

/** A release that writes another value to the point of the order says it in that point's unit, here the axis's. */
function releaseOf(row: ValueControl, { release }: ControlProfile): Deviation['release'] {
  if ('expiresAfterS' in release) return release;
  for (const { write, value } of release.steps) {
    const say = row.values[ownPoint(row, write) ?? ''];
    if (say !== undefined && value !== 'order') return { value: value * 10 ** say(0).decimals };
  }
  return undefined;
}

function ownPoint({ model }: ValueControl, target: string): string | undefined {
  return target.startsWith(`${model}.`) ? target.slice(`${model}.`.length) : undefined;
}
