/**
 * What of a decision for the site goes to which device. Percentages, power factors and the switch go to every device
 * that can carry them, each of its own; watts of the site are divided; and where a device would have to hold two
 * orders with one setpoint, one gives way and says so.
 *
 * This is the seam for a better division: whoever divides by measurement replaces {@link shareOf}. Nothing here
 * regulates: a limit at the meter that no device holds by itself is refused by name, not imitated.
 */
import { compareEvents, decideAxis } from '../../control/mod.ts';
import { axesOf, axisRow, isSiteTotal, setpointOf } from '../../model/mod.ts';
import type { Axis, DerEvent, DeviceId, DeviceRole } from '../../model/mod.ts';
import type { DeviceOrder, DeviceState } from '../ports.ts';
import { standingKey } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** What one device is to be told on one axis. */
export type Allotment =
  | { readonly kind: 'none' }
  | { readonly kind: 'order'; readonly value: number }
  /** Its setpoint serves another axis, which prevails. */
  | { readonly kind: 'yields'; readonly to: Axis }
  /** Its share is not known yet; what it was told before stands. */
  | { readonly kind: 'waits'; readonly why: string };

export function allot(state: GatewayState, device: DeviceState, axis: Axis): Allotment {
  const order = state.decisions.get(axis)?.setpoint.order;
  if (order?.kind !== 'value') return { kind: 'none' };
  const to = setpointOf(axis, device.setpoints).find(
    rival => rival !== axis && prevails(state, device, { rival, axis }),
  );
  if (to !== undefined) return { kind: 'yields', to };
  return shareOf(order.value, device.device, { axis, able: able(state, axis) });
}

/**
 * A limit falls back to the default control, inside the tariff, if we die (never to "unlimited"); an isolation
 * never does (OVR-4).
 */
export function reversionOf(
  state: GatewayState,
  device: DeviceState,
  { axis, value }: { readonly axis: Axis; readonly value: number | undefined },
): DeviceOrder['reversion'] {
  const { defaults, bounds } = state.settings;
  if (axis === 'opModConnect' || value === undefined || defaults[axis] === undefined) return undefined;
  const { order } = decideAxis(axis, { events: [], defaults, bounds }).setpoint;
  if (order.kind === 'none') return undefined;
  const fallback = shareOf(order.value, device.device, { axis, able: able(state, axis) });
  const holder = state.decisions.get(axis)?.holder;
  const emergency = holder !== undefined && state.schedule.entries.get(holder)?.event.class === 'emergency';
  if (emergency || fallback.kind !== 'order' || fallback.value === value) return undefined;
  return { afterS: Math.ceil(state.settings.reversion / 1000), value: fallback.value };
}

/** A device that can carry an axis, with what its share is measured by. */
export interface Able {
  readonly device: DeviceId;
  readonly role?: DeviceRole;
  /** Its greatest real power, W; absent until it was read. */
  readonly ratedW?: number;
}

/**
 * Watts of the site in proportion to WMax, each share rounded towards nothing, so that the sum never exceeds what
 * was ordered. What is to be taken in is divided among storage: an array only gives.
 */
export function shareOf(
  value: number,
  of: DeviceId,
  { axis, able: all }: { readonly axis: Axis; readonly able: readonly Able[] },
): Allotment {
  if (!isSiteTotal(axis) || all.length < 2) return { kind: 'order', value };
  const unknown = all.filter(({ ratedW, role }) => ratedW === undefined || role === undefined);
  if (unknown.length > 0) {
    const names = unknown.map(({ device }) => device).join(', ');
    return { kind: 'waits', why: `${axis} waits to be divided: the size of ${names} is not known yet` };
  }
  const takesIn = axis !== 'opModStorageTargetW' && value < 0;
  const weight = ({ ratedW = 0, role }: Able): number => (takesIn && role !== 'storage' ? 0 : ratedW);
  const whole = all.reduce((sum, each) => sum + weight(each), 0);
  const own = all.find(({ device }) => device === of);
  if (whole === 0 || own === undefined)
    return { kind: 'waits', why: `${axis} waits: no device here can take power in` };
  // Adding 0 turns −0 into 0.
  return { kind: 'order', value: Math.trunc((value * weight(own)) / whole) + 0 };
}

