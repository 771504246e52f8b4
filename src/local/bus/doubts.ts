/**
 * Requests that were given up and whose answers may still come. Nothing in an RTU frame says which request it answers,
 * so the answer to an earlier one could be taken for the answer to another of the same form. A device answers one
 * request after the other: once a request that differs from all that were given up is answered in its own form, none of
 * theirs can follow. Such a request is a probe; its words are of no interest.
 */
import type { Instant } from '../../base/time.ts';
import type { ModbusRequest } from './conversation.ts';
import type { RtuFrame } from './rtu.ts';

/** A request that was given up, and when. */
export interface Doubt {
  readonly request: ModbusRequest;
  /** As it was sent. */
  readonly frame: RtuFrame;
  readonly since: Instant;
}

/** No device answers so late, in ms; one that answers no probe may be asked again then. */
export const DOUBT_MS = 10_000;
/** As many lengths as there may be doubts, and one. */
const PROBE_LENGTHS = 17;
/** More than a connection survives in a row; the oldest are forgotten. */
const DOUBTS_MAX = 16;

export function withDoubt(doubts: readonly Doubt[], doubt: Doubt): readonly Doubt[] {
  return [...doubts, doubt].slice(-DOUBTS_MAX);
}

/** Without one of those whose answer has the form of an answer to `request`: it has come. */
export function withoutOne(doubts: readonly Doubt[], request: ModbusRequest): readonly Doubt[] {
  const at = doubts.findIndex(doubt => isSameForm(doubt.request, request));
  return at < 0 ? doubts : doubts.toSpliced(at, 1);
}

/**
 * What is left after `request` was answered, `exception` or not. An exception names the function only, so it may be the
 * answer to any given up request of that function; then this one is in doubt as well.
 */
export function afterAnswer(
  doubts: readonly Doubt[],
  asked: Doubt,
  { exception }: { readonly exception: boolean },
): readonly Doubt[] {
  const { request } = asked;
  const ofUnit = doubts.filter(doubt => doubt.request.unit === request.unit);
  if (ofUnit.length === 0) return doubts;
  const isAmbiguous = ofUnit.some(
    doubt =>
      isSameForm(doubt.request, request) || (exception && functionOf(doubt.request) === functionOf(request)),
  );
  return isAmbiguous ? withDoubt(doubts, asked) : doubts.filter(doubt => doubt.request.unit !== request.unit);
}

/** Whether the answer to one that was given up could be taken for the answer to `request`. */
export function isInDoubt(doubts: readonly Doubt[], request: ModbusRequest, now: Instant): boolean {
  return doubts.some(({ request: other, since }) => now - since < DOUBT_MS && isSameForm(other, request));
}

/**
 * A request whose answer no other can be taken for; `undefined` where every one was tried. First one register of those
 * that are asked for, which is there if they are. Then the other function: a device without it says so, and that answer
 * is told from all others too. Then other lengths.
 */
export function probeFor(
  doubts: readonly Doubt[],
  request: Extract<ModbusRequest, { kind: 'read' }>,
): ModbusRequest | undefined {
  const other = request.space === 'holding' ? 'input' : 'holding';
  const lengths = Array.from({ length: PROBE_LENGTHS }, (_, n) => ({ ...request, count: n + 1 }));
  const [shortest, ...longer] = lengths;
  const probes = [shortest, { ...request, space: other, count: 1 } as const, ...longer];
  return probes.find(probe => probe !== undefined && !doubts.some(doubt => isSameForm(doubt.request, probe)));
}

function isSameForm(a: ModbusRequest, b: ModbusRequest): boolean {
  if (a.unit !== b.unit || functionOf(a) !== functionOf(b)) return false;
  if (a.kind === 'read') return b.kind === 'read' && a.count === b.count;
  // A write is answered by its address, and its count or its one word.
  return b.kind === 'write' && a.address === b.address && a.words.length === b.words.length;
}

function functionOf(request: ModbusRequest): string {
  return request.kind === 'read' ? request.space : request.how;
}
