/**
 * The devices behind a gateway, on their buses: found at the start, read every second, missed when they fall
 * silent, found again, and ordered. Each device lives by itself; links to one address share a bus.
 *
 * What a register means is the business of `local/`; who is ordered what, and again, is the gateway's.
 */
import type { Result } from '../base/assert.ts';
import { refused } from '../base/assert.ts';
import type { Duration, Instant, Now } from '../base/time.ts';
import { after, milliseconds } from '../base/time.ts';
import type { DeviceEvents, DeviceOrder, DevicesPort } from '../gateway/mod.ts';
import type { Conversation, Turn } from '../local/bus/mod.ts';
import { backOff } from '../local/bus/mod.ts';
import type { ApplyResult } from '../local/device/mod.ts';
import { applyOrder, axesOf, pollPoints, roleOf } from '../local/device/mod.ts';
import type { DiscoveryRefusal, ModelSet, SunSpecDevice } from '../local/sunspec/mod.ts';
import { discover } from '../local/sunspec/mod.ts';
import type { Applied, DeviceId, DeviceRole } from '../model/mod.ts';
import type { Bus, Link } from './modbus/mod.ts';
import { formatLink, linkAddress, openBus } from './modbus/mod.ts';

/** A device as it is configured. */
export interface DeviceConfig {
  readonly id: DeviceId;
  readonly link: Link;
  /** Which of the devices behind the link's unit, 0-based: some put their meter into the inverter's chain. */
  readonly place?: number;
  /** What it is to the site, where its models do not say. */
  readonly role?: DeviceRole;
}

/** `systemClock` of `io/clock`, or a clock that a test moves. */
export interface DevicesClock {
  now(): Now;
  /** Wakes at or after `when`, never before it returned; returns what cancels it. */
  at(when: Instant, wake: () => void): () => void;
}

export interface DevicesOptions {
  readonly devices: readonly DeviceConfig[];
  readonly models: ModelSet;
  readonly clock: DevicesClock;
  /** Uniform over [0, 1): the jitter of every back-off. */
  readonly random: () => number;
  /** From one reading to the next; 1 s unless told (TIME-1). */
  readonly pollEvery?: Duration;
  /** How a bus is made; {@link openBus} unless told. */
  readonly busOf?: (link: Link) => Bus;
}

/** Readings in a row without an answer after which a device counts as lost: one may be noise, two bad luck. */
const FAILURES_MAX = 3;
/** SunSpec gives a device this long until a register shows what was written to it. */
const READ_AFTER_WRITE = milliseconds(1000);
const POLL_EVERY = milliseconds(1000);

/** Starts looking for all `devices` at once. Nothing is told before this returns. */
export function openDevices(options: DevicesOptions, events: DeviceEvents): DevicesPort {
  const { random, busOf = (link: Link) => openBus(link, { random }) } = options;
  const buses = new Map<string, Bus>();
  const devices = new Map<DeviceId, Device>();
  for (const config of options.devices) {
    const address = linkAddress(config.link);
    const bus = buses.get(address) ?? busOf(config.link);
    buses.set(address, bus);
    devices.set(config.id, new Device({ ...options, config, bus, events }));
  }
  return {
    apply: order => devices.get(order.device)?.apply(order) ?? Promise.resolve(unheardOf(order)),
    close: async () => {
      const ended = [...devices.values()].map(device => device.close());
      await Promise.all([...buses.values()].map(bus => bus.close()));
      await Promise.all(ended);
    },
  };
}

function unheardOf({ device, axis }: DeviceOrder): Applied {
  return { device, axis, outcome: 'refused', why: `there is no device ${device}`, evidence: [] };
}

interface DeviceParts extends DevicesOptions {
  readonly config: DeviceConfig;
  readonly bus: Bus;
  readonly events: DeviceEvents;
}

/** What discovery made of a device. */
interface Found {
  readonly device: SunSpecDevice;
  readonly role: DeviceRole;
}

type FindRefusal = DiscoveryRefusal | 'incomplete' | 'absent' | 'no-role';

class Device {
  readonly #parts: DeviceParts;
  readonly #living: Promise<void>;
  /** The last known map. It outlives a loss: an order may try it, and is refused by a device that changed. */
  #found: Found | undefined;
  #present: boolean | undefined;
  #closed = false;
  /** Ends the waits under way. */
  readonly #wakes = new Set<() => void>();

  constructor(parts: DeviceParts) {
    this.#parts = parts;
    this.#living = this.#live();
  }

