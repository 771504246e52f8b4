/**
 * Builds the pages into dist/web. `--if-stale` builds only when they are missing or older than a source, so
 * that a start is not slowed by a build nobody needs. Run by npm scripts; not part of the installed program,
 * which carries the built pages.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** One folder here, one page. */
export const PAGES = ['display'] as const;

const SOURCE = fileURLToPath(new URL('.', import.meta.url));

/** Builds every page into a folder of its own below `out`. */
export async function buildPages(out: string): Promise<void> {
  for (const page of PAGES)
    await build({
      configFile: false,
      logLevel: 'warn',
      root: join(SOURCE, page),
      base: './',
      oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
      build: {
        outDir: join(out, page),
        emptyOutDir: true,
        // The page's policy allows nothing inline, and every browser it meets knows module preloading.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
      },
    });
}

/** Whether a page below `out` is missing, or older than the newest file that may be in it. */
export function isStale(out: string): boolean {
  const source = join(SOURCE, '..');
  const newest = Math.max(
    // What a page can hold of the program beside its own source: nouns and units, and what decides their words.
    ...['web', 'base', 'model', 'control'].flatMap(room => changeTimes(join(source, room))),
  );
  return PAGES.some(page => !(changeTime(join(out, page, 'index.html')) >= newest));
}

function changeTimes(folder: string): readonly number[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name =>
    changeTime(join(folder, name)),
  );
}

/** In milliseconds since 1970; NaN when there is no such file. */
function changeTime(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN;
}

if (import.meta.main) {
  const out = join(SOURCE, '../../dist/web');
  if (!process.argv.includes('--if-stale') || isStale(out)) await buildPages(out);
}
