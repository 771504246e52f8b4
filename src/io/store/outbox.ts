/**
 * The outbox on the disk: the records of each stream that the head end does not hold yet, where each stream stands,
 * and which numbers are promised. Numbers are promised ahead so that a record may be sent before it is on the disk:
 * after a crash no number is given twice, and those whose records never reached the disk are told as lost.
 *
 * What is lost or dropped leaves one record of kind `lost` in its place. Everything here runs inside the caller's
 * transaction; when to write and what to drop is decided elsewhere.
 */
import { assert } from '../../base/assert.ts';
import { unixTime } from '../../base/time.ts';
import type { StreamMark } from '../../gateway/mod.ts';
import type { GatewayId, StreamName, UplinkRecord } from '../../model/mod.ts';
import { pack, unpack } from './bodies.ts';
import type { Cell, CheckedTable, TableSpec } from './checked.ts';

export type OutboxTable = 'mark' | 'outbox' | 'promised';

export const OUTBOX_TABLES: Readonly<Record<OutboxTable, TableSpec>> = {
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
  promised: { name: 'promised', columns: { gateway: 'TEXT', stream: 'TEXT', through: 'INTEGER' }, keys: 2 },
};

/**
 * How many numbers are promised beyond the last one on the disk: twice as many as the last group had, within these
 * bounds. A minute of a record a second, and a few, is the most; it bounds what waits in memory, and how many numbers
 * of a stream a crash can cost.
 */
export const PROMISED = { min: 8, max: 64 };

const NEVER_STORED =
  'not yet on the disk of the gateway when it stopped; some of these numbers were never given';
export const DROPPED = 'dropped by the gateway: its store was full';

/** What was dropped for want of room. */
export interface Dropped {
  readonly gateway: GatewayId;
  readonly stream: StreamName;
  readonly first: number;
  readonly last: number;
}

export interface DropTerms {
  /** How much goes at once, as the text of bodies. */
  readonly bytes: number;
  /** Up to which number the head end holds a stream: that is not dropped, it leaves by itself. */
  readonly acknowledged: (gateway: GatewayId, stream: StreamName) => number;
}

/** What is to stand on the disk of one stream. */
export interface StreamEnd {
  readonly acknowledged: number;
  readonly last: number;
  /** Up to which number is promised; `last` or less: nothing is. */
  readonly promised: number;
  readonly records: readonly UplinkRecord[];
}

export class Outbox {
  readonly #marks: CheckedTable;
  readonly #records: CheckedTable;
  readonly #promised: CheckedTable;

  constructor(tables: Readonly<Record<OutboxTable, CheckedTable>>) {
    this.#marks = tables.mark;
    this.#records = tables.outbox;
    this.#promised = tables.promised;
  }

  mark(gateway: GatewayId, stream: StreamName): StreamMark {
    const cells = this.#marks.row('gateway = ? AND stream = ?', [gateway, stream]);
    return cells === undefined ? { stream, acknowledged: 0, last: 0 } : asMark(cells);
  }

