/**
 * A store in memory that keeps its promises as the real one does: a batch whole or not at all, rows as JSON,
 * outbox sequences without gaps. A test may hold its writes back, or let them fail.
 */
import { assert } from '../../src/base/assert.ts';
import type { Snapshot, StoreChange, StoredRow, StorePort, StoreUrgency } from '../../src/gateway/mod.ts';
import { STREAMS } from '../../src/model/mod.ts';
import type { GatewayId, StreamName, UplinkRecord } from '../../src/model/mod.ts';

/** One batch that was given to `persist` while writes were held; settled by the test. */
export interface HeldWrite {
  readonly changes: readonly StoreChange[];
  commit(): void;
  /** Says it is durable without applying it: for a test that did so itself. */
  settle(): void;
  fail(why: string): void;
}

export class MemoryStore implements StorePort {
  /** While true, writes wait in {@link waiting}. */
  held = false;
  /** While set, reading fails with this. */
  unreadable: string | undefined;
  /** While set, nothing is taken but, where numbers are promised, what may be written later. */
  full: 'promised' | 'nothing promised' | undefined;
  /** What the snapshot says was set aside. */
  damage: Snapshot['damage'];
  readonly waiting: HeldWrite[] = [];
  readonly #rows = new Map<string, StoredRow>();
  readonly #outbox = new Map<StreamName, UplinkRecord[]>();
  readonly #marks = new Map<StreamName, { acknowledged: number; last: number }>();

  snapshot(_gateway: GatewayId): Promise<Snapshot> {
    return this.unreadable === undefined
      ? Promise.resolve(this.read())
      : Promise.reject(new Error(this.unreadable));
  }

  persist(
    _gateway: GatewayId,
    changes: readonly StoreChange[],
    urgency: StoreUrgency = 'now',
  ): Promise<void> {
    if (this.full !== undefined && (urgency === 'now' || this.full === 'nothing promised'))
      return Promise.reject(new Error('the disk is full'));
    if (!this.held) {
      this.apply(changes);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const commit = (): void => {
        this.apply(changes);
        resolve();
      };
      this.waiting.push({ changes, commit, settle: resolve, fail: why => reject(new Error(why)) });
    });
  }

  load(
    _gateway: GatewayId,
    stream: StreamName,
    after: number,
    limit: number,
  ): Promise<readonly UplinkRecord[]> {
    if (this.unreadable !== undefined) return Promise.reject(new Error(this.unreadable));
    return Promise.resolve(this.records(stream, after, limit));
  }

  /** What a restart would find, as text on a disk would give it back. */
  read(): Snapshot {
    const streams = STREAMS.map(stream => ({ stream, ...this.#mark(stream) }));
    const damage = this.damage === undefined ? {} : { damage: this.damage };
    return throughJson({ rows: [...this.#rows.values()], streams, ...damage });
  }

  /** A backup: what is in it now, in a store of its own. */
  copy(): MemoryStore {
    const backup = new MemoryStore();
    for (const [key, row] of this.#rows) backup.#rows.set(key, row);
    for (const [stream, records] of this.#outbox) backup.#outbox.set(stream, [...records]);
    for (const [stream, mark] of this.#marks) backup.#marks.set(stream, mark);
    return backup;
  }

  /** Damage: rows that fit are gone, as a store leaves out what it cannot believe. */
  loseRows(fits: (row: StoredRow) => boolean): void {
    for (const [key, row] of this.#rows) if (fits(row)) this.#rows.delete(key);
  }

  records(stream: StreamName, after = 0, limit = Infinity): readonly UplinkRecord[] {
    const rows = (this.#outbox.get(stream) ?? []).filter(r => r.sequence > after);
    return throughJson(rows.slice(0, limit));
  }

  /** The highest sequence appended to `stream`; 0 before any. */
  last(stream: StreamName): number {
    return this.#mark(stream).last;
  }

  /** Damages a record of the outbox: its number stays taken, and it can be read no more. */
  lose(stream: StreamName, sequence: number): void {
    this.#outbox.set(
      stream,
      this.records(stream).filter(r => r.sequence !== sequence),
    );
  }

  apply(changes: readonly StoreChange[]): void {
    for (const change of changes) this.#applyOne(throughJson(change));
  }

  #applyOne(change: StoreChange): void {
    switch (change.op) {
      case 'put':
        this.#rows.set(`${change.kind} ${change.key}`, change);
        return;
      case 'delete':
        this.#rows.delete(`${change.kind} ${change.key}`);
        return;
      case 'append':
        return this.#append(change.record);
      case 'trim': {
        const { stream, through } = change;
        const mark = this.#mark(stream);
        assert(through <= mark.last, 'only what was appended is acknowledged');
        this.#marks.set(stream, { ...mark, acknowledged: through });
        this.#outbox.set(stream, [...this.records(stream, through)]);
        return;
      }
      case 'lift': {
        const { stream, by } = change;
        const { acknowledged, last } = this.#mark(stream);
        const waiting = this.records(stream, acknowledged);
        this.#outbox.set(
          stream,
          waiting.map(r => ({ ...r, sequence: r.sequence + by })),
        );
        this.#marks.set(stream, { acknowledged: acknowledged + by, last: last + by });
      }
    }
  }

  #append(record: UplinkRecord): void {
    const mark = this.#mark(record.stream);
    assert(record.sequence === mark.last + 1, `${record.stream} goes on at ${mark.last + 1}`);
    this.#marks.set(record.stream, { ...mark, last: record.sequence });
    this.#outbox.set(record.stream, [...(this.#outbox.get(record.stream) ?? []), record]);
  }

  #mark(stream: StreamName): { acknowledged: number; last: number } {
    return this.#marks.get(stream) ?? { acknowledged: 0, last: 0 };
  }
}

/** Through JSON, because that is what the rows of a store are. */
function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
