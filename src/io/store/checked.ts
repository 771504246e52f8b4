/**
 * A table whose rows prove themselves: each carries a CRC-32 over its own columns and the name of its table,
 * so a flipped bit is found when the row is read. One b-tree a table (WITHOUT ROWID): with a separate index,
 * damage to one of the two would leave two rows of one key, both sound, and nobody could tell the newer.
 *
 * A CRC is against accidents. Who can write the file can also write the CRC; that is what signatures are for.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { toHex } from '../../base/bytes.ts';
import type { DamageList } from './damage.ts';

export type Cell = string | number | Uint8Array;
export type CellType = 'TEXT' | 'INTEGER' | 'BLOB';

/** Columns in their order; the first `keys` of them are the primary key. */
export interface TableSpec {
  readonly name: string;
  readonly columns: Readonly<Record<string, CellType>>;
  readonly keys: number;
}

/** The statement that makes the table of `spec`, under another name if one is given. */
export function createTable(spec: TableSpec, name = spec.name): string {
  const columns = Object.entries(spec.columns).map(([column, type]) => `${column} ${type} NOT NULL`);
  const key = Object.keys(spec.columns).slice(0, spec.keys);
  return `CREATE TABLE ${name} (${columns.join(', ')}, crc INTEGER NOT NULL, PRIMARY KEY (${key.join(', ')})) STRICT, WITHOUT ROWID`;
}

export class CheckedTable {
  readonly #db: DatabaseSync;
  readonly #spec: TableSpec;
  readonly #names: readonly string[];
  readonly #damage: Pick<DamageList, 'found'> & Partial<Pick<DamageList, 'setAside'>>;
  /** By their text; texts are constants of the program, so there are as many as places that use one. */
  readonly #statements = new Map<string, StatementSync>();

  constructor(
    db: DatabaseSync,
    spec: TableSpec,
    damage: Pick<DamageList, 'found'> & Partial<Pick<DamageList, 'setAside'>>,
  ) {
    this.#db = db;
    this.#spec = spec;
    this.#names = Object.keys(spec.columns);
    this.#damage = damage;
  }

  /** The sound rows of a file that is not open as one of ours; throws where its pages lead nowhere. */
  static *soundRows(db: DatabaseSync, spec: TableSpec, tail: string): Generator<readonly Cell[]> {
    const table = new CheckedTable(db, spec, { found: () => undefined });
    yield* table.rows(tail);
  }

  /** Writes a row, in place of one with the same key. `cells` in the order of the columns. */
  put(cells: readonly Cell[]): void {
    this.#write(this.#spec.name, cells);
  }

  /** Deletes by a condition on the columns: `delete('gateway = ? AND key = ?', [g, k])`. */
  delete(where: string, values: readonly Cell[]): void {
    this.#prepared(`DELETE FROM ${this.#spec.name} WHERE ${where}`).run(...values);
  }

  /** The sound rows that `tail` (a WHERE, ORDER BY, LIMIT) selects; damaged ones are reported and left out. */
  *rows(tail: string, values: readonly Cell[] = []): Generator<readonly Cell[]> {
    for (const { cells, sound } of this.#read(tail, values)) {
      if (sound) yield cells;
      else this.#damage.found(this.#spec.name, asText(cells));
    }
  }

  /** The one row that `where` selects, or `undefined`. */
  row(where: string, values: readonly Cell[]): readonly Cell[] | undefined {
    for (const cells of this.rows(`WHERE ${where} LIMIT 1`, values)) return cells;
    return undefined;
  }

  /** Reads every row. Throws what SQLite throws when the pages themselves do not hold together. */
  isSound(): boolean {
    for (const { sound } of this.#read('', [])) if (!sound) return false;
    return true;
  }

  /**
   * Writes the table anew from its sound rows and sets the others aside, inside the caller's transaction. A
   * damaged key is out of order in its tree and can lead a search past sound rows, so nothing less will do.
   */
  rebuild(): void {
    const { name } = this.#spec;
    this.#db.exec(createTable(this.#spec, `${name}_sound`));
    for (const { cells, sound } of this.#read('', [])) {
      if (sound) this.#write(`${name}_sound`, cells);
      else this.#damage.setAside?.(name, asText(cells));
    }
    this.#statements.clear();
    this.#db.exec(`DROP TABLE ${name}; ALTER TABLE ${name}_sound RENAME TO ${name}`);
  }

  *#read(tail: string, values: readonly Cell[]): Generator<{ cells: readonly Cell[]; sound: boolean }> {
    const statement = this.#prepared(`SELECT ${this.#names.join(', ')}, crc FROM ${this.#spec.name} ${tail}`);
    for (const row of statement.iterate(...values)) {
      const cells = this.#names.map(name => asCell(row[name]));
      yield { cells, sound: asCell(row['crc']) === this.#checksum(cells) };
    }
  }

  #write(table: string, cells: readonly Cell[]): void {
    const places = '?, '.repeat(this.#names.length);
    this.#prepared(`INSERT OR REPLACE INTO ${table} VALUES (${places}?)`).run(
      ...cells,
      this.#checksum(cells),
    );
  }

  #checksum(cells: readonly Cell[]): number {
    return crc32(`${this.#spec.name} ${asText(cells)}`);
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    // A damaged integer can exceed 2^53, which node:sqlite refuses to read as a number.
    statement.setReadBigInts(true);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** A column as it came. STRICT is not enforced on reading: damage can make any column anything, even NULL. */
function asCell(value: unknown): Cell {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'number' || value instanceof Uint8Array) return value;
  return 'NULL';
}

/** One text for one content: what the checksum is taken of, and what a report shows. */
function asText(cells: readonly Cell[]): string {
  return JSON.stringify(cells.map(cell => (cell instanceof Uint8Array ? { hex: toHex(cell) } : cell)));
}
