/**
 * The built pages, read once into memory. A request can only name a file that was there at start, so no path
 * of a request ever reaches the file system.
 */
import { readFile, readdir } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Page {
  readonly type: string;
  readonly cache: string;
  readonly body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Every file below `folder` by its URL path; `index.html` also as `/`. Empty when the folder does not exist,
 * because a clone has no pages before its first build.
 */
export async function readPages(folder: URL): Promise<ReadonlyMap<string, Page>> {
  const pages = new Map<string, Page>();
  for (const name of await filesBelow(folder)) {
    const body = await readFile(new URL(name, folder));
    // The bundler puts a hash into the names under assets/, so those never change.
    const cache = name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
    const page = { type: TYPES[extname(name)] ?? 'application/octet-stream', cache, body };
    pages.set(`/${name}`, page);
    if (name === 'index.html') pages.set('/', page);
  }
  return pages;
}

async function filesBelow(folder: URL): Promise<readonly string[]> {
  try {
    const root = fileURLToPath(folder);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(root.length).split(sep).join('/'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
