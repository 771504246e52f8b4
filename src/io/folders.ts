/**
 * Folders made with what is above them. Node's own recursive `mkdir` never returns where a file system has the parent
 * and yet says that it is not there, as `/proc` does; here each step is made once.
 */
import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Makes `folder` and its parents; none of them need be missing. Rejects with the system's error, always. */
export async function makeFolder(folder: string, { mode = 0o777 }: { mode?: number } = {}): Promise<void> {
  const path = resolve(folder);
  const missing: string[] = [];
  for (let at = path; !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
  for (const at of missing)
    await mkdir(at, { mode }).catch(async (error: unknown) => {
      // Somebody else made it meanwhile.
      if (!(await isFolder(at))) throw error;
    });
}

/** As {@link makeFolder}, and rejects where nothing can be written into it. */
export async function makeWritable(folder: string): Promise<void> {
  await makeFolder(folder);
  await access(folder, constants.W_OK | constants.X_OK);
}

/** The root is always one, so whoever goes up comes to an end. Rejects where a file is in the way. */
async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found !== undefined && !found.isDirectory()) throw new Error(`${path} is no folder`);
  return found !== undefined;
}
