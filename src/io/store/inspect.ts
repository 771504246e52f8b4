/**
 * Looks at a store without changing it: whether it is one, of a schema that we know, and whether its pages hold
 * together. A gateway may be at work on it meanwhile. Rows are proved when the gateway opens it, not here.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { OpenRefusal } from './file.ts';
import { SCHEMA } from './store.ts';
import { asTrouble } from './trouble.ts';

export interface Inspected {
  readonly bytes: number;
  /** Rows that were set aside as damaged, in all runs. */
  readonly damaged: number;
}

/** `absent`: there is no file yet; the first start makes it. */
export function inspectStore(path: string): Result<Inspected, OpenRefusal | 'absent'> {
  if (!existsSync(path)) return refused('absent', path);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 2000 });
    const newest = SCHEMA.migrations.length + 1;
    const version = number(db, 'PRAGMA user_version', 'user_version');
    if (number(db, 'PRAGMA application_id', 'application_id') !== SCHEMA.applicationId)
      return refused('foreign', `${path} is no store of Underglass`);
    if (version > newest) return refused('newer', `${path} has schema ${version}, we know up to ${newest}`);
    const verdict = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (verdict !== 'ok') return refused('damaged', `${path}: ${String(verdict)}`);
    const bytes = number(db, 'PRAGMA page_count', 'page_count') * number(db, 'PRAGMA page_size', 'page_size');
    return ok({ bytes, damaged: number(db, 'SELECT count(*) AS n FROM damaged', 'n') });
  } catch (error) {
    const trouble = asTrouble(error);
    const text = trouble instanceof Error ? trouble.message : String(trouble);
    return refused(/malformed|not a database/.test(text) ? 'damaged' : 'io', `${path}: ${text}`);
  } finally {
    db?.close();
  }
}

/** Rows by their kind, without what is in them; empty where the store cannot be read. */
export function countRows(path: string): Readonly<Record<string, number>> {
  if (!inspectStore(path).ok) return {};
  const db = new DatabaseSync(path, { readOnly: true, timeout: 2000 });
  try {
    const rows = db.prepare('SELECT kind, count(*) AS n FROM row GROUP BY kind ORDER BY kind').all();
    return Object.fromEntries(rows.map(({ kind, n }) => [String(kind), Number(n)]));
  } finally {
    db.close();
  }
}

function number(db: DatabaseSync, sql: string, column: string): number {
  return Number(db.prepare(sql).get()?.[column]);
}
