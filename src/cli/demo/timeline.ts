/**
 * What happened to one command, in order and with times, put together from what the gateway's interpreter
 * and its buses let see. It only watches; the gateway does not know of it.
 */
import type { Observation } from '../../gateway/mod.ts';
import type { Exchange } from '../../io/modbus/mod.ts';
import type { Applied, Cti, DeviceId, Evidence, Reading } from '../../model/mod.ts';

/** Some minutes of a small home; older ones are forgotten, and with them timetables nobody asked for. */
const MAX_SEEN = 20_000;

/** Milliseconds of `performance.now()` at which a command reached each stage, as far as it got. */
export interface Stages {
  readonly receivedMs: number;
  readonly bytes: number;
  readonly topic: string;
  readonly verifiedMs: number;
  readonly persistedMs: number;
}

/** A register written for an order, when the device answered, and when it was read back. */
export interface WriteTimes {
  readonly device: string;
  readonly evidence: Evidence;
  readonly writtenMs?: number;
  readonly readBackMs?: number;
}

type Seen = { readonly atMs: number } & (
  | Observation
  | { readonly address: string; readonly exchange: Exchange }
);

export class Timeline {
  #seen: Seen[] = [];
  readonly #addresses: ReadonlyMap<DeviceId, string>;

  /** `addresses`: the bus of each device. */
  constructor(addresses: ReadonlyMap<DeviceId, string>) {
    this.#addresses = addresses;
  }

  readonly observe = (what: Observation): void => this.#note({ atMs: performance.now(), ...what });
  /** `address` is that of the bus, as in `tcp://127.0.0.1:15020`. */
  readonly onExchange = (address: string, exchange: Exchange): void =>
    this.#note({ atMs: exchange.answeredMs, address, exchange });

  /** The stages of the command `cti`, or `undefined` when it was not verified (yet). */
  stages(cti: Cti): Stages | undefined {
    const stepped = this.#seen.findIndex(
      s => 'stepped' in s && s.stepped.some(effect => isVerified(effect, cti)),
    );
    const verified = this.#seen[stepped];
    const input = this.#seen.slice(0, stepped).findLast(s => 'input' in s && s.input.on === 'message');
    const persisted = this.#seen.find(s => 'effect' in s && isVerified(s.effect, cti));
    if (verified === undefined || persisted === undefined || input === undefined) return undefined;
    if (!('input' in input) || input.input.on !== 'message') return undefined;
    const { payload, topic } = input.input;
    return {
      receivedMs: input.atMs,
      bytes: payload.length,
      topic,
      verifiedMs: verified.atMs,
      persistedMs: persisted.atMs,
    };
  }

  /** When each register that `applied` names was written and read back, not before `fromMs`. */
  writes(applied: readonly Applied[], fromMs: number): readonly WriteTimes[] {
    return applied.flatMap(({ device, evidence }) => {
      const address = this.#addresses.get(device);
      const exchanges = this.#seen.flatMap(s =>
        'exchange' in s && s.address === address && s.exchange.sentMs >= fromMs ? [s.exchange] : [],
      );
      return evidence.map(e => writeTimes(device, e, exchanges));
    });
  }

  /** What the gateway last read from `device`. */
  lastReading(device: string): Reading | undefined {
    const seen = this.#seen.findLast(
      s => 'input' in s && s.input.on === 'reading' && s.input.reading.device === device,
    );
    return seen !== undefined && 'input' in seen && seen.input.on === 'reading'
      ? seen.input.reading
      : undefined;
  }

  #note(seen: Seen): void {
    this.#seen.push(seen);
    if (this.#seen.length > MAX_SEEN) this.#seen = this.#seen.slice(MAX_SEEN / 2);
  }
}

function isVerified(effect: { do: string; entry?: { event: string; cti?: string } }, cti: Cti): boolean {
  return effect.do === 'log' && effect.entry?.event === 'command.verified' && effect.entry.cti === cti;
}

function writeTimes(device: string, evidence: Evidence, exchanges: readonly Exchange[]): WriteTimes {
  const written = exchanges.find(
    ({ request }) => request.kind === 'write' && covers(request, evidence, request.words.length),
  );
  if (written === undefined) return { device, evidence };
  const readBack = exchanges.find(
    ({ request, sentMs }) =>
      request.kind === 'read' && sentMs >= written.answeredMs && covers(request, evidence, request.count),
  );
  const times = { device, evidence, writtenMs: written.answeredMs };
  return readBack === undefined ? times : { ...times, readBackMs: readBack.answeredMs };
}

function covers(request: { address: number }, evidence: Evidence, count: number): boolean {
  return request.address <= evidence.address && evidence.address < request.address + count;
}
