/**
 * One SQLite file: opened the way all of ours are, told apart from anybody else's, and brought to the newest
 * schema. A file of a newer program is refused untouched: an older one would write what the newer misreads.
 *
 * WAL with `synchronous=FULL`: when a COMMIT returns, the data has been handed to the disk with a flush
 * (sqlite.org/pragma.html#pragma_synchronous). Several processes may read; one at a time writes.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { CheckedTable, createTable } from './checked.ts';
import type { TableSpec } from './checked.ts';
import { DamageList } from './damage.ts';
import { asTrouble, StoreTrouble } from './trouble.ts';
import { logTrouble } from './wal.ts';

/**
 * `foreign`: not a file of this kind. `newer`: written by a newer program; untouched. `damaged`: its pages do
 * not hold together, so that rows may be missing; set it aside and start anew. `io`, `full`: trouble of the disk.
 */
export type OpenRefusal = 'foreign' | 'newer' | 'damaged' | 'io' | 'full';

export interface Schema<Name extends string> {
  /** What the file is, for messages: `store`. */
  readonly what: string;
  /** SQLite's application_id: four bytes of the header that name the kind of file. */
  readonly applicationId: number;
  readonly tables: Readonly<Record<Name, TableSpec>>;
  /** Size of a page of a new file; a commit writes whole pages. 4096 unless given. */
  readonly pageBytes?: number;
  /** What makes a file of schema n into one of n + 1, for n = 1, 2, …; a new file is made from `tables` at once. */
  readonly migrations: readonly string[];
}

export interface OpenFile<Name extends string> {
  readonly db: DatabaseSync;
  readonly tables: Readonly<Record<Name, CheckedTable>>;
  readonly damage: DamageList;
  /** Tables that were written anew without their damaged rows, when the file was opened. */
  readonly rebuilt: readonly Name[];
  /** Throws {@link StoreTrouble} when the path no longer names the file that is open. */
  readonly assertThere: () => void;
}

/** How long a statement waits for another process that writes, in ms. The loop stands still meanwhile. */
const BUSY_TIMEOUT_MS = 2000;
/** The WAL file is cut back to this after a checkpoint, in bytes: SQLite lets it grow to about 4 MiB anyway. */
const WAL_KEPT_BYTES = 8 * 1024 * 1024;

/** Opens or makes the file. Rows found damaged are set aside and reported; everything else is as it was. */
export function openFile<Name extends string>(
  path: string,
  schema: Schema<Name>,
): Result<OpenFile<Name>, OpenRefusal> {
  let db: DatabaseSync | undefined;
  try {
    const newest = schema.migrations.length + 1;
    const found = peekVersion(path);
    const log = found === undefined || found <= newest ? logTrouble(path) : undefined;
    if (found !== undefined && found > newest) return newer(path, schema.what, { found, newest });
    // A new file is its owner's alone, and so are the WAL and index that SQLite makes beside it.
    closeSync(openSync(path, 'a', 0o600));
    db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    const identity = identify(db, path, schema, newest);
    if (!identity.ok) {
      db.close();
      return identity;
    }
    if (identity.value === 0) db.exec(`PRAGMA page_size = ${schema.pageBytes ?? 4096}`);
    configure(db);
    migrate(db, schema, identity.value);
    const file = examined(db, schema);
    if (log !== undefined)
      inTransaction(file.db, () => file.damage.setAside('log', `${log}; found ${new Date().toISOString()}`));
    return ok({ ...file, assertThere: watched(path, schema.what) });
  } catch (error) {
    db?.close();
    return openTrouble(error, path, schema.what);
  }
}

/**
 * A file that is removed or replaced while it is open goes on taking writes that no restart will find. SQLite
 * does not notice; the device and inode behind the path tell.
 */
function watched(path: string, what: string): () => void {
  const opened = statSync(path, { bigint: true });
  return () => {
    const now = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (now?.ino === opened.ino && now.dev === opened.dev) return;
    throw new StoreTrouble('io', `${what} ${path} was removed or replaced while in use: restart the program`);
  };
}

/** Schema of an existing file from its header, without opening it as a database: bytes 60 to 63 are user_version. */
function peekVersion(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const header = Buffer.alloc(64);
  const file = openSync(path, 'r');
  try {
    const isSqlite =
      readSync(file, header, 0, 64, 0) === 64 && header.toString('latin1', 0, 15) === 'SQLite format 3';
    return isSqlite ? header.readUInt32BE(60) : undefined;
  } finally {
    closeSync(file);
  }
}

