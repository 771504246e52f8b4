/**
 * The ends of streams in memory: what was appended and acknowledged since each was last written. Telemetry waits here
 * to be written together, and what is acknowledged meanwhile is never written at all, which spares the card.
 *
 * A plain structure: it writes nothing. Everything is checked here at once, in the order of the calls, so that whoever
 * breaks a promise hears of it and nobody else.
 */
import { assert } from '../../base/assert.ts';
import type { StreamMark } from '../../gateway/mod.ts';
import type { GatewayId, RecordBody, StreamName, UplinkRecord } from '../../model/mod.ts';
import { lossOf } from './outbox.ts';
import type { StreamEnd } from './outbox.ts';

export interface Tail {
  readonly gateway: GatewayId;
  readonly stream: StreamName;
  acknowledged: number;
  last: number;
  /** The last number when it was last written. */
  stored: number;
  /** Up to which number is promised on the disk. */
  promised: number;
  /** Ascending and without gaps up to `last`. */
  waiting: UplinkRecord[];
  /** The length of the bodies of `waiting`, as text. */
  bytes: number;
  /** Rises with each change; what was written under an older one is not all. */
  changes: number;
  written: number;
}

export class Tails {
  readonly #markOf: (gateway: GatewayId, stream: StreamName) => StreamMark;
  /** One for each stream of each gateway that was used since the start. */
  readonly #tails = new Map<GatewayId, Map<StreamName, Tail>>();

  constructor(markOf: (gateway: GatewayId, stream: StreamName) => StreamMark) {
    this.#markOf = markOf;
  }

  /** Takes a copy of `record`: its owner may change it before it is written. */
  append(gateway: GatewayId, { stream, sequence, at, body }: UplinkRecord): Tail {
    const tail = this.of(gateway, stream);
    const follows = `${gateway}: record ${sequence} of ${stream} follows ${tail.last} without a gap`;
    assert(sequence === tail.last + 1, follows);
    const text = JSON.stringify(body);
    tail.waiting.push({ stream, sequence, at, body: JSON.parse(text) as RecordBody });
    tail.bytes += text.length;
    tail.last = sequence;
    tail.changes++;
    return tail;
  }

  /** An older acknowledgement that comes late takes nothing back. */
  trim(gateway: GatewayId, stream: StreamName, through: number): void {
    const tail = this.of(gateway, stream);
    assert(
      through <= tail.last,
      `${gateway}: ${stream} is trimmed to ${through}, no further than ${tail.last}`,
    );
    if (through <= tail.acknowledged) return;
    tail.acknowledged = through;
    tail.changes++;
  }

  /** What could not be stored did not happen; where a later record has the number behind it, a loss takes its place. */
  takeBack(gateway: GatewayId, { stream, sequence, at }: UplinkRecord): void {
    const tail = this.of(gateway, stream);
    const place = tail.waiting.findIndex(record => record.sequence === sequence);
    if (place === -1) return;
    tail.changes++;
    if (sequence === tail.last) {
      tail.waiting.pop();
      tail.last--;
      return;
    }
    const why = 'the disk of the gateway failed before it was stored';
    tail.waiting[place] = lossOf(stream, { first: sequence, last: sequence }, at, why);
  }

  of(gateway: GatewayId, stream: StreamName): Tail {
    const streams = this.#tails.get(gateway) ?? new Map<StreamName, Tail>();
    this.#tails.set(gateway, streams);
    const known = streams.get(stream);
    if (known !== undefined) return known;
    const { acknowledged, last } = this.#markOf(gateway, stream);
    const tail: Tail = {
      gateway,
      stream,
      acknowledged,
      last,
      stored: last,
      promised: 0,
      waiting: [],
      bytes: 0,
      changes: 0,
      written: 0,
    };
    streams.set(stream, tail);
    return tail;
  }

  /** Where the streams of a gateway stand that were used since the start. */
  ofGateway(gateway: GatewayId): readonly Tail[] {
    return [...(this.#tails.get(gateway)?.values() ?? [])];
  }

  /** Those with something to write. */
  unwritten(gateway: GatewayId): readonly Tail[] {
    return this.ofGateway(gateway).filter(({ changes, written }) => changes > written);
  }

  gateways(): readonly GatewayId[] {
    return [...this.#tails.keys()];
  }

  /** They are read from the disk when they are next asked for: the disk was changed behind their back. */
  forget(gateway: GatewayId): void {
    this.#tails.delete(gateway);
  }
}

/** What is to be written of `tail`: what is acknowledged is not, but for the newest, the witness of its number. */
export function endOfTail({ acknowledged, last, waiting }: Tail, promised: number): StreamEnd {
  const records = waiting.filter(({ sequence }) => sequence > acknowledged || sequence === last);
  return { acknowledged, last, promised, records };
}

/** `end` is on the disk, as `tail` was at its change `changes`. */
export function settle(tail: Tail, end: StreamEnd, changes: number): void {
  tail.promised = end.promised;
  tail.stored = end.last;
  tail.written = Math.max(tail.written, changes);
  tail.waiting = tail.waiting.filter(({ sequence }) => sequence > end.last);
  if (tail.waiting.length === 0) tail.bytes = 0;
}
