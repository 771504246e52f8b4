/**
 * `bench -- line`: reads of 125 registers on a serial line paced to its baud rate, with a device that answers at once,
 * at 9600, 19200 and 115200 baud. `share` is what the line itself needs, the wire time of all bytes and the silence
 * between exchanges, over the time that passed. Its floor is a bare serialport that does the same on the same line and
 * keeps the silence to the microsecond. The line says how late it was itself: above 200 µs the run is void.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { SerialPort } from 'serialport';
import { assert } from '../../src/base/assert.ts';
import { openBus } from '../../src/io/modbus/mod.ts';
import type { Conversation } from '../../src/local/bus/mod.ts';
import { encodeRtu } from '../../src/local/bus/mod.ts';
import type { Lateness } from '../../src/sim/paced.ts';
import { serialPair } from '../sim/tools.ts';

const BAUDS = [9600, 19_200, 115_200];
/** How long each side of each rate is measured. */
const SECONDS = Number(process.env['SECONDS'] ?? 8);
const LATENESS_MAX_US = 200;
const COUNT = 125;
const BITS = 10;
const REQUEST_BYTES = 8;
const REPLY_BYTES = 5 + 2 * COUNT;
const REQUEST = encodeRtu({ unit: 1, pdu: Uint8Array.of(3, 0, 0, 0, COUNT) });

export async function run(): Promise<unknown> {
  const rates: unknown[] = [];
  for (const baud of BAUDS) rates.push(await rate(baud));
  return { name: 'line', rates, aim: { share: 0.97, latenessP99Us: LATENESS_MAX_US } };
}

async function rate(baud: number): Promise<unknown> {
  const reads = Math.max(10, Math.round((1000 * SECONDS) / needMs(baud)));
  const ours = await onLine(baud, path => ourReads(path, baud, reads));
  const floor = await onLine(baud, path => bareReads(path, baud, reads));
  const shareOf = (elapsedMs: number): number => round((reads * needMs(baud)) / elapsedMs);
  const [our, bare] = [shareOf(ours.elapsedMs), shareOf(floor.elapsedMs)];
  const late = Math.max(ours.line.latenessP99Us, floor.line.latenessP99Us);
  return {
    baud,
    reads,
    needMs: round(needMs(baud)),
    ours: { share: our, perReadMs: round(ours.elapsedMs / reads) },
    floor: { share: bare, perReadMs: round(floor.elapsedMs / reads) },
    ratio: round(our / bare),
    line: { ours: ours.line, floor: floor.line },
    ...(late > LATENESS_MAX_US ? { void: `the line was ${late} µs late` } : {}),
  };
}

/** One exchange and the silence behind it (Modbus over Serial Line 1.02, 2.5.1.1). */
function needMs(baud: number): number {
  return ((REQUEST_BYTES + REPLY_BYTES) * BITS * 1000) / baud + silenceMs(baud);
}

function silenceMs(baud: number): number {
  return baud > 19_200 ? 1.75 : (3.5 * BITS * 1000) / baud;
}

interface Measured {
  readonly elapsedMs: number;
  readonly line: Lateness;
}

async function onLine(baud: number, measure: (path: string) => Promise<number>): Promise<Measured> {
  const pair = await serialPair();
  const args = ['src/sim/paced.ts', JSON.stringify({ near: pair.paths[0], baud, bits: BITS })];
  const line = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(line, 'exit');
  const reports = createInterface({ input: line.stdout });
  try {
    const elapsedMs = await measure(pair.paths[1]);
    const [text] = (await once(reports, 'line')) as [string];
    return { elapsedMs, line: JSON.parse(text) as Lateness };
  } finally {
    line.kill();
    await exit;
    reports.close();
    await pair.close();
  }
}

async function ourReads(path: string, baud: number, reads: number): Promise<number> {
  const bus = openBus(
    { kind: 'serial', path, baud, parity: 'none', stopBits: 1, unit: 1 },
    { random: Math.random, timeoutMs: 5000 },
  );
  try {
    return await bus.run(timed(reads), 'read');
  } finally {
    await bus.close();
  }
}

/** The first is not counted: the line is opened, and the process behind it starts. */
function* timed(reads: number): Conversation<number> {
  yield* readOne();
  const start = performance.now();
  for (let n = 0; n < reads; n++) yield* readOne();
  return performance.now() - start;
}

function* readOne(): Conversation<void> {
  const reply = yield { kind: 'read', unit: 1, space: 'holding', address: 0, count: COUNT };
  assert(reply.ok && reply.words.length === COUNT, 'the paced line answers');
}

async function bareReads(path: string, baud: number, reads: number): Promise<number> {
  const port = new SerialPort({ path, baudRate: baud });
  await once(port, 'open');
  const exchange = async (): Promise<void> => {
    port.write(REQUEST);
    for (let heard = 0; heard < REPLY_BYTES; ) {
      const [bytes] = (await once(port, 'data')) as [Buffer];
      heard += bytes.length;
    }
    await still(performance.now() + silenceMs(baud));
  };
  try {
    await exchange();
    const start = performance.now();
    for (let n = 0; n < reads; n++) await exchange();
    return performance.now() - start;
  } finally {
    await new Promise<void>(resolve => port.close(() => resolve()));
  }
}

/** Resolves at `untilMs`, to a turn of the event loop. */
async function still(untilMs: number): Promise<void> {
  while (performance.now() < untilMs) await new Promise(resolve => setImmediate(resolve));
}

function round(value: number): number {
  return Number(value.toFixed(3));
}
