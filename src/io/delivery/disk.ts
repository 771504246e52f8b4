/**
 * The folder deliveries lie in, as the few things done to it. Small files are replaced whole or not at all; a large
 * one grows in place and is believed by its hash alone. Knows nothing of what the files mean.
 */
import { open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import { makeFolder } from '../folders.ts';

export interface Disk {
  /** The whole file; `undefined` where there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Up to `length` bytes from `offset`; none where there is no file. */
  readAt(name: string, offset: number, length: number): Promise<Uint8Array>;
  /** In place; the file is made where there is none. Not durable before {@link sync}. */
  writeAt(name: string, offset: number, bytes: Uint8Array): Promise<void>;
  sync(name: string): Promise<void>;
  /** Durable, whole or not at all. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  /** Durable. */
  rename(from: string, to: string): Promise<void>;
  /** No error where there is none; a folder with all that is in it. */
  remove(name: string): Promise<void>;
  list(): Promise<readonly { readonly name: string; readonly bytes: number }[]>;
  path(name: string): string;
}

/** The real one. Makes the folder, for its owner alone. */
export async function openDisk(folder: string): Promise<Disk> {
  await makeFolder(folder, { mode: 0o700 });
  const path = (name: string): string => join(folder, name);
  const disk: Disk = {
    path,
    read: async name => {
      try {
        return Uint8Array.from(await readFile(path(name)));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    readAt: async (name, offset, length) => {
      const bytes = new Uint8Array(length);
      const read = await using(path(name), 'r', file => file.read(bytes, 0, length, offset));
      return bytes.subarray(0, read?.bytesRead ?? 0);
    },
    writeAt: async (name, offset, bytes) => {
      const file = await openToWrite(path(name));
      try {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
          done += bytesWritten;
        }
      } finally {
        await file.close();
      }
    },
    sync: name => using(path(name), 'r', file => file.sync()),
    replace: async (name, bytes) => {
      await disk.remove(`${name}.new`);
      const file = await open(path(`${name}.new`), 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await disk.rename(`${name}.new`, name);
    },
    rename: async (from, to) => {
      await rename(path(from), path(to));
      await using(folder, 'r', file => file.sync());
    },
    remove: name => rm(path(name), { recursive: true, force: true }),
    list: async () => {
      const entries = await readdir(folder, { withFileTypes: true });
      return Promise.all(
        entries.map(async entry => ({ name: entry.name, bytes: (await stat(path(entry.name))).size })),
      );
    },
  };
  return disk;
}

async function using<T>(
  path: string,
  flags: string,
  run: (file: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, flags);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return await run(file);
  } finally {
    await file.close();
  }
}

/** `r+` keeps what is there; `wx+` makes what is not, for its owner alone. */
async function openToWrite(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (!isMissing(error)) throw error;
    return open(path, 'wx+', 0o600);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
