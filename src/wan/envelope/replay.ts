/**
 * Replay memory: for each (issuer, key epoch, stream) the highest sequence taken and what the last 64 were. It
 * tells a new command from the same bytes again (harmless: the stored receipt is sent again), from other bytes
 * under a used sequence, and from what is too old to know.
 *
 * What the issuer says of its own streams after a start ({@link liftReplay}) comes on top: a memory that was lost or
 * is of an old backup is lifted, so that no command of its earlier life is taken twice. Marks only go up; an issuer
 * that says less than is known here was restored itself, and has to go on above what it is told in the birth record.
 *
 * The memory is rebuilt from its rows; whoever holds it makes the rows durable before acting on the command.
 */
import { assert } from '../../base/assert.ts';
import type { Retry } from '../../base/assert.ts';
import type { Command, StreamTold } from '../../model/mod.ts';

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

/** `replay` and `told`: one a stream. `seen`: a ring of 64 a stream, at key `<stream key>#<sequence mod 64>`. */
export type ReplayRow =
  | { readonly kind: 'replay'; readonly key: string; readonly value: { readonly high: number } }
  | { readonly kind: 'told'; readonly key: string; readonly value: Told }
  | { readonly kind: 'seen'; readonly key: string; readonly value: Seen };

/** What the issuer said: nothing up to `through` is to be taken any more, but what is in `open`. */
type Told = { readonly through: number; readonly open: readonly number[] };

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
  told: Told;
}

export type ReplayState = Map<string, StreamMemory>;

/** What is remembered of the stream, compared with the command. Changes nothing. */
export function judgeReplay(state: ReplayState, command: Command): ReplayVerdict {
  const memory = state.get(streamKey(command));
  if (memory === undefined && state.size >= MAX_REPLAY_STREAMS) return refuse('too-many-streams', 'later');
  const high = memory?.high ?? 0;
  const { sequence } = command;
  // On a stream never heard of the issuer can say where it stands; on one that is known a leap is a mistake.
  if (sequence > high + MAX_SEQUENCE_JUMP) return refuse('sequence-jump', high === 0 ? 'later' : 'never');
  if (sequence > high) return { verdict: 'fresh' };
  const seen = memory?.ring[sequence % REPLAY_WINDOW];
  if (seen?.sequence === sequence)
    return seen.digest === shortDigest(command) ? { verdict: 'duplicate' } : refuse('replay');
  if (memory !== undefined && sequence <= memory.told.through)
    return memory.told.open.includes(sequence) ? { verdict: 'fresh' } : refuse('sequence-too-old');
  return sequence <= high - REPLAY_WINDOW ? refuse('sequence-too-old') : { verdict: 'fresh' };
}

/** Remembers a command that was judged fresh. The rows returned belong in one batch. */
export function markReplay(state: ReplayState, command: Command): readonly ReplayRow[] {
  assert(judgeReplay(state, command).verdict === 'fresh', 'only a fresh command is marked');
  const key = streamKey(command);
  const { sequence, cti } = command;
  const seen: Seen = { sequence, digest: shortDigest(command), cti };
  const row: ReplayRow = { kind: 'seen', key: `${key}#${sequence % REPLAY_WINDOW}`, value: seen };
  const memory = memoryOf(state, key);
  if (memory.told.open.includes(sequence)) {
    memory.told = { ...memory.told, open: memory.told.open.filter(n => n !== sequence) };
    return [{ kind: 'told', key, value: memory.told }, ...remember(memory, seen, row)];
  }
  return [...remember(memory, seen, row)];
}

/** An open command of long ago must not push a younger one out of the ring. */
function remember(memory: StreamMemory, seen: Seen, row: ReplayRow): readonly ReplayRow[] {
  const at = seen.sequence % REPLAY_WINDOW;
  if (seen.sequence < (memory.ring[at]?.sequence ?? 0)) return [];
  memory.ring[at] = seen;
  if (seen.sequence <= memory.high) return [row];
  memory.high = seen.sequence;
  const key = row.key.split('#')[0] ?? '';
  return [{ kind: 'replay', key, value: { high: seen.sequence } }, row];
}

/** How far a memory was lifted; `from` is the highest sequence it knew, 0 for a stream it had never heard of. */
export interface Lifted {
  readonly rows: readonly ReplayRow[];
  readonly behind: readonly { readonly stream: string; readonly from: number; readonly to: number }[];
  /** Streams of which the issuer knows less than we do: it has lost its own memory. */
  readonly ahead: readonly { readonly stream: string; readonly ours: number; readonly theirs: number }[];
}

/**
 * Takes in what the issuer of `keyEpoch` says of its streams, in a welcome that answered this start. Streams for
 * which there is no room are left out; commands on them are refused as `too-many-streams`.
 */
