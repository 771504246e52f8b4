/**
 * What can go wrong with the file, by name. An error of SQLite is either trouble of the disk, which is expected
 * and becomes a {@link StoreTrouble}, or a mistake of ours (a broken constraint, bad SQL), which stays the
 * error it was. Knows result codes (sqlite.org/rescode.html), no tables.
 */
import type { StoreRefusal } from '../../gateway/mod.ts';

/** A change or a reading that did not happen: nothing was changed. Later it may work. */
export class StoreTrouble extends Error {
  override readonly name = 'StoreTrouble';
  readonly refusal: StoreRefusal;

  constructor(refusal: StoreRefusal, message: string, cause?: unknown) {
    super(message, { cause });
    this.refusal = refusal;
  }
}

/** Primary result codes that the disk, the file system or another process can cause. */
const OF_THE_DISK: ReadonlyMap<number, StoreRefusal> = new Map([
  [5, 'io'], // SQLITE_BUSY: another process held the file longer than the busy timeout
  [6, 'io'], // SQLITE_LOCKED
  [8, 'io'], // SQLITE_READONLY
  [10, 'io'], // SQLITE_IOERR
  [11, 'io'], // SQLITE_CORRUPT
  [13, 'full'], // SQLITE_FULL
  [14, 'io'], // SQLITE_CANTOPEN
  [15, 'io'], // SQLITE_PROTOCOL
  [26, 'io'], // SQLITE_NOTADB
]);

/** `error` as trouble of the disk, or `error` itself when it is anything else. */
export function asTrouble(error: unknown): unknown {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error;
  // The low byte is the primary code, what stands above it only says where it happened.
  const refusal = OF_THE_DISK.get(error.errcode & 0xff);
  if (refusal === undefined) return error;
  return new StoreTrouble(refusal, `${error.message} (SQLite ${error.errcode})`, error);
}

/** Runs `read` and gives its value as a promise, trouble of the disk by its name. */
// oxlint-disable-next-line typescript/require-await -- turns what `read` throws into a rejection
export async function reading<T>(read: () => T): Promise<T> {
  try {
    return read();
  } catch (error) {
    throw asTrouble(error);
  }
}
