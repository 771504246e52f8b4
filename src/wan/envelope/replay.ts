/**
 * Replay memory: for each (issuer, key epoch, stream) the highest sequence taken and what the last 64 were. It
 * tells a new command from the same bytes again (harmless: the stored receipt is sent again), from other bytes
 * under a used sequence, and from what is too old to know.
 *
 * The memory is rebuilt from its rows; whoever holds it makes the rows durable before acting on the command.
 */
import { assert } from '../../base/assert.ts';
import type { Retry } from '../../base/assert.ts';
import type { Command } from '../../model/mod.ts';

/** Reordering on the way is bounded by the 20 messages a sender keeps in flight; 64 is three times that. */
export const REPLAY_WINDOW = 64;
/** Nobody skips a million commands; a leap to the largest number would leave no sequence for the next one. */
export const MAX_SEQUENCE_JUMP = 2 ** 20;
/**
 * Streams are made by trusted keys only, a handful an issuer and key epoch. When there are more, a command on a
 * new one is refused: to forget an old stream would be to let its commands in again.
 */
export const MAX_REPLAY_STREAMS = 1024;

export type ReplayRefusal = 'replay' | 'sequence-too-old' | 'sequence-jump' | 'too-many-streams';

export type ReplayVerdict =
  | { readonly verdict: 'fresh' }
  | { readonly verdict: 'duplicate' }
  | { readonly verdict: 'refused'; readonly refusal: ReplayRefusal; readonly retry: Retry };

/** `replay`: one a stream. `seen`: a ring of 64 a stream, at key `<stream key>#<sequence mod 64>`. */
export type ReplayRow =
  | { readonly kind: 'replay'; readonly key: string; readonly value: { readonly high: number } }
  | { readonly kind: 'seen'; readonly key: string; readonly value: Seen };

/** A type, not an interface, so that it is JSON to the compiler too. */
type Seen = {
  readonly sequence: number;
  /** First 16 bytes of SHA-256 of the envelope, hexadecimal. */
  readonly digest: string;
  readonly cti: string;
};

interface StreamMemory {
  /** Highest sequence taken; 0 before any. */
  high: number;
  readonly ring: (Seen | undefined)[];
}

export type ReplayState = Map<string, StreamMemory>;

/** What is remembered of the stream, compared with the command. Changes nothing. */
export function judgeReplay(state: ReplayState, command: Command): ReplayVerdict {
  const memory = state.get(streamKey(command));
  if (memory === undefined && state.size >= MAX_REPLAY_STREAMS) return refuse('too-many-streams', 'later');
  const high = memory?.high ?? 0;
  const { sequence } = command;
  if (sequence > high + MAX_SEQUENCE_JUMP) return refuse('sequence-jump');
  if (sequence > high) return { verdict: 'fresh' };
  if (sequence <= high - REPLAY_WINDOW) return refuse('sequence-too-old');
  const seen = memory?.ring[sequence % REPLAY_WINDOW];
  if (seen?.sequence !== sequence) return { verdict: 'fresh' };
  return seen.digest === shortDigest(command) ? { verdict: 'duplicate' } : refuse('replay');
}

/** Remembers a command that was judged fresh. The rows returned belong in one batch. */
export function markReplay(state: ReplayState, command: Command): readonly ReplayRow[] {
  assert(judgeReplay(state, command).verdict === 'fresh', 'only a fresh command is marked');
  const key = streamKey(command);
  const { sequence, cti } = command;
  const seen: Seen = { sequence, digest: shortDigest(command), cti };
  const row: ReplayRow = { kind: 'seen', key: `${key}#${sequence % REPLAY_WINDOW}`, value: seen };
  const memory = memoryOf(state, key);
  memory.ring[sequence % REPLAY_WINDOW] = seen;
  if (sequence <= memory.high) return [row];
  memory.high = sequence;
  return [{ kind: 'replay', key, value: { high: sequence } }, row];
}

/**
 * The memory that the rows of kind `replay` and `seen` hold, in any order; other kinds are passed over. A `seen` row above its stream's mark raises the mark: of two rows
 * that disagree, the cautious one is believed.
 */
export function newReplayState(
  rows: readonly { readonly kind: string; readonly key: string; readonly value: unknown }[],
): ReplayState {
  const state: ReplayState = new Map();
  for (const row of rows) {
    if (row.kind !== 'replay' && row.kind !== 'seen') continue;
    const memory = memoryOf(state, row.key.split('#')[0] ?? '');
    if (row.kind === 'replay') {
      memory.high = Math.max(memory.high, readHigh(row.value));
      continue;
    }
    const seen = readSeen(row.value);
    memory.ring[seen.sequence % REPLAY_WINDOW] = seen;
    memory.high = Math.max(memory.high, seen.sequence);
  }
  return state;
}

/** Issuer and stream are ids without a slash, so no two streams share a key. */
function streamKey({ issuer, keyEpoch, stream }: Command): string {
  return `${issuer}/${keyEpoch}/${stream}`;
}

function shortDigest(command: Command): string {
  return command.digest.slice(0, 32);
}

function refuse(refusal: ReplayRefusal, retry: Retry = 'never'): ReplayVerdict {
  return { verdict: 'refused', refusal, retry };
}

function memoryOf(state: ReplayState, key: string): StreamMemory {
  const known = state.get(key);
  if (known !== undefined) return known;
  const memory: StreamMemory = { high: 0, ring: Array.from({ length: REPLAY_WINDOW }, () => undefined) };
  state.set(key, memory);
  return memory;
}

/** The store vouches for its rows; a row that is not ours is a broken promise. */
function readHigh(value: unknown): number {
  const { high } = value as { high?: unknown };
  assert(typeof high === 'number' && Number.isSafeInteger(high), 'a replay row holds a sequence');
  return high;
}

function readSeen(value: unknown): Seen {
  const { sequence, digest, cti } = value as Partial<Record<keyof Seen, unknown>>;
  assert(typeof sequence === 'number' && Number.isSafeInteger(sequence), 'a seen row holds a sequence');
  assert(typeof digest === 'string' && typeof cti === 'string', 'a seen row holds digest and cti');
  return { sequence, digest, cti };
}
