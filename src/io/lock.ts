/**
 * A lock on a name in the file system that dies with its process, however that dies: SQLite's exclusive lock on an
 * empty file of its own, which is the operating system's. It says that somebody holds it, not who.
 */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { refused, ok } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';

/** `held`: another process has it. `io`: the file cannot be made. */
export type LockRefusal = 'held' | 'io';

/** SQLITE_BUSY. */
const BUSY = 5;

/** A handle nobody refers to is collected, and closed with that: the lock would be gone while its process lives. */
const HELD = new Set<DatabaseSync>();

/** Takes the lock or says why not, at once. What is returned gives it back. */
export function takeLock(path: string): Result<() => void, LockRefusal> {
  let db: DatabaseSync | undefined;
  try {
    closeSync(openSync(path, 'a', 0o600));
    db = new DatabaseSync(path, { timeout: 0 });
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    const held = db;
    HELD.add(held);
    return ok(() => {
      HELD.delete(held);
      held.close();
    });
  } catch (error) {
    db?.close();
    const busy = error instanceof Error && 'errcode' in error && error.errcode === BUSY;
    return busy ? refused('held', path, 'later') : refused('io', `${path}: ${String(error)}`);
  }
}