export function liftReplay(
  state: ReplayState,
  by: Pick<Command, 'issuer' | 'keyEpoch'>,
  marks: readonly StreamTold[],
): Lifted {
  const rows: ReplayRow[] = [];
  const behind: Lifted['behind'][number][] = [];
  const ahead: Lifted['ahead'][number][] = [];
  for (const { stream, through, open, keyEpoch = by.keyEpoch } of marks) {
    const key = streamKey({ ...by, keyEpoch, stream });
    if (!state.has(key) && state.size >= MAX_REPLAY_STREAMS) continue;
    const memory = memoryOf(state, key);
    const from = memory.high;
    if (from > through) ahead.push({ stream, ours: from, theirs: through });
    if (through < memory.told.through) continue;
    memory.told = { through, open: open.filter(n => isOpen(memory, n)) };
    rows.push({ kind: 'told', key, value: memory.told });
    if (through <= from) continue;
    behind.push({ stream, from, to: through });
    memory.high = through;
    rows.push({ kind: 'replay', key, value: { high: through } });
  }
  return { rows, behind, ahead };
}

/** Whether a command that its issuer calls open may still be taken, as far as is remembered here. */
function isOpen({ high, ring, told }: StreamMemory, sequence: number): boolean {
  if (ring[sequence % REPLAY_WINDOW]?.sequence === sequence) return false;
  if (sequence <= told.through) return told.open.includes(sequence);
  return sequence > high - REPLAY_WINDOW;
}

/**
 * Forgets the streams of key epochs below the lowest in which their issuer still has a trusted key: without the key
 * no command of theirs can come again. Returns the rows that are no longer needed.
 */
export function forgetEpochs(
  state: ReplayState,
  lowest: ReadonlyMap<string, number>,
): readonly Pick<ReplayRow, 'kind' | 'key'>[] {
  const gone: Pick<ReplayRow, 'kind' | 'key'>[] = [];
  for (const [key, { ring }] of state) {
    const [issuer = '', epoch] = key.split('/');
    if (Number(epoch) >= (lowest.get(issuer) ?? 0)) continue;
    state.delete(key);
    gone.push({ kind: 'replay', key }, { kind: 'told', key });
    for (const [at, seen] of ring.entries())
      if (seen !== undefined) gone.push({ kind: 'seen', key: `${key}#${at}` });
  }
  return gone;
}

/** Where each stream of `issuer` stands: the highest sequence taken or told, by key epoch and stream. */
export function marksOf(
  state: ReplayState,
  issuer: string,
): readonly { readonly keyEpoch: number; readonly stream: string; readonly high: number }[] {
  return [...state].flatMap(([key, { high }]) => {
    const [by, keyEpoch, stream = ''] = key.split('/');
    return by === issuer ? [{ keyEpoch: Number(keyEpoch), stream, high }] : [];
  });
}

/**
 * The memory that the rows of kind `replay`, `told` and `seen` hold, in any order; other kinds are passed over. A
 * `seen` or `told` row above its stream's mark raises the mark: of two rows that disagree, the cautious one is
 * believed.
 */
export function newReplayState(
  rows: readonly { readonly kind: string; readonly key: string; readonly value: unknown }[],
): ReplayState {
  const state: ReplayState = new Map();
  for (const row of rows) {
    if (row.kind !== 'replay' && row.kind !== 'seen' && row.kind !== 'told') continue;
    const memory = memoryOf(state, row.key.split('#')[0] ?? '');
    if (row.kind === 'replay') {
      memory.high = Math.max(memory.high, readHigh(row.value));
      continue;
    }
    if (row.kind === 'told') {
      memory.told = readTold(row.value);
      memory.high = Math.max(memory.high, memory.told.through);
      continue;
    }
    const seen = readSeen(row.value);
    memory.ring[seen.sequence % REPLAY_WINDOW] = seen;
    memory.high = Math.max(memory.high, seen.sequence);
  }
  return state;
}

/** Issuer and stream are ids without a slash, so no two streams share a key. */
function streamKey({ issuer, keyEpoch, stream }: Pick<Command, 'issuer' | 'keyEpoch' | 'stream'>): string {
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
  const ring = Array.from({ length: REPLAY_WINDOW }, () => undefined);
  const memory: StreamMemory = { high: 0, ring, told: { through: 0, open: [] } };
  state.set(key, memory);
  return memory;
}

/** The store vouches for its rows; a row that is not ours is a broken promise. */
function readHigh(value: unknown): number {
  const { high } = value as { high?: unknown };
  assert(typeof high === 'number' && Number.isSafeInteger(high), 'a replay row holds a sequence');
  return high;
}

function readTold(value: unknown): Told {
  const { through, open } = value as { through?: unknown; open?: unknown };
  assert(Number.isSafeInteger(through) && Array.isArray(open), 'a told row holds a mark and what is open');
  assert(open.every(Number.isSafeInteger), 'what is open are sequences');
  return { through: through as number, open: open as number[] };
}

function readSeen(value: unknown): Seen {
  const { sequence, digest, cti } = value as Partial<Record<keyof Seen, unknown>>;
  assert(typeof sequence === 'number' && Number.isSafeInteger(sequence), 'a seen row holds a sequence');
  assert(typeof digest === 'string' && typeof cti === 'string', 'a seen row holds digest and cti');
  return { sequence, digest, cti };
}
