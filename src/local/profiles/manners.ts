/**
 * A device's manners, between a conversation and the line: what the conversation asks is put so that the device can
 * bear it, and what the device says is given back as if it had been asked plainly. Whatever is read or written, by
 * whichever part of the program, the same manners hold.
 */
import { refused } from '../../base/assert.ts';
import type { Conversation, ModbusReply, ModbusRequest } from '../bus/conversation.ts';

export interface Manners {
  /** Exceptions that mean "later": the same request is made again. */
  readonly retryOn?: readonly number[];
  /** The one function the device writes with. */
  readonly writeWith?: 6 | 16;
  /** Most registers of one write. */
  readonly maxWrite?: number;
  /** Registers that must never be asked for: the device would answer the next request wrongly, or not at all. */
  readonly holes?: readonly { readonly from: number; readonly count: number }[];
}

/** Times one request is made in all. A device that is busy longer than that is busy with something else. */
export const BUSY_TRIES = 4;
const ILLEGAL_ADDRESS = 2;

/** `conversation` as the device can bear it. */
export function* withManners<T>(conversation: Conversation<T>, manners: Manners): Conversation<T> {
  for (let step = conversation.next(); ; ) {
    if (step.done === true) return step.value;
    step = conversation.next(yield* ask(step.value, manners));
  }
}

function* ask(request: ModbusRequest, manners: Manners): Conversation<ModbusReply> {
  if (touchesHole(request, manners))
    return { ...refused('exception', 'a hole of the profile'), exception: ILLEGAL_ADDRESS };
  let reply: ModbusReply = { ok: true, words: [] };
  const long = tornValue(request, manners);
  if (long !== undefined) return refused('too-long', long);
  for (const [at, part] of partsOf(request, manners).entries()) {
    reply = yield* patiently(part, manners.retryOn ?? []);
    if (!reply.ok) return at === 0 ? reply : { ...reply, partly: true };
  }
  return reply;
}

function* patiently(request: ModbusRequest, retryOn: readonly number[]): Conversation<ModbusReply> {
  for (let tried = 1; ; tried++) {
    const reply = yield request;
    const busy = !reply.ok && reply.exception !== undefined && retryOn.includes(reply.exception);
    if (!busy || tried === BUSY_TRIES) return reply;
  }
}

/** Registers of one write, where the device says so. */
export function longestWrite({ writeWith, maxWrite }: Manners): number | undefined {
  return writeWith === 6 ? 1 : maxWrite;
}

/**
 * Why the device cannot be asked: a value of which half is written is another value, and may be a dangerous one.
 */
function tornValue(request: ModbusRequest, manners: Manners): string | undefined {
  const most = longestWrite(manners);
  if (request.kind === 'read' || most === undefined) return undefined;
  const longest = Math.max(...(request.values ?? [request.words.length]));
  return longest > most
    ? `what belongs together has ${longest} registers, and this device takes ${most} in one write`
    : undefined;
}

/** Functions 6 and 16 as the device has them. Between two parts some values are new and some are not. */
function partsOf(request: ModbusRequest, manners: Manners): readonly ModbusRequest[] {
  if (request.kind === 'read') return [request];
  const { writeWith } = manners;
  const most = longestWrite(manners) ?? request.words.length;
  const how = writeWith === undefined ? request.how : writeWith === 6 ? 'single' : 'multiple';
  const { values: _, ...plain } = request;
  const parts: (typeof plain)[] = [];
  let at = 0;
  for (const size of request.values ?? [request.words.length]) {
    const words = request.words.slice(at, at + size);
    const last = parts.at(-1);
    if (last !== undefined && last.words.length + size <= most)
      parts[parts.length - 1] = { ...last, words: [...last.words, ...words] };
    else parts.push({ ...plain, how, address: request.address + at, words });
    at += size;
  }
  return parts;
}

function touchesHole(request: ModbusRequest, { holes = [] }: Manners): boolean {
  const from = request.address;
  const to = from + (request.kind === 'read' ? request.count : request.words.length);
  return holes.some(hole => from < hole.from + hole.count && to > hole.from);
}
