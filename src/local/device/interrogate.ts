/**
 * What modes a device holds, as it holds them now: on or off, which curve is in force and its points, what it
 * will fall back to. Whoever set them, installer, utility or the maker, stands in no register: that is for the
 * gateway's own records to say.
 */
import type { Conversation } from '../bus/conversation.ts';
import type {
  Curve,
  CurveMode,
  CurvePoint,
  CurveReference,
  Interrogation,
  Mode,
  ModeHeld,
  Reversion,
  Slot,
} from '../../model/mod.ts';
import { CURVE_MODES } from '../../model/mod.ts';
import type { ModelSet, SunSpecDevice } from '../sunspec/mod.ts';
import { type Control, type ValueControl, controlsOf, modesOf } from './controls.ts';
import { type FieldValues, valuesIn } from './fields.ts';
import { type Seen, groupAt, look, pointAt, rawAt, valueAt } from './seen.ts';
import type { SettingControl } from './settings.ts';
import { pathOf, slotCount, slotInForce, slotPath } from './slot-plan.ts';
import type { SlotControl } from './slots.ts';
import { isOn } from './steps.ts';

/** Reads every model of `device` that holds a mode, once, and says what stands there. Writes nothing. */
export function* interrogate(device: SunSpecDevice, models: ModelSet): Conversation<Interrogation> {
  const rows = modesOf(device).flatMap(mode => controlsOf(device, mode));
  const seen = new Map<number, Seen>();
  const unread: { model: number; why: string }[] = [];
  for (const model of new Set(rows.map(row => row.model))) {
    const found = yield* look(device, { id: model, models });
    if (found.kind === 'seen') seen.set(model, found.seen);
    else unread.push({ model, why: found.why });
  }
  const modes = rows.flatMap(row => {
    const there = seen.get(row.model);
    return there === undefined ? [] : (heldBy(row, there) ?? []);
  });
  return { modes, unread };
}

/** `undefined`: the device has the model, but not the points of this mode. */
export function heldBy(control: Control, seen: Seen): ModeHeld | undefined {
  switch (control.kind) {
    case 'value':
      return valueHeld(control, seen);
    case 'settings':
      return settingsHeld(control, seen);
    case 'slot':
      return slotHeld(control, seen);
  }
}

/** A setpoint is on only where its enable is and the value is meant as this axis means it. */
function valueHeld(control: ValueControl, seen: Seen): ModeHeld | undefined {
  const { mode, model, values, meant = {}, enable, bits, reversion, base } = control;
  // A rate of storage is one thing, however it was ordered.
  if (base !== undefined && mode !== 'opModStorageTargetW') return undefined;
  const needed = [...Object.keys(values), ...(enable === undefined ? [] : [enable])];
  if (needed.some(path => rawAt(seen, path) === undefined)) return undefined;
  const isMeant = Object.entries(meant).every(([path, symbol]) => rawAt(seen, path) === symbol);
  const on = enable === undefined || isOn(seen, enable, bits);
  const fallBack: Reversion = {
    ...timersIn(seen, reversion?.timer ?? control.quiet.find(path => path.endsWith('RvrtTms'))),
    ...(reversion === undefined || rawAt(seen, reversion.enable) === undefined
      ? {}
      : {
          state: isOn(seen, reversion.enable) ? 'on' : 'off',
          points: pointsIn(seen, Object.keys(reversion.values)),
        }),
  };
  return {
    mode,
    model,
    state: on && isMeant ? 'on' : 'off',
    points: pointsIn(seen, Object.keys(values)),
    ...(Object.keys(fallBack).length === 0 ? {} : { reversion: fallBack }),
  };
}

function settingsHeld({ mode, model, fields, enable }: SettingControl, seen: Seen): ModeHeld | undefined {
  const settings = valuesIn(seen, fields);
  const has = enable === undefined || rawAt(seen, enable) !== undefined;
  if (!has || Object.keys(settings).length === 0) return undefined;
  return { mode, model, state: enable === undefined || isOn(seen, enable) ? 'on' : 'off', settings };
}

