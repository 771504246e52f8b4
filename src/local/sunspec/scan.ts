/**
 * Everything a link has to say: discovery, then every model of every device; and the same as JSON.
 */
import { type Result, ok } from '../../base/assert.ts';
import type { Conversation } from '../bus/conversation.ts';
import type { GroupInstance, ModelInstance } from './codec.ts';
import {
  type Discovery,
  type DiscoveryOptions,
  type DiscoveryRefusal,
  type SunSpecDevice,
  discover,
} from './discovery.ts';
import { type PollRefusal, readDevice } from './poll.ts';
import type { Value } from './value.ts';

export interface ScannedDevice {
  readonly device: SunSpecDevice;
  readonly instances: readonly ModelInstance[];
}

export interface Scan {
  readonly base: number;
  readonly devices: readonly ScannedDevice[];
  readonly end: Discovery['end'];
}

/** Finds and reads all there is. Registers that cannot be read are unknown; a device that falls silent ends it. */
export function* scan(options: DiscoveryOptions): Conversation<Result<Scan, DiscoveryRefusal | PollRefusal>> {
  const found = yield* discover(options);
  if (!found.ok) return found;
  const devices: ScannedDevice[] = [];
  for (const device of found.value.devices) {
    const instances = yield* readDevice(device, options);
    if (!instances.ok) return instances;
    devices.push({ device, instances: instances.value });
  }
  return ok({ base: found.value.base, devices, end: found.value.end });
}

export interface GroupJson {
  readonly points: Readonly<Record<string, number | string | null>>;
  readonly groups: Readonly<Record<string, readonly GroupJson[]>>;
}

export interface ModelJson extends GroupJson {
  readonly id: number;
  readonly name: string | null;
  readonly address: number;
  readonly length: number;
}

/** What `underglass scan --json` prints. `null`: not implemented or not known. */
export interface ScanJson {
  readonly target: string;
  readonly base: number;
  readonly devices: readonly {
    readonly manufacturer: string | null;
    readonly model: string | null;
    readonly serial: string | null;
    readonly version: string | null;
    readonly models: readonly ModelJson[];
  }[];
}

/** `target` is the link as the user wrote it. Integers beyond ±(2^53 − 1) become text. */
export function toScanJson(target: string, { base, devices }: Scan): ScanJson {
  return {
    target,
    base,
    devices: devices.map(({ device, instances }) => ({
      manufacturer: device.manufacturer ?? null,
      model: device.model ?? null,
      serial: device.serial ?? null,
      version: device.version ?? null,
      models: instances.map(({ id, name, address, length, ...group }) => ({
        id,
        name,
        address,
        length,
        ...groupJson(group),
      })),
    })),
  };
}

/** A value as JSON can hold it without loss. */
export function valueJson(value: Value | undefined): number | string | null {
  if (typeof value === 'bigint') return value.toString();
  return value ?? null;
}

function groupJson({ points, groups }: GroupInstance): GroupJson {
  return {
    points: Object.fromEntries(Object.entries(points).map(([name, value]) => [name, valueJson(value)])),
    groups: Object.fromEntries(Object.entries(groups).map(([name, each]) => [name, each.map(groupJson)])),
  };
}
