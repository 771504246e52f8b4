/**
 * `bench -- wear`: what a gateway's store writes to the disk in a day of one record of 20 points a second, counted by
 * the kernel (`write_bytes` of /proc/self/io: what was sent to the storage layer, whole pages, WAL and checkpoints
 * included). Once with a head end that acknowledges every record, once with none for the whole day. The day passes on
 * a clock of its own; the files are real. The floor is the records as text, appended to a file and flushed once a minute.
 */
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from '../../src/base/assert.ts';
import { unixSeconds } from '../../src/base/time.ts';
import { openStore } from '../../src/io/store/mod.ts';
import { READING_POINTS } from '../../src/model/mod.ts';
import type { DeviceId, GatewayId, StatusBody, UplinkRecord } from '../../src/model/mod.ts';

const GATEWAY = 'gw-1' as GatewayId;
const SECONDS = Number(process.env.SECONDS ?? 86_400);
const POINTS = 20;

export async function run(): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'underglass-bench-'));
  try {
    const floor = measure(() => appendToFile(join(folder, 'floor')));
    const online = await dayOf(join(folder, 'online.db'), 'acknowledged');
    const outage = await dayOf(join(folder, 'outage.db'), 'kept');
    return {
      name: 'wear',
      seconds: SECONDS,
      aimMegabytesADay: 100,
      floorMegabytesADay: perDay(await floor),
      online,
      outage,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function dayOf(path: string, head: 'acknowledged' | 'kept'): Promise<unknown> {
  const clock = new HandClock();
  const opened = openStore(path, { timer: clock.timer });
  assert(opened.ok, 'a store in a new folder');
  const store = opened.value;
  const bytes = await measure(async () => {
    for (let second = 1; second <= SECONDS; second++) {
      await store.persist(GATEWAY, [{ op: 'append', record: recordOf(second) }]);
      if (head === 'acknowledged')
        await store.persist(GATEWAY, [{ op: 'trim', stream: 'status', through: second }]);
      clock.turn(1000);
      // A flush that fell due is handed to the disk at the end of the turn.
      if (second % 60 === 0) await new Promise(resolve => setImmediate(resolve));
    }
    await store.close();
  });
  return { megabytesADay: perDay(bytes), bytesARecord: Math.round(bytes / SECONDS) };
}

async function measure(work: () => Promise<void> | void): Promise<number> {
  const before = writtenBytes();
  await work();
  return writtenBytes() - before;
}

function writtenBytes(): number {
  const line = /^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'));
  assert(line?.[1] !== undefined, 'the kernel counts what is written');
  return Number(line[1]);
}

function perDay(bytes: number): number {
  return Number(((bytes / SECONDS) * 0.0864).toFixed(1));
}

function appendToFile(path: string): void {
  const file = openSync(path, 'a');
  for (let second = 1; second <= SECONDS; second++) {
    writeSync(file, `${JSON.stringify(recordOf(second).body)}\n`);
    if (second % 60 === 0) fdatasyncSync(file);
  }
  closeSync(file);
}

/** Twenty values that move as values do: five digits, another each second. */
function recordOf(second: number): UplinkRecord {
  const at = unixSeconds(1_790_000_000 + second);
  const points = Object.fromEntries(
    READING_POINTS.slice(0, POINTS).map((name, n) => [
      name,
      Number((((second * (n + 7919)) % 99_991) / 10).toFixed(1)),
    ]),
  );
  const body: StatusBody = {
    kind: 'status',
    readings: [{ device: 'inverter' as DeviceId, role: 'inverter', at, points }],
    setpoints: [],
    membershipDigest: '0011223344556677',
  };
  return { stream: 'status', sequence: second, at, body };
}

class HandClock {
  #nowMs = 0;
  #due: { readonly atMs: number; readonly wake: () => void }[] = [];

  readonly timer = (afterMs: number, wake: () => void): (() => void) => {
    const entry = { atMs: this.#nowMs + afterMs, wake };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter(one => one !== entry);
    };
  };

  turn(ms: number): void {
    this.#nowMs += ms;
    const due = this.#due.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#due = this.#due.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { wake } of due) wake();
  }
}
