/**
 * Which registers carry an order: one row an alternative, in the order they are tried. A mode is given to the
 * first model that the device has and implements; the same for an order and for its release, so that a release
 * undoes what was ordered and never a limit that somebody else set in another model.
 *
 * Here stand numbers on an axis and settings; curves, and whatever else is adopted from a slot, are in slots.
 */
import type { Axis, Mode } from '../../model/mod.ts';
import type { SunSpecDevice } from '../sunspec/mod.ts';
import { type Amount, hundredths, inSteps, plain, tenThousandths, whole } from './amount.ts';
import { SETTING_CONTROLS, type SettingControl } from './settings.ts';
import { SLOT_CONTROLS, type SlotControl } from './slots.ts';

/** A number on an axis. */
export interface ValueControl {
  readonly kind: 'value';
  readonly mode: Axis;
  readonly model: number;
  /** Points, and what of the value goes into each. */
  readonly values: Values;
  /** How the value is meant: written when it has arrived, so that no old value is taken in a new unit. */
  readonly meant?: Readonly<Record<string, number>>;
  /** The point that puts the value in force with 1 and releases it with 0. Absent: the value itself is in force. */
  readonly enable?: string;
  /** The bits of {@link enable} that do so; 1 unless told. */
  readonly bits?: number;
  /** Without {@link enable}: the value that means nothing is asked of the device. */
  readonly released?: number;
  /**
   * Points that delay the order (`_WinTms`) or end it (`_RvrtTms`): brought to 0 where they are implemented
   * and hold anything else.
   */
  readonly quiet: readonly string[];
  /** Where the device can fall back to a value of our choosing. Model 123 can only drop its limit: that is none. */
  readonly reversion?: { readonly values: Values; readonly enable: string; readonly timer: string };
  /**
   * Only for a device that is a battery and nothing beside it: without one it would take the order for a generator's
   * setpoint, and with an array too the power of the device is not the power of its battery.
   */
  readonly only?: 'battery';
  /** The values are steps of a rate: percentages of the greatest rate of the battery, not of what the axis is in. */
  readonly base?: 'WChaMax';
}

export type Values = Readonly<Record<string, (value: number) => Amount>>;

export type Control = ValueControl | SettingControl | SlotControl;

const magnitude = (value: number) => tenThousandths(Math.abs(value));
/** 704.…Ext: 0 over-excited, 1 under-excited. */
const excitation = (value: number) => plain(value < 0 ? 1 : 0);
/** EEI, as 120 and 121 say of their power factors: in quadrant 1, over-excited, negative. */
const eei = (value: number) => tenThousandths(-value);

/**
 * Models 123, 124, 703, 704 and 715, with the practice of the field.
 *
 * Limit: 704 before 123, for 704 alone can fall back to a limit when the gateway dies.
 * Connect: 123.Conn before 703.ES. Conn is the switch itself; ES is the permission to enter service, which a
 * device that has no switch obeys by ceasing to energize (IEEE 1547-2018, 4.10.3). Neither carries a timer:
 * an isolation holds until it is released (OVR-4).
 * Power of storage: 704 in the unit of the order before 124 in percentages of another base, see rates.
 */
const RATES = {
  kind: 'value',
  model: 124,
  base: 'WChaMax',
  values: { OutWRte: inSteps, InWRte: (value: number) => inSteps(0 - value) },
  enable: 'StorCtl_Mod',
  bits: 3,
  quiet: ['InOutWRte_WinTms', 'InOutWRte_RvrtTms'],
} as const;

