/**
 * Kind settings: curves, settings and modes switched off, by the name of a standard packet or written out. Numbers
 * are millionths of the unit that src/model/intent.ts gives them, because a command holds no fractions.
 */
import { ok, refused } from '../../../base/assert.ts';
import type { Result } from '../../../base/assert.ts';
import {
  CURVE_MODES,
  MAX_CURVE_POINTS,
  MAX_INTENTS,
  SETTING_MODES,
  curveFault,
  settingsFault,
} from '../../../model/mod.ts';
import type {
  Curve,
  CurveMode,
  CurvePoint,
  CurveReference,
  DeviceId,
  Intent,
  SettingMode,
  Settings,
  SettingsBody,
} from '../../../model/mod.ts';
import type { ClaimMap } from '../codec.ts';
import { isBetween, isIdText, misfit } from '../form.ts';
import type { Row } from '../form.ts';
import type { ContentRefusal } from '../refusals.ts';
import { KEY, always, isFilledMap, sometimes } from './kind.ts';
import type { Kind } from './kind.ts';

/** One of a unit, as a number of a command. */
const MILLION = 1_000_000;
/** 10^9 of a unit: more than any curve or setting has. */
const MOST = 1e15;

/** Keys of an intent. */
const IN = { what: 1, mode: 2, points: 3, values: 4, reference: 5, priority: 6 } as const;
const WHATS = ['curve', 'settings', 'release'] as const;
const REFERENCES: readonly CurveReference[] = ['WMax', 'WAval', 'VArMax', 'VArAval', 'VAMax'];
const PRIORITIES = ['active', 'reactive'] as const;
/** Values of a curve beside its points. */
const CURVE_VALUES = ['responseS', 'vRefPct', 'autonomousVRefS'] as const;

const isNumber = (value: unknown): boolean => isBetween(value, -MOST, MOST);
const isPoint = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(isNumber);
const isPoints = (value: unknown): boolean =>
  Array.isArray(value) && value.length >= 1 && value.length <= MAX_CURVE_POINTS && value.every(isPoint);
const isValues = (value: unknown): boolean =>
  isFilledMap(value) &&
  [...(value as ClaimMap)].every(([name, number]) => typeof name === 'string' && isNumber(number));
const isIntents = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length >= 1 &&
  value.length <= MAX_INTENTS &&
  value.every(one => one instanceof Map);
const isCurveMode = (value: unknown): boolean => CURVE_MODES.some(mode => mode === value);
const isSettingMode = (value: unknown): boolean => SETTING_MODES.some(mode => mode === value);

const whatRow = always(IN.what, 'what', value => isBetween(value, 0, WHATS.length - 1));
/** The form of an intent, by what it is. */
const FORMS: Readonly<Record<(typeof WHATS)[number], readonly Row[]>> = {
  curve: [
    whatRow,
    always(IN.mode, 'mode', isCurveMode),
    always(IN.points, 'points', isPoints),
    sometimes(IN.values, 'values', isValues),
    sometimes(IN.reference, 'reference', value => isBetween(value, 0, REFERENCES.length - 1)),
    sometimes(IN.priority, 'priority', value => isBetween(value, 0, PRIORITIES.length - 1)),
  ],
  settings: [whatRow, always(IN.mode, 'mode', isSettingMode), always(IN.values, 'values', isValues)],
  release: [whatRow, always(IN.mode, 'mode', value => isCurveMode(value) || isSettingMode(value))],
};

export const settings: Kind<SettingsBody> = {
  number: 14,
  rows: [
    sometimes(KEY.device, 'device', isIdText),
    sometimes(KEY.packet, 'packet', isIdText),
    sometimes(KEY.intents, 'intents', isIntents),
  ],
  read: body => {
    const device = body.get(KEY.device) as DeviceId | undefined;
    const packet = body.get(KEY.packet) as string | undefined;
    const list = body.get(KEY.intents) as readonly ClaimMap[] | undefined;
    const to = { kind: 'settings', ...(device === undefined ? {} : { device }) } as const;
    if ((packet === undefined) === (list === undefined))
      return refused('body-invalid', 'settings come by a packet or by intents, one of them');
    if (packet !== undefined) return ok({ ...to, order: { kind: 'packet', name: packet } });
    const intents: Intent[] = [];
    for (const [at, map] of (list ?? []).entries()) {
      const intent = readIntent(map);
      if (!intent.ok) return refused('body-invalid', `intent ${at + 1}: ${intent.detail}`);
      intents.push(intent.value);
    }
    return ok({ ...to, order: { kind: 'special', intents } });
  },
  write: ({ device, order }) => [
    ...(device === undefined ? [] : [[KEY.device, device] as const]),
    order.kind === 'packet' ? [KEY.packet, order.name] : [KEY.intents, order.intents.map(writeIntent)],
  ],
};

