/**
 * The gateway's store on one SQLite file, for one gateway or a simulated fleet: rows carry the gateway's id.
 * What the gateway is told is durable is on the disk; what comes back is what was written, or is reported as
 * damaged and left out. It decides nothing about content.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { assert, ok } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { unixTime } from '../../base/time.ts';
import type { RowKind, Snapshot, StoreChange, StoredRow, StorePort, StreamMark } from '../../gateway/mod.ts';
import type { GatewayId, RecordBody, StreamName, UplinkRecord } from '../../model/mod.ts';
import type { Cell, CheckedTable } from './checked.ts';
import type { Damage, DamageList } from './damage.ts';
import { openFile } from './file.ts';
import type { OpenFile, OpenRefusal, Schema } from './file.ts';
import { GroupCommit } from './group-commit.ts';
import { reading, StoreTrouble } from './trouble.ts';

const SCHEMA: Schema<'row' | 'mark' | 'outbox'> = {
  what: 'store',
  applicationId: 0x75_67_67_77, // "uggw"
  tables: {
    row: { name: 'row', columns: { gateway: 'TEXT', kind: 'TEXT', key: 'TEXT', value: 'TEXT' }, keys: 3 },
    mark: {
      name: 'mark',
      columns: { gateway: 'TEXT', stream: 'TEXT', acknowledged: 'INTEGER', last: 'INTEGER' },
      keys: 2,
    },
    outbox: {
      name: 'outbox',
      columns: { gateway: 'TEXT', stream: 'TEXT', sequence: 'INTEGER', at: 'INTEGER', body: 'TEXT' },
      keys: 3,
    },
  },
  migrations: [],
};

/** A year of a home's receipts and audit, or some days of its readings while the head end is away. */
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
/** The part of the file that only commands and what answers them may fill: one eighth. */
const RESERVED_PART = 1 / 8;
/** Streams that wait when only the reserve is left. */
const TELEMETRY: readonly StreamName[] = ['status', 'reading', 'audit'];

export interface StoreOptions {
  /** Size of the file beyond which changes are rejected as `full`, in bytes; at least 1 MiB. */
  readonly maxBytes?: number;
}

export interface Store extends StorePort {
  /** Rows that did not prove themselves, oldest first; those of earlier runs included. */
  damage(): readonly Damage[];
  /** Commits what waits and closes the file. Nothing may be asked afterwards. */
  close(): Promise<void>;
}

