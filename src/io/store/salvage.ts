/**
 * A file whose pages do not hold together is set aside, and what can still be read of it goes into a new one: each row
 * proves itself, whichever page it was found on. Tables are read from both ends, as far as their pages lead.
 *
 * The old file is kept as evidence. What could not be read is lost; the exchange after a start shows what that means.
 */
import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Result } from '../../base/assert.ts';
import { CheckedTable } from './checked.ts';
import type { Cell } from './checked.ts';
import { inTransaction, openFile } from './file.ts';
import type { OpenFile, OpenRefusal, Schema } from './file.ts';
import { asTrouble } from './trouble.ts';

/** Evidence kept; with more, the newest takes the place of the last. */
const MAX_ASIDE = 9;

/**
 * Opens or makes the file at `path`. One of ours whose pages do not hold together is set aside, and its place is taken
 * by a new one with what could be read. `witness`: a file that lies beside one that was ever in use.
 */
export function openSalvaging<Name extends string>(
  path: string,
  schema: Schema<Name>,
  witness: string,
): Result<OpenFile<Name>, OpenRefusal> {
  const isEmptied = statSync(path, { throwIfNoEntry: false })?.size === 0 && existsSync(witness);
  const file = openFile(path, schema);
  if (file.ok && isEmptied)
    noteLoss(file.value, `${path} was empty, though it was in use before: all is lost`);
  if (file.ok || file.refusal !== 'damaged' || !isOurs(path, schema.applicationId)) return file;
  try {
    const aside = setFileAside(path);
    const anew = openFile(path, schema);
    if (!anew.ok) return anew;
    const rows = salvage(aside, schema, anew.value);
    noteLoss(
      anew.value,
      `${file.detail ?? path}; that was done: it is kept as ${aside}, ${rows} rows were read of it`,
    );
    return anew;
  } catch (error) {
    const named = asTrouble(error);
    if (named === error && !(error instanceof Error && 'syscall' in error)) throw error;
    return { ...file, detail: `${file.detail ?? path}; that failed: ${String(error)}` };
  }
}

function noteLoss<Name extends string>({ db, damage }: OpenFile<Name>, why: string): void {
  inTransaction(db, () => damage.setAside('file', why));
}

/** Whether the file is one of ours by the four bytes of its header that name its kind. */
function isOurs(path: string, applicationId: number): boolean {
  if (!existsSync(path)) return false;
  const header = Buffer.alloc(72);
  const file = openSync(path, 'r');
  try {
    return readSync(file, header, 0, 72, 0) === 72 && header.readUInt32BE(68) === applicationId;
  } finally {
    closeSync(file);
  }
}

/** Moves the file and its log out of the way; where to. */
function setFileAside(path: string): string {
  const names = Array.from({ length: MAX_ASIDE }, (_, n) => `${path}.damaged-${n + 1}`);
  const aside = names.find(name => !existsSync(name)) ?? names.at(-1) ?? `${path}.damaged`;
  renameSync(path, aside);
  for (const end of ['-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, aside + end);
  return aside;
}

/** Copies every sound row that can be read in the file at `from`. How many there were. */
function salvage<Name extends string>(
  from: string,
  schema: Schema<Name>,
  { db, tables }: OpenFile<Name>,
): number {
  if (statSync(from).size === 0) return 0;
  const old = new DatabaseSync(from);
  const names = Object.keys(schema.tables) as Name[];
  try {
    let rows = 0;
    inTransaction(db, () => {
      for (const name of names)
        for (const cells of readable(old, schema, name)) {
          tables[name].put(cells);
          rows++;
        }
    });
    return rows;
  } finally {
    old.close();
  }
}

function* readable<Name extends string>(
  old: DatabaseSync,
  schema: Schema<Name>,
  name: Name,
): Generator<readonly Cell[], void> {
  const spec = schema.tables[name];
  const key = Object.keys(spec.columns).slice(0, spec.keys);
  for (const order of ['ASC', 'DESC']) {
    const tail = `ORDER BY ${key.map(column => `${column} ${order}`).join(', ')}`;
    try {
      yield* CheckedTable.soundRows(old, spec, tail);
    } catch {
      // As far as the pages lead; the other end may lead further.
    }
  }
}
