/**
 * An intent as registers: what to write, in which phases, given what the device holds now. Pure arithmetic over
 * the words of one model; the talking is in apply.
 */
import { type Refused, type Result, ok, refused } from '../../base/assert.ts';
import type { Intent } from '../../model/mod.ts';
import { plain } from './amount.ts';
import type { Control, ValueControl, Values } from './controls.ts';
import type { Deviation } from './deviation.ts';
import { deviate } from './deviate.ts';
import { putsOf } from './fields.ts';
import { BASE_POINTS, rateSteps } from './rates.ts';
import { type Seen, rawAt } from './seen.ts';
import type { SettingControl } from './settings.ts';
import { planSlot } from './slot-plan.ts';
import { type Plan, type PlanRefusal, type Put, type Write, quieted, switchOf, writesOf } from './steps.ts';

/** The points of a control that must be read before anything can be planned; `undefined`: the whole model. */
export function pointsNeeded(control: Control): readonly string[] | undefined {
  switch (control.kind) {
    case 'slot':
      return undefined;
    case 'settings':
      return [
        ...Object.values(control.fields).flatMap(places => places.map(place => place.point)),
        ...(control.enable === undefined ? [] : [control.enable]),
      ];
    case 'value': {
      const { values, meant = {}, enable, quiet, reversion, base } = control;
      const fallBack =
        reversion === undefined ? [] : [...Object.keys(reversion.values), reversion.enable, reversion.timer];
      const others = [enable, base].flatMap(name => name ?? []);
      return [...Object.keys(values), ...Object.keys(meant), ...others, ...quiet, ...fallBack];
    }
  }
}

/** What a plan is made from beside the intent. */
export interface Sight {
  readonly seen: Seen;
  /** Models that say what a percentage is of: those of {@link modelsBeside}, as far as the device has them. */
  readonly beside?: readonly Seen[];
}

/** Other models that a plan depends on, and their points. */
export function modelsBeside(control: Control): Readonly<Record<number, readonly string[]>> {
  return control.kind === 'value' && control.base !== undefined ? BASE_POINTS : {};
}

/** The phases that bring `intent` about on the model as it was seen. */
export function planOf(control: Control, intent: Intent, sight: Sight, deviation?: Deviation): Plan {
  const { seen } = sight;
  const how = deviation?.release;
  if (intent.kind === 'release' && typeof how === 'object' && 'expiresAfterS' in how)
    return refused('no-release', `nothing ends it but time, ${how.expiresAfterS} s after the last order`);
  const plan = standardPlan(control, releaseBy(control, intent, how), sight);
  if (!plan.ok || deviation === undefined) return plan;
  const { constants: _constants, ...others } = deviation;
  const of = intent.kind === 'release' ? others : deviation;
  return deviate(plan.value, { control, seen, deviation: of });
}

function standardPlan(control: Control, intent: Intent, sight: Sight): Plan {
  const { seen } = sight;
  if (control.kind === 'slot') return planSlot(control, intent, seen);
  if (intent.kind === 'release') return release(control, seen);
  if (control.kind === 'value' && intent.kind === 'value') return planValue(control, intent, sight);
  if (control.kind === 'settings' && intent.kind === 'settings')
    return planSettings(control, intent.settings.values, seen);
  return refused('cannot-carry', `${control.mode} is no ${intent.kind}`);
}

type ValueIntent = Extract<Intent, { kind: 'value' }>;

/** What guards the value and the value, then how it is meant, then what puts it in force. */
function planValue(control: ValueControl, intent: ValueIntent, { seen, beside = [] }: Sight): Plan {
  const { values, meant = {}, enable } = control;
  const missing = absent(seen, [...Object.keys(values), ...Object.keys(meant), enable]);
  if (missing !== undefined) return missing;
  const number =
    control.base === undefined
      ? ok(intent.value)
      : rateSteps({ axis: control.mode, value: intent.value }, seen, beside);
  if (!number.ok) return number;
  const value = writesOf(seen, saying(values, number.value));
  const fallBack = fallBackOf(control, intent, seen);
  const guards = fallBack ?? quieted(seen, control.quiet);
  const how = writesOf(seen, meaning(meant));
  const on = switched(control, seen, 'on');
  if (!value.ok) return value;
  if (!guards.ok) return guards;
  if (!how.ok) return how;
  if (!on.ok) return on;
  const pinned = control.base === undefined ? value.value : together(value.value);
  const first = kept([...pinned, ...guards.value]);
  // A fall-back is told its value before its timer; otherwise what adjoins goes in one request.
  const ordered = fallBack === undefined ? byAddress(first) : first;
  return ok([ordered, how.value, on.value].flatMap(writes => (writes.length === 0 ? [] : [{ writes }])));
}

