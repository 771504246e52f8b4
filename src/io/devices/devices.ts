/**
 * The devices behind a gateway, on their buses. Each device lives by itself; links to one address share a bus.
 *
 * What a register means is the business of `local/`; who is ordered what, and again, is the gateway's.
 */
import type { DeviceEvents, DeviceOrder, DevicesPort, SettingsPort } from '../../gateway/mod.ts';
import type { Applied, DeviceId } from '../../model/mod.ts';
import type { DeviceConfig, DeviceShared } from './parts.ts';
import { Device } from './device.ts';
import type { WearPort } from './wear.ts';
import { Wear } from './wear.ts';
import type { Bus, Link } from '../modbus/mod.ts';
import { linkAddress, openBus } from '../modbus/mod.ts';

export type { DeviceConfig, DevicesClock } from './parts.ts';
export type { WearCount, WearPort } from './wear.ts';

export interface DevicesOptions extends DeviceShared {
  readonly devices: readonly DeviceConfig[];
  /** Where counts of flash writes are kept; without it they begin anew with the process. */
  readonly wear?: WearPort;
  /** How a bus is made; {@link openBus} unless told. */
  readonly busOf?: (link: Link) => Bus;
}

/** Starts looking for all `devices` at once. Nothing is told before this returns. */
export function openDevices(options: DevicesOptions, events: DeviceEvents): DevicesPort & SettingsPort {
  const { random, busOf = (link: Link) => openBus(link, { random }) } = options;
  const buses = new Map<string, Bus>();
  const devices = new Map<DeviceId, Device>();
  const wear = new Wear(options.wear);
  const addresses = options.devices.map(({ link }) => linkAddress(link));
  for (const config of options.devices) {
    const address = linkAddress(config.link);
    const bus = buses.get(address) ?? busOf(config.link);
    buses.set(address, bus);
    const isShared = addresses.filter(each => each === address).length > 1;
    devices.set(config.id, new Device({ ...options, config, bus, isShared, events, wear }));
  }
  return {
    apply: order => devices.get(order.device)?.apply(order) ?? Promise.resolve(unheardOf(order)),
    interrogate: async device => {
      const its = devices.get(device);
      return its === undefined ? { device, outcome: 'unknown', why: noDevice(device) } : its.interrogate();
    },
    set: async (device, order) => {
      const its = devices.get(device);
      return its === undefined
        ? { device, outcome: 'refused', why: noDevice(device), parts: [] }
        : its.set(order);
    },
    close: async () => {
      const ended = [...devices.values()].map(device => device.close());
      await Promise.all([...buses.values()].map(bus => bus.close()));
      await Promise.all(ended);
    },
  };
}

function unheardOf({ device, axis }: DeviceOrder): Applied {
  return { device, axis, outcome: 'refused', why: noDevice(device), evidence: [] };
}

function noDevice(device: DeviceId): string {
  return `there is no device ${device}`;
}
