/**
 * What is known of a running gateway's health: whether the broker, the store and the devices are there, what was
 * counted, and for how much of the time it could do its work. It is told by {@link tapped} doors; it decides nothing.
 */
import type { Now } from '../../base/time.ts';
import { Availability } from '../../gateway/mod.ts';
import type { AvailabilityDay, DeviceState, LogEntry } from '../../gateway/mod.ts';
import type { DeviceId, Outcome } from '../../model/mod.ts';

/** Names of log events that are counted each; further ones are counted as `other`. */
const MAX_NAMES = 256;

export interface FactsOptions {
  readonly devices: readonly DeviceId[];
  readonly now: Now;
  /** What an earlier run kept. */
  readonly days?: readonly AvailabilityDay[];
}

export interface DeviceFacts {
  state?: DeviceState;
  readings: number;
  readAt?: Now;
}

export class Facts {
  readonly availability: Availability;
  readonly devices = new Map<DeviceId, DeviceFacts>();
  readonly orders = new Map<Outcome, number>();
  /** By `level event`. */
  readonly lines = new Map<string, number>();
  /** By bus: conversations that ended. */
  readonly conversations = new Map<string, number>();
  link = { up: false, why: 'not connected yet', losses: 0 };
  store = { works: true, commits: 0, failures: 0, seconds: 0 };
  messages = 0;
  published = 0;

  constructor({ devices, now, days = [] }: FactsOptions) {
    this.availability = new Availability(days, now);
    for (const device of devices) this.devices.set(device, { readings: 0 });
  }

  /** Why no command could come in, be kept and be carried out now; nothing where one could. */
  hindrances(): readonly string[] {
    const devices = [...this.devices].flatMap(([id, { state }]) => {
      if (state === undefined) return [`${id} was not found yet`];
      return isReady({ state }) ? [] : [`${id}: ${state.why}`];
    });
    return [
      ...(this.link.up ? [] : [`the link is down: ${this.link.why}`]),
      ...(this.store.works ? [] : ['the store cannot be written']),
      ...devices,
    ];
  }

  /** To be called after each change. */
  note(now: Now): void {
    const commands = this.link.up && this.store.works && [...this.devices.values()].every(isReady);
    this.availability.note({ link: this.link.up, commands }, now);
  }

  logged({ level, event }: LogEntry): void {
    const name = `${level} ${event}`;
    const key = this.lines.has(name) || this.lines.size < MAX_NAMES ? name : `${level} other`;
    count(this.lines, key);
  }
}

/** A device that takes no orders (a meter) hinders none when it is away, once it is known to be one. */
function isReady({ state }: { readonly state?: DeviceState }): boolean {
  if (state === undefined) return false;
  return state.present || (state.model !== '' && state.axes.length === 0);
}

export function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