/** The fall-back where one is wanted and possible; otherwise no timer may run, or the order would end unasked. */
function fallBackOf(
  { reversion }: ValueControl,
  intent: ValueIntent,
  seen: Seen,
): Result<readonly Write[], PlanRefusal> | undefined {
  if (reversion === undefined || intent.reversion === undefined) return undefined;
  const points = [...Object.keys(reversion.values), reversion.enable, reversion.timer];
  if (points.some(path => rawAt(seen, path) === undefined)) return undefined;
  const puts: readonly Put[] = [
    ...saying(reversion.values, intent.reversion.value),
    { point: reversion.enable, amount: plain(1) },
    { point: reversion.timer, amount: plain(intent.reversion.afterS) },
  ];
  return writesOf(seen, puts, 'guard');
}

function planSettings(control: SettingControl, values: Readonly<Record<string, number>>, seen: Seen): Plan {
  const puts = putsOf(seen, control.fields, { values });
  if (!puts.ok) return puts;
  const missing = absent(seen, [...puts.value.map(put => put.point), control.enable]);
  if (missing !== undefined) return missing;
  const writes = writesOf(seen, puts.value);
  const on = switched(control, seen, 'on');
  if (!writes.ok) return writes;
  if (!on.ok) return on;
  return ok(
    [byAddress(writes.value), on.value].flatMap(each => (each.length === 0 ? [] : [{ writes: each }])),
  );
}

/** Where the same switch serves two axes, and is on for the other, nothing is released. */
function release(control: ValueControl | SettingControl, seen: Seen): Plan {
  const { values, released, meant = {} } = control.kind === 'value' ? control : { values: {} };
  const points = Object.keys(values);
  if (control.enable === undefined && released === undefined)
    return refused('no-release', `${control.mode} has no off: another value replaces it`);
  const missing = absent(seen, [...points, control.enable]);
  if (missing !== undefined) return missing;
  if (Object.entries(meant).some(([path, symbol]) => rawAt(seen, path) !== symbol)) return ok([]);
  const writes =
    control.enable === undefined
      ? writesOf(
          seen,
          points.map(point => ({ point, amount: plain(released ?? 0) })),
        )
      : switched(control, seen, 'off');
  return writes.ok ? ok([{ writes: writes.value }]) : writes;
}

/** The first point that the device leaves out, as a refusal. */
function absent(seen: Seen, points: readonly (string | undefined)[]): Refused<PlanRefusal> | undefined {
  const missing = points.find(path => path !== undefined && rawAt(seen, path) === undefined);
  return missing === undefined
    ? undefined
    : refused('not-implemented', `${seen.def.id}.${missing} is not implemented`);
}

/** The enable, where there is one. */
function switched(
  control: ValueControl | SettingControl,
  seen: Seen,
  to: 'on' | 'off',
): Result<readonly Write[], PlanRefusal> {
  const { enable: point } = control;
  if (point === undefined) return ok([]);
  const bits = control.kind === 'value' ? control.bits : undefined;
  const write = switchOf(seen, { point, ...(bits === undefined ? {} : { bits }) }, to);
  return write.ok ? ok([write.value]) : write;
}

/** A power factor and its excitation: points of one group go in one request. */
function kept(writes: readonly Write[]): readonly Write[] {
  return writes.map(write => {
    const [model, group, point] = write.point.split('.');
    return point === undefined ? write : { ...write, atomic: `${model}.${group}` };
  });
}

/** Two rates that pin one power: with one of them old, the battery would be let go the other way. */
function together(writes: readonly Write[]): readonly Write[] {
  return writes.map(write => ({ ...write, atomic: 'rates' }));
}

function byAddress(writes: readonly Write[]): readonly Write[] {
  return writes.toSorted((a, b) => a.address - b.address);
}

function meaning(meant: Readonly<Record<string, number>>): readonly Put[] {
  return Object.entries(meant).map(([point, symbol]) => ({ point, amount: plain(symbol) }));
}

function saying(values: Values, value: number): readonly Put[] {
  return Object.entries(values).map(([point, say]) => ({ point, amount: say(value) }));
}

/** A device whose value ends by ordering another is released by ordering that. */
function releaseBy(control: Control, intent: Intent, how: Deviation['release']): Intent {
  if (control.kind !== 'value' || intent.kind !== 'release') return intent;
  if (typeof how !== 'object' || !('value' in how)) return intent;
  return { kind: 'value', mode: control.mode, value: how.value };
}
