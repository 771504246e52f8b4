/**
 * A device with curves and nothing else: models 1, 705, 706 and 711 as registers, and adoption as their definition
 * says. A test may spoil one step of it.
 */
import { EXCEPTION } from '../../src/local/bus/mod.ts';
import type { GroupValues, Value } from '../../src/local/sunspec/mod.ts';
import { encodeModel, place } from '../../src/local/sunspec/mod.ts';
import type { Unit } from '../../src/sim/mod.ts';
import { model } from '../local/sunspec/models.ts';

/** How adoption goes wrong. Curves count from 0 in here. */
export interface CurveSpoil {
  /** Which curve is adopted for the one asked for. */
  readonly adopts?: (asked: number) => number;
  readonly result?: (asked: number, count: number) => number | undefined;
  /** What curve 1 says of itself. */
  readonly mark?: number;
  /** Whether a write to curve 1 is acknowledged. */
  readonly takesActive?: boolean;
  /** Whether a write to curve 2 shows in curve 1 at once. */
  readonly leaks?: boolean;
}

const CURVES = 3;
const BASE = 40_000;
const MARKER = [0x5375, 0x6e53];
const END = [0xffff, 0];

interface Table {
  readonly model: number;
  readonly group: string;
  readonly request: string;
  readonly result: string;
  readonly values: GroupValues;
}

const pairs = (x: string, y: string, points: readonly (readonly [number, number])[]) =>
  points.map(([a, b]) => ({ points: { [x]: a, [y]: b } }));

const voltVar = (at: number) => ({
  points: {
    ActPt: 4,
    DeptRef: 1,
    Pri: 1,
    VRef: 100,
    VRefAutoEna: 0,
    RspTms: 5 + at,
    ReadOnly: at === 0 ? 1 : 0,
  },
  groups: {
    Pt: pairs('V', 'Var', [
      [92, 44 - at],
      [98, 0],
      [102, 0],
      [108, at - 44],
    ]),
  },
});
const voltWatt = (at: number) => ({
  points: { ActPt: 2, DeptRef: 0, RspTms: 10 + at, ReadOnly: at === 0 ? 1 : 0 },
  groups: {
    Pt: pairs('V', 'W', [
      [106, 100],
      [110, at],
    ]),
  },
});
const droop = (at: number) => ({
  points: { DbOf: 0.036, DbUf: 0.036, KOf: 0.05, KUf: 0.05, RspTms: 5 + at, ReadOnly: at === 0 ? 1 : 0 },
});
const three = <T>(make: (at: number) => T): readonly T[] => [0, 1, 2].map(make);
const crv = { group: 'Crv', request: 'AdptCrvReq', result: 'AdptCrvRslt' };
const idle: Record<string, Value> = { Ena: 0, RvrtTms: 0, RvrtRem: 0 };

const TABLES: readonly Table[] = [
  {
    model: 705,
    ...crv,
    values: {
      points: {
        ...idle,
        AdptCrvReq: 1,
        AdptCrvRslt: 1,
        NPt: 4,
        NCrv: CURVES,
        V_SF: -2,
        DeptRef_SF: -2,
        RspTms_SF: 0,
      },
      groups: { Crv: three(voltVar) },
    },
  },
  {
    model: 706,
    ...crv,
    values: {
      points: {
        ...idle,
        AdptCrvReq: 1,
        AdptCrvRslt: 1,
        NPt: 2,
        NCrv: CURVES,
        V_SF: -2,
        DeptRef_SF: 0,
        RspTms_SF: 0,
      },
      groups: { Crv: three(voltWatt) },
    },
  },
  {
    model: 711,
    group: 'Ctl',
    request: 'AdptCtlReq',
    result: 'AdptCtlRslt',
    values: {
      points: { ...idle, AdptCtlReq: 1, AdptCtlRslt: 1, NCtl: CURVES, Db_SF: -3, K_SF: -3, RspTms_SF: 0 },
      groups: { Ctl: three(droop) },
    },
  },
];

/** A curve as addresses. */
interface Span {
  readonly from: number;
  readonly to: number;
}

