/**
 * The uplink as a machine: which record goes next. It numbers records, keeps what was sent apart from what
 * the head end holds, and never forgets a record before the head end's own acknowledgement covers it.
 *
 * Order: by stream (ALARM-1: alarms ahead of everything), a live record before the backlog of its stream.
 * At most {@link MAX_IN_FLIGHT} records are between us and the broker; the backlog itself is in the store.
 * A broker's PUBACK frees a place in flight and proves nothing else.
 */
import { assert } from '../../base/assert.ts';
import { after, seconds } from '../../base/time.ts';
import type { Instant, UnixTime } from '../../base/time.ts';
import { STREAMS } from '../../model/mod.ts';
import type { RecordBody, StreamName, UplinkRecord } from '../../model/mod.ts';

/** Enough to fill a round trip of some 100 ms at 200 records a second; few enough that an alarm waits for little. */
export const MAX_IN_FLIGHT = 20;

/**
 * The store is asked when so many places are free, or the rest fits into fewer: a question for every record would cost
 * more than the record.
 */
export const LOAD_AT_LEAST = MAX_IN_FLIGHT / 2;

/** Places beyond {@link MAX_IN_FLIGHT} that only alarms may take, so that a slow broker never holds one back (ALARM-1). */
export const ALARM_RESERVE = 4;

/** Sent records the head end has not acknowledged for this long are sent again: a head end lost them. */
export const RESEND_AFTER = seconds(30);

/**
 * Runs of live records that were sent ahead of a backlog, remembered so that they are not sent twice. With
 * more, the oldest run is forgotten and sent again, which the head end recognises by its sequence.
 */
export const MAX_RUNS_AHEAD = 16;

interface Run {
  readonly first: number;
  last: number;
}

/** The sequences after + 1 to after + limit, all numbered when they were asked for. */
interface Asked {
  readonly after: number;
  readonly limit: number;
}

interface Stream {
  /** Highest sequence the head end acknowledged. */
  acknowledged: number;
  /** Highest sequence numbered. */
  last: number;
  /** Everything up to here was handed to the broker since the link came up. */
  sent: number;
  /** Runs above `sent` that were handed over too, ascending. */
  ahead: Run[];
  /** The load that was asked for and not answered. */
  loading: Asked | undefined;
}

export interface Uplink {
  readonly streams: Record<StreamName, Stream>;
  up: boolean;
  /** Nothing but the birth record goes out: what it is answered tells whether our numbers are those of another life. */
  quiet: boolean;
  inFlight: number;
  /** Changes with every loss of the link; an answer to an earlier life of it is not counted. */
  session: number;
  /** When the head end last acknowledged something new, or the link came up. */
  progressAt: Instant | undefined;
}

/** What the machine wants done. `publish`: hand to the broker. `load`: read from the store. */
export type UplinkWish =
  | { readonly do: 'publish'; readonly record: UplinkRecord; readonly session: number }
  | { readonly do: 'load'; readonly stream: StreamName; readonly after: number; readonly limit: number };

/** An uplink that stands where the store says; everything above each acknowledgement is to be sent again. */
export function newUplink(
  marks: readonly { stream: StreamName; acknowledged: number; last: number }[],
): Uplink {
  const of = (name: StreamName): Stream => {
    const mark = marks.find(m => m.stream === name) ?? { acknowledged: 0, last: 0 };
    return {
      acknowledged: mark.acknowledged,
      last: mark.last,
      sent: mark.acknowledged,
      ahead: [],
      loading: undefined,
    };
  };
  const streams = Object.fromEntries(STREAMS.map(name => [name, of(name)])) as Record<StreamName, Stream>;
  return { streams, up: false, quiet: false, inFlight: 0, session: 0, progressAt: undefined };
}

/** Gives `body` the next number of its stream. The record must be persisted in the same step. */
export function number(uplink: Uplink, stream: StreamName, at: UnixTime, body: RecordBody): UplinkRecord {
  const sequence = ++uplink.streams[stream].last;
  return { stream, sequence, at, body };
}