  marks(gateway: GatewayId): readonly StreamMark[] {
    return [...this.#marks.rows('WHERE gateway = ?', [gateway])].map(asMark);
  }

  /** Records above `after`, in order, at most `limit`; a loss that begins earlier is told from there on. */
  load(gateway: GatewayId, stream: StreamName, after: number, limit: number): readonly UplinkRecord[] {
    const tail = 'WHERE gateway = ? AND stream = ? AND sequence > ? ORDER BY sequence LIMIT ?';
    const rows = [...this.#records.rows(tail, [gateway, stream, after, limit])].map(asRecord);
    // Only where the next number has no row of its own can a loss stand for it.
    if (rows[0]?.sequence === after + 1) return rows;
    const rest = this.#restOfLoss(gateway, stream, after);
    return rest === undefined ? rows : [rest, ...rows].slice(0, limit);
  }

  /**
   * Brings one stream to `end`: its records are there, what is acknowledged leaves. The stream's newest record
   * stays as a witness of its number, should the mark itself be damaged.
   */
  write(gateway: GatewayId, stream: StreamName, { acknowledged, last, promised, records }: StreamEnd): void {
    // What leaves goes first: there may be no other room.
    const through = Math.min(acknowledged, last - 1);
    const rest = this.#restOfLoss(gateway, stream, through);
    this.#records.delete('gateway = ? AND stream = ? AND sequence <= ?', [gateway, stream, through]);
    if (rest !== undefined) this.#put(gateway, rest);
    for (const record of records) this.#put(gateway, record);
    this.#marks.put([gateway, stream, acknowledged, last]);
    if (promised > last) this.#promised.put([gateway, stream, promised]);
    else this.#promised.delete('gateway = ? AND stream = ?', [gateway, stream]);
  }

  append(gateway: GatewayId, record: UplinkRecord): void {
    const { stream, sequence } = record;
    const { acknowledged, last } = this.mark(gateway, stream);
    assert(
      sequence === last + 1,
      `${gateway}: record ${sequence} of ${stream} follows ${last} without a gap`,
    );
    this.write(gateway, stream, { acknowledged, last: sequence, promised: 0, records: [record] });
  }

  trim(gateway: GatewayId, stream: StreamName, through: number): void {
    const { acknowledged, last } = this.mark(gateway, stream);
    assert(through <= last, `${gateway}: ${stream} is trimmed to ${through}, no further than ${last}`);
    const held = Math.max(through, acknowledged);
    this.write(gateway, stream, { acknowledged: held, last, promised: 0, records: [] });
  }

  /** What is acknowledged already is not kept: its numbers are those of another life. */
  lift(gateway: GatewayId, stream: StreamName, by: number): void {
    const { acknowledged, last } = this.mark(gateway, stream);
    const waiting = this.load(gateway, stream, acknowledged, Number.MAX_SAFE_INTEGER);
    this.#records.delete('gateway = ? AND stream = ?', [gateway, stream]);
    for (const record of waiting) this.#put(gateway, lifted(record, by));
    this.#marks.put([gateway, stream, acknowledged + by, last + by]);
  }

  /**
   * Drops the oldest records of one of `streams`, the first that has any, until their bodies come to `bytes`; the
   * newest of a stream is its witness and stays. `undefined`: there is nothing to drop.
   */
  dropOldest(streams: readonly StreamName[], { bytes, acknowledged }: DropTerms): Dropped | undefined {
    for (const stream of streams) {
      for (const [gateway] of [...this.#marks.rows('WHERE stream = ?', [stream])] as [GatewayId][]) {
        const above = acknowledged(gateway, stream);
        const dropped = this.#dropOf(gateway, stream, { bytes, above });
        if (dropped !== undefined) return dropped;
      }
    }
    return undefined;
  }

  /**
   * After an end that was not a clean one. A stream whose mark was lost to damage gets a new one from its records: the
   * last number is certain, of the acknowledged ones only that they left. What is sent twice the head end recognises
   * by its sequence. Numbers that were promised and are not there are lost. `doubtful`: promises were lost to damage, so
   * those numbers `streams` may have given count as given.
   */
  recover(streams: readonly StreamName[], doubtful: 'doubtful' | 'certain'): void {
    this.#recoverMarks();
    const promises = [...this.#promised.rows('')].map(asPromise);
    const guessed = doubtful === 'certain' ? [] : this.#guesses(streams);
    for (const { gateway, stream, through } of [...promises, ...guessed]) {
      const { acknowledged, last } = this.mark(gateway, stream);
      const at = unixTime(Date.now());
      const gap = { first: last + 1, last: through };
      const records = through > last ? [lossOf(stream, gap, at, NEVER_STORED)] : [];
      this.write(gateway, stream, { acknowledged, last: Math.max(last, through), promised: 0, records });
    }
  }

  #guesses(
    streams: readonly StreamName[],
  ): readonly { gateway: GatewayId; stream: StreamName; through: number }[] {
    return [...this.#marks.rows('')].flatMap(cells => {
      const { stream, last } = asMark(cells);
      const gateway = cells[0] as GatewayId;
      return streams.includes(stream) ? [{ gateway, stream, through: last + PROMISED.max }] : [];
    });
  }

  #recoverMarks(): void {
    const marks = [...this.#marks.rows('')] as [string, string][];
    const known = new Set(marks.map(([gateway, stream]) => `${gateway} ${stream}`));
    const found = new Map<string, { cells: readonly [Cell, Cell]; first: number; last: number }>();
    for (const cells of this.#records.rows('')) {
      const [gateway, stream] = cells as [string, string];
      if (known.has(`${gateway} ${stream}`)) continue;
      const record = asRecord(cells);
      const end = endOf(record);
      const range = found.get(`${gateway} ${stream}`);
      const first = Math.min(range?.first ?? record.sequence, record.sequence);
      found.set(`${gateway} ${stream}`, {
        cells: [gateway, stream],
        first,
        last: Math.max(range?.last ?? end, end),
      });
    }
    for (const { cells, first, last } of found.values()) this.#marks.put([...cells, first - 1, last]);
  }

  #dropOf(
    gateway: GatewayId,
    stream: StreamName,
    { bytes, above }: { bytes: number; above: number },
  ): Dropped | undefined {
    const { last } = this.mark(gateway, stream);
    const tail = 'WHERE gateway = ? AND stream = ? AND sequence > ? AND sequence < ? ORDER BY sequence';
    const dropped: UplinkRecord[] = [];
    let size = 0;
    for (const cells of this.#records.rows(tail, [gateway, stream, above, last])) {
      const record = asRecord(cells);
      dropped.push(record);
      if (record.body.kind !== 'lost') size += String(cells[4]).length;
      if (size >= bytes) break;
    }
    const [oldest, newest] = [dropped[0], dropped.at(-1)];
    if (oldest === undefined || newest === undefined || size === 0) return undefined;
    const gap = { first: oldest.sequence, last: endOf(newest) };
    this.#records.delete('gateway = ? AND stream = ? AND sequence BETWEEN ? AND ?', [
      gateway,
      stream,
      gap.first,
      newest.sequence,
    ]);
    this.#put(gateway, lossOf(stream, gap, newest.at, DROPPED));
    const fresh = dropped.find(({ body }) => body.kind !== 'lost') ?? oldest;
    return { gateway, stream, first: fresh.sequence, last: gap.last };
  }

  /** What of a loss that begins at or before `sequence` lies behind it. */
  #restOfLoss(gateway: GatewayId, stream: StreamName, sequence: number): UplinkRecord | undefined {
    const tail = 'WHERE gateway = ? AND stream = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1';
    for (const cells of this.#records.rows(tail, [gateway, stream, sequence])) {
      const { at, body } = asRecord(cells);
      if (body.kind !== 'lost' || body.last <= sequence) return undefined;
      return lossOf(stream, { first: sequence + 1, last: body.last }, at, body.why);
    }
    return undefined;
  }

  #put(gateway: GatewayId, { stream, sequence, at, body }: UplinkRecord): void {
    this.#records.put([gateway, stream, sequence, at, pack(stream, body)]);
  }
}