const VALUE_CONTROLS: readonly ValueControl[] = [
  {
    kind: 'value',
    mode: 'opModConnect',
    model: 123,
    values: { Conn: plain },
    released: 1,
    quiet: ['Conn_WinTms', 'Conn_RvrtTms'],
  },
  { kind: 'value', mode: 'opModConnect', model: 703, values: { ES: plain }, released: 1, quiet: [] },
  {
    kind: 'value',
    mode: 'opModConnect',
    model: 715,
    values: { OpCtl: plain },
    released: 1,
    quiet: [],
  },
  {
    kind: 'value',
    mode: 'opModMaxLimW',
    model: 704,
    values: { WMaxLimPct: hundredths },
    enable: 'WMaxLimPctEna',
    quiet: ['WMaxLimPctRvrtTms'],
    reversion: {
      values: { WMaxLimPctRvrt: hundredths },
      enable: 'WMaxLimPctEnaRvrt',
      timer: 'WMaxLimPctRvrtTms',
    },
  },
  {
    kind: 'value',
    mode: 'opModMaxLimW',
    model: 123,
    values: { WMaxLimPct: hundredths },
    enable: 'WMaxLim_Ena',
    quiet: ['WMaxLimPct_WinTms', 'WMaxLimPct_RvrtTms'],
  },
  {
    kind: 'value',
    mode: 'opModFixedW',
    model: 704,
    values: { WSetPct: hundredths },
    meant: { WSetMod: 0 },
    enable: 'WSetEna',
    quiet: ['WSetRvrtTms'],
    reversion: { values: { WSetPctRvrt: hundredths }, enable: 'WSetEnaRvrt', timer: 'WSetRvrtTms' },
  },
  {
    kind: 'value',
    mode: 'opModTargetW',
    model: 704,
    values: { WSet: whole },
    meant: { WSetMod: 1 },
    enable: 'WSetEna',
    quiet: ['WSetRvrtTms'],
    reversion: { values: { WSetRvrt: whole }, enable: 'WSetEnaRvrt', timer: 'WSetRvrtTms' },
  },
  {
    kind: 'value',
    mode: 'opModStorageTargetW',
    model: 704,
    only: 'battery',
    values: { WSet: value => whole(-value) },
    meant: { WSetMod: 1 },
    enable: 'WSetEna',
    quiet: ['WSetRvrtTms'],
    reversion: {
      values: { WSetRvrt: value => whole(-value) },
      enable: 'WSetEnaRvrt',
      timer: 'WSetRvrtTms',
    },
  },
  { ...RATES, mode: 'opModStorageTargetW' },
  { ...RATES, mode: 'opModTargetW', only: 'battery' },
  { ...RATES, mode: 'opModFixedW', only: 'battery' },
  {
    kind: 'value',
    mode: 'opModFixedVar',
    model: 704,
    values: { VarSetPct: hundredths },
    meant: { VarSetMod: 1 },
    enable: 'VarSetEna',
    quiet: ['VarSetRvrtTms'],
    reversion: { values: { VarSetPctRvrt: hundredths }, enable: 'VarSetEnaRvrt', timer: 'VarSetRvrtTms' },
  },
  {
    kind: 'value',
    mode: 'opModFixedVar',
    model: 123,
    values: { VArMaxPct: hundredths },
    meant: { VArPct_Mod: 2 },
    enable: 'VArPct_Ena',
    quiet: ['VArPct_WinTms', 'VArPct_RvrtTms'],
  },
  {
    kind: 'value',
    mode: 'opModFixedPFInjectW',
    model: 704,
    values: { 'PFWInj.PF': magnitude, 'PFWInj.Ext': excitation },
    enable: 'PFWInjEna',
    quiet: ['PFWInjRvrtTms'],
    reversion: {
      values: { 'PFWInjRvrt.PF': magnitude, 'PFWInjRvrt.Ext': excitation },
      enable: 'PFWInjEnaRvrt',
      timer: 'PFWInjRvrtTms',
    },
  },
  {
    kind: 'value',
    mode: 'opModFixedPFInjectW',
    model: 123,
    values: { OutPFSet: eei },
    enable: 'OutPFSet_Ena',
    quiet: ['OutPFSet_WinTms', 'OutPFSet_RvrtTms'],
  },
  {
    kind: 'value',
    mode: 'opModFixedPFAbsorbW',
    model: 704,
    values: { 'PFWAbs.PF': magnitude, 'PFWAbs.Ext': excitation },
    enable: 'PFWAbsEna',
    quiet: ['PFWAbsRvrtTms'],
    reversion: {
      values: { 'PFWAbsRvrt.PF': magnitude, 'PFWAbsRvrt.Ext': excitation },
      enable: 'PFWAbsEnaRvrt',
      timer: 'PFWAbsRvrtTms',
    },
  },
];

export const CONTROLS: readonly Control[] = [...VALUE_CONTROLS, ...SLOT_CONTROLS, ...SETTING_CONTROLS];

/** Basic storage, storage capacity of 1547, and the battery itself. */
const STORAGE_MODELS = [124, 713, 802];
/** Inputs of direct current with a tracker each: photovoltaic arrays. */
const ARRAY = 160;

/** The alternatives for `mode` among the models of `device`, best first. */
export function controlsOf(device: SunSpecDevice, mode: Mode): readonly Control[] {
  return CONTROLS.filter(row => row.mode === mode && stands(row, device));
}

/**
 * What a device of these models is expected to have before anybody has looked: 123 demands both, and 704 and 703
 * are hardly built without. Everything else is left out by so many devices that only reading them tells.
 */
const EXPECTED: readonly Axis[] = ['opModConnect', 'opModMaxLimW'];

/** The axes that a device of these models is expected to have. */
export function axesOf(device: SunSpecDevice): readonly Axis[] {
  const modes = valueControlsOf(device).map(row => row.mode);
  return EXPECTED.filter(axis => modes.includes(axis));
}

/** The alternatives for every axis that a model of `device` stands for, best first. */
export function valueControlsOf(device: SunSpecDevice): readonly ValueControl[] {
  return VALUE_CONTROLS.filter(row => stands(row, device));
}

/** The modes for which a model stands in the chain of `device`. */
export function modesOf(device: SunSpecDevice): readonly Mode[] {
  return [...new Set(CONTROLS.filter(row => stands(row, device)).map(row => row.mode))];
}

function stands(row: Control, device: SunSpecDevice): boolean {
  const has = (model: number) => device.models.some(entry => entry.id === model);
  if (!has(row.model)) return false;
  return row.kind !== 'value' || row.only === undefined || (STORAGE_MODELS.some(has) && !has(ARRAY));
}
