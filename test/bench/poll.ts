/**
 * `bench -- poll`: one full device of IEEE 1547 (models 1 and 701 to 714), read and decoded by our bus, beside
 * modbus-serial reading the same registers in the fewest requests and decoding nothing. Turn by turn on one device in
 * another process, so that a slow moment of the machine meets both.
 */
import type { Socket } from 'node:net';
import modbus from 'modbus-serial';
import { assert } from '../../src/base/assert.ts';
import { shippedModels } from '../../src/io/models.ts';
import { openBus } from '../../src/io/modbus/mod.ts';
import { discover, readDevice } from '../../src/local/sunspec/mod.ts';
import { quantiles, ratio } from './quantiles.ts';
import { costOf, serveDevices } from './served.ts';

const POLLS = Number(process.env['POLLS'] ?? 1500);
const WARM_UP = 300;
const MAX_READ = 125;

export async function run(): Promise<unknown> {
  const served = await serveDevices({ ports: 2, units: 1 });
  const [port = 0, barePort = 0] = served.ports;
  const models = await shippedModels();
  let requests = 0;
  const bus = openBus(
    { kind: 'tcp', host: '127.0.0.1', port, unit: 1 },
    { random: Math.random, onExchange: () => void requests++ },
  );
  const line = new modbus.default();
  try {
    const found = await bus.run(discover({ unit: 1, models }), 'read');
    const device = found.ok ? found.value.devices[0] : undefined;
    assert(device !== undefined, 'the device is found');
    const [first, last] = [device.models[0], device.models.at(-1)];
    assert(first !== undefined && last !== undefined, 'it has models');
    const from = first.address;
    const registers = last.address + last.length + 2 - from;

    await line.connectTCP('127.0.0.1', { port: barePort });
    (line as unknown as { _port: { _client: Socket } })._port._client.setNoDelay(true);
    line.setID(1);
    const ours = async (): Promise<void> => {
      const read = await bus.run(readDevice(device, { models }), 'read');
      assert(read.ok && read.value.length === device.models.length, 'every model is read');
    };
    const bare = async (): Promise<void> => {
      for (let at = from; at < from + registers; at += MAX_READ)
        await line.readHoldingRegisters(at, Math.min(MAX_READ, from + registers - at));
    };
    for (let n = 0; n < WARM_UP; n++) await inTurn(ours, bare);
    requests = 0;
    const costs = await measured(ours, bare);
    const ourTimes = quantiles(costs.map(each => each.ours.ms));
    const bareTimes = quantiles(costs.map(each => each.bare.ms));
    const cpu = (which: 'ours' | 'bare'): number =>
      costs.reduce((sum, each) => sum + each[which].cpuMs, 0) / POLLS;
    return {
      name: 'poll',
      models: device.models.map(({ id }) => id),
      registers,
      requests: { ours: requests / POLLS, floor: Math.ceil(registers / MAX_READ) },
      ours: { ...ourTimes, cpuMs: round(cpu('ours')) },
      floor: { ...bareTimes, cpuMs: round(cpu('bare')) },
      ratio: { ...ratio(ourTimes, bareTimes), cpu: round(cpu('ours') / cpu('bare')) },
      aim: { p50: 1.15, cpu: 1.5 },
    };
  } finally {
    await bus.close();
    await new Promise<void>(resolve => line.close(() => resolve()));
    await served.close();
  }
}

type Cost = Awaited<ReturnType<typeof costOf>>;

async function measured(
  ours: () => Promise<void>,
  bare: () => Promise<void>,
): Promise<{ ours: Cost; bare: Cost }[]> {
  const costs: { ours: Cost; bare: Cost }[] = [];
  for (let n = 0; n < POLLS; n++) costs.push({ ours: await costOf(ours), bare: await costOf(bare) });
  return costs;
}

async function inTurn(...works: (() => Promise<void>)[]): Promise<void> {
  for (const work of works) await work();
}

function round(value: number): number {
  return Number(value.toFixed(3));
}
