/**
 * Devices for tests of `io/devices`: simulated units on a real socket, each request on record and answered as a test
 * decides; a clock that runs fast, so that a minute passes in a second; and what the devices told, to be waited for.
 */
import { EventEmitter, on } from 'node:events';
import { instant, unixTime } from '../../../src/base/time.ts';
import type { DeviceState } from '../../../src/gateway/mod.ts';
import { systemClock } from '../../../src/io/clock.ts';
import type { DevicesClock } from '../../../src/io/devices/devices.ts';
import type { ModbusRequest } from '../../../src/local/bus/mod.ts';
import { decodeRequest, encodeException, encodeReply } from '../../../src/local/bus/mod.ts';
import type { Profile } from '../../../src/local/profiles/mod.ts';
import type { Applied, Reading } from '../../../src/model/mod.ts';
import type { Unit } from '../../../src/sim/mod.ts';
import type { FakeDevice } from '../modbus/fakes.ts';
import { fakeDevice } from '../modbus/fakes.ts';

/** A unit whose input registers are others than its holding registers. */
export interface Tabled extends Unit {
  readInput(address: number, count: number): ReturnType<Unit['read']>;
}

/** `lost`: the request never arrives. `mute`: it is carried out, and nothing is answered. */
export type Fate = 'answered' | 'lost' | 'mute' | { readonly exception: number };

export interface Behaving extends FakeDevice {
  readonly log: readonly ModbusRequest[];
}

export async function serveUnits(
  units: readonly Unit[],
  fate: (request: ModbusRequest) => Fate = () => 'answered',
): Promise<Behaving> {
  const log: ModbusRequest[] = [];
  const device = await fakeDevice(asked => {
    const pdu = asked.frame.subarray(7);
    const decoded = decodeRequest(asked.frame[6] ?? 0, pdu);
    if ('exception' in decoded) throw new Error(`exception ${decoded.exception}`);
    const { request } = decoded;
    log.push(request);
    const its = fate(request);
    if (its === 'lost') return;
    const reply = typeof its === 'object' ? its : carriedOut(units, request);
    if (its === 'mute') return;
    const answer =
      'exception' in reply ? encodeException(pdu, reply.exception) : encodeReply(pdu, reply.words);
    asked.answer(Buffer.from(answer));
  });
  return { ...device, log };
}

function carriedOut(
  units: readonly Unit[],
  request: ModbusRequest,
): { readonly words: readonly number[] } | { readonly exception: number } {
  const unit = units.find(each => each.unit === request.unit);
  if (unit === undefined) return { exception: 11 };
  if (request.kind === 'write') return unit.write(request.address, request.words) ?? { words: [] };
  const isTabled = (its: Unit): its is Tabled => 'readInput' in its;
  const { address, count } = request;
  const ofInput = request.space === 'input' && isTabled(unit);
  const words = ofInput ? unit.readInput(address, count) : unit.read(address, count);
  return 'exception' in words ? words : { words };
}

/** What the devices told. */
export class Told extends EventEmitter {
  readonly states: DeviceState[] = [];
  readonly readings: Reading[] = [];

  device(state: DeviceState): void {
    this.states.push(state);
    this.emit('device', state);
  }

  reading(reading: Reading): void {
    this.readings.push(reading);
    this.emit('reading', reading);
  }

  lapsed(order: number, applied: Applied): void {
    this.emit('lapsed', order, applied);
  }

  /** The next state, or the next for which `is` holds. */
  async until(is: (state: DeviceState) => boolean = () => true): Promise<DeviceState> {
    for await (const [state] of on(this, 'device') as AsyncIterable<[DeviceState]>)
      if (is(state)) return state;
    throw new Error('no such state');
  }

  /** Waits for `count` further readings of `device`. */
  async further(count: number, device: string): Promise<void> {
    let seen = 0;
    for await (const [reading] of on(this, 'reading') as AsyncIterable<[Reading]>)
      if (reading.device === device && ++seen >= count) return;
  }
}

/** The system's clock, `times` as fast. */
export function fastClock(times: number): DevicesClock {
  const start = systemClock.now();
  const scaled = (ms: number): number => start.instant + (ms - start.instant) * times;
  return {
    now: () => {
      const { instant: at, unix } = systemClock.now();
      return {
        instant: instant(scaled(at)),
        unix: unixTime(start.unix + (unix - start.unix) * times),
      };
    },
    at: (when, wake) =>
      systemClock.at(instant(start.instant + Math.ceil((when - start.instant) / times)), wake),
  };
}

/** A profile of the simulated devices, with what a test gives them. */
export function profileOf(parts: Partial<Profile>): Profile {
  return {
    profile: 'sim-pv',
    title: 'Simulated PV',
    tested: 'simulated',
    match: { manufacturer: ['Underglass'], modelBegins: ['Sim PV'] },
    deviations: [],
    ...parts,
  };
}
