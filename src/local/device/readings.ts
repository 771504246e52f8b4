/**
 * What a device was seen to do, in one vocabulary whatever models it speaks.
 *
 * Names are those of model 701, and for what 701 has not, of the model it comes from; phase voltages and
 * currents are PhVphA and AphA as in 103 and the meters. Signs: inverter and storage are counted as generators
 * (W and Var positive into the grid, storage positive while discharging); a meter counts as a load does (W
 * positive while importing), which is what its quadrants Q1 and Q4 "Imp" mean. A point that is unknown or not
 * implemented is absent.
 */
import { type Result, ok } from '../../base/assert.ts';
import type { DeviceRole, Points } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import {
  type ModelInstance,
  type PollOptions,
  type PollRefusal,
  type SunSpecDevice,
  type Value,
  type Want,
  readModels,
} from '../sunspec/mod.ts';

/** Where one value of a reading comes from: the first of `points` that is implemented, then changed as `by` says. */
interface Source {
  readonly points: readonly string[];
  readonly by?: (value: number) => number;
}
type Sources = Readonly<Record<string, Source>>;

/** Models that say the same things: the first that a device has is read, all of a later row's are not. */
interface Row {
  readonly models: readonly number[];
  readonly sources: Sources;
}

const as = (...points: string[]): Source => ({ points });

/** 103 counts its states from 1, 701 from 0; the states are the same. */
const fromOne: Source = { points: ['St'], by: state => state - 1 };
/** 1xx and the meters give the power factor in percent, 701 as a number from −1 to 1. */
const fromPercent: Source = { points: ['PF'], by: percent => percent / 100 };

const AC: readonly Row[] = [
  {
    models: [701],
    sources: {
      W: as('W'),
      VA: as('VA'),
      Var: as('Var'),
      PF: as('PF'),
      A: as('A'),
      Hz: as('Hz'),
      PhVphA: as('VL1', 'LNV'),
      PhVphB: as('VL2'),
      PhVphC: as('VL3'),
      TotWhInj: as('TotWhInj'),
      InvSt: as('InvSt'),
      ConnSt: as('ConnSt'),
    },
  },
  {
    models: [101, 102, 103, 111, 112, 113],
    sources: {
      W: as('W'),
      VA: as('VA'),
      Var: as('VAr'),
      PF: fromPercent,
      A: as('A'),
      Hz: as('Hz'),
      PhVphA: as('PhVphA'),
      PhVphB: as('PhVphB'),
      PhVphC: as('PhVphC'),
      TotWhInj: as('WH'),
      InvSt: fromOne,
    },
  },
];

const SETTINGS: readonly Row[] = [
  { models: [702], sources: { WMax: as('WMax', 'WMaxRtg') } },
  { models: [121], sources: { WMax: as('WMax') } },
  { models: [120], sources: { WMax: as('WRtg') } },
];

const STORAGE: readonly Row[] = [
  { models: [713], sources: { SoC: as('SoC'), WHRtg: as('WHRtg'), WHAvail: as('WHAvail') } },
  { models: [802], sources: { SoC: as('SoC'), WHRtg: as('WHRtg') } },
  { models: [124], sources: { SoC: as('ChaState') } },
];

/** For a battery without an inverter model of its own. */
const BATTERY_DC: readonly Row[] = [{ models: [802], sources: { W: as('W') } }];

const METER: readonly Row[] = [
  {
    models: [201, 202, 203, 204, 211, 212, 213, 214, 220],
    sources: {
      W: as('W'),
      VA: as('VA'),
      Var: as('VAR'),
      PF: fromPercent,
      A: as('A'),
      AphA: as('AphA'),
      AphB: as('AphB'),
      AphC: as('AphC'),
      Hz: as('Hz'),
      PhV: as('PhV'),
      PhVphA: as('PhVphA'),
      PhVphB: as('PhVphB'),
      PhVphC: as('PhVphC'),
      TotWhImp: as('TotWhImp'),
      TotWhExp: as('TotWhExp'),
    },
  },
];

/** Each list gives what its first present row gives; what an earlier list gave stays. */
const ROLES: Readonly<Record<DeviceRole, readonly (readonly Row[])[]>> = {
  inverter: [AC, SETTINGS],
  storage: [AC, STORAGE, BATTERY_DC, SETTINGS],
  meter: [METER],
};

/** Limits and switches, in every model that has them: more than one may be in force. */
const LIMITS = [
  { model: 704, enable: 'WMaxLimPctEna', limit: 'WMaxLimPct' },
  { model: 123, enable: 'WMaxLim_Ena', limit: 'WMaxLimPct' },
] as const;
const SWITCHES = [
  { model: 123, point: 'Conn' },
  { model: 703, point: 'ES' },
  { model: 715, point: 'OpCtl' },
] as const;