/** The record that stands for lost ones. */
export function lossOf(
  stream: StreamName,
  gap: { readonly first: number; readonly last: number },
  at: UplinkRecord['at'],
  why: string,
): UplinkRecord {
  return { stream, sequence: gap.first, at, body: { kind: 'lost', first: gap.first, last: gap.last, why } };
}

/** The last sequence that `record` stands for. */
function endOf({ sequence, body }: UplinkRecord): number {
  return body.kind === 'lost' ? body.last : sequence;
}

function lifted(record: UplinkRecord, by: number): UplinkRecord {
  const { body, sequence } = record;
  if (body.kind !== 'lost') return { ...record, sequence: sequence + by };
  return {
    ...record,
    sequence: sequence + by,
    body: { ...body, first: body.first + by, last: body.last + by },
  };
}

// The three below read rows that proved to be what was written, so their form needs no second check.

function asMark([, stream, acknowledged, last]: readonly Cell[]): StreamMark {
  return { stream: stream as StreamName, acknowledged: acknowledged as number, last: last as number };
}

function asPromise([gateway, stream, through]: readonly Cell[]): {
  gateway: GatewayId;
  stream: StreamName;
  through: number;
} {
  return { gateway: gateway as GatewayId, stream: stream as StreamName, through: through as number };
}

function asRecord([, stream, sequence, at, body]: readonly Cell[]): UplinkRecord {
  return {
    stream: stream as StreamName,
    sequence: sequence as number,
    at: unixTime(at as number),
    body: unpack(body as string),
  };
}
