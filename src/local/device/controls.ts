/**
 * Which registers carry an order: one row an alternative, in the order they are tried. An axis is given to the
 * first model that the device has and implements; the same for an order and for its release, so that a release
 * undoes what was ordered and never a limit that somebody else set in another model.
 */
import type { Axis } from '../../model/mod.ts';
import type { ModelInstance, SunSpecDevice } from '../sunspec/mod.ts';

/** How the integer of an axis becomes a raw register. */
export type Unit = 'switch' | 'centi-percent-limit';

export interface Control {
  readonly axis: Axis;
  readonly model: number;
  readonly unit: Unit;
  readonly value: string;
  /** The point that puts the value in force with 1 and releases it with 0. Absent: the value itself is in force. */
  readonly enable?: string;
  /** Without {@link enable}: the value that means nothing is asked of the device. */
  readonly released?: number;
  /**
   * Points that delay the order (`_WinTms`) or end it (`_RvrtTms`): brought to 0 where they are implemented
   * and hold anything else.
   */
  readonly quiet: readonly string[];
  /** Where the device can fall back to a value of our choosing. Model 123 can only drop its limit: that is none. */
  readonly reversion?: { readonly value: string; readonly enable: string; readonly timer: string };
}

/**
 * SunSpec models 123, 703 and 704, with the practice of the field.
 *
 * Limit: 704 before 123, for 704 alone can fall back to a limit when the gateway dies.
 * Connect: 123.Conn before 703.ES. Conn is the switch itself; ES is the permission to enter service, which a
 * device that has no switch obeys by ceasing to energize (IEEE 1547-2018, 4.10.3). Neither carries a timer:
 * an isolation holds until it is released (OVR-4).
 */
export const CONTROLS: readonly Control[] = [
  {
    axis: 'opModConnect',
    model: 123,
    unit: 'switch',
    value: 'Conn',
    released: 1,
    quiet: ['Conn_WinTms', 'Conn_RvrtTms'],
  },
  { axis: 'opModConnect', model: 703, unit: 'switch', value: 'ES', released: 1, quiet: [] },
  {
    axis: 'opModMaxLimW',
    model: 704,
    unit: 'centi-percent-limit',
    value: 'WMaxLimPct',
    enable: 'WMaxLimPctEna',
    quiet: ['WMaxLimPctRvrtTms'],
    reversion: { value: 'WMaxLimPctRvrt', enable: 'WMaxLimPctEnaRvrt', timer: 'WMaxLimPctRvrtTms' },
  },
  {
    axis: 'opModMaxLimW',
    model: 123,
    unit: 'centi-percent-limit',
    value: 'WMaxLimPct',
    enable: 'WMaxLim_Ena',
    quiet: ['WMaxLimPct_WinTms', 'WMaxLimPct_RvrtTms'],
  },
];

/** The alternatives for `axis` among the models of `device`, best first. */
export function controlsOf(device: SunSpecDevice, axis: Axis): readonly Control[] {
  return CONTROLS.filter(row => row.axis === axis && device.models.some(entry => entry.id === row.model));
}

/**
 * The axes `device` can be ordered on. With the models as read, an axis counts only where its points are
 * implemented; without, where a model for it stands in the chain.
 */
export function axesOf(device: SunSpecDevice, instances?: readonly ModelInstance[]): readonly Axis[] {
  const able = (row: Control) => instances === undefined || isImplemented(row, instances);
  const axes = CONTROLS.map(row => row.axis);
  return [...new Set(axes)].filter(axis => controlsOf(device, axis).some(able));
}

function isImplemented(row: Control, instances: readonly ModelInstance[]): boolean {
  const points = instances.find(instance => instance.id === row.model)?.points ?? {};
  return [row.value, row.enable].every(name => name === undefined || points[name] !== undefined);
}

/**
 * The raw register for `value` of an axis, or `undefined` where it cannot be said. A limit is rounded down to
 * the device's step, so that what is set never exceeds what was ordered: 33.33 % with whole percents is 33.
 * `exponent` is that of the point's scale factor.
 */
export function rawOf(unit: Unit, value: number, exponent: number): number {
  if (unit === 'switch') return value;
  // The unit is 10^-2 %, the register 10^exponent %: powers of ten and whole numbers, so nothing is lost.
  const steps = exponent + 2;
  return steps <= 0 ? value * 10 ** -steps : Math.floor(value / 10 ** steps);
}
