/**
 * Reading registers as a conversation: a block that is longer than one request is read in several, a lost
 * answer is asked for again, and a hole is found by halving. What cannot be read is `undefined`, word by word.
 */
import { type Conversation, type ModbusReply, isPutOff } from '../bus/conversation.ts';
import type { Words } from './value.ts';

/** Modbus Application Protocol 1.1b3, 6.3. */
export const MAX_READ = 125;
/** Asked twice in all: one lost frame is common on a serial line, two in a row mean that something is wrong. */
export const READ_TRIES = 2;
/**
 * Requests spent on finding the holes of one block. A block of 125 registers with three holes takes about
 * forty; a device that refuses everything must not hold the bus. When spent, the rest counts as unread.
 */
export const HOLE_REQUESTS = 48;

export type ReadFailure = Extract<ModbusReply, { ok: false }>;
export type ReadReply = { readonly ok: true; readonly words: readonly number[] } | ReadFailure;

/** Registers `from` … `to` − 1. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** One request, and once more when no usable answer came. */
export function* readOnce(
  unit: number,
  { from, to }: Span,
  space: 'holding' | 'input' = 'holding',
): Conversation<ReadReply> {
  let reply: ReadReply = { ok: false, refusal: 'garbled', retry: 'later' };
  for (let tried = 0; tried < READ_TRIES; tried++) {
    reply = yield { kind: 'read', unit, space, address: from, count: to - from };
    if (reply.ok && reply.words.length === to - from) return reply;
    if (reply.ok)
      reply = { ok: false, refusal: 'garbled', retry: 'later', detail: 'another number of registers' };
    if (!worthAsking(reply)) return reply;
  }
  return reply;
}

/**
 * The words of `span`, which is at most {@link MAX_READ} long. Where the device refuses it as a whole, it is
 * read in halves that part at `seams` (ascending addresses at which a value begins; asked for only then, with what
 * was read until then), down to the refused piece. A reply that never comes ends it: then the failure is returned.
 */
export function* readAround(
  unit: number,
  span: Span,
  seams: (read: Words) => readonly number[],
): Conversation<{ readonly ok: true; readonly words: Words } | ReadFailure> {
  const whole = yield* readOnce(unit, span);
  if (whole.ok || !isRefused(whole)) return whole;
  const words: (number | undefined)[] = Array<undefined>(span.to - span.from).fill(undefined);
  const pieces: Span[] = [...halves(span, seams(words))];
  for (let spent = 1; spent < HOLE_REQUESTS; spent++) {
    const piece = pieces.shift();
    if (piece === undefined) break;
    const reply = yield* readOnce(unit, piece);
    if (reply.ok) for (const [at, word] of reply.words.entries()) words[piece.from - span.from + at] = word;
    else if (!isRefused(reply)) return reply;
    else pieces.push(...halves(piece, seams(words)));
  }
  return { ok: true, words };
}

/**
 * As much of `span` as one request can hold, ending at one of `seams` unless it is the whole; where no seam
 * helps, in the middle of a value.
 */
export function firstPiece({ from, to }: Span, seams: () => readonly number[], maxRead = MAX_READ): Span {
  const furthest = from + maxRead;
  if (furthest >= to) return { from, to };
  return { from, to: seams().findLast(at => at > from && at <= furthest) ?? furthest };
}

/**
 * In words for a person: `exception 2`, `no answer`, `no connection: connect ECONNREFUSED 192.168.1.20:502`. The two
 * that have many causes name theirs.
 */
export function describeFailure({ refusal, exception, detail }: ReadFailure): string {
  const cause = detail === undefined ? '' : `: ${detail}`;
  const words = {
    exception: `exception ${exception ?? '?'}`,
    timeout: 'no answer',
    disconnected: `no connection${cause}`,
    garbled: `an answer that makes no sense${cause}`,
    'too-long': detail ?? 'too long for this device',
  };
  return words[refusal];
}

/**
 * What was lost on the line. An exception is an answer: which of them mean "later" is known of a product, not of
 * the protocol, so its profile names them and they are asked again where requests pass (see profiles/manners).
 */
function worthAsking({ refusal }: ReadFailure): boolean {
  return refusal === 'timeout' || refusal === 'garbled';
}

/** Whether the device will not read these registers, together at least: one that is busy says nothing about them. */
export function isRefused(failure: ReadFailure): boolean {
  return failure.refusal === 'exception' && !isPutOff(failure);
}

function halves(piece: Span, seams: readonly number[]): readonly Span[] {
  const inside = seams.filter(at => at > piece.from && at < piece.to);
  const middle = inside[Math.floor(inside.length / 2)];
  if (middle === undefined) return [];
  return [
    { from: piece.from, to: middle },
    { from: middle, to: piece.to },
  ];
}