/** What of an event cannot be carried out here, or not yet: a clause each, for a person. */
export function shortfalls(state: GatewayState, event: DerEvent): readonly string[] {
  const devices = [...state.devices.values()];
  const without = axesWithoutDevice(state, event).map(axis => noneCan(axis, devices));
  const others = devices.flatMap(device =>
    axesOf(event.axes)
      .filter(axis => device.axes.includes(axis))
      .flatMap(axis => {
        const allotted = allot(state, device, axis);
        if (allotted.kind === 'waits') return [allotted.why];
        return allotted.kind === 'yields'
          ? [`${axis} gives way to ${allotted.to} on ${device.device}: one setpoint serves both`]
          : [];
      }),
  );
  return [...new Set([...without, ...others])];
}

/** Whether nothing of an event can be carried out here, and no device is missing that could. */
export function isBeyond(state: GatewayState, event: DerEvent): boolean {
  const devices = [...state.devices.values()];
  const isComplete = devices.length > 0 && devices.every(({ present }) => present);
  return isComplete && axesWithoutDevice(state, event).length === axesOf(event.axes).length;
}

/** The axes an event asks for that no device here can be ordered on. */
function axesWithoutDevice(state: GatewayState, event: DerEvent): readonly Axis[] {
  const can = new Set([...state.devices.values()].flatMap(d => d.axes));
  return axesOf(event.axes).filter(axis => !can.has(axis));
}

const AT_THE_METER = 'it is a matter of the meter, and nothing here regulates by what the meter reads';

/** Why no device can be ordered on an axis, where a person would wonder. */
const WHY_NONE: Readonly<Partial<Record<Axis, string>>> = {
  opModExpLimW: AT_THE_METER,
  opModImpLimW: AT_THE_METER,
  opModGenLimW: 'no SunSpec model limits generation in W; opModMaxLimW limits it in percent',
  opModLoadLimW: 'no device here limits loads',
};

function noneCan(axis: Axis, devices: readonly DeviceState[]): string {
  if (devices.length === 0) return `no device has been found yet that can do ${axis}, ${axisRow(axis).does}`;
  const missing = devices.filter(({ present }) => !present).map(({ device }) => device);
  const why = WHY_NONE[axis];
  const but = missing.length === 0 ? '' : ` (${missing.join(', ')} not found)`;
  return `no device here can do ${axis}, ${axisRow(axis).does}${but}${why === undefined ? '' : `: ${why}`}`;
}

/** Nobody else matters to what is not divided. */
function able(state: GatewayState, axis: Axis): readonly Able[] {
  if (!isSiteTotal(axis)) return [];
  return [...state.devices.values()]
    .filter(({ axes }) => axes.includes(axis))
    .map(({ device }) => ({ device, ...state.sizes.get(device) }));
}

/**
 * Whether `rival` holds the setpoint of `device` that `axis` would need: the one whose event ranks higher, an event
 * before a default, and within one event the more special axis. A rival that the device refuses holds nothing.
 */
function prevails(
  state: GatewayState,
  device: DeviceState,
  { rival, axis }: { readonly rival: Axis; readonly axis: Axis },
): boolean {
  const other = state.decisions.get(rival);
  if (!device.axes.includes(rival) || other?.setpoint.order.kind !== 'value') return false;
  if (state.standing.get(standingKey(device.device, rival))?.applied?.outcome === 'refused') return false;
  if (shareOf(0, device.device, { axis: rival, able: able(state, rival) }).kind === 'waits') return false;
  const [mine, its] = [state.decisions.get(axis)?.holder, other.holder].map(
    key => key && state.schedule.entries.get(key)?.event,
  );
  const rank = mine === undefined || its === undefined ? undefined : compareEvents(its, mine);
  if (rank !== undefined && rank !== 0) return rank < 0;
  if ((mine === undefined) !== (its === undefined)) return its !== undefined;
  const row = setpointOf(axis, device.setpoints);
  return row.indexOf(rival) < row.indexOf(axis);
}
