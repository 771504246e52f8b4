/** What a device behind a gateway is made of: where it is, how it is treated, and what it shares with others. */
import type { Duration, Instant, Now } from '../../base/time.ts';
import type { DeviceEvents } from '../../gateway/mod.ts';
import type { Profile } from '../../local/profiles/mod.ts';
import type { ModelSet } from '../../local/sunspec/mod.ts';
import type { DeviceId, DeviceRole } from '../../model/mod.ts';
import type { Wear } from './wear.ts';
import type { Bus, Link } from '../modbus/mod.ts';

/** A device as it is configured. */
export interface DeviceConfig {
  readonly id: DeviceId;
  readonly link: Link;
  /** Which of the devices behind the link's unit, 0-based: some put their meter into the inverter's chain. */
  readonly place?: number;
  /** What it is to the site, where its models do not say. */
  readonly role?: DeviceRole;
  /** How it departs from the standard. Without it, one of {@link DeviceShared.profiles} that names the device. */
  readonly profile?: Profile;
}

/** `systemClock` of `io/clock`, or a clock that a test moves. */
export interface DevicesClock {
  now(): Now;
  /** Wakes at or after `when`, never before it returned; returns what cancels it. */
  at(when: Instant, wake: () => void): () => void;
}

/** What all devices of a gateway have in common. */
export interface DeviceShared {
  readonly models: ModelSet;
  /** Those that a device is looked up in by what it says it is. None unless told. */
  readonly profiles?: readonly Profile[];
  readonly clock: DevicesClock;
  /** Uniform over [0, 1): the jitter of every back-off. */
  readonly random: () => number;
  /** From one reading to the next; 1 s unless told (TIME-1). */
  readonly pollEvery?: Duration;
}

export interface DeviceParts extends DeviceShared {
  readonly wear: Wear;
  readonly config: DeviceConfig;
  readonly bus: Bus;
  /** Whether other devices are on the bus. */
  readonly isShared: boolean;
  readonly events: DeviceEvents;
}
