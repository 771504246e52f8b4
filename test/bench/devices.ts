/**
 * `bench -- devices`: 1, 8, 32 and 64 devices on TCP read every second as the gateway does it; the processor time of
 * this process a device and second, with no devices at all as its floor. Then how many reads go before a write on one
 * bus, and how much longer the others' period is while 1 of 8 devices is dead: each on a bus of its own, and all on one.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { assert } from '../../src/base/assert.ts';
import { systemClock } from '../../src/io/clock.ts';
import { openDevices } from '../../src/io/devices/devices.ts';
import type { DeviceConfig } from '../../src/io/devices/devices.ts';
import type { Bus, Exchange } from '../../src/io/modbus/mod.ts';
import { openBus } from '../../src/io/modbus/mod.ts';
import { shippedModels } from '../../src/io/models.ts';
import { discover, readDevice } from '../../src/local/sunspec/mod.ts';
import type { ModelSet } from '../../src/local/sunspec/mod.ts';
import type { Conversation } from '../../src/local/bus/mod.ts';
import type { DeviceId } from '../../src/model/mod.ts';
import type { Wanted } from './devices-process.ts';
import { costOf, serveDevices } from './served.ts';

const FLEETS = [1, 8, 32, 64];
const SECONDS = Number(process.env['SECONDS'] ?? 10);
/** Until all are found, and the compiler has learnt. */
const WARM_UP_S = 5;
const WRITES = 100;

export async function run(): Promise<unknown> {
  const models = await shippedModels();
  const fleets: { devices: number; readings: number; cpuMsPerDeviceSecond: number }[] = [];
  const idle = await costOf(() => wait(1000 * SECONDS));
  // Not counted: the compiler learns with the first fleet, whichever it is.
  await fleet(8, models);
  for (const devices of FLEETS) fleets.push(await fleet(devices, models));
  const costs = fleets.map(each => each.cpuMsPerDeviceSecond);
  return {
    name: 'devices',
    ours: fleets,
    floor: { idleCpuMsPerSecond: round(idle.cpuMs / SECONDS) },
    ratio: {
      most: round(Math.max(...costs) / (costs[0] ?? 1)),
      least: round(Math.min(...costs) / (costs[0] ?? 1)),
    },
    writes: await readsBeforeWrites(models),
    oneOfEightDead: {
      onBusesOfTheirOwn: await oneDead(models, { ports: 8, units: 1 }),
      onOneBus: await oneDead(models, { ports: 1, units: 8 }),
    },
    aim: { mostOfOne: 1.2, readsBeforeAWrite: 1, oneOfEightDead: 1.1 },
  };
}

interface Eight {
  readonly ports: number;
  readonly units: number;
}

async function oneDead(models: ModelSet, eight: Eight): Promise<unknown> {
  const dead = { unit: eight.units, port: eight.ports - 1 };
  const [alive, others] = [await periods(models, eight), await periods(models, { ...eight, silent: dead })];
  return { aliveMs: alive, oneDeadMs: others, ratio: round(others.mean / alive.mean) };
}

async function fleet(
  devices: number,
  models: ModelSet,
): Promise<{ devices: number; readings: number; cpuMsPerDeviceSecond: number }> {
  const served = await serveDevices({ ports: devices, units: 1 });
  const configs = served.ports.map((port, n) => configOf(`d-${n}`, port, 1));
  let readings = 0;
  const port = openDevices(
    { devices: configs, models, clock: systemClock, random: Math.random },
    { device: () => undefined, lapsed: () => undefined, reading: () => void readings++ },
  );
  try {
    await wait(1000 * WARM_UP_S);
    readings = 0;
    const { cpuMs, ms } = await costOf(() => wait(1000 * SECONDS));
    assert(readings >= devices * (SECONDS - 1), `${devices} devices are read every second: ${readings}`);
    return { devices, readings, cpuMsPerDeviceSecond: round((1000 * cpuMs) / ms / devices) };
  } finally {
    await port.close();
    await served.close();
  }
}

/** From one reading of a device to its next, in ms, over the devices that live. */
async function periods(
  models: ModelSet,
  wanted: Wanted,
): Promise<{ readonly mean: number; readonly most: number }> {
  const served = await serveDevices(wanted);
  const configs = served.ports.flatMap((port, at) =>
    Array.from({ length: wanted.units }, (_, n) => configOf(`d-${at}-${n}`, port, n + 1)),
  );
  const last = new Map<string, number>();
  const gaps: number[] = [];
  let counting = false;
  const port = openDevices(
    { devices: configs, models, clock: systemClock, random: Math.random },
    {
      device: () => undefined,
      lapsed: () => undefined,
      reading: ({ device }) => {
        const [before, now] = [last.get(device), performance.now()];
        last.set(device, now);
        if (counting && before !== undefined) gaps.push(now - before);
      },
    },
  );
  try {
    await wait(1000 * WARM_UP_S);
    counting = true;
    await wait(3000 * SECONDS);
    return {
      mean: round(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length),
      most: round(Math.max(...gaps)),
    };
  } finally {
    await port.close();
    await served.close();
  }
}

/** Requests on the line between the moment a write is asked for and its own, while eight devices are read in a loop. */
async function readsBeforeWrites(
  models: ModelSet,
): Promise<{ readonly most: number; readonly mean: number }> {
  const served = await serveDevices({ ports: 1, units: 8 });
  const line: Exchange[] = [];
  const bus = openBus(
    { kind: 'tcp', host: '127.0.0.1', port: served.ports[0] ?? 0, unit: 1 },
    { random: Math.random, onExchange: exchange => void line.push(exchange) },
  );
  let reading = true;
  try {
    const readers = Array.from({ length: 8 }, (_, n) =>
      readOn(bus, { unit: n + 1, models, goesOn: () => reading }),
    );
    const before: number[] = [];
    for (let n = 0; n < WRITES; n++) {
      await wait(5);
      const asked = line.length;
      await bus.run(writeOne(), 'write');
      before.push(line.findIndex((exchange, at) => at >= asked && exchange.request.kind === 'write') - asked);
    }
    reading = false;
    await Promise.all(readers);
    return { most: Math.max(...before), mean: round(before.reduce((sum, each) => sum + each, 0) / WRITES) };
  } finally {
    reading = false;
    await bus.close();
    await served.close();
  }
}

async function readOn(
  bus: Bus,
  { unit, models, goesOn }: { unit: number; models: ModelSet; goesOn: () => boolean },
): Promise<void> {
  const found = await bus.run(discover({ unit, models }), 'read');
  const device = found.ok ? found.value.devices[0] : undefined;
  assert(device !== undefined, `unit ${unit} is found`);
  while (goesOn()) await bus.run(readDevice(device, { models }), 'read');
}

/** A register that is there and refuses: what matters is when it goes. */
function* writeOne(): Conversation<boolean> {
  const reply = yield { kind: 'write', unit: 1, address: 40_000, words: [0], how: 'single' };
  return reply.ok;
}

function configOf(id: string, port: number, unit: number): DeviceConfig {
  return { id: id as DeviceId, link: { kind: 'tcp', host: '127.0.0.1', port, unit }, role: 'inverter' };
}

function round(value: number): number {
  return Number(value.toFixed(3));
}
