/**
 * A device with a quirk, on a bench: registers that a test bends, a line that misbehaves, and in front of them the
 * real bus and `io/devices`, with a profile or without. Times of shipped profiles are shortened, nothing else.
 */
import { on } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { milliseconds } from '../../src/base/time.ts';
import type { DeviceState } from '../../src/gateway/mod.ts';
import { systemClock } from '../../src/io/clock.ts';
import type { DevicesClock } from '../../src/io/devices/devices.ts';
import { openDevices } from '../../src/io/devices/devices.ts';
import type { Exchange } from '../../src/io/modbus/mod.ts';
import { openBus, parseLink } from '../../src/io/modbus/mod.ts';
import { shippedModels } from '../../src/io/models.ts';
import { shippedProfiles } from '../../src/io/profiles.ts';
import type { ModbusRequest } from '../../src/local/bus/mod.ts';
import type { Profile } from '../../src/local/profiles/mod.ts';
import type { Applied, Axis, DeviceId } from '../../src/model/mod.ts';
import type { Fault, ModelValues, Server, Unit } from '../../src/sim/mod.ts';
import { Image, serveTcpLine } from '../../src/sim/mod.ts';
import type { Fate, Tabled } from '../io/devices/behaving.ts';
import { Told, serveUnits } from '../io/devices/behaving.ts';

/** What the device gives, and reads as long as nothing is wrong. */
export const POWER_W = 4000;

export const constant = (count: number): readonly number[] => Array<number>(count).fill(POWER_W);

/** A common model of `maker`. */
export function named(maker: string): ModelValues {
  return { id: 1, values: { Mn: maker, Md: 'Quirk', Vr: '1.0', SN: 'Q-1' } };
}

/** An inverter that gives {@link POWER_W}, and can be limited by model 123 in steps of 1 %. */
export function inverter(maker = 'Quirk'): Image {
  return new Image([named(maker), measured(103, POWER_W), limits()]);
}

export function measured(id: number, powerW: number): ModelValues {
  return { id, values: { W: powerW, W_SF: 0, Hz: 50, Hz_SF: 0 } };
}

/** A nameplate: what is 100 % of a limit. */
export function rated(ratingW: number): ModelValues {
  return { id: 120, values: { DERTyp: 4, WRtg: ratingW, WRtg_SF: 0 } };
}

export function limits(): ModelValues {
  const values = { WMaxLimPct: 100, WMaxLimPct_SF: 0, WMaxLimPct_WinTms: 0, WMaxLimPct_RvrtTms: 0 };
  return { id: 123, values: { ...values, WMaxLim_Ena: 0 } };
}

/** `image` as unit 1, unless told, with what a test bends. */
export function wired(image: Image, bent: Partial<Unit> = {}): Unit {
  return {
    unit: 1,
    read: (address, count) => image.read(address, count),
    write: (address, words) => {
      const result = image.write(address, words, () => undefined);
      return 'exception' in result ? result : undefined;
    },
    ...bent,
  };
}

