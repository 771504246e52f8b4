/**
 * What a device adopts from a slot: curves, trip sets and droop, one row a mode and model, best first.
 *
 * Two ways. 705 to 712: slot 1 is read-only and shows what is in force; another slot is written, its number is
 * asked for (`AdptCrvReq`, counted from 1), and the result says 0 in progress, 1 completed, 2 failed. 126 to
 * 144: `ActCrv` names the slot in force, counted from 1, 0 for none.
 */
import type { CurveMode } from '../../model/mod.ts';
import { type Fields, to } from './fields.ts';

export interface SlotControl {
  readonly kind: 'slot';
  readonly mode: CurveMode | 'opModFreqDroop';
  readonly model: number;
  /** The group that repeats, one instance a slot. */
  readonly group: string;
  readonly way: Adopt | Select;
  readonly enable: string;
  readonly quiet: readonly string[];
  /** Where the device can fall back to another slot. */
  readonly reversion?: { readonly slot: string; readonly timer: string };
  /** Where the points of a curve stand in a slot; absent: it has none. */
  readonly points?: Points;
  readonly fields: Fields;
  /** Released by its enable. A trip curve has no off: it is replaced by another. */
  readonly release: 'disable' | 'none';
}

interface Adopt {
  readonly how: 'adopt';
  readonly request: string;
  readonly result: string;
}
interface Select {
  readonly how: 'select';
  readonly active: string;
}

export interface Points {
  /** The group inside the slot that holds them: `MustTrip`. */
  readonly inside?: string;
  readonly x: string;
  readonly y: string;
  /** `list`: `Pt[0].V`. `numbered`: `V1`. */
  readonly form: 'list' | 'numbered';
}

const ADOPT = { how: 'adopt', request: 'AdptCrvReq', result: 'AdptCrvRslt' } as const;
const SELECT = { how: 'select', active: 'ActCrv' } as const;

/** A lag of first order takes ln 20 / ln 10 times as long to 95 %, the 1xx's measure, as to 90 %. */
const LAG = Math.log(20) / Math.log(10);
const lag = { by: (seconds: number) => seconds * LAG, back: (seconds: number) => seconds / LAG };

const PRIORITY = to('Pri', { symbols: { active: 0, reactive: 1 } });
const VARS_7XX = to('DeptRef', { symbols: { WMax: 0, VArMax: 1, VArAval: 2, VAMax: 3 } });
const RESPONSE_7XX = to('RspTms');

function adopted(
  mode: CurveMode,
  model: number,
  row: { readonly x: string; readonly y: string; readonly fields: Fields },
): SlotControl {
  return {
    kind: 'slot',
    mode,
    model,
    group: 'Crv',
    way: ADOPT,
    enable: 'Ena',
    quiet: ['RvrtTms'],
    reversion: { slot: 'RvrtCrv', timer: 'RvrtTms' },
    points: { x: row.x, y: row.y, form: 'list' },
    fields: row.fields,
    release: 'disable',
  };
}

function tripSet(mode: CurveMode, model: number, inside: string): SlotControl {
  return {
    kind: 'slot',
    mode,
    model,
    group: 'Crv',
    way: ADOPT,
    enable: 'Ena',
    quiet: [],
    points: { inside, x: xOf(model), y: 'Tms', form: 'list' },
    fields: {},
    release: 'none',
  };
}

function selected(
  mode: CurveMode,
  model: number,
  row: { readonly x: string; readonly y: string; readonly fields?: Fields; readonly release?: 'none' },
): SlotControl {
  return {
    kind: 'slot',
    mode,
    model,
    group: 'curve',
    way: SELECT,
    enable: 'ModEna',
    quiet: ['WinTms', 'RvrtTms'],
    points: { x: row.x, y: row.y, form: 'numbered' },
    fields: row.fields ?? {},
    release: row.release ?? 'disable',
  };
}

