/**
 * What is on a simulated disk of a gateway: rows, streams with what the head end does not hold yet, and promised
 * numbers. A plain structure that takes whole changes; when they become durable is the disk's business.
 */
import { assert } from '../../../src/base/assert.ts';
import type { UnixTime } from '../../../src/base/time.ts';
import type { Snapshot, StoreChange, StoredRow } from '../../../src/gateway/mod.ts';
import { STREAMS } from '../../../src/model/mod.ts';
import type { StreamName, UplinkRecord } from '../../../src/model/mod.ts';

interface Stream {
  acknowledged: number;
  last: number;
  records: UplinkRecord[];
}

export class Image {
  readonly rows = new Map<string, StoredRow>();
  readonly streams = new Map<StreamName, Stream>();
  /** `pv/opModMaxLimW 5000`: what was ever to be remembered of orders. */
  readonly everOrdered = new Set<string>();
  /** Numbers that may be given before their records are here. */
  readonly promised = new Map<StreamName, number>();

  stream(name: StreamName): Stream {
    const known = this.streams.get(name);
    if (known !== undefined) return known;
    const stream = { acknowledged: 0, last: 0, records: [] };
    this.streams.set(name, stream);
    return stream;
  }

  row(kind: StoredRow['kind'], key: string): StoredRow | undefined {
    return this.rows.get(`${kind} ${key}`);
  }

  rowsOf(kind: StoredRow['kind']): readonly StoredRow[] {
    return [...this.rows.values()].filter(row => row.kind === kind);
  }

  apply(change: StoreChange): void {
    switch (change.op) {
      case 'put':
        this.rows.set(`${change.kind} ${change.key}`, change);
        if (change.kind === 'ordered')
          this.everOrdered.add(`${change.key} ${(change.value as { readonly value: number }).value}`);
        return;
      case 'delete':
        this.rows.delete(`${change.kind} ${change.key}`);
        return;
      case 'append': {
        const stream = this.stream(change.record.stream);
        assert(
          change.record.sequence === stream.last + 1,
          `${change.record.stream} ${change.record.sequence} follows ${stream.last} on the disk without a gap`,
        );
        stream.records.push(change.record);
        stream.last = endOf(change.record);
        return;
      }
      case 'trim': {
        const stream = this.stream(change.stream);
        assert(change.through <= stream.last, 'only what was appended is acknowledged');
        stream.acknowledged = Math.max(stream.acknowledged, change.through);
        stream.records = above(stream.records, stream.acknowledged);
        return;
      }
      case 'lift': {
        const stream = this.stream(change.stream);
        stream.acknowledged += change.by;
        stream.last += change.by;
        stream.records = stream.records.map(record => lifted(record, change.by));
      }
    }
  }

  /** After an end without warning: numbers that were promised, and whose records never came here, are lost. */
  recover(at: UnixTime): void {
    for (const [name, through] of this.promised) {
      const { last } = this.stream(name);
      if (through > last) this.apply({ op: 'append', record: lossOf(name, last + 1, through, at) });
    }
    this.promised.clear();
  }

  snapshot(): Snapshot {
    const streams = STREAMS.map(name => {
      const { acknowledged, last } = this.stream(name);
      return { stream: name, acknowledged, last };
    });
    return { rows: [...this.rows.values()], streams };
  }
}

/** The records that stand for numbers above `after`; of a loss that began earlier, what is left of it. */
export function above(records: readonly UplinkRecord[], after: number): UplinkRecord[] {
  return records.flatMap(record => {
    if (record.sequence > after) return [record];
    return endOf(record) > after ? [lossOf(record.stream, after + 1, endOf(record), record.at)] : [];
  });
}

/** The last number that `record` stands for. */
export function endOf({ sequence, body }: UplinkRecord): number {
  return body.kind === 'lost' ? body.last : sequence;
}

export function lossOf(stream: StreamName, first: number, last: number, at: UnixTime): UplinkRecord {
  return { stream, sequence: first, at, body: { kind: 'lost', first, last, why: 'not on the disk yet' } };
}

function lifted(record: UplinkRecord, by: number): UplinkRecord {
  const { sequence, body } = record;
  const moved = body.kind === 'lost' ? { ...body, first: body.first + by, last: body.last + by } : body;
  return { ...record, sequence: sequence + by, body: moved };
}