export function curveDevice(spoil: CurveSpoil = {}): Unit {
  const words: number[] = [...MARKER];
  const add = (id: number, values: GroupValues): number => {
    const encoded = encodeModel(model(id), values);
    if (!encoded.ok) throw new Error(`model ${id}: ${encoded.detail}`);
    const address = BASE + words.length;
    words.push(...encoded.value);
    return address;
  };
  add(1, { points: { Mn: 'Underglass', Md: 'Curves', SN: 'C-1', Vr: '1' } });
  const tables = TABLES.map(table => layOut(table, add(table.model, table.values)));
  words.push(...END);
  const get = (address: number): number => words[address - BASE] ?? 0;
  const set = (address: number, word: number): void => void (words[address - BASE] = word);
  for (const { marks } of tables) if (spoil.mark !== undefined) set(marks[0] ?? 0, spoil.mark);

  const adopt = ({ curves, result, marks }: Laid, asked: number): void => {
    const source = curves[(spoil.adopts ?? (each => each))(asked - 1)];
    const active = curves[0];
    const there = asked >= 1 && asked <= CURVES;
    if (there && source !== undefined && active !== undefined)
      for (let i = 0; i < active.to - active.from; i++)
        if (active.from + i !== marks[0]) set(active.from + i, get(source.from + i));
    set(result, spoil.result?.(asked, CURVES) ?? (there ? 1 : 2));
  };
  const within = (span: Span | undefined, address: number): boolean =>
    span !== undefined && address >= span.from && address < span.to;

  return {
    unit: 1,
    read: (address, count) =>
      address < BASE || address + count > BASE + words.length
        ? { exception: EXCEPTION.illegalAddress }
        : words.slice(address - BASE, address - BASE + count),
    write: (address, written) => {
      const table = tables.find(({ span }) => within(span, address));
      if (table === undefined) return { exception: EXCEPTION.illegalAddress };
      if (within(table.curves[0], address))
        return spoil.takesActive === true ? undefined : { exception: EXCEPTION.illegalAddress };
      written.forEach((word, i) => set(address + i, word));
      if (address === table.request) adopt(table, written[0] ?? 0);
      const [active, edited] = table.curves;
      if (spoil.leaks === true && active !== undefined && edited !== undefined && within(edited, address))
        written.forEach((word, i) => set(active.from + (address - edited.from) + i, word));
      return undefined;
    },
  };
}

interface Laid {
  readonly span: Span;
  readonly request: number;
  readonly result: number;
  readonly curves: readonly Span[];
  readonly marks: readonly number[];
}

function layOut(table: Table, address: number): Laid {
  const counts: Readonly<Record<string, Value | undefined>> = table.values.points;
  const placed = place(model(table.model), 0xffff, ({ def }) => Number(counts[def.name] ?? 0));
  const here = (offset: number | undefined): number => address + (offset ?? 0);
  const groups = placed.groups.get(table.group) ?? [];
  return {
    span: { from: address, to: here(placed.end) },
    request: here(placed.points.get(table.request)?.offset),
    result: here(placed.points.get(table.result)?.offset),
    curves: groups.map(group => ({
      from: here(Math.min(...[...group.points.values()].map(({ offset }) => offset))),
      to: here(group.end),
    })),
    marks: groups.map(group => here(group.points.get('ReadOnly')?.offset)),
  };
}

export const CURVE_MUTANTS: readonly {
  readonly check: string;
  readonly wrong: string;
  readonly spoil: CurveSpoil;
}[] = [
  { check: 'CRV-1', wrong: 'the active curve is marked as one to edit', spoil: { mark: 0 } },
  {
    check: 'CRV-1',
    wrong: 'writes to the active curve are acknowledged and dropped',
    spoil: { takesActive: true },
  },
  { check: 'CRV-2', wrong: 'requests for curves are counted from 0', spoil: { adopts: asked => asked + 1 } },
  { check: 'CRV-2', wrong: 'curve 1 is adopted whatever is asked for', spoil: { adopts: () => 0 } },
  { check: 'CRV-2', wrong: 'adoption never ends', spoil: { result: () => 0 } },
  { check: 'CRV-2', wrong: 'adoption always fails', spoil: { result: () => 2 } },
  { check: 'CRV-2', wrong: 'an edit shows in the active curve at once', spoil: { leaks: true } },
  { check: 'CRV-3', wrong: 'a curve that is not there is adopted', spoil: { result: () => 1 } },
];
