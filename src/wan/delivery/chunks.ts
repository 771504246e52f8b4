/**
 * The bookkeeping of one file on its way here, in chunks that come in any order, twice, wrong or not at all. The
 * signed manifest names the hash of the chunk list; the list names the hash of each chunk; what does not match is
 * never taken. First the list is fetched, whole, in memory; then what the bitmap does not hold.
 *
 * Touches no disk: whoever calls writes what it is told to write, and gives the bitmap back after a restart.
 */
import { hash } from 'node:crypto';
import { concat, sameBytes, toHex } from '../../base/bytes.ts';
import { after, minutes, seconds } from '../../base/time.ts';
import type { Duration, Instant } from '../../base/time.ts';
import { CHUNK_BYTES } from '../../model/mod.ts';
import type { FileId, ManifestBody } from '../../model/mod.ts';

/** Pieces asked for at once: a command waits behind 96 KiB at most, and a round trip is shared by eight. */
export const WINDOW = 8;
/** Nothing came for this long: what is missing is asked for again, then after twice as long, up to {@link ASK_MAX}. */
export const ASK_AGAIN = seconds(10);
export const ASK_MAX = minutes(5);
/** Wrong pieces taken note of before the file is given up: a bad copy at the head end is bad every time. */
export const MAX_WRONG = 16;

const HASH_BYTES = 32;

export interface Fetch {
  readonly manifest: ManifestBody;
  /** The chunk list, once it is whole and right. */
  list: Uint8Array | undefined;
  /** Pieces of the list while it is not. */
  readonly pieces: Map<number, Uint8Array>;
  /** One bit a chunk, lowest first: it is on the disk. */
  readonly held: Uint8Array;
  /** Pieces asked for and not yet come. */
  readonly asked: Set<number>;
  wrong: number;
  askAgainAt: Instant | undefined;
  patience: Duration;
}

/** What became of a piece. `chunk` is to be written at `offset`; `list` is to be written whole. */
export type Taken =
  | { readonly is: 'chunk'; readonly n: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly is: 'list'; readonly list: Uint8Array }
  | { readonly is: 'piece' }
  | { readonly is: 'ignored' }
  /** Not what was signed. It is asked for again, unless that was the last time: `gaveUp`. */
  | { readonly is: 'wrong'; readonly gaveUp: boolean };

export interface Ask {
  /** The file or, before its chunks can be judged, its chunk list. */
  readonly of: FileId;
  readonly pieces: readonly number[];
}

/** How many chunks `size` bytes have. */
export function chunkCount(size: number): number {
  return Math.ceil(size / CHUNK_BYTES);
}

/** Bytes of chunk `n` of `size`. */
export function chunkLength(size: number, n: number): number {
  return Math.min(CHUNK_BYTES, size - n * CHUNK_BYTES);
}

/** A fetch that holds what `found` says: the list on the disk, if it is the right one, and its bitmap. */
export function newFetch(
  manifest: ManifestBody,
  found: { readonly list?: Uint8Array; readonly held?: Uint8Array } = {},
): Fetch {
  const bits = Math.ceil(chunkCount(manifest.size) / 8);
  const list = found.list !== undefined && isList(manifest, found.list) ? found.list : undefined;
  const held = list !== undefined && found.held?.length === bits ? found.held : undefined;
  return {
    manifest,
    list,
    pieces: new Map(),
    held: held === undefined ? new Uint8Array(bits) : Uint8Array.from(held),
    asked: new Set(),
    wrong: 0,
    askAgainAt: undefined,
    patience: ASK_AGAIN,
  };
}

/** Takes piece `n` of `of`. */
export function takePiece(
  fetching: Fetch,
  { of, n, bytes }: { readonly of: FileId; readonly n: number; readonly bytes: Uint8Array },
  now: Instant,
): Taken {
  const { manifest, list } = fetching;
  if (list === undefined)
    return of === manifest.list ? takeListPiece(fetching, { n, bytes }, now) : { is: 'ignored' };
  if (of !== manifest.file || n >= chunkCount(manifest.size) || isHeld(fetching, n)) return { is: 'ignored' };
  if (!isChunk(fetching, n, bytes)) return wrong(fetching, n);
  came(fetching, n, now);
  return { is: 'chunk', n, offset: n * CHUNK_BYTES, bytes };
}

/** A chunk that {@link takePiece} gave is on the disk. */
export function noteHeld({ held }: Fetch, n: number): void {
  held[n >> 3] = (held[n >> 3] ?? 0) | (1 << (n & 7));
}

/** A chunk on the disk is not what it was: it is fetched again. */
export function noteLost({ held }: Fetch, n: number): void {
  held[n >> 3] = (held[n >> 3] ?? 0) & ~(1 << (n & 7));
}

