/**
 * `bench -- line`: reads of 125 registers on a serial line paced to its baud rate, with a device that answers at once,
 * at 9600, 19200 and 115200 baud. `share` is what the line itself needs, the wire time of all bytes and the silence
 * between exchanges, over the time that passed. Its floor is a bare serialport that does the same on the same line and
 * keeps the silence to the microsecond. The line says how late it was itself: above 200 µs the run is void.
 *
 * `shareP50` is that of the exchange in the middle, which a moment of the machine that was given to others does not
 * touch. Where the system allows it the line and both sides go before all other programs, as a wire does.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { SerialPort } from 'serialport';
import { assert } from '../../src/base/assert.ts';
import { openBus } from '../../src/io/modbus/mod.ts';
import type { Conversation } from '../../src/local/bus/mod.ts';
import { encodeRtu } from '../../src/local/bus/mod.ts';
import type { Lateness } from '../../src/sim/paced.ts';
import { quantiles } from './quantiles.ts';
import { serialPair } from '../support/serial-pair.ts';

const BAUDS = [9600, 19_200, 115_200];
/** How long each side of each rate is measured. */
const SECONDS = Number(process.env['SECONDS'] ?? 8);
const LATENESS_MAX_US = 200;
const COUNT = 125;
const BITS = 10;
/** Puts a program before all others that are not the kernel's. */
const IN_FRONT = ['chrt', '--fifo', '50'];
const REQUEST_BYTES = 8;
const REPLY_BYTES = 5 + 2 * COUNT;
const REQUEST = encodeRtu({ unit: 1, pdu: Uint8Array.of(3, 0, 0, 0, COUNT) });

export async function run(): Promise<unknown> {
  const inFront = goFirst();
  const rates: unknown[] = [];
  for (const baud of BAUDS) rates.push(await rate(baud, inFront));
  return { name: 'line', inFront, rates, aim: { share: 0.97, latenessP99Us: LATENESS_MAX_US } };
}

/** Whether this process could be put in front of others. */
function goFirst(): boolean {
  const [program = '', policy = '', priority = ''] = IN_FRONT;
  return spawnSync(program, [policy, '--pid', priority, String(process.pid)]).status === 0;
}

async function rate(baud: number, inFront: boolean): Promise<unknown> {
  const reads = Math.max(10, Math.round((1000 * SECONDS) / needMs(baud)));
  const before = inFront ? IN_FRONT : [];
  const ours = await onLine(baud, before, path => ourReads(path, baud, reads));
  const floor = await onLine(baud, before, path => bareReads(path, baud, reads));
  const [our, bare] = [sharesOf(ours.timesMs, baud), sharesOf(floor.timesMs, baud)];
  const late = Math.max(ours.line.latenessP99Us, floor.line.latenessP99Us);
  return {
    baud,
    reads,
    needMs: round(needMs(baud)),
    ours: our,
    floor: bare,
    ratio: round(our.share / bare.share),
    line: { ours: ours.line, floor: floor.line },
    ...(late > LATENESS_MAX_US ? { void: `the line was ${late} µs late` } : {}),
  };
}

/** What the line needs over what passed, in all and at the median; `perReadMs` is the mean. */
function sharesOf(
  timesMs: readonly number[],
  baud: number,
): { readonly share: number; readonly shareP50: number; readonly perReadMs: number } {
  const meanMs = timesMs.reduce((sum, each) => sum + each, 0) / timesMs.length;
  const share = round(needMs(baud) / meanMs);
  return { share, shareP50: round(needMs(baud) / quantiles(timesMs).p50Ms), perReadMs: round(meanMs) };
}

/** One exchange and the silence behind it (Modbus over Serial Line 1.02, 2.5.1.1). */
function needMs(baud: number): number {
  return ((REQUEST_BYTES + REPLY_BYTES) * BITS * 1000) / baud + silenceMs(baud);
}

function silenceMs(baud: number): number {
  return baud > 19_200 ? 1.75 : (3.5 * BITS * 1000) / baud;
}

interface Measured {
  /** Of each exchange with the silence behind it. */
  readonly timesMs: readonly number[];
  readonly line: Lateness;
}

async function onLine(
  baud: number,
  before: readonly string[],
  measure: (path: string) => Promise<readonly number[]>,
): Promise<Measured> {
  const pair = await serialPair(before);
  const options = JSON.stringify({ near: pair.paths[0], baud, bits: BITS });
  const [program, ...args] = [...before, process.execPath, 'src/sim/paced.ts', options];
  const line = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(line, 'exit');
  const reports = createInterface({ input: line.stdout });
  try {
    const timesMs = await measure(pair.paths[1]);
    const [text] = (await once(reports, 'line')) as [string];
    return { timesMs, line: JSON.parse(text) as Lateness };
  } finally {
    line.kill();
    await exit;
    reports.close();
    await pair.close();
  }
}

/** From each request on the wire to the next: the silence between them is part of it. */
async function ourReads(path: string, baud: number, reads: number): Promise<readonly number[]> {
  const sentMs: number[] = [];
  const bus = openBus(
    { kind: 'serial', path, baud, parity: 'none', stopBits: 1, unit: 1 },
    {
      random: Math.random,
      timeoutMs: 5000,
      onTraffic: ({ direction, atMs }) => {
        if (direction === 'sent') sentMs.push(atMs);
      },
    },
  );
  try {
    await bus.run(reading(reads + 2), 'read');
    return between(sentMs);
  } finally {
    await bus.close();
  }
}

function* reading(reads: number): Conversation<void> {
  for (let n = 0; n < reads; n++) {
    const reply = yield { kind: 'read', unit: 1, space: 'holding', address: 0, count: COUNT };
    assert(reply.ok && reply.words.length === COUNT, 'the paced line answers');
  }
}

/** Times between moments; the first is not counted: the line is opened, and the process behind it starts. */
function between(momentsMs: readonly number[]): readonly number[] {
  return momentsMs.slice(2).map((at, n) => at - (momentsMs[n + 1] ?? 0));
}

async function bareReads(path: string, baud: number, reads: number): Promise<readonly number[]> {
  const port = new SerialPort({ path, baudRate: baud });
  await once(port, 'open');
  const sentMs: number[] = [];
  const exchange = async (): Promise<void> => {
    sentMs.push(performance.now());
    port.write(REQUEST);
    for (let heard = 0; heard < REPLY_BYTES; ) {
      const [bytes] = (await once(port, 'data')) as [Buffer];
      heard += bytes.length;
    }
    await still(performance.now() + silenceMs(baud));
  };
  try {
    for (let n = 0; n < reads + 2; n++) await exchange();
    return between(sentMs);
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
