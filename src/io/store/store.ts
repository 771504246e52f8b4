/**
 * The gateway's store on one SQLite file, for one gateway or a simulated fleet: rows carry the gateway's id.
 * What the gateway is told is durable is on the disk; what comes back is what was written, or is reported as
 * damaged and left out. It decides nothing about content, but which telemetry goes first when there is no room.
 */
import { rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type {
  RowKind,
  Snapshot,
  StoreChange,
  StoredRow,
  StorePort,
  StoreUrgency,
} from '../../gateway/mod.ts';
import type { GatewayId, StreamName, UplinkRecord } from '../../model/mod.ts';
import { takeLock } from '../lock.ts';
import { createTable } from './checked.ts';
import type { Cell, CheckedTable } from './checked.ts';
import type { Damage, DamageList } from './damage.ts';
import { inTransaction } from './file.ts';
import type { OpenFile, OpenRefusal, Schema } from './file.ts';
import { GroupCommit } from './group-commit.ts';
import { DROPPED, Outbox, OUTBOX_TABLES, PROMISED, lossOf } from './outbox.ts';
import type { Dropped, OutboxTable, StreamEnd } from './outbox.ts';
import { Ballast, ballastOf, Room } from './room.ts';
import type { RoomOptions } from './room.ts';
import { openSalvaging } from './salvage.ts';
import { endOfTail, settle, Tails } from './tails.ts';
import type { Tail } from './tails.ts';
import { reading, StoreTrouble } from './trouble.ts';

type TableName = 'row' | OutboxTable;

export const SCHEMA: Schema<TableName> = {
  what: 'store',
  applicationId: 0x75_67_67_77, // "uggw"
  tables: {
    row: { name: 'row', columns: { gateway: 'TEXT', kind: 'TEXT', key: 'TEXT', value: 'TEXT' }, keys: 3 },
    ...OUTBOX_TABLES,
  },
  // Most of what a minute writes is a few bytes in each of several tables.
  pageBytes: 2048,
  migrations: [createTable(OUTBOX_TABLES.promised)],
};

/** Streams that are written in groups, and dropped in this order when the store is full, the oldest record first. */
const TELEMETRY: readonly StreamName[] = ['reading', 'status', 'audit'];
/** Streams whose numbers are promised, too, while the disk is full: what is refused then is said. */
const REFUSALS: readonly StreamName[] = ['alarm', 'receipt'];
/** Telemetry waits no longer than this for the disk: what a crash can cost, and what spares the card. */
const FLUSH_EVERY_MS = 60_000;
/** What waits of one stream is written earlier when it comes to this: a group must fit into what is kept for commands. */
const MAX_BYTES_WAITING = 48 * 1024;

export interface StoreOptions extends RoomOptions {
  /** Told of what was dropped for want of room, when it is. */
  readonly onDropped?: (dropped: Dropped) => void;
  /** The room of the disk that is held for commands was given up, or is held again. */
  readonly onReserve?: (held: boolean) => void;
  /** Calls `wake` once, `afterMs` from now; the function returned cancels it. */
  readonly timer?: (afterMs: number, wake: () => void) => () => void;
}

export interface Store extends StorePort {
  /** Rows that did not prove themselves, oldest first; those of earlier runs included. */
  damage(): readonly Damage[];
  /** Commits what waits and closes the file. Nothing may be asked afterwards. */
  close(): Promise<void>;
}

/**
 * Opens or makes the store at `path`; damage to the file itself is set aside, and the store goes on in a new one. Two
 * programs that use one store would give the same numbers to different records: the second is refused.
 */
export function openStore(path: string, options: StoreOptions = {}): Result<Store, OpenRefusal> {
  const lock = takeLock(lockOf(path));
  if (!lock.ok && lock.refusal === 'held')
    return refused('io', `store ${path} is in use by another program: stop that one first`, 'later');
  const file = openSalvaging(path, SCHEMA, ballastOf(path));
  const release = lock.ok ? lock.value : (): void => undefined;
  if (file.ok) return ok(new SqliteStore(path, file.value, { ...options, release }));
  if (lock.ok) rmSync(lockOf(path), { force: true });
  release();
  return file;
}

function lockOf(path: string): string {
  return `${path}-lock`;
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #rows: CheckedTable;
  readonly #outbox: Outbox;
  readonly #tails: Tails;
  readonly #damage: DamageList;
  readonly #commits: GroupCommit;
  readonly #room: Room;
  readonly #ballast: Ballast;
  readonly #options: StoreOptions & { readonly release: () => void };
  #cancelFlush: (() => void) | undefined;
  #closing = false;

  constructor(
    path: string,
    { db, tables, damage, rebuilt, assertThere }: OpenFile<TableName>,
    options: StoreOptions & { readonly release: () => void },
  ) {
    this.#db = db;
    this.#options = options;
    this.#rows = tables.row;
    this.#outbox = new Outbox(tables);
    this.#tails = new Tails((gateway, stream) => this.#outbox.mark(gateway, stream));
    this.#damage = damage;
    this.#commits = new GroupCommit(db, assertThere, () => this.#relieve());
    this.#room = new Room(db, options);
    this.#ballast = new Ballast(path, options);
    inTransaction(db, () =>
      this.#outbox.recover(TELEMETRY, rebuilt.includes('promised') ? 'doubtful' : 'certain'),
    );
  }

  persist(gateway: GatewayId, changes: readonly StoreChange[], urgency: StoreUrgency = 'now'): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    if (changes.some(change => change.op === 'lift')) return this.#persistLifted(gateway, changes);
    return this.#persist(gateway, changes, urgency);
  }

  snapshot(gateway: GatewayId): Promise<Snapshot> {
    return reading(() => {
      const rows = [...this.#rows.rows('WHERE gateway = ?', [gateway])].map(asRow);
      const inMemory = this.#tails.ofGateway(gateway);
      const onDisk = this.#outbox.marks(gateway);
      const streams = [
        ...onDisk.filter(({ stream }) => !inMemory.some(tail => tail.stream === stream)),
        ...inMemory.map(({ stream, acknowledged, last }) => ({ stream, acknowledged, last })),
      ].filter(({ last }) => last > 0);
      const { list, beyond } = this.#damage;
      const tables = [...new Set(list.map(({ table }) => table))];
      const damage = { rows: list.length + beyond, tables };
      return { rows, streams, ...(damage.rows === 0 ? {} : { damage }) };
    });
  }

  load(
    gateway: GatewayId,
    stream: StreamName,
    after: number,
    limit: number,
  ): Promise<readonly UplinkRecord[]> {
    return reading(() => {
      const { acknowledged, waiting } = this.#tails.of(gateway, stream);
      // The newest record outlives its acknowledgement (see Outbox) and is not part of the outbox then.
      const from = Math.max(after, acknowledged);
      const first = waiting[0]?.sequence ?? Number.POSITIVE_INFINITY;
      const stored = this.#outbox.load(gateway, stream, from, limit).filter(r => r.sequence < first);
      return [...stored, ...waiting.filter(r => r.sequence > from)].slice(0, limit);
    });
  }

  damage(): readonly Damage[] {
    return this.#damage.list;
  }

  // oxlint-disable-next-line typescript/require-await -- the port is asynchronous, this file is not
  async close(): Promise<void> {
    this.#closing = true;
    this.#cancelFlush?.();
    // Last of all: no number is promised any more, so none is missed at the next start.
    for (const gateway of this.#tails.gateways()) this.#commit(gateway, []).catch(() => {});
    this.#commits.flush();
    this.#db.close();
    this.#options.release();
  }

  #persist(gateway: GatewayId, changes: readonly StoreChange[], urgency: StoreUrgency): Promise<void> {
    // Values are turned into text now: their owner may change them before the turn ends.
    const writes = changes.flatMap(change => this.#write(gateway, change));
    const taken: UplinkRecord[] = [];
    const takeBack = (): void => {
      for (const record of taken.toReversed()) this.#tails.takeBack(gateway, record);
    };
    let isPromised = true;
    try {
      for (const change of changes) {
        if (change.op === 'trim') this.#tails.trim(gateway, change.stream, change.through);
        if (change.op !== 'append') continue;
        const { record } = change;
        const tail = this.#tails.append(gateway, record);
        taken.push(record);
        const mayWait = urgency === 'soon' || TELEMETRY.includes(record.stream);
        isPromised &&= mayWait && record.sequence <= tail.promised && tail.bytes <= MAX_BYTES_WAITING;
      }
    } catch (error) {
      takeBack();
      return Promise.reject(error);
    }
    if (writes.length === 0 && isPromised) {
      this.#flushLater();
      return Promise.resolve();
    }
    return this.#commit(gateway, writes).catch((error: unknown) => {
      takeBack();
      throw error;
    });
  }

  /** Where numbers change, nothing may wait for its own: all before is written first, and this batch at once. */
  #persistLifted(gateway: GatewayId, changes: readonly StoreChange[]): Promise<void> {
    this.#commit(gateway, []).catch(() => {});
    this.#commits.flush();
    for (const tail of this.#tails.unwritten(gateway))
      return Promise.reject(new StoreTrouble('io', `${tail.stream}: what waits could not be written`));
    this.#tails.forget(gateway);
    const done = this.#commits.commit(changes.length, () => {
      for (const change of changes) this.#apply(gateway, change);
    });
    this.#commits.flush();
    return done;
  }

  #apply(gateway: GatewayId, change: StoreChange): void {
    for (const write of this.#write(gateway, change)) write();
    if (change.op === 'append') this.#outbox.append(gateway, change.record);
    if (change.op === 'trim') this.#outbox.trim(gateway, change.stream, change.through);
    if (change.op === 'lift') this.#outbox.lift(gateway, change.stream, change.by);
  }

  #write(gateway: GatewayId, change: StoreChange): readonly (() => void)[] {
    if (change.op === 'put') {
      const cells = [gateway, change.kind, change.key, JSON.stringify(change.value)];
      return [() => this.#rows.put(cells)];
    }
    if (change.op !== 'delete') return [];
    return [
      () => this.#rows.delete('gateway = ? AND kind = ? AND key = ?', [gateway, change.kind, change.key]),
    ];
  }

  /** Everything that waits for the disk of one gateway, and `writes`, in one transaction. */
  async #commit(gateway: GatewayId, writes: readonly (() => void)[]): Promise<void> {
    const waiting = this.#tails.unwritten(gateway).reduce((sum, tail) => sum + tail.waiting.length, 0);
    let flushed: Flushed = { ends: [], dropped: [] };
    await this.#commits.commit(Math.max(1, writes.length + waiting), () => {
      flushed = this.#flush(gateway);
      for (const write of writes) write();
    });
    for (const { tail, end, changes } of flushed.ends) settle(tail, end, changes);
    for (const dropped of flushed.dropped) this.#options.onDropped?.(dropped);
    if (!this.#closing && this.#ballast.hold()) this.#options.onReserve?.(true);
  }

  #flush(gateway: GatewayId): Flushed {
    const dropped: Dropped[] = [];
    const tails = this.#closing
      ? this.#tails.ofGateway(gateway).filter(tail => tail.changes > tail.written || tail.promised > 0)
      : this.#tails.unwritten(gateway);
    // What is dropped first is written first, so that it is there to be dropped.
    const ends = tails
      .toSorted((a, b) => rank(a) - rank(b))
      .map(tail => {
        const whole = endOfTail(tail, this.#promiseFor(tail));
        const fits = !TELEMETRY.includes(tail.stream) || this.#freeOld(sizeOf(whole), dropped);
        const end = fits ? whole : withoutRecords(tail, whole, dropped);
        this.#outbox.write(gateway, tail.stream, end);
        return { tail, end, changes: tail.changes };
      });
    return { ends, dropped };
  }

  #promiseFor({ stream, last, stored }: Tail): number {
    if (this.#closing) return 0;
    const isPromised = TELEMETRY.includes(stream) || (!this.#ballast.isHeld && REFUSALS.includes(stream));
    if (!isPromised) return 0;
    return last + Math.min(PROMISED.max, Math.max(PROMISED.min, 2 * (last - stored)));
  }

  /** Drops old telemetry until `bytes` of new fit beside what is kept for commands; whether they do. */
  #freeOld(bytes: number, dropped: Dropped[]): boolean {
    if (bytes === 0) return true;
    while (!this.#room.hasRoomFor(bytes)) {
      const oldest = this.#dropOldest();
      if (oldest === undefined) return false;
      dropped.push(oldest);
    }
    return true;
  }

  #dropOldest(): Dropped | undefined {
    const acknowledged = (gateway: GatewayId, stream: StreamName): number =>
      this.#tails.of(gateway, stream).acknowledged;
    return this.#outbox.dropOldest(TELEMETRY, { bytes: this.#room.portionBytes, acknowledged });
  }

  /**
   * A commit found no room: gives up what is held for this, and drops a portion of the oldest telemetry. From then on
   * numbers are promised for what refuses commands, should there be no room at all. Whether it is worth another try.
   */
  #relieve(): boolean {
    const released = this.#ballast.release();
    let dropped: Dropped | undefined;
    try {
      let oldest: Dropped | undefined;
      const promising = released ? this.#tails.gateways().flatMap(gateway => this.#refusalsOf(gateway)) : [];
      inTransaction(this.#db, () => {
        oldest = this.#dropOldest();
        for (const tail of promising)
          this.#outbox.write(tail.gateway, tail.stream, endOfTail(tail, tail.last + PROMISED.max));
      });
      dropped = oldest;
      for (const tail of promising) tail.promised = tail.last + PROMISED.max;
    } catch {
      // What was given up may be enough without.
    }
    if (released) this.#options.onReserve?.(false);
    if (dropped !== undefined) this.#options.onDropped?.(dropped);
    return released || dropped !== undefined;
  }

  /** Those with nothing to write; the others are promised when that is written. */
  #refusalsOf(gateway: GatewayId): readonly Tail[] {
    return REFUSALS.map(stream => this.#tails.of(gateway, stream)).filter(
      ({ changes, written }) => changes === written,
    );
  }

  #flushLater(): void {
    if (this.#cancelFlush !== undefined || this.#closing) return;
    const { timer = systemTimer } = this.#options;
    this.#cancelFlush = timer(FLUSH_EVERY_MS, () => {
      this.#cancelFlush = undefined;
      // What cannot be written waits on; who appends more than is promised hears why.
      for (const gateway of this.#tails.gateways())
        if (this.#tails.unwritten(gateway).length > 0)
          this.#commit(gateway, []).catch(() => this.#flushLater());
    });
  }
}