/** Where a device has a switch or a permission, 715 is not asked: what it holds is the last order, not the state. */
const hasSwitch = (has: (model: number) => boolean, model: number): boolean =>
  has(model) && (model !== 715 || (!has(123) && !has(703)));

/** Reads what a reading of `device` needs, in the fewest requests, and makes the points of it. */
export function* pollPoints(
  device: SunSpecDevice,
  role: DeviceRole,
  options: PollOptions,
): Conversation<Result<Points, PollRefusal>> {
  const instances = yield* readModels(device, wantsOf(device, role), options);
  return instances.ok ? ok(pointsOf(role, instances.value)) : instances;
}

/** The models to read for a reading, and how far. */
export function wantsOf(device: SunSpecDevice, role: DeviceRole): readonly Want[] {
  const has = (model: number) => device.models.some(entry => entry.id === model);
  const wanted = new Map<number, string[]>();
  const want = (model: number, points: readonly string[]) =>
    wanted.set(model, [...(wanted.get(model) ?? []), ...points]);
  for (const rows of ROLES[role]) {
    const row = rows.find(each => each.models.some(has));
    const model = row?.models.find(has);
    if (row !== undefined && model !== undefined)
      want(
        model,
        Object.values(row.sources).flatMap(source => source.points),
      );
  }
  if (role !== 'meter') {
    for (const { model, enable, limit } of LIMITS) if (has(model)) want(model, [enable, limit]);
    for (const { model, point } of SWITCHES) if (hasSwitch(has, model)) want(model, [point]);
  }
  return device.models.flatMap(entry => {
    const points = wanted.get(entry.id);
    wanted.delete(entry.id); // the first instance of a model speaks for the device
    return points === undefined ? [] : [{ entry, points }];
  });
}

/**
 * The points of a reading. `WMaxLimPctEna` is 1 while any limit is in force, and only then `WMaxLimPct` is
 * there: the lowest in force, in percent of WMax. `Conn` is 0 while the device is switched off the grid by any
 * of its switches.
 */
export function pointsOf(role: DeviceRole, instances: readonly ModelInstance[]): Points {
  const points: Record<string, number> = {};
  for (const rows of ROLES[role]) {
    const found = firstOf(rows, instances);
    for (const [name, source] of Object.entries(found?.row.sources ?? {})) {
      const value = found && valueOf(source, found.instance);
      if (value !== undefined) points[name] ??= value;
    }
  }
  return role === 'meter' ? points : { ...points, ...controlsIn(instances) };
}

/** What a device is to the site, from its models: a meter, storage, or an inverter. */
export function roleOf(device: SunSpecDevice): DeviceRole | undefined {
  const has = (rows: readonly Row[]) =>
    rows.some(row => row.models.some(model => device.models.some(entry => entry.id === model)));
  const hasPv = device.models.some(entry => entry.id === 160);
  if (has(METER)) return 'meter';
  if (has(STORAGE) && !hasPv) return 'storage';
  return has(AC) ? 'inverter' : undefined;
}

function controlsIn(instances: readonly ModelInstance[]): Points {
  const at = (model: number, point: string) =>
    numberOf(instances.find(instance => instance.id === model)?.points[point]);
  const enables = LIMITS.flatMap(row => at(row.model, row.enable) ?? []);
  const inForce = LIMITS.filter(row => at(row.model, row.enable) === 1).flatMap(
    row => at(row.model, row.limit) ?? [],
  );
  const has = (model: number) => instances.some(instance => instance.id === model);
  const switches = SWITCHES.filter(({ model }) => hasSwitch(has, model)).flatMap(
    row => at(row.model, row.point) ?? [],
  );
  return {
    ...(enables.length > 0 ? { WMaxLimPctEna: Math.max(...enables) } : {}),
    ...(inForce.length > 0 ? { WMaxLimPct: Math.min(...inForce) } : {}),
    // 715 also knows orders to enter and leave standby, which leave the device connected.
    ...(switches.length > 0 ? { Conn: Math.min(1, ...switches) } : {}),
  };
}

function firstOf(
  rows: readonly Row[],
  instances: readonly ModelInstance[],
): { readonly row: Row; readonly instance: ModelInstance } | undefined {
  for (const row of rows) {
    const instance = instances.find(each => row.models.includes(each.id));
    if (instance !== undefined) return { row, instance };
  }
  return undefined;
}

function valueOf({ points, by }: Source, instance: ModelInstance): number | undefined {
  for (const name of points) {
    const value = numberOf(instance.points[name]);
    if (value !== undefined) return by === undefined ? value : by(value);
  }
  return undefined;
}

function numberOf(value: Value | undefined): number | undefined {
  return typeof value === 'bigint' ? Number(value) : typeof value === 'number' ? value : undefined;
}
