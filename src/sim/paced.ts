/**
 * A serial line paced to its baud rate, in a process of its own: `node paced.ts '{"near": PATH, "baud": 9600}'`. What
 * is written to `near` comes out at `far` as slowly as a wire would carry it, and back; without `far` there is a
 * device that answers at once, unit 1, whose register n holds n. Paths are pseudo-terminals in raw mode.
 *
 * One loop without an event loop: it sleeps by `Atomics.wait` until shortly before the next chunk is due and spins
 * the rest. Whenever the line falls still it prints one line of JSON: `{"chunks", "latenessP99Us", "latenessMaxUs"}`
 * since it began. It ends when it is killed.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { constants as os, setPriority } from 'node:os';
import {
  decodeRequest,
  encodeException,
  encodeReply,
  encodeRtu,
  feedRtu,
  rtuParser,
} from '../local/bus/mod.ts';
import { Wire } from './wire.ts';
import type { WireOptions } from './wire.ts';

export interface PacedOptions {
  readonly near: string;
  readonly far?: string;
  readonly baud: number;
  readonly bits?: WireOptions['bits'];
}

/** What the line says of itself. */
export interface Lateness {
  readonly chunks: number;
  readonly latenessP99Us: number;
  readonly latenessMaxUs: number;
}

/** One end of the line. */
interface End {
  /** What was written there since the last look; empty mostly. */
  read(): Uint8Array;
  write(bytes: Uint8Array): void;
}

/** How often the ends are looked at: what a byte can be late by because nobody saw it come. */
const LOOK_MS = 0.1;
/** `Atomics.wait` oversleeps by some 60 µs; from here on the loop spins. */
const SPIN_MS = 0.2;
/** Still for so long, the line reports. */
const STILL_MS = 50;
/** Buckets of lateness, one µs each; the last holds all that is later. */
const BUCKETS = 20_000;

function main(options: PacedOptions): never {
  goFirst();
  // Looking at a terminal that has nothing throws, ten thousand times a second: traces of it would be most of the work.
  Error.stackTraceLimit = 0;
  const wiring: WireOptions = { baud: options.baud, bits: options.bits ?? 10 };
  const ends = [
    new Terminal(options.near),
    options.far === undefined ? new Device() : new Terminal(options.far),
  ];
  const wires = [new Wire(wiring), new Wire(wiring)];
  const late = new LatenessCount();
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let busyMs = performance.now();
  let told = 0;
  for (;;) {
    for (const [n, end] of ends.entries()) {
      const bytes = end.read();
      if (bytes.length > 0) wires[n]?.put(bytes, performance.now());
    }
    for (const [n, wire] of wires.entries()) {
      const chunk = wire.take(performance.now());
      if (chunk === undefined) continue;
      ends[1 - n]?.write(chunk.bytes);
      late.count(performance.now() - chunk.dueMs);
    }
    const now = performance.now();
    const due = Math.min(...wires.map(wire => wire.next() ?? Infinity));
    if (due !== Infinity) busyMs = now;
    else if (now - busyMs > STILL_MS && late.chunks > told) {
      told = late.chunks;
      writeSync(1, `${JSON.stringify(late.report())}\n`);
    }
    const sleepMs = Math.min(due - now - SPIN_MS, LOOK_MS);
    if (sleepMs > 0) Atomics.wait(cell, 0, 0, sleepMs);
  }
}

/** A wire does not wait for other programs. Where the system does not allow it, the lateness will tell. */
function goFirst(): void {
  try {
    setPriority(os.priority.PRIORITY_HIGHEST);
  } catch {
    // An ordinary user may not.
  }
}

class Terminal implements End {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(1024);

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    process.once('exit', () => closeSync(this.#fd));
  }

  read(): Uint8Array {
    const length = unlessBlocked(() => readSync(this.#fd, this.#buffer)) ?? 0;
    return Uint8Array.from(this.#buffer.subarray(0, length));
  }

  /** What a terminal has no room for is lost, as with a reader that is too slow. */
  write(bytes: Uint8Array): void {
    unlessBlocked(() => writeSync(this.#fd, bytes));
  }
}

/** `undefined` where the call would have to wait. */
function unlessBlocked(call: () => number): number | undefined {
  try {
    return call();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

/** A device that answers at once. */
class Device implements End {
  readonly #parser = rtuParser();
  #said: Uint8Array[] = [];

  read(): Uint8Array {
    return this.#said.shift() ?? new Uint8Array(0);
  }

  write(bytes: Uint8Array): void {
    for (const { unit, pdu } of feedRtu(this.#parser, bytes)) {
      if (unit !== 1) continue;
      const decoded = decodeRequest(unit, pdu);
      const reply =
        'exception' in decoded
          ? encodeException(pdu, decoded.exception)
          : encodeReply(pdu, wordsOf(decoded.request));
      this.#said.push(encodeRtu({ unit, pdu: reply }));
    }
  }
}

type Request = Extract<ReturnType<typeof decodeRequest>, { request: unknown }>['request'];

function wordsOf(request: Request): number[] {
  if (request.kind === 'write') return [];
  return Array.from({ length: request.count }, (_, n) => (request.address + n) & 0xffff);
}

class LatenessCount {
  readonly #buckets = new Uint32Array(BUCKETS);
  #maxMs = 0;
  chunks = 0;

  count(lateMs: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.round(1000 * lateMs)));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#maxMs = Math.max(this.#maxMs, lateMs);
    this.chunks += 1;
  }

  report(): Lateness {
    let seen = 0;
    const p99 = this.#buckets.findIndex(count => (seen += count) >= 0.99 * this.chunks);
    return { chunks: this.chunks, latenessP99Us: p99, latenessMaxUs: Math.round(1000 * this.#maxMs) };
  }
}

if (import.meta.main) main(JSON.parse(process.argv[2] ?? '{}') as PacedOptions);