/** Opens or makes the store at `path`. */
export function openStore(path: string, options: StoreOptions = {}): Result<Store, OpenRefusal> {
  const file = openFile(path, SCHEMA);
  return file.ok ? ok(new SqliteStore(file.value, options.maxBytes ?? DEFAULT_MAX_BYTES)) : file;
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #rows: CheckedTable;
  readonly #marks: CheckedTable;
  readonly #outbox: CheckedTable;
  readonly #damage: DamageList;
  readonly #commits: GroupCommit;
  readonly #room: Room;

  constructor({ db, tables, damage, assertThere }: OpenFile<'row' | 'mark' | 'outbox'>, maxBytes: number) {
    this.#db = db;
    this.#rows = tables.row;
    this.#marks = tables.mark;
    this.#outbox = tables.outbox;
    this.#damage = damage;
    this.#commits = new GroupCommit(db, assertThere);
    this.#room = new Room(db, maxBytes);
    this.#recoverMarks();
  }

  persist(gateway: GatewayId, changes: readonly StoreChange[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    // Values are turned into text now: their owner may change them before the turn ends.
    const writes = changes.map(change => this.#write(gateway, change));
    const telemetry = changes.every(
      change => change.op === 'append' && TELEMETRY.includes(change.record.stream),
    );
    return this.#commits.commit(writes.length, () => {
      if (telemetry) this.#room.assertUnreserved();
      for (const write of writes) write();
    });
  }

  snapshot(gateway: GatewayId): Promise<Snapshot> {
    return reading(() => {
      const rows = [...this.#rows.rows('WHERE gateway = ?', [gateway])].map(asRow);
      const streams = [...this.#marks.rows('WHERE gateway = ?', [gateway])].map(asMark);
      return { rows, streams };
    });
  }

  load(
    gateway: GatewayId,
    stream: StreamName,
    after: number,
    limit: number,
  ): Promise<readonly UplinkRecord[]> {
    return reading(() => {
      // The newest record outlives its acknowledgement (see trim) and is not part of the outbox then.
      const from = Math.max(after, this.#mark(gateway, stream).acknowledged);
      const tail = 'WHERE gateway = ? AND stream = ? AND sequence > ? ORDER BY sequence LIMIT ?';
      return [...this.#outbox.rows(tail, [gateway, stream, from, limit])].map(asRecord);
    });
  }

  damage(): readonly Damage[] {
    return this.#damage.list;
  }

  // oxlint-disable-next-line typescript/require-await -- the port is asynchronous, this file is not
  async close(): Promise<void> {
    this.#commits.flush();
    this.#db.close();
  }

  #write(gateway: GatewayId, change: StoreChange): () => void {
    switch (change.op) {
      case 'put': {
        const cells = [gateway, change.kind, change.key, JSON.stringify(change.value)];
        return () => this.#rows.put(cells);
      }
      case 'delete':
        return () =>
          this.#rows.delete('gateway = ? AND kind = ? AND key = ?', [gateway, change.kind, change.key]);
      case 'append': {
        const { stream, sequence, at, body } = change.record;
        const text = JSON.stringify(body);
        return () => this.#append(gateway, stream, [sequence, at, text]);
      }
      case 'trim':
        return () => this.#trim(gateway, change.stream, change.through);
      case 'lift':
        return () => this.#lift(gateway, change.stream, change.by);
    }
  }

  #append(gateway: GatewayId, stream: StreamName, cells: readonly [number, number, string]): void {
    const mark = this.#mark(gateway, stream);
    const [sequence] = cells;
    assert(
      sequence === mark.last + 1,
      `${gateway}: record ${sequence} of ${stream} follows ${mark.last} without a gap`,
    );
    this.#outbox.put([gateway, stream, ...cells]);
    this.#marks.put([gateway, stream, mark.acknowledged, sequence]);
  }

  /** Keeps the stream's newest record as a witness of its number, should the mark itself be damaged. */
  #trim(gateway: GatewayId, stream: StreamName, through: number): void {
    const mark = this.#mark(gateway, stream);
    assert(
      through <= mark.last,
      `${gateway}: ${stream} is trimmed to ${through}, no further than ${mark.last}`,
    );
    if (through <= mark.acknowledged) return;
    const upTo = Math.min(through, mark.last - 1);
    this.#outbox.delete('gateway = ? AND stream = ? AND sequence <= ?', [gateway, stream, upTo]);
    this.#marks.put([gateway, stream, through, mark.last]);
  }

  /** What is acknowledged already is not kept: its numbers are those of another life. */
  #lift(gateway: GatewayId, stream: StreamName, by: number): void {
    const { acknowledged, last } = this.#mark(gateway, stream);
    const tail = 'WHERE gateway = ? AND stream = ? AND sequence > ? ORDER BY sequence';
    const waiting = [...this.#outbox.rows(tail, [gateway, stream, acknowledged])].map(asRecord);
    this.#outbox.delete('gateway = ? AND stream = ?', [gateway, stream]);
    for (const { sequence, at, body } of waiting)
      this.#outbox.put([gateway, stream, sequence + by, at, JSON.stringify(body)]);
    this.#marks.put([gateway, stream, acknowledged + by, last + by]);
  }

  #mark(gateway: GatewayId, stream: StreamName): StreamMark {
    const cells = this.#marks.row('gateway = ? AND stream = ?', [gateway, stream]);
    return cells === undefined ? { stream, acknowledged: 0, last: 0 } : asMark(cells);
  }

  /**
   * Gives a stream whose mark was lost to damage a new one from its records: the last number is certain, of
   * the acknowledged ones only that they left. What is sent twice the head end recognises by its sequence.
   */
  #recoverMarks(): void {
    const lost = this.#db
      .prepare(
        `SELECT gateway, stream, min(sequence) AS first, max(sequence) AS last FROM outbox
         WHERE (gateway, stream) NOT IN (SELECT gateway, stream FROM mark) GROUP BY gateway, stream`,
      )
      .all();
    for (const { gateway, stream, first, last } of lost)
      this.#marks.put([String(gateway), String(stream), Number(first) - 1, Number(last)]);
  }
}

/** How much of the file is used. Telemetry stops short of the end, so that a command always finds room. */
class Room {
  readonly #pageCount: StatementSync;
  readonly #freePages: StatementSync;
  readonly #unreserved: number;

  constructor(db: DatabaseSync, maxBytes: number) {
    assert(maxBytes >= 1024 * 1024, 'a store may grow to 1 MiB at least');
    const pages = Math.floor(maxBytes / Number(db.prepare('PRAGMA page_size').get()?.['page_size']));
    db.exec(`PRAGMA max_page_count = ${pages}`);
    this.#unreserved = Math.floor(pages * (1 - RESERVED_PART));
    this.#pageCount = db.prepare('PRAGMA page_count');
    this.#freePages = db.prepare('PRAGMA freelist_count');
  }

  assertUnreserved(): void {
    const used =
      Number(this.#pageCount.get()?.['page_count']) - Number(this.#freePages.get()?.['freelist_count']);
    if (used > this.#unreserved)
      throw new StoreTrouble('full', 'what is left of the store is kept for commands');
  }
}

// The three below read rows that proved to be what was written, so their form needs no second check.

function asRow([, kind, key, value]: readonly Cell[]): StoredRow {
  return { kind: kind as RowKind, key: key as string, value: JSON.parse(value as string) };
}

function asMark([, stream, acknowledged, last]: readonly Cell[]): StreamMark {
  return { stream: stream as StreamName, acknowledged: acknowledged as number, last: last as number };
}

function asRecord([, stream, sequence, at, body]: readonly Cell[]): UplinkRecord {
  return {
    stream: stream as StreamName,
    sequence: sequence as number,
    at: unixTime(at as number),
    body: JSON.parse(body as string) as RecordBody,
  };
}
