/**
 * A store as a crash leaves it: a file and its write-ahead log with something of everything in them, and all that was
 * ever written there, so that whatever a damaged copy gives back can be told from what nobody wrote.
 */
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { rmSync, writeFileSync, existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { assert } from '../../src/base/assert.ts';
import { unixSeconds } from '../../src/base/time.ts';
import type { StoreChange } from '../../src/gateway/mod.ts';
import { openStore } from '../../src/io/store/mod.ts';
import type { Store } from '../../src/io/store/mod.ts';
import { STREAMS } from '../../src/model/mod.ts';
import type { GatewayId, StreamName } from '../../src/model/mod.ts';

const GATEWAY = 'gw-1' as GatewayId;

/** What a store says, in an order of its own. */
export type Content = readonly string[];

/** What became of a damaged copy. */
export type Verdict = 'same' | 'reported' | 'refused' | 'silent' | 'invented';

export class StoreImage {
  readonly main: Buffer;
  readonly log: Buffer;
  readonly #folder: string;
  /** What a start finds in it when nothing is damaged: numbers that were promised are told as lost by then. */
  #before: Content = [];
  readonly #everything: ReadonlySet<string>;

  private constructor(folder: string, parts: { main: Buffer; log: Buffer; everything: ReadonlySet<string> }) {
    this.#folder = folder;
    this.main = parts.main;
    this.log = parts.log;
    this.#everything = parts.everything;
  }

  /** In memory, where there is a file system for that: it is opened ten thousand times. */
  static async make(): Promise<StoreImage> {
    const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'underglass-chaos-'));
    const path = join(folder, 'whole.db');
    const store = must(path);
    const everything = new Set<string>();
    const note = async (): Promise<Content> => {
      const content = await contentOf(store);
      for (const one of content) everything.add(one);
      return content;
    };
    for (let n = 1; n <= 300; n++) await write(store, n, note);
    const half = new DatabaseSync(path);
    half.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    half.close();
    for (let n = 301; n <= 304; n++) await write(store, n, note);
    for (const end of ['', '-wal']) await copyFile(path + end, join(folder, `copy.db${end}`));
    await store.close();
    const [main, log] = await Promise.all([
      readFile(join(folder, 'copy.db')),
      readFile(join(folder, 'copy.db-wal')),
    ]);
    assert(log.length > 32, 'a crash leaves a log');
    const image = new StoreImage(folder, { main, log, everything });
    await image.#startOnce();
    return image;
  }

  async #startOnce(): Promise<void> {
    const path = join(this.#folder, 'copy.db');
    const store = must(path);
    this.#before = withoutDates(await contentOf(store));
    await store.close();
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Opens a copy with these bytes, and goes on with it. */
  async judge(main: Buffer, log: Buffer): Promise<{ readonly verdict: Verdict; readonly why: string }> {
    for (const name of readdirSync(this.#folder))
      if (name.startsWith('hurt')) rmSync(join(this.#folder, name));
    const path = join(this.#folder, 'hurt.db');
    writeFileSync(path, main);
    writeFileSync(`${path}-wal`, log);
    // What lies beside every store that was in use.
    writeFileSync(`${path}-ballast`, '');
    const opened = openStore(path, { ballastBytes: 0 });
    if (!opened.ok) return { verdict: 'refused', why: `${opened.refusal}: ${opened.detail ?? ''}` };
    const store = opened.value;
    try {
      const now = withoutDates(await contentOf(store));
      const reports = store.damage().map(({ table, content }) => `${table} ${content}`);
      const invented = now.filter(one => !this.#everything.has(one) && !isLoss(one));
      if (invented.length > 0) return { verdict: 'invented', why: invented.join('; ') };
      await goesOn(store);
      if (reports.length > 0) return { verdict: 'reported', why: reports.join('; ') };
      const same = JSON.stringify(this.#before) === JSON.stringify(now);
      return same ? { verdict: 'same', why: '' } : { verdict: 'silent', why: difference(this.#before, now) };
    } finally {
      await store.close();
    }
  }
}

/** Stores that take no further change have not gone on. */
async function goesOn(store: Store): Promise<void> {
  const { streams } = await store.snapshot(GATEWAY);
  const last = streams.find(({ stream }) => stream === 'receipt')?.last ?? 0;
  await store.persist(GATEWAY, [
    put('after', 1),
    { op: 'append', record: record('receipt', last + 1, 'after') },
  ]);
}

async function write(store: Store, n: number, note: () => Promise<Content>): Promise<void> {
  await store.persist(GATEWAY, [
    put(`key-${n % 90}`, `${n} ${'x'.repeat((n % 60) * 9)}`),
    ...(n % 7 === 0 ? [{ op: 'delete', kind: 'event', key: `key-${(n + 3) % 90}` } as const] : []),
    { op: 'append', record: record('receipt', n, 'y'.repeat((n % 80) * 5)) },
    { op: 'append', record: record('alarm', n, 'z') },
    { op: 'append', record: record('status', n, 'telemetry that a command took along '.repeat(6)) },
    ...(n % 10 === 0 && n > 150 ? [{ op: 'trim', stream: 'receipt', through: n - 150 } as const] : []),
  ]);
  if (n % 10 === 0 || n > 300) await note();
}

function put(key: string, value: string | number): StoreChange {
  return { op: 'put', kind: 'event', key, value };
}

function record(
  stream: StreamName,
  sequence: number,
  why: string,
): Extract<StoreChange, { op: 'append' }>['record'] {
  const body = { kind: 'birth', version: why, start: sequence, devices: [] } as const;
  return { stream, sequence, at: unixSeconds(1_790_000_000 + sequence), body };
}

async function contentOf(store: Store): Promise<Content> {
  const { rows, streams } = await store.snapshot(GATEWAY);
  const records = await Promise.all(STREAMS.map(stream => store.load(GATEWAY, stream, 0, 100_000)));
  return [
    ...rows.map(row => `row ${JSON.stringify(row)}`),
    ...streams.map(mark => `mark ${JSON.stringify(mark)}`),
    ...records.flat().map(one => `record ${JSON.stringify(one)}`),
  ].sort();
}

/** A loss is dated when it is found. */
function withoutDates(content: Content): Content {
  return content.map(one => (one.includes('"kind":"lost"') ? one.replace(/"at":\d+/, '"at":0') : one));
}

function isLoss(content: string): boolean {
  return content.includes('"kind":"lost"') || content.startsWith('mark ');
}

function difference(before: Content, now: Content): string {
  const gone = before.filter(one => !now.includes(one)).slice(0, 3);
  const come = now.filter(one => !before.includes(one)).slice(0, 3);
  return `gone: ${gone.join(', ')}; come: ${come.join(', ')}`;
}

function must(path: string): Store {
  const store = openStore(path, { ballastBytes: 0 });
  assert(store.ok, 'a store in a new folder');
  return store.value;
}
