/**
 * The list of rows that were found damaged: what they held, so that a person can look, and where they stood.
 * Damaged content is evidence and never read back as data.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { unixTime } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';

/** One row whose checksum does not fit its content. */
export interface Damage {
  readonly table: string;
  /** The columns as they were read, as JSON; bytes in hexadecimal. Any of them may be the wrong one. */
  readonly content: string;
  readonly found: UnixTime;
}

/**
 * Enough to see a pattern; a card that breaks more rows needs replacing, not a longer list. Beyond it rows are
 * still left out, and counted instead of kept.
 */
export const MAX_DAMAGE_KEPT = 1000;

export class DamageList {
  static readonly SQL = `CREATE TABLE damaged (
    id INTEGER PRIMARY KEY, place TEXT NOT NULL, content TEXT NOT NULL, found INTEGER NOT NULL) STRICT`;

  readonly #insert: StatementSync;
  readonly #list: Damage[] = [];
  readonly #known = new Set<string>();
  #beyond = 0;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare('INSERT INTO damaged (place, content, found) VALUES (?, ?, ?)');
    const all = db.prepare('SELECT place, content, found FROM damaged ORDER BY id');
    for (const row of all.iterate())
      this.#remember({
        table: String(row['place']),
        content: String(row['content']),
        found: unixTime(Number(row['found'])),
      });
  }

  /** Oldest first, those of earlier runs included. */
  get list(): readonly Damage[] {
    return this.#list;
  }

  /** How many more were found than the list keeps. */
  get beyond(): number {
    return this.#beyond;
  }

  /** Reports a row found while reading; it stays where it is until the file is next opened. */
  found(table: string, content: string): void {
    this.#remember({ table, content, found: unixTime(Date.now()) });
  }

  /** Reports a row and keeps it in the file; called inside the transaction that takes it out of its table. */
  setAside(table: string, content: string): void {
    const damage = { table, content, found: unixTime(Date.now()) };
    if (this.#remember(damage)) this.#insert.run(damage.table, damage.content, damage.found);
  }

  #remember(damage: Damage): boolean {
    const identity = `${damage.table} ${damage.content}`;
    if (this.#known.has(identity)) return false;
    if (this.#list.length >= MAX_DAMAGE_KEPT) {
      this.#beyond++;
      return false;
    }
    this.#known.add(identity);
    this.#list.push(damage);
    return true;
  }
}