/** The schema version of the file, 0 for a new one. The header may be older than the WAL, so this asks again. */
function identify<Name extends string>(
  db: DatabaseSync,
  path: string,
  schema: Schema<Name>,
  newest: number,
): Result<number, OpenRefusal> {
  const found = pragma(db, 'user_version');
  const id = pragma(db, 'application_id');
  const empty = pragma(db, 'page_count') === 0;
  if (!empty && id !== schema.applicationId)
    return refused(
      'foreign',
      `${path} is not a ${schema.what} of Underglass: name another file, or set it aside`,
    );
  if (found > newest) return newer(path, schema.what, { found, newest });
  return ok(found);
}

function newer(
  path: string,
  what: string,
  version: { found: number; newest: number },
): Result<never, 'newer'> {
  const detail = `${what} ${path} has schema ${version.found}, this program knows up to ${version.newest}: update the program`;
  return refused('newer', detail);
}

function configure(db: DatabaseSync): void {
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON;
    PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`);
}

/** Forward only, all steps in one transaction: a power cut leaves the old schema or the new one. */
function migrate<Name extends string>(db: DatabaseSync, schema: Schema<Name>, from: number): void {
  const specs: readonly TableSpec[] = Object.values(schema.tables);
  const first = [
    `PRAGMA application_id = ${schema.applicationId}`,
    DamageList.SQL,
    ...specs.map(s => createTable(s)),
  ];
  const newest = schema.migrations.length + 1;
  if (from === 0 && pragma(db, 'page_count') > 1) throw new PagesDamaged('its header names no schema');
  const steps = from === 0 ? [first.join(';\n')] : schema.migrations.slice(from - 1);
  if (from === newest) return;
  inTransaction(db, () => {
    for (const step of steps) db.exec(step);
    db.exec(`PRAGMA user_version = ${newest}`);
  });
}

/** Checks pages, then every row, and rewrites the tables in which a row does not prove itself. */
function examined<Name extends string>(
  db: DatabaseSync,
  schema: Schema<Name>,
): Omit<OpenFile<Name>, 'assertThere'> {
  const verdict = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (verdict !== 'ok' && !aboutOrder(verdict)) throw new PagesDamaged(String(verdict));
  const damage = new DamageList(db);
  const names = Object.keys(schema.tables) as Name[];
  const tables = Object.fromEntries(
    names.map(name => [name, new CheckedTable(db, schema.tables[name], damage)]),
  ) as Record<Name, CheckedTable>;
  const broken = names.filter(name => !tables[name].isSound());
  if (broken.length > 0) inTransaction(db, () => broken.forEach(name => tables[name].rebuild()));
  return { db, tables, damage, rebuilt: broken };
}

/** Keys out of order and values of a wrong type are damage inside rows, which their checksums find as well. */
function aboutOrder(verdict: unknown): boolean {
  return /out of order|NULL value in|non-\w+ value in|TEXT value in|NUMERIC value in/i.test(String(verdict));
}

class PagesDamaged extends Error {}

/** SQLITE_CORRUPT and SQLITE_NOTADB, or our own finding: the file cannot be believed as a whole. */
function openTrouble(error: unknown, path: string, what: string): Result<never, OpenRefusal> {
  const named = asTrouble(error);
  const text = named instanceof Error ? named.message : String(named);
  if (named instanceof PagesDamaged || isCorrupt(error))
    return refused('damaged', `${what} ${path} is damaged (${text}): set it aside and start anew`);
  if (named instanceof StoreTrouble) return refused(named.refusal, `${what} ${path}: ${text}`, 'later');
  if (named instanceof Error && 'syscall' in named) return refused('io', `${what} ${path}: ${text}`, 'later');
  throw error;
}

function isCorrupt(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false;
  // SQLITE_IOERR_SHORT_READ: the file ends before the page that is asked for.
  if (error.errcode === 522) return true;
  // Statements of ours that fail while a file is opened (1) do not find the schema that they were made for.
  return [1, 11, 26].includes(Number(error.errcode) & 0xff);
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** All of `work` or none of it. Throws what `work` or the COMMIT threw. */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (error) {
    // SQLite rolls back by itself after some errors of the disk, and a second ROLLBACK would be an error.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
