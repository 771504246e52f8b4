/**
 * The doors the bench needs, as types: the device under test, a clock, and the instruments around it. Whoever wires
 * them decides what is real; the bench cannot tell a laboratory from a simulation.
 */
import type { Result } from '../../src/base/assert.ts';
import type { Instant, Now } from '../../src/base/time.ts';
import type { Conversation } from '../../src/local/bus/mod.ts';

/** The device under test. One door at a time: many devices take a single client. */
export interface DevicePort {
  readonly kind: 'tcp' | 'serial';
  /** Modbus unit. */
  readonly unit: number;
  /** Holds the conversation to its end. Trouble on the line is a reply to it, never a rejection. */
  run<T>(conversation: Conversation<T>): Promise<T>;
  /** Lets go of the link and opens it for bytes; the link comes back when the bytes' door is closed. */
  openRaw(): Promise<Result<RawPort, 'disconnected'>>;
}

/** The bare line: bytes as they are, for tests of framing. */
export interface RawPort {
  send(bytes: Uint8Array): Promise<void>;
  /** What came since the last call: as soon as it is `enough`, else all that came within `withinMs`. */
  hear(withinMs: number, enough: (heard: Uint8Array) => boolean): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface ClockPort {
  now(): Now;
  /** Resolves `ms` milliseconds later. */
  pause(ms: number): Promise<void>;
}

/** What the source gives to the device. What is absent stays as it is. */
export interface Stimulus {
  /** Phase to neutral. */
  readonly voltageV?: number;
  readonly frequencyHz?: number;
  /** On the array, or what a PV simulator makes of it: 0 … 1200 W/m². */
  readonly irradianceWm2?: number;
}

/** What a meter at the terminals shows; positive is given out and injected. An absent quantity is not measured. */
export interface Sample {
  readonly at: Instant;
  readonly powerW?: number;
  readonly reactiveVar?: number;
  readonly voltageV?: number;
  readonly frequencyHz?: number;
}

/** `limit`: beyond what the bench allows. `unable`: this set-up cannot. `instrument`: it did not obey or answer. */
export type InstrumentRefusal = 'limit' | 'unable' | 'instrument';

/** Source and meter around the device. */
export interface InstrumentPort {
  /** Maker, model and serial of what measures, for the report. */
  readonly name: string;
  /** Each measurement costs a person's attention: one at the end instead of many on the way. */
  readonly byHand?: true;
  set(stimulus: Stimulus): Promise<Result<undefined, InstrumentRefusal>>;
  measure(): Promise<Result<Sample, InstrumentRefusal>>;
  /** Emergency stop: outputs off, whatever state they are in. Never rejects; tries everything there is. */
  safe(): Promise<void>;
  /** Ends the connection; leaves the outputs as they are. */
  close(): Promise<void>;
}

export interface BenchPorts {
  readonly device: DevicePort;
  readonly clock: ClockPort;
  readonly instruments?: InstrumentPort;
}