/** Whether `bytes` are chunk `n`, by the list. */
export function isChunk({ manifest, list }: Fetch, n: number, bytes: Uint8Array): boolean {
  if (list === undefined || bytes.length !== chunkLength(manifest.size, n)) return false;
  const wanted = list.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES);
  return hash('sha256', bytes, 'hex') === toHex(wanted);
}

export function isHeld({ held }: Fetch, n: number): boolean {
  return ((held[n >> 3] ?? 0) & (1 << (n & 7))) !== 0;
}

/** Every chunk is on the disk. The whole is still to be compared with the manifest's own hash. */
export function isWhole(fetching: Fetch): boolean {
  return fetching.list !== undefined && missing(fetching, 1).length === 0;
}

/** Chunks held, of how many. */
export function progress(fetching: Fetch): { readonly held: number; readonly of: number } {
  let held = 0;
  for (const byte of fetching.held) for (let rest = byte; rest !== 0; rest &= rest - 1) held++;
  return { held, of: chunkCount(fetching.manifest.size) };
}

/** What is to be asked for now; `undefined`: nothing, until {@link nextAsk}. */
export function dueAsk(fetching: Fetch, now: Instant): Ask | undefined {
  if (fetching.askAgainAt !== undefined && now < fetching.askAgainAt && fetching.asked.size > 0)
    return undefined;
  const pieces = missing(fetching, WINDOW);
  // All is here, and is being proved: there is nothing to wake for.
  if (pieces.length === 0) fetching.askAgainAt = undefined;
  if (pieces.length === 0) return undefined;
  fetching.asked.clear();
  for (const n of pieces) fetching.asked.add(n);
  fetching.askAgainAt = after(now, fetching.patience);
  fetching.patience = Math.min(fetching.patience * 2, ASK_MAX) as Duration;
  return { of: fetching.list === undefined ? fetching.manifest.list : fetching.manifest.file, pieces };
}

/** When {@link dueAsk} has something, if nothing comes before. */
export function nextAsk(fetching: Fetch): Instant | undefined {
  return fetching.askAgainAt;
}

/** A new link: what was asked for on the old one may be lost. */
export function askAnew(fetching: Fetch): void {
  fetching.asked.clear();
  fetching.askAgainAt = undefined;
  fetching.patience = ASK_AGAIN;
}

function missing(fetching: Fetch, limit: number): readonly number[] {
  const { manifest, list, pieces } = fetching;
  const count = list === undefined ? chunkCount(listBytes(manifest)) : chunkCount(manifest.size);
  const found: number[] = [];
  for (let n = 0; n < count && found.length < limit; n++)
    if (list === undefined ? !pieces.has(n) : !isHeld(fetching, n)) found.push(n);
  return found;
}

function listBytes({ size }: ManifestBody): number {
  return chunkCount(size) * HASH_BYTES;
}

function isList(manifest: ManifestBody, list: Uint8Array): boolean {
  return list.length === listBytes(manifest) && hash('sha256', list, 'hex') === manifest.list;
}

/** Pieces of the list cannot be judged one by one: the whole is right or begun anew. */
function takeListPiece(
  fetching: Fetch,
  { n, bytes }: { readonly n: number; readonly bytes: Uint8Array },
  now: Instant,
): Taken {
  const { manifest, pieces } = fetching;
  const size = listBytes(manifest);
  if (n >= chunkCount(size) || (pieces.get(n) !== undefined && sameBytes(pieces.get(n) ?? bytes, bytes)))
    return { is: 'ignored' };
  if (bytes.length !== chunkLength(size, n)) return wrong(fetching, n);
  pieces.set(n, Uint8Array.from(bytes));
  came(fetching, n, now);
  if (pieces.size < chunkCount(size)) return { is: 'piece' };
  const list = concat([...pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece));
  pieces.clear();
  askAnew(fetching);
  if (!isList(manifest, list)) return countWrong(fetching);
  fetching.list = list;
  return { is: 'list', list };
}

/** Counts only what was asked for: a stranger's noise must not end a delivery. */
function wrong(fetching: Fetch, n: number): Taken {
  return fetching.asked.delete(n) ? countWrong(fetching) : { is: 'ignored' };
}

function countWrong(fetching: Fetch): Taken {
  fetching.wrong++;
  return { is: 'wrong', gaveUp: fetching.wrong >= MAX_WRONG };
}

/** While pieces come, slowly or not, nothing is asked for twice. */
function came(fetching: Fetch, n: number, now: Instant): void {
  fetching.asked.delete(n);
  fetching.patience = ASK_AGAIN;
  fetching.askAgainAt = after(now, ASK_AGAIN);
}
