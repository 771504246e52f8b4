/**
 * An intent as registers: what to write, in which phases, given what the device holds now. Pure arithmetic over
 * the words of one model; the talking is in apply.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Intent } from '../../model/mod.ts';
import { plain } from './amount.ts';
import type { Control, ValueControl, Values } from './controls.ts';
import type { Deviation } from './deviation.ts';
import { deviate } from './deviate.ts';
import { putsOf } from './fields.ts';
import { type Seen, rawAt, valueAt } from './seen.ts';
import type { SettingControl } from './settings.ts';
import { planSlot } from './slot-plan.ts';
import { type Plan, type Put, type Write, quieted, switchOf, writesOf } from './steps.ts';

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
      const { values, meant = {}, enable, quiet, reversion, unless } = control;
      const fallBack =
        reversion === undefined ? [] : [...Object.keys(reversion.values), reversion.enable, reversion.timer];
      const others = [enable, unless?.point].flatMap(name => name ?? []);
      return [...Object.keys(values), ...Object.keys(meant), ...others, ...quiet, ...fallBack];
    }
  }
}

/** The phases that bring `intent` about on the model as it was `seen`. */
export function planOf(control: Control, intent: Intent, seen: Seen, deviation?: Deviation): Plan {
  const how = deviation?.release;
  if (intent.kind === 'release' && typeof how === 'object' && 'expiresAfterS' in how)
    return refused('no-release', `nothing ends it but time, ${how.expiresAfterS} s after the last order`);
  const plan = standardPlan(control, releaseBy(control, intent, how), seen);
  if (!plan.ok || deviation === undefined) return plan;
  const { constants: _constants, ...others } = deviation;
  const of = intent.kind === 'release' ? others : deviation;
  return deviate(plan.value, { control, seen, deviation: of });
}

function standardPlan(control: Control, intent: Intent, seen: Seen): Plan {
  if (control.kind === 'slot') return planSlot(control, intent, seen);
  const { unless } = control.kind === 'value' ? control : { unless: undefined };
  if (unless !== undefined && valueAt(seen, unless.point) === unless.holds)
    return refused('local-control', `${seen.def.id}.${unless.point}: the device is in local control`);
  if (intent.kind === 'release') return release(control, seen);
  if (control.kind === 'value' && intent.kind === 'value') return planValue(control, intent, seen);
  if (control.kind === 'settings' && intent.kind === 'settings')
    return planSettings(control, intent.settings.values, seen);
  return refused('cannot-carry', `${control.mode} is no ${intent.kind}`);
}

type ValueIntent = Extract<Intent, { kind: 'value' }>;

/** What guards the value and the value, then how it is meant, then what puts it in force. */
function planValue(control: ValueControl, intent: ValueIntent, seen: Seen): Plan {
  const { values, meant = {}, enable, bits, quiet } = control;
  const missing = [
    ...Object.keys(values),
    ...Object.keys(meant),
    ...(enable === undefined ? [] : [enable]),
  ].find(path => rawAt(seen, path) === undefined);
  if (missing !== undefined)
    return refused('not-implemented', `${seen.def.id}.${missing} is not implemented`);
  const value = writesOf(seen, saying(values, intent.value));
  if (!value.ok) return value;
  const fallBack = fallBackOf(control, intent, seen);
  if (fallBack !== undefined && !fallBack.ok) return fallBack;
  const guards = fallBack ?? quieted(seen, quiet);
  if (!guards.ok) return guards;
  const first = kept([...value.value, ...guards.value]);
  const how = writesOf(
    seen,
    Object.entries(meant).map(([point, symbol]) => ({ point, amount: plain(symbol) })),
  );
  const on = enable === undefined ? undefined : switchOf(seen, { point: enable, ...mask(bits) }, 'on');
  if (!how.ok) return how;
  if (on !== undefined && !on.ok) return on;
  return ok([
    // A fall-back is told its value before its timer; otherwise what adjoins goes in one request.
    { writes: fallBack === undefined ? first.toSorted((a, b) => a.address - b.address) : first },
    ...(how.value.length === 0 ? [] : [{ writes: how.value }]),
    ...(on === undefined ? [] : [{ writes: [on.value] }]),
  ]);
}

/** The fall-back where one is wanted and possible; otherwise no timer may run, or the order would end unasked. */
function fallBackOf(
  { reversion }: ValueControl,
  intent: ValueIntent,
  seen: Seen,
): ReturnType<typeof writesOf> | undefined {
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
  const { enable } = control;
  const puts = putsOf(seen, control.fields, { values });
  if (!puts.ok) return puts;
  const missing = [...puts.value.map(put => put.point), ...(enable === undefined ? [] : [enable])].find(
    path => rawAt(seen, path) === undefined,
  );
  if (missing !== undefined)
    return refused('not-implemented', `${seen.def.id}.${missing} is not implemented`);
  const writes = writesOf(seen, puts.value);
  if (!writes.ok) return writes;
  const first = { writes: writes.value.toSorted((a, b) => a.address - b.address) };
  if (enable === undefined) return ok([first]);
  const on = switchOf(seen, { point: enable }, 'on');
  return on.ok ? ok([first, { writes: [on.value] }]) : on;
}

function release(control: ValueControl | SettingControl, seen: Seen): Plan {
  const { enable } = control;
  const released = control.kind === 'value' ? control.released : undefined;
  const bits = control.kind === 'value' ? control.bits : undefined;
  if (enable === undefined && released === undefined)
    return refused('no-release', `${control.mode} has no off: another value replaces it`);
  const points = [
    ...(control.kind === 'value' ? Object.keys(control.values) : []),
    ...(enable === undefined ? [] : [enable]),
  ];
  const missing = points.find(path => rawAt(seen, path) === undefined);
  if (missing !== undefined)
    return refused('not-implemented', `${seen.def.id}.${missing} is not implemented`);
  const writes =
    enable === undefined
      ? writesOf(
          seen,
          points.map(point => ({ point, amount: plain(released ?? 0) })),
        )
      : switchOf(seen, { point: enable, ...mask(bits) }, 'off');
  if (!writes.ok) return writes;
  return ok([{ writes: Array.isArray(writes.value) ? writes.value : [writes.value] }]);
}

/** A power factor and its excitation: points of one group go in one request. */
function kept(writes: readonly Write[]): readonly Write[] {
  return writes.map(write => {
    const [model, group, point] = write.point.split('.');
    return point === undefined ? write : { ...write, atomic: `${model}.${group}` };
  });
}

const mask = (bits: number | undefined) => (bits === undefined ? {} : { bits });

function saying(values: Values, value: number): readonly Put[] {
  return Object.entries(values).map(([point, say]) => ({ point, amount: say(value) }));
}

/** A device whose value ends by ordering another is released by ordering that. */
function releaseBy(control: Control, intent: Intent, how: Deviation['release']): Intent {
  if (control.kind !== 'value' || intent.kind !== 'release') return intent;
  if (typeof how !== 'object' || !('value' in how)) return intent;
  return { kind: 'value', mode: control.mode, value: how.value };
}
