/** JSON of our own on a disk that may have been cut off: what is not whole is not there. */
import type { Disk } from './disk.ts';

export async function readJson<T>(disk: Disk, name: string): Promise<T | undefined> {
  const bytes = await disk.read(name);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
  } catch {
    return undefined;
  }
}