/**
 * Offers a record that has just been numbered: it is sent at once, ahead of the backlog of its stream and of
 * those below, when there is room; otherwise it is part of the backlog and comes by {@link pump}.
 */
export function offer(uplink: Uplink, record: UplinkRecord): readonly UplinkWish[] {
  if (!hasRoom(uplink, record.stream)) return [];
  if (uplink.quiet ? record.stream !== 'birth' : higherWaits(uplink, record.stream)) return [];
  noteSent(uplink.streams[record.stream], record.sequence);
  uplink.inFlight++;
  return [{ do: 'publish', record, session: uplink.session }];
}

/** Asks the store for what fits now, stream by stream in their order; called whenever something changed. */
export function pump(uplink: Uplink): readonly UplinkWish[] {
  const wishes: UplinkWish[] = [];
  let room = MAX_IN_FLIGHT - uplink.inFlight;
  for (const name of STREAMS) {
    if (uplink.quiet && name !== 'birth') continue;
    const stream = uplink.streams[name];
    if (stream.loading !== undefined) return wishes;
    const places = room + (name === 'alarm' ? ALARM_RESERVE : 0);
    if (!uplink.up || places <= 0 || stream.sent >= stream.last) continue;
    const left = (stream.ahead[0]?.first ?? stream.last + 1) - stream.sent - 1;
    if (places < LOAD_AT_LEAST && left > places && name !== 'alarm') return wishes;
    const limit = Math.min(places, left);
    stream.loading = { after: stream.sent, limit };
    wishes.push({ do: 'load', stream: name, ...stream.loading });
    room -= limit;
    if (stream.sent + limit < stream.last) return wishes; // The rest of a stream goes before any stream below it.
  }
  return wishes;
}

/** The store's answer to a load; `after` and `limit` are those of the question. */
export interface Loaded {
  readonly stream: StreamName;
  readonly after: number;
  readonly limit: number;
  readonly records: readonly UplinkRecord[];
}

/**
 * Sends what the store gave. An answer to a question no longer open is dropped: it will be asked again. For records
 * the store could not give, since their place on the disk is damaged, one goes out that says so: else the head
 * end's acknowledgement would end before them, and nothing behind them would ever leave the outbox.
 */
export function loaded(uplink: Uplink, answer: Loaded, now: UnixTime): readonly UplinkWish[] {
  const stream = uplink.streams[answer.stream];
  if (stream.loading?.after !== answer.after || stream.loading.limit !== answer.limit) return [];
  stream.loading = undefined;
  const wishes: UplinkWish[] = [];
  for (const record of withLosses(answer, stream.sent, now)) {
    if (!hasRoom(uplink, answer.stream)) break;
    noteSent(stream, record.sequence);
    if (record.body.kind === 'lost') catchUp(stream, record.body.last);
    uplink.inFlight++;
    wishes.push({ do: 'publish', record, session: uplink.session });
  }
  return wishes;
}

/**
 * One record after the other for every sequence that was asked for and is above `sent` (an acknowledgement may have
 * come meanwhile). A store that has set damaged rows aside gives later ones in their place; those come again. What it
 * knows to be lost or dropped it tells itself, in one record that may reach beyond what was asked for.
 */
function* withLosses(
  { stream, after, limit, records }: Loaded,
  sent: number,
  at: UnixTime,
): Generator<UplinkRecord, void> {
  const through = after + limit;
  let next = sent + 1;
  for (const record of records) {
    if (record.sequence < next || record.sequence > through) continue;
    if (record.sequence > next) yield lost(stream, { first: next, last: record.sequence - 1 }, at);
    yield record;
    next = record.body.kind === 'lost' ? record.body.last + 1 : record.sequence + 1;
  }
  if (next <= through) yield lost(stream, { first: next, last: through }, at);
}

function lost(stream: StreamName, gap: { first: number; last: number }, at: UnixTime): UplinkRecord {
  const why = "damaged on the gateway's disk";
  return { stream, sequence: gap.first, at, body: { kind: 'lost', ...gap, why } };
}