function slotHeld(control: SlotControl, seen: Seen): ModeHeld | undefined {
  const { mode, model, enable, way, reversion } = control;
  const count = slotCount(control, seen);
  if (rawAt(seen, enable) === undefined || count === 0) return undefined;
  const inForce = slotInForce(control, seen);
  const slots = Array.from({ length: count }, (_, slot) => slotIn(control, slot, seen));
  const { number: _number, access: _access, ...active } = slots[inForce ?? -1] ?? { number: 0, access: '' };
  const fallBack: Reversion = {
    ...timersIn(seen, reversion?.timer ?? control.quiet.find(path => path.endsWith('RvrtTms'))),
    ...named('slot', reversion && valueAt(seen, reversion.slot)),
  };
  return {
    mode,
    model,
    state: isOn(seen, enable) ? 'on' : 'off',
    ...active,
    slots: way.how === 'adopt' ? slots.slice(1) : slots,
    ...(way.how === 'select' ? named('activeSlot', inForce === undefined ? 0 : inForce + 1) : {}),
    ...(way.how === 'adopt' ? named('adoption', RESULTS[valueAt(seen, way.result) ?? -1]) : {}),
    ...(Object.keys(fallBack).length === 0 ? {} : { reversion: fallBack }),
  };
}

/** AdptCrvRslt. */
const RESULTS = ['in-progress', 'completed', 'failed'] as const;

function slotIn(control: SlotControl, slot: number, seen: Seen): Slot {
  const under = slotPath(control, slot);
  const access = valueAt(seen, `${under}ReadOnly`) === 1 ? 'read-only' : 'read-write';
  const content = curveIn(control, under, seen) ?? { settings: valuesIn(seen, control.fields, under) };
  return { number: slot + 1, access, ...content };
}

/** The curve of a slot: as many points as it says are in use. A point that cannot be read ends it. */
function curveIn(
  { mode, points: where, fields }: SlotControl,
  under: string,
  seen: Seen,
): { readonly curve: Curve } | Record<string, never> | undefined {
  if (where === undefined || !isCurveMode(mode)) return undefined;
  const inside = under + (where.inside === undefined ? '' : `${where.inside}.`);
  const points: CurvePoint[] = [];
  const used = groupAt(seen, inside.slice(0, -1)) === undefined ? 0 : (valueAt(seen, `${inside}ActPt`) ?? 0);
  for (let at = 0; at < used; at++) {
    const x = valueAt(seen, inside + pathOf(where, where.x, at));
    const y = valueAt(seen, inside + pathOf(where, where.y, at));
    if (x === undefined || y === undefined) break;
    points.push({ x, y });
  }
  return points.length === 0
    ? {}
    : { curve: { mode, points, ...curveFields(valuesIn(seen, fields, under)) } };
}

function isCurveMode(mode: Mode): mode is CurveMode {
  return CURVE_MODES.some(each => each === mode);
}

const REFERENCES: readonly CurveReference[] = ['WMax', 'WAval', 'VArMax', 'VArAval', 'VAMax'];
const PRIORITIES = ['active', 'reactive'] as const;

function curveFields(values: FieldValues): Omit<Curve, 'mode' | 'points'> {
  const number = (name: 'responseS' | 'vRefPct' | 'autonomousVRefS') => {
    const value = values[name];
    return typeof value === 'number' ? { [name]: value } : {};
  };
  return {
    ...named(
      'reference',
      REFERENCES.find(each => each === values['reference']),
    ),
    ...named(
      'priority',
      PRIORITIES.find(each => each === values['priority']),
    ),
    ...number('responseS'),
    ...number('vRefPct'),
    ...number('autonomousVRefS'),
  };
}

/** A timer and, beside it in the 7xx models, what is left of it. */
function timersIn(seen: Seen, timer: string | undefined): Pick<Reversion, 'afterS' | 'remainsS'> {
  if (timer === undefined) return {};
  const rest = timer.replace(/RvrtTms$/, 'RvrtRem');
  return {
    ...named('afterS', valueAt(seen, timer)),
    ...named('remainsS', pointAt(seen, rest) === undefined ? undefined : valueAt(seen, rest)),
  };
}

function pointsIn(seen: Seen, paths: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    paths.flatMap(path => {
      const value = valueAt(seen, path);
      return value === undefined ? [] : [[path, value]];
    }),
  );
}

function named<K extends string, T>(name: K, value: T | undefined): { readonly [N in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in K]?: T });
}
