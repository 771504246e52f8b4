/**
 * What the tests of the store share: records and rows to write, and what must hold of a file's bytes.
 */
import { openSync, closeSync, readSync, fstatSync } from 'node:fs';
import { unixSeconds } from '../../../src/base/time.ts';
import type { GatewayId, StreamName, UplinkRecord } from '../../../src/model/mod.ts';
import type { StoreChange } from '../../../src/gateway/mod.ts';
import { openStore } from '../../../src/io/store/mod.ts';
import type { Store, StoreOptions } from '../../../src/io/store/mod.ts';

export const GATEWAY = 'gw-1' as GatewayId;

export function record(stream: StreamName, sequence: number, why = 'as asked'): UplinkRecord {
  const body = { kind: 'birth', version: why, start: sequence, devices: [] } as const;
  return { stream, sequence, at: unixSeconds(1_790_000_000 + sequence), body };
}

export function append(stream: StreamName, sequence: number, why?: string): StoreChange {
  return { op: 'append', record: record(stream, sequence, why) };
}

export function put(key: string, value: string | number): StoreChange {
  return { op: 'put', kind: 'meta', key, value };
}

export function opened(path: string, options?: StoreOptions): Store {
  const store = openStore(path, options);
  if (!store.ok) throw new Error(store.detail ?? store.refusal);
  return store.value;
}

/**
 * How many transactions a WAL file holds, read from its frames: the second word of a frame header is the size
 * of the database after a commit, and 0 in every frame that does not end one (sqlite.org/fileformat2.html#walformat).
 */
export function commitsInWal(path: string): number {
  const file = openSync(`${path}-wal`, 'r');
  const wal = Buffer.alloc(fstatSync(file).size);
  readSync(file, wal, 0, wal.length, 0);
  closeSync(file);
  const frame = 24 + wal.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frame <= wal.length; at += frame) {
    const saltOfThisRound = wal.subarray(at + 8, at + 16).equals(wal.subarray(16, 24));
    if (saltOfThisRound && wal.readUInt32BE(at + 4) !== 0) commits++;
  }
  return commits;
}