/** The broker took `records`, or the link broke first (then the link's own report follows). */
export function published(uplink: Uplink, session: number, records = 1): void {
  if (session === uplink.session) uplink.inFlight = Math.max(0, uplink.inFlight - records);
}

/**
 * The head end holds `stream` up to `through`. Returns what may leave the outbox, or `undefined` when that is
 * nothing new. An acknowledgement beyond what was ever numbered is not believed.
 */
export function acknowledged(
  uplink: Uplink,
  name: StreamName,
  through: number,
  now: Instant,
): number | undefined {
  const stream = uplink.streams[name];
  if (through <= stream.acknowledged || through > stream.last) return undefined;
  stream.acknowledged = through;
  uplink.progressAt = now;
  if (through > stream.sent) catchUp(stream, through);
  return through;
}

/**
 * The head end holds records of a stream up to `held` that are of another life. What is in the outbox goes on behind
 * them: every number above `above` has grown by `by`, and has to in the store as well.
 */
export function lift(uplink: Uplink, name: StreamName, held: number): { above: number; by: number } {
  const stream = uplink.streams[name];
  const above = stream.acknowledged;
  const by = held - above;
  assert(by > 0, 'a stream is lifted above what is acknowledged');
  Object.assign(stream, {
    acknowledged: held,
    last: stream.last + by,
    sent: held,
    ahead: [],
    loading: undefined,
  });
  return { above, by };
}

/** The link went up or down. What was in flight on the old link is sent again on the new one. */
export function linkChanged(uplink: Uplink, up: boolean, now: Instant): void {
  uplink.up = up;
  uplink.session++;
  uplink.inFlight = 0;
  uplink.progressAt = up ? now : undefined;
  sendAgain(uplink);
}

/** Starts over from the acknowledgements when the head end has been silent for {@link RESEND_AFTER}. */
export function tick(uplink: Uplink, now: Instant): void {
  if (now < (nextWake(uplink) ?? Infinity)) return;
  uplink.progressAt = now;
  sendAgain(uplink);
}

/** When {@link tick} has something to do, or `undefined`. */
export function nextWake(uplink: Uplink): Instant | undefined {
  const waiting = STREAMS.some(
    name =>
      uplink.streams[name].sent > uplink.streams[name].acknowledged || uplink.streams[name].ahead.length > 0,
  );
  if (!uplink.up || uplink.progressAt === undefined || !waiting) return undefined;
  return after(uplink.progressAt, RESEND_AFTER);
}

function hasRoom(uplink: Uplink, stream: StreamName): boolean {
  return uplink.up && uplink.inFlight < MAX_IN_FLIGHT + (stream === 'alarm' ? ALARM_RESERVE : 0);
}

/** Whether a stream that goes before `name` still has a backlog (ALARM-1). */
function higherWaits(uplink: Uplink, name: StreamName): boolean {
  const higher = STREAMS.slice(0, STREAMS.indexOf(name));
  return higher.some(above => uplink.streams[above].sent < uplink.streams[above].last);
}

function sendAgain(uplink: Uplink): void {
  for (const name of STREAMS) {
    const stream = uplink.streams[name];
    stream.sent = stream.acknowledged;
    stream.ahead = [];
    stream.loading = undefined;
  }
}

function noteSent(stream: Stream, sequence: number): void {
  assert(
    sequence > stream.sent && sequence <= stream.last,
    'a record is sent once a session, and only after it was numbered',
  );
  if (sequence === stream.sent + 1) return catchUp(stream, sequence);
  const run = stream.ahead.at(-1);
  if (run !== undefined && run.last + 1 === sequence) {
    run.last = sequence;
    return;
  }
  stream.ahead.push({ first: sequence, last: sequence });
  if (stream.ahead.length > MAX_RUNS_AHEAD) stream.ahead.shift();
}

/** Moves `sent` to `sequence` and over every run that now adjoins it. */
function catchUp(stream: Stream, sequence: number): void {
  stream.sent = sequence;
  for (let run = stream.ahead[0]; run !== undefined && run.first <= stream.sent + 1; run = stream.ahead[0]) {
    stream.sent = Math.max(stream.sent, run.last);
    stream.ahead.shift();
  }
}