function rank({ stream }: Tail): number {
  return TELEMETRY.indexOf(stream);
}

interface Flushed {
  readonly ends: readonly { readonly tail: Tail; readonly end: StreamEnd; readonly changes: number }[];
  readonly dropped: readonly Dropped[];
}

/** With nothing older left to drop, what is new is. */
function withoutRecords({ gateway, stream }: Tail, end: StreamEnd, dropped: Dropped[]): StreamEnd {
  const [first] = end.records;
  if (first === undefined) return end;
  const gap = { first: first.sequence, last: end.last };
  dropped.push({ gateway, stream, ...gap });
  return { ...end, records: [lossOf(stream, gap, first.at, DROPPED)] };
}

function sizeOf({ records }: StreamEnd): number {
  return records.reduce((sum, { body }) => sum + JSON.stringify(body).length, 0);
}

function systemTimer(afterMs: number, wake: () => void): () => void {
  // It holds no process: what waits is written when the store is closed.
  const timer = setTimeout(wake, afterMs).unref();
  return () => clearTimeout(timer);
}

/** Reads a row that proved to be what was written, so its form needs no second check. */
function asRow([, kind, key, value]: readonly Cell[]): StoredRow {
  return { kind: kind as RowKind, key: key as string, value: JSON.parse(value as string) };
}
