/**
 * The curves of models 126 to 134, from before 1547: several slots that are written in place, and `ActCrv` names the
 * one in force, counted from 1, 0 for none. What they start with, what a client may write into them, and the curve
 * that acts. Of 127 the gradient acts; 128 is held and does nothing; 145 is one setting with the ramp of 703.
 *
 * Source: SunSpec models 126 to 134 and 145, sunspec/models 7abdf89.
 */
import { EXCEPTION } from '../local/bus/mod.ts';
import type { CurvePoint } from './curves.ts';
import type { Image, ModelValues, Values, WriteGuard } from './image.ts';

const SLOTS = 2;
const POINTS = 4;

type XY = readonly (readonly [x: number, y: number])[];

interface Table {
  readonly model: number;
  readonly x: string;
  readonly y: string;
  readonly scales: Values;
  readonly curve: XY;
  readonly more?: Values;
}

/** Disabled, with curves that a device is delivered with: those of IEEE 1547-2018 where it has them. */
const TABLES: readonly Table[] = [
  {
    model: 126,
    x: 'V',
    y: 'VAr',
    scales: { V_SF: -2, DeptRef_SF: -2 },
    curve: [
      [92, 44],
      [98, 0],
      [102, 0],
      [108, -44],
    ],
    more: { DeptRef: 2, RmpTms: 7 },
  },
  {
    model: 129,
    x: 'V',
    y: 'Tms',
    scales: { V_SF: -2, Tms_SF: -2 },
    curve: [
      [45, 0.16],
      [70, 10],
    ],
  },
  {
    model: 130,
    x: 'V',
    y: 'Tms',
    scales: { V_SF: -2, Tms_SF: -2 },
    curve: [
      [110, 2],
      [120, 0.16],
    ],
  },
  {
    model: 131,
    x: 'W',
    y: 'PF',
    scales: { W_SF: -2, PF_SF: -4 },
    // Above 0 is under-excited while injecting: the sign of EEI.
    curve: [
      [50, 1],
      [100, 0.95],
    ],
    more: { RmpPT1Tms: 13 },
  },
  {
    model: 132,
    x: 'V',
    y: 'W',
    scales: { V_SF: -2, DeptRef_SF: -2 },
    curve: [
      [106, 100],
      [110, 0],
    ],
    more: { DeptRef: 1, RmpPt1Tms: 13 },
  },
  {
    model: 134,
    x: 'Hz',
    y: 'W',
    scales: { Hz_SF: -2, W_SF: -2 },
    curve: [
      [50.2, 100],
      [51.5, 48],
    ],
    more: { RmpPT1Tms: 7, SnptW: 0 },
  },
];

/** In the order of the chain. */
export function models1xx(ramps: {
  readonly ownS: number;
  readonly serviceS: number;
}): readonly ModelValues[] {
  const own = new Map<number, Values>([
    [
      127,
      {
        WGra: 40,
        HzStr: 0.2,
        HzStop: 0.05,
        HysEna: 0,
        ModEna: 0,
        WGra_SF: -2,
        HzStrStop_SF: -2,
        RmpIncDec_SF: 0,
      },
    ],
    [128, { ...DYNAMIC, ArGra_SF: -2, VRefPct_SF: -1 }],
    [145, { NomRmpUpRte: rate(ramps.ownS), ConnRmpUpRte: rate(ramps.serviceS), Rmp_SF: -2 }],
  ]);
  for (const { model, x, y, scales, curve, more } of TABLES)
    own.set(model, {
      ActCrv: 1,
      ModEna: 0,
      WinTms: 0,
      RvrtTms: 0,
      RmpTms: 0,
      NCrv: SLOTS,
      NPt: POINTS,
      ...scales,
      ...slotsOf({ ...points([x, y], curve), ...more, ActPt: curve.length, ReadOnly: 0 }),
    });
  return [...own].toSorted(([a], [b]) => a - b).map(([id, values]) => ({ id, values }));
}

/** Percent of WMax a second of a ramp that takes `seconds`; 0 where it takes none. */
function rate(seconds: number): number {
  return seconds > 0 ? Math.min(100 / seconds, 600) : 0;
}

const DYNAMIC: Values = {
  ArGraMod: 0,
  ArGraSag: 2,
  ArGraSwell: 2,
  ModEna: 0,
  FilTms: 60,
  DbVMin: 10,
  DbVMax: 10,
  BlkZnV: 0,
  HysBlkZnV: 0,
  BlkZnTmms: 0,
  HoldTmms: 0,
};

function points([x, y]: readonly [string, string], given: XY): Values {
  const each = Array.from({ length: POINTS }, (_, n) => [
    [`${x}${n + 1}`, given[n]?.[0] ?? 0],
    [`${y}${n + 1}`, given[n]?.[1] ?? (y === 'PF' ? 1 : 0)],
  ]);
  return Object.fromEntries(each.flat()) as Values;
}

function slotsOf(slot: Values): Values {
  const each = Array.from({ length: SLOTS }, (_, n) =>
    Object.entries(slot).map(([name, value]) => [`curve[${n}].${name}`, value]),
  );
  return Object.fromEntries(each.flat()) as Values;
}

/** `126.curve[1].`: the slot in force; `undefined` where the model is not there, off, or names none. */
export function slotInForce(image: Image, model: number): string | undefined {
  if (!isOn(image, model)) return undefined;
  const active = image.get(`${model}.ActCrv`);
  return active === 0 ? undefined : `${model}.curve[${active - 1}].`;
}

/** The points of the curve in force, those with the names of its table. Empty: there is none. */
export function selectedCurve(image: Image, model: number): readonly CurvePoint[] {
  const slot = slotInForce(image, model);
  const table = TABLES.find(each => each.model === model);
  if (slot === undefined || table === undefined) return [];
  return Array.from({ length: image.get(`${slot}ActPt`) }, (_, n) => ({
    x: image.get(`${slot}${table.x}${n + 1}`),
    y: image.get(`${slot}${table.y}${n + 1}`),
  }));
}

/** Bit 0 of `ModEna`. */
export function isOn(image: Image, model: number): boolean {
  return image.has(`${model}.ModEna`) && (image.get(`${model}.ModEna`) & 1) === 1;
}

const COORDINATE = /^(V|Hz|W)\d+$/;

/** Refuses with exception 3 a slot that is not there, more points than it has, and a curve in force that goes backwards. */
export function guardSelected(image: Image): WriteGuard {
  return (point, value) => {
    const [id = '', ...path] = point.split('.');
    const name = path.at(-1) ?? '';
    const table = TABLES.find(({ model }) => model === Number(id));
    if (table === undefined) return undefined;
    if (name === 'ActCrv' && value > SLOTS) return EXCEPTION.illegalValue;
    if (name === 'ActPt' && (value < 1 || value > POINTS)) return EXCEPTION.illegalValue;
    if (name.startsWith('PF') && (Math.abs(value) < 0.5 || Math.abs(value) > 1))
      return EXCEPTION.illegalValue;
    const matters = name === 'ActCrv' || name === 'ModEna' || COORDINATE.test(name);
    const isInOrder = selectedCurve(image, table.model).every(
      ({ x }, at, all) => table.y === 'Tms' || at === 0 || x >= (all[at - 1]?.x ?? x),
    );
    return matters && !isInOrder ? EXCEPTION.illegalValue : undefined;
  };
}
