/**
 * Files a head end delivers, kept under their SHA-256 with their chunk lists, so that what it announced stays there
 * and stays the same whatever becomes of the file it was taken from.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { CHUNK_BYTES, MAX_FILE_BYTES } from '../model/mod.ts';
import type { FileId, ManifestBody } from '../model/mod.ts';
import { openDisk } from './delivery/mod.ts';
import type { Disk } from './delivery/mod.ts';

/** `empty`, `too-large`: no file that can be announced. `unreadable`: it is not there, or not ours to read. */
export type BlobRefusal = 'empty' | 'too-large' | 'unreadable';

export type Kept = Pick<ManifestBody, 'file' | 'size' | 'list'>;

export interface Blobs {
  /** Takes a copy of the file at `path`. Durable when it resolves. */
  keep(path: string): Promise<Result<Kept, BlobRefusal>>;
  /** Part of a file or of a chunk list; `undefined` where it is not kept. */
  read(file: FileId, offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Takes away all others. */
  only(files: readonly FileId[]): Promise<void>;
}

export async function openBlobs(folder: string): Promise<Blobs> {
  const disk = await openDisk(folder);
  /** One at a time: all are copied to one place first. */
  let tail: Promise<unknown> = Promise.resolve();
  return {
    keep: path => {
      const kept = tail.then(() => keep(disk, path));
      tail = kept.catch(() => {});
      return kept;
    },
    read: async (file, offset, length) => {
      if (!/^[0-9a-f]{64}$/.test(file)) return undefined;
      const bytes = await disk.readAt(file, offset, length);
      return bytes.length === 0 ? undefined : bytes;
    },
    only: async files => {
      for (const { name } of await disk.list())
        if (!files.some(file => file === name)) await disk.remove(name);
    },
  };
}

/** Copied chunk by chunk, hashed as it is copied: what changes meanwhile is a file of another name. */
async function keep(disk: Disk, path: string): Promise<Result<Kept, BlobRefusal>> {
  const [whole, hashes] = [createHash('sha256'), Array<Buffer>()];
  let size = 0;
  await disk.remove('incoming');
  try {
    await using file = await open(path, 'r');
    for (const chunk = new Uint8Array(CHUNK_BYTES); ; ) {
      const length = await fill(chunk, (into, at) => file.read(into, at, into.length - at, size + at));
      if (length === 0) break;
      const bytes = chunk.subarray(0, length);
      await disk.writeAt('incoming', size, bytes);
      whole.update(bytes);
      hashes.push(createHash('sha256').update(bytes).digest());
      size += length;
      if (size > MAX_FILE_BYTES) return refused('too-large', `${path}: over ${MAX_FILE_BYTES} bytes`);
    }
  } catch (error) {
    return refused('unreadable', `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (size === 0) return refused('empty', path);
  const list = Buffer.concat(hashes);
  const kept = {
    file: whole.digest('hex') as FileId,
    size,
    list: createHash('sha256').update(list).digest('hex') as FileId,
  };
  await disk.replace(kept.list, list);
  await disk.sync('incoming');
  await disk.rename('incoming', kept.file);
  return ok(kept);
}

/** Reads until `chunk` is full or the file ends: a read may give less than it was asked for. */
async function fill(
  chunk: Uint8Array,
  read: (into: Uint8Array, at: number) => Promise<{ bytesRead: number }>,
): Promise<number> {
  let at = 0;
  while (at < chunk.length) {
    const { bytesRead } = await read(chunk, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at;
}
