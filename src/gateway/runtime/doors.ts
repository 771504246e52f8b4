/**
 * All the doors of one gateway together, and who may watch it.
 */
import type { Instant, Now } from '../../base/time.ts';
import type { Effect, Input, LogEntry } from '../effects.ts';
import type {
  BrokerEvents,
  BrokerPort,
  CodePort,
  DeliveryEvents,
  DeliveryPort,
  DeviceEvents,
  DevicesPort,
  DisplayPort,
  OpenerPort,
  SettingsPort,
  SignerPort,
  StorePort,
} from '../ports.ts';

export interface ClockPort {
  now(): Now;
  /** Calls `wake` once at or after `when`; the function returned cancels it. */
  at(when: Instant, wake: () => void): () => void;
}

export interface GatewayPorts {
  readonly store: StorePort;
  readonly broker: (events: BrokerEvents) => BrokerPort;
  readonly devices: (events: DeviceEvents) => DevicesPort & Partial<SettingsPort>;
  readonly signer: SignerPort;
  readonly display: DisplayPort;
  readonly code: CodePort;
  /** Needed where the settings name a box key. */
  readonly opener?: OpenerPort;
  /** Needed where the settings name deliveries. */
  readonly delivery?: (events: DeliveryEvents) => DeliveryPort;
  readonly clock: ClockPort;
  /** 32 fresh, unpredictable bytes in hexadecimal: what the nonces of one run are made from. */
  readonly seed: () => string;
  readonly log: (entry: LogEntry) => void;
  /**
   * Sees every input before it is taken, what the step made of it, and every effect as it is carried out; never a
   * code the customer typed.
   */
  readonly observe?: (what: Observation) => void;
}

/** For recordings, benches and timetables. */
export type Observation =
  | { readonly input: Input }
  | { readonly stepped: readonly Effect[] }
  | { readonly effect: Effect };