/** The shipped profile of that name, with times that a test can wait for. */
export async function shipped(name: string, link: NonNullable<Profile['link']> = {}): Promise<Profile> {
  const profile = (await shippedProfiles()).get(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return { ...profile, link: { ...profile.link, ...link } };
}

export type Registers = Map<number, number>;

/** Registers of a maker's own table, by their address on the line. Those that are not there refuse with exception 2. */
export interface Own {
  readonly holding?: Registers;
  readonly input?: Registers;
  /** Looked at after each write, with the device as it is then. */
  readonly react?: (holding: Registers, input: Registers) => void;
}

/** A unit with a maker's own table, and `map` beside it where the device has one. */
export function owning({ holding = new Map(), input = new Map(), react }: Own, map?: Unit, unit = 1): Tabled {
  const from = (table: Registers, address: number, count: number) => {
    const words = Array.from({ length: count }, (_, at) => table.get(address + at));
    return words.every(word => word !== undefined) ? words : { exception: 2 };
  };
  return {
    unit,
    read: (address, count) =>
      holding.has(address) ? from(holding, address, count) : (map?.read(address, count) ?? { exception: 2 }),
    readInput: (address, count) => from(input, address, count),
    write: (address, words) => {
      if (!holding.has(address)) return map === undefined ? { exception: 2 } : map.write(address, words);
      for (const [at, word] of words.entries()) holding.set(address + at, word);
      react?.(holding, input);
      return undefined;
    },
  };
}

export interface Given {
  readonly unit: Unit;
  readonly profile?: Profile | undefined;
  /** Looked at with every request: a test adds to them as it goes. */
  readonly faults?: readonly Fault[];
  readonly fate?: Parameters<typeof serveUnits>[1];
  /** Requests in the first so many milliseconds of a connection are not heard. */
  readonly deafForMs?: number;
  /** Devices in the unit's chain; one unless told. */
  readonly places?: number;
  readonly clock?: DevicesClock;
}

export interface Bench extends AsyncDisposable {
  readonly told: Told;
  /** Whether the first search found it. */
  found(): Promise<DeviceState>;
  /** What the power was read as, `count` times from now on. */
  powers(count: number, place?: number): Promise<readonly (number | undefined)[]>;
  /** What went over the line so far. */
  readonly requests: readonly ModbusRequest[];
  /** Waits for such a request. */
  until(is: (request: ModbusRequest) => boolean): Promise<void>;
  /** A limit in percent of the rating. */
  limit(percent: number): Promise<Applied>;
  /** An order on any axis, in its unit. */
  order(axis: Axis, value: number | undefined): Promise<Applied>;
}

export async function openBench(given: Given): Promise<Bench> {
  const device = await serveUnits([given.unit], given.fate);
  const ear = given.deafForMs === undefined ? undefined : await deafAtFirst(device.port, given.deafForMs);
  const line = await serveTcpLine({ to: { port: ear?.port ?? device.port }, faults: given.faults ?? [] });
  const link = parseLink(`tcp://127.0.0.1:${line.port}?unit=${given.unit.unit}`);
  if (!link.ok) throw new Error(link.detail);
  const told = new Told();
  const requests: ModbusRequest[] = [];
  const onExchange = ({ request }: Exchange): void => {
    requests.push(request);
    told.emit('request', request);
  };
  const { profile, clock = systemClock, places = 1 } = given;
  const idOf = (place: number) => `quirk-${place}` as DeviceId;
  const port = openDevices(
    {
      devices: Array.from({ length: places }, (_, place) => ({
        id: idOf(place),
        link: link.value,
        place,
        ...(profile === undefined ? {} : { profile }),
      })),
      models: await shippedModels(),
      clock,
      random: () => 0,
      pollEvery: milliseconds(10),
      busOf: each => openBus(each, { random: () => 0, timeoutMs: 100, quarantineMs: 5, onExchange }),
    },
    told,
  );
  return {
    told,
    requests,
    found: async () => told.states[0] ?? told.until(),
    powers: async (count, place = 0) => {
      const before = told.readings.length;
      await told.further(count, idOf(place));
      const own = told.readings.slice(before).filter(({ device: id }) => id === idOf(place));
      return own.map(({ points }) => points['W']);
    },
    until: async is => {
      for await (const [request] of on(told, 'request') as AsyncIterable<[ModbusRequest]>)
        if (is(request)) return;
    },
    limit: percent => port.apply({ order: 1, device: idOf(0), axis: 'opModMaxLimW', value: 100 * percent }),
    order: (axis, value) => port.apply({ order: 1, device: idOf(0), axis, value }),
    [Symbol.asyncDispose]: async () => {
      await port.close();
      await line.close();
      await ear?.close();
      await device.close();
    },
  };
}

/** Passes bytes on, but for those of the first `ms` of each connection, which are lost. */
async function deafAtFirst(to: number, ms: number): Promise<Server> {
  const server = createServer({ noDelay: true }, near => {
    const openedMs = performance.now();
    const far = connect({ port: to, host: '127.0.0.1', noDelay: true });
    near.on('data', bytes => void (performance.now() - openedMs < ms || far.write(bytes)));
    far.on('data', bytes => void near.write(bytes));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise(resolve => void server.close(() => resolve())),
  };
}

/** Answers with `exception` the first `times` writes. */
export function busyAt(times: number, exception: number): (request: { readonly kind: string }) => Fate {
  let left = times;
  return ({ kind }) => (kind === 'write' && left-- > 0 ? { exception } : 'answered');
}
