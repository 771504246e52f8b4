/**
 * What models 705 to 712 and 714 of a simulated inverter start with: the default curves of IEEE 1547-2018, category
 * B and II, in every slot. Slot 1 is the one in force and read-only; the others are there to be written.
 */
import type { ModelValues, Values } from './image.ts';

/** Slots of each model: the one in force, one to edit, and one to fall back to. */
const SLOTS = 3;
/** Points that a slot has room for: two more than the standard asks of volt-var, as many as it asks of watt-var. */
const CURVE_POINTS = 6;
const TRIP_POINTS = 5;

type XY = readonly (readonly [x: number, y: number])[];

/** Volt-var: percent of nominal voltage, percent of VAMax (table 8, category B). Enabled by order only. */
export function voltVar705(): ModelValues {
  const slot = {
    ActPt: 4,
    DeptRef: 3,
    Pri: 1,
    VRef: 100,
    VRefAuto: 100,
    VRefAutoEna: 0,
    VRefAutoTms: 300,
    RspTms: 5,
    ...points(
      'Pt',
      ['V', 'Var'],
      [
        [92, 44],
        [98, 0],
        [102, 0],
        [108, -44],
      ],
    ),
  };
  return adopted(705, { NPt: CURVE_POINTS, V_SF: -2, DeptRef_SF: -2, RspTms_SF: -1 }, slot);
}

/** Volt-watt: percent of nominal voltage, percent of WMax (table 31). */
export function voltWatt706(): ModelValues {
  const slot = {
    ActPt: 2,
    DeptRef: 0,
    RspTms: 10,
    ...points(
      'Pt',
      ['V', 'W'],
      [
        [106, 100],
        [110, 0],
      ],
    ),
  };
  return adopted(706, { NPt: CURVE_POINTS, V_SF: -2, DeptRef_SF: -2, RspTms_SF: -1 }, slot);
}

/** Watt-var: percent of WMax, percent of VAMax (table 10, category B). */
export function wattVar712(): ModelValues {
  const curve: XY = [
    [-100, 44],
    [-50, 0],
    [-20, 0],
    [20, 0],
    [50, 0],
    [100, -44],
  ];
  const slot = { ActPt: 6, DeptRef: 3, Pri: 1, ...points('Pt', ['W', 'Var'], curve) };
  return adopted(712, { NPt: CURVE_POINTS, W_SF: -2, DeptRef_SF: -2 }, slot);
}

/** Frequency droop, in force from the start as the standard has it (table 24). */
export function droop711(): ModelValues {
  const slot = { DbOf: 0.036, DbUf: 0.036, KOf: 0.05, KUf: 0.05, RspTms: 5, PMin: 0 };
  const values = { Ena: 1, AdptCtlReq: 1, AdptCtlRslt: 1, NCtl: SLOTS, RvrtTms: 0, RvrtRem: 0, RvrtCtl: 0 };
  return { id: 711, values: { ...values, Db_SF: -3, K_SF: -3, RspTms_SF: -1, ...slots('Ctl', slot) } };
}

/** Must-trip of category II: percent of nominal voltage or Hz beside the nominal, and seconds (tables 12 and 18). */
const TRIPS = {
  707: {
    x: 'V',
    trip: [
      [45, 0.16],
      [70, 10],
    ],
  },
  708: {
    x: 'V',
    trip: [
      [110, 2],
      [120, 0.16],
    ],
  },
  709: {
    x: 'Hz',
    trip: [
      [-3.5, 0.16],
      [-1.5, 300],
    ],
  },
  710: {
    x: 'Hz',
    trip: [
      [1.2, 300],
      [2, 0.16],
    ],
  },
} as const;

/** 707 to 710: what the standard has it trip by. */
export function trips(id: keyof typeof TRIPS, nominalHz = 50): ModelValues {
  const { x, trip: table } = TRIPS[id];
  const trip: XY = table.map(([at, timeS]) => [x === 'Hz' ? nominalHz + at : at, timeS]);
  const slot = {
    'MustTrip.ActPt': trip.length,
    ...points('MustTrip.Pt', [x, 'Tms'], trip, TRIP_POINTS),
    'MayTrip.ActPt': 0,
    ...points('MayTrip.Pt', [x, 'Tms'], [], TRIP_POINTS),
    'MomCess.ActPt': 0,
    ...points('MomCess.Pt', [x, 'Tms'], [], TRIP_POINTS),
  };
  const values = { Ena: 1, AdptCrvReq: 1, AdptCrvRslt: 1, NPt: TRIP_POINTS, NCrvSet: SLOTS };
  return { id, values: { ...values, [`${x}_SF`]: -2, Tms_SF: -2, ...slots('Crv', slot) } };
}

/** Direct current of one array. */
export function measure714(largestW: number): ModelValues {
  const power = largestW > 32_000 ? Math.ceil(Math.log10(largestW / 32_000)) : 0;
  const still = { DCA: 0, DCW: 0, DCWhInj: 0, DCWhAbs: 0 };
  const port = { PrtTyp: 0, ID: 1, IDStr: 'PV', ...still, DCV: 600, Tmp: 25, DCSta: 1, DCAlrm: 0 };
  const scales = { DCA_SF: -2, DCV_SF: -1, DCW_SF: power, DCWH_SF: 0, Tmp_SF: -1 };
  return { id: 714, values: { PrtAlrms: 0, NPrt: 1, ...still, ...scales, ...under('Prt[0].', port) } };
}

function adopted(id: number, own: Values, slot: Values): ModelValues {
  const values = { Ena: 0, AdptCrvReq: 1, AdptCrvRslt: 1, NCrv: SLOTS, RvrtTms: 0, RvrtRem: 0, RvrtCrv: 0 };
  return { id, values: { ...values, ...own, ...slots('Crv', slot) } };
}

function slots(group: string, slot: Values): Values {
  const each = Array.from({ length: SLOTS }, (_, n) =>
    under(`${group}[${n}].`, { ...slot, ReadOnly: n === 0 ? 1 : 0 }),
  );
  return Object.assign({}, ...each) as Values;
}

/** All points of a curve, those behind the last given at 0. */
function points(group: string, [x, y]: readonly [string, string], given: XY, room = CURVE_POINTS): Values {
  const each = Array.from({ length: room }, (_, n) =>
    under(`${group}[${n}].`, { [x]: given[n]?.[0] ?? 0, [y]: given[n]?.[1] ?? 0 }),
  );
  return Object.assign({}, ...each) as Values;
}

function under(prefix: string, values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}
