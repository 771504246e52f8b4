/**
 * One file on its way to the disk: `<sha256>.part` grows chunk by chunk beside its list and its bitmap, and becomes
 * `<sha256>` when the whole has its hash. What the bitmap says after a restart is compared with the list, chunk by
 * chunk: a power cut may have kept the one and lost the other.
 */
import { createHash } from 'node:crypto';
import type { Instant } from '../../base/time.ts';
import { CHUNK_BYTES } from '../../model/mod.ts';
import type { FileId, ManifestBody } from '../../model/mod.ts';
import {
  chunkLength,
  isChunk,
  isHeld,
  isWhole,
  newFetch,
  noteHeld,
  noteLost,
  takePiece,
} from '../../wan/delivery/mod.ts';
import type { Fetch } from '../../wan/delivery/mod.ts';
import type { Disk } from './disk.ts';

/** Bytes hashed at a time. */
const SLICE = 1_048_576;

/** What became of it by the last thing done. */
export type FetchSaid =
  | { readonly is: 'going-on' }
  | { readonly is: 'whole' }
  | { readonly is: 'failed'; readonly refusal: 'chunks-wrong' | 'file-wrong'; readonly why: string };

export interface OnDisk {
  readonly fetch: Fetch;
  readonly said: FetchSaid;
}

/** Names of what belongs to a file while it is fetched. */
export function partsOf(file: FileId): {
  readonly part: string;
  readonly list: string;
  readonly held: string;
} {
  return { part: `${file}.part`, list: `${file}.list`, held: `${file}.held` };
}

/** Takes up what is on the disk of `manifest`'s file. */
export async function openFetch(disk: Disk, manifest: ManifestBody): Promise<OnDisk> {
  const names = partsOf(manifest.file);
  const [list, held] = [await disk.read(names.list), await disk.read(names.held)];
  const fetch = newFetch(manifest, {
    ...(list === undefined ? {} : { list }),
    ...(held === undefined ? {} : { held }),
  });
  if (await isIntact(disk, manifest.file)) return { fetch, said: { is: 'whole' } };
  for (let n = 0; n * CHUNK_BYTES < manifest.size; n++) {
    if (!isHeld(fetch, n)) continue;
    const bytes = await disk.readAt(names.part, n * CHUNK_BYTES, chunkLength(manifest.size, n));
    if (!isChunk(fetch, n, bytes)) noteLost(fetch, n);
  }
  return { fetch, said: isWhole(fetch) ? await finish(disk, manifest) : { is: 'going-on' } };
}

/** Takes a piece in; it is on the disk when this resolves. */
export async function takeToDisk(
  disk: Disk,
  fetch: Fetch,
  piece: { readonly of: FileId; readonly n: number; readonly bytes: Uint8Array },
  now: Instant,
): Promise<FetchSaid> {
  const { manifest } = fetch;
  const names = partsOf(manifest.file);
  const taken = takePiece(fetch, piece, now);
  if (taken.is === 'list') await disk.replace(names.list, taken.list);
  if (taken.is === 'wrong' && taken.gaveUp) {
    const why = `${fetch.wrong} pieces were not what the manifest says; the last was ${piece.n}`;
    return { is: 'failed', refusal: 'chunks-wrong', why };
  }
  if (taken.is !== 'chunk') return { is: 'going-on' };
  await disk.writeAt(names.part, taken.offset, taken.bytes);
  noteHeld(fetch, taken.n);
  await disk.writeAt(names.held, 0, fetch.held);
  return isWhole(fetch) ? finish(disk, manifest) : { is: 'going-on' };
}

/** Whether the file is on the disk with the hash that is its name. */
export async function isIntact(disk: Disk, file: FileId): Promise<boolean> {
  return (await hashOf(disk, file)) === file;
}

/** The list proved each chunk; the whole is compared all the same, for only its hash is what was signed. */
async function finish(disk: Disk, { file }: ManifestBody): Promise<FetchSaid> {
  const { part, list, held } = partsOf(file);
  await disk.sync(part);
  const found = await hashOf(disk, part);
  if (found !== file) {
    const why = `the whole has the hash ${found?.slice(0, 8)}, though every chunk is as listed`;
    return { is: 'failed', refusal: 'file-wrong', why };
  }
  await disk.rename(part, file);
  await disk.remove(list);
  await disk.remove(held);
  return { is: 'whole' };
}

/** SHA-256 in hexadecimal; `undefined` where there is nothing. */
async function hashOf(disk: Disk, name: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  for (let offset = 0; ; ) {
    const bytes = await disk.readAt(name, offset, SLICE);
    if (bytes.length === 0) return offset === 0 ? undefined : hash.digest('hex');
    hash.update(bytes);
    offset += bytes.length;
  }
}