const DROOP: SlotControl = {
  kind: 'slot',
  mode: 'opModFreqDroop',
  model: 711,
  group: 'Ctl',
  way: { how: 'adopt', request: 'AdptCtlReq', result: 'AdptCtlRslt' },
  enable: 'Ena',
  quiet: ['RvrtTms'],
  reversion: { slot: 'RvrtCtl', timer: 'RvrtTms' },
  fields: {
    dbOfHz: to('DbOf'),
    dbUfHz: to('DbUf'),
    kOf: to('KOf'),
    kUf: to('KUf'),
    responseS: to('RspTms'),
    pMinPct: to('PMin'),
    nominalHz: [],
  },
  release: 'disable',
};

/** Mode, the model of 1547, and the model before it. */
const TRIPS = [
  ['opModLVRTMustTrip', 707, 129, 'MustTrip'],
  ['opModLVRTMayTrip', 707, 137, 'MayTrip'],
  ['opModLVRTMomentaryCessation', 707, 139, 'MomCess'],
  ['opModHVRTMustTrip', 708, 130, 'MustTrip'],
  ['opModHVRTMayTrip', 708, 138, 'MayTrip'],
  ['opModHVRTMomentaryCessation', 708, 140, 'MomCess'],
  ['opModLFRTMustTrip', 709, 135, 'MustTrip'],
  ['opModLFRTMayTrip', 709, 141, 'MayTrip'],
  ['opModLFRTMomentaryCessation', 709, 143, 'MomCess'],
  ['opModHFRTMustTrip', 710, 136, 'MustTrip'],
  ['opModHFRTMayTrip', 710, 142, 'MayTrip'],
  ['opModHFRTMomentaryCessation', 710, 144, 'MomCess'],
] as const;

/** 1547's models before those they followed; 711 before 127, which answers over-frequency alone. */
export const SLOT_CONTROLS: readonly SlotControl[] = [
  adopted('opModVoltVar', 705, {
    x: 'V',
    y: 'Var',
    fields: {
      reference: VARS_7XX,
      priority: PRIORITY,
      responseS: RESPONSE_7XX,
      vRefPct: to('VRef'),
      autonomousVRefS: [
        ...to('VRefAutoEna', { by: seconds => (seconds > 0 ? 1 : 0), gate: true }),
        ...to('VRefAutoTms'),
      ],
    },
  }),
  selected('opModVoltVar', 126, {
    x: 'V',
    y: 'VAr',
    fields: {
      reference: to('DeptRef', { symbols: { WMax: 1, VArMax: 2, VArAval: 3 } }),
      responseS: to('RmpTms', lag),
    },
  }),
  adopted('opModVoltWatt', 706, {
    x: 'V',
    y: 'W',
    fields: {
      reference: to('DeptRef', { symbols: { WMax: 0, WAval: 1 } }),
      responseS: RESPONSE_7XX,
    },
  }),
  selected('opModVoltWatt', 132, {
    x: 'V',
    y: 'W',
    fields: {
      reference: to('DeptRef', { symbols: { WMax: 1, WAval: 2 } }),
      responseS: to('RmpPt1Tms', lag),
    },
  }),
  adopted('opModWattVar', 712, {
    x: 'W',
    y: 'Var',
    fields: { reference: VARS_7XX, priority: PRIORITY },
  }),
  selected('opModWattPF', 131, { x: 'W', y: 'PF', fields: { responseS: to('RmpPT1Tms', lag) } }),
  selected('opModFreqWatt', 134, { x: 'Hz', y: 'W', fields: { responseS: to('RmpPT1Tms', lag) } }),
  DROOP,
  ...TRIPS.map(([mode, model, , inside]) => tripSet(mode, model, inside)),
  ...TRIPS.map(([mode, like, model]) => selected(mode, model, { x: xOf(like), y: 'Tms', release: 'none' })),
];

/** The low and high voltage trips are 707 and 708, those of frequency 709 and 710. */
function xOf(model: number): 'V' | 'Hz' {
  return model < 709 ? 'V' : 'Hz';
}