  async apply(order: DeviceOrder): Promise<Applied> {
    const { device, axis, value, reversion } = order;
    const result = await this.#carryOut({ axis, value, ...(reversion === undefined ? {} : { reversion }) });
    const { outcome, why, evidence } = result;
    return { device, axis, outcome, evidence, ...(why === undefined ? {} : { why }) };
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#wakes) wake();
    return this.#living;
  }

  async #carryOut(order: Parameters<typeof applyOrder>[1]): Promise<ApplyResult> {
    const found =
      this.#found === undefined ? await this.#find('write') : { ok: true as const, value: this.#found };
    if (!found.ok) return { outcome: 'unknown', why: `not found: ${whyOf(found)}`, evidence: [] };
    const first = await this.#run(applyOrder(found.value.device, order, this.#parts.models), 'write');
    if (first.recheck === undefined) return first;
    await this.#wait(READ_AFTER_WRITE);
    return this.#run(first.recheck(), 'write');
  }

  /** Found, then read until lost, and again. A device that is not there is looked for ever more rarely. */
  async #live(): Promise<void> {
    // In a turn of its own, so that the owner holds the port before it hears of anything.
    await this.#wait(milliseconds(0));
    for (let failures = 0; !this.#closed; ) {
      const found = await this.#find('read');
      if (this.#closed) break;
      if (found.ok) {
        failures = 0;
        this.#tell(true, `found at ${formatLink(this.#parts.config.link)}`);
        await this.#watch(found.value);
      } else {
        failures += 1;
        this.#tell(false, `not found at ${formatLink(this.#parts.config.link)}: ${whyOf(found)}`);
        await this.#wait(backOff(failures, this.#parts.random()));
      }
    }
  }

  async #find(turn: Turn): Promise<Result<Found, FindRefusal>> {
    const { config, models } = this.#parts;
    const { unit } = config.link;
    const result = await this.#run(discover({ unit, models }), turn);
    if (!result.ok) return result;
    const { devices, end } = result.value;
    if (end.how === 'silent')
      return refused('incomplete', `it fell silent at register ${end.address}`, 'later');
    const device = devices[config.place ?? 0];
    if (device === undefined) return refused('absent', `${devices.length} devices stand there`, 'later');
    const role = config.role ?? roleOf(device);
    if (role === undefined) return refused('no-role', 'it has no model of an inverter, storage or meter');
    this.#found = { device, role };
    return { ok: true, value: this.#found };
  }

  /** Reads until the device is lost or its map has changed. */
  async #watch({ device, role }: Found): Promise<void> {
    const { clock, models, events, config, pollEvery = POLL_EVERY } = this.#parts;
    for (let failures = 0; !this.#closed; ) {
      const due = after(clock.now().instant, pollEvery);
      const points = await this.#run(pollPoints(device, role, { models }), 'read');
      if (this.#closed) return;
      if (points.ok) {
        failures = 0;
        events.reading({ device: config.id, role, at: clock.now().unix, points: points.value });
      } else if (points.refusal === 'map-changed') {
        this.#found = undefined;
        return;
      } else {
        failures += 1;
        if (failures >= FAILURES_MAX) return this.#tell(false, `lost: ${whyOf(points)}`);
      }
      await this.#waitUntil(due);
    }
  }

  /** Each change once: a device that stays lost is not reported again. */
  #tell(present: boolean, why: string): void {
    if (this.#present === present && !present) return;
    this.#present = present;
    const device = this.#found?.device;
    const names = [device?.manufacturer, device?.model, device?.version];
    this.#parts.events.device({
      device: this.#parts.config.id,
      present,
      model: names.filter(name => name !== undefined).join(' '),
      axes: device === undefined ? [] : axesOf(device),
      why,
    });
  }

  #run<T>(conversation: Conversation<T>, turn: Turn): Promise<T> {
    return this.#parts.bus.run(conversation, turn);
  }

  #wait(duration: Duration): Promise<void> {
    return this.#waitUntil(after(this.#parts.clock.now().instant, duration));
  }

  #waitUntil(when: Instant): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise(resolve => {
      const wake = (): void => {
        cancel();
        this.#wakes.delete(wake);
        resolve();
      };
      const cancel = this.#parts.clock.at(when, wake);
      this.#wakes.add(wake);
    });
  }
}

function whyOf({ refusal, detail }: { readonly refusal: string; readonly detail?: string }): string {
  return detail ?? refusal;
}