function readIntent(map: ClaimMap): Result<Intent, ContentRefusal> {
  const what = WHATS[map.get(IN.what) as number];
  const found = misfit(map, what === undefined ? [whatRow] : FORMS[what]);
  if (what === undefined || found !== undefined)
    return refused('body-invalid', found === undefined ? 'what' : `${found.what} is ${found.how}`);
  const mode = map.get(IN.mode) as CurveMode & SettingMode;
  if (what === 'release') return ok({ kind: 'release', mode });
  const values = valuesOf(map.get(IN.values) as ClaimMap | undefined);
  if (what === 'settings') {
    const wanted = { mode, values } as Settings;
    const fault = settingsFault(wanted);
    return fault === undefined ? ok({ kind: 'settings', settings: wanted }) : refused('body-invalid', fault);
  }
  const stranger = Object.keys(values).find(name => !CURVE_VALUES.some(known => known === name));
  if (stranger !== undefined) return refused('body-invalid', `a curve has no ${stranger}`);
  const reference = REFERENCES[map.get(IN.reference) as number];
  const priority = PRIORITIES[map.get(IN.priority) as number];
  const curve: Curve = {
    mode,
    points: pointsOf(map.get(IN.points) as readonly (readonly [number, number])[]),
    ...values,
    ...(reference === undefined ? {} : { reference }),
    ...(priority === undefined ? {} : { priority }),
  };
  const fault = curveFault(curve);
  return fault === undefined ? ok({ kind: 'curve', curve }) : refused('body-invalid', fault);
}

function pointsOf(pairs: readonly (readonly [number, number])[]): readonly CurvePoint[] {
  return pairs.map(([x, y]) => ({ x: x / MILLION, y: y / MILLION }));
}

function valuesOf(map: ClaimMap | undefined): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...(map ?? [])].map(([name, value]) => [name as string, (value as number) / MILLION]),
  );
}

function writeIntent(intent: Intent): ReadonlyMap<number, unknown> {
  switch (intent.kind) {
    // A number on an axis has no form here: its envelope is refused before it is signed.
    case 'value':
      return new Map();
    case 'release':
      return new Map<number, unknown>([
        [IN.what, 2],
        [IN.mode, intent.mode],
      ]);
    case 'settings':
      return new Map<number, unknown>([
        [IN.what, 1],
        [IN.mode, intent.settings.mode],
        [IN.values, millionths(Object.entries(intent.settings.values))],
      ]);
    case 'curve': {
      const { mode, points, reference, priority } = intent.curve;
      const values = CURVE_VALUES.flatMap(name => {
        const value = intent.curve[name];
        return value === undefined ? [] : [[name, value] as const];
      });
      return new Map<number, unknown>([
        [IN.what, 0],
        [IN.mode, mode],
        [IN.points, points.map(({ x, y }) => [inMillionths(x), inMillionths(y)])],
        ...(values.length === 0 ? [] : [[IN.values, millionths(values)] as const]),
        ...(reference === undefined ? [] : [[IN.reference, REFERENCES.indexOf(reference)] as const]),
        ...(priority === undefined ? [] : [[IN.priority, PRIORITIES.indexOf(priority)] as const]),
      ]);
    }
  }
}

function millionths(values: readonly (readonly [string, number])[]): ReadonlyMap<string, number> {
  return new Map(values.map(([name, value]) => [name, inMillionths(value)]));
}

/** The nearest; the scan refuses what is no whole number after that. */
function inMillionths(value: number): number {
  const whole = Math.round(value * MILLION);
  return whole === 0 ? 0 : whole;
}
