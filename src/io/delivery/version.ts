/**
 * A version of this program as an npm package (a .tgz as `npm pack` makes it), laid out beside the installed one and
 * asked for its version before it is ever started as a gateway. Packages it needs are those it brings, and otherwise
 * those of the program that runs.
 */
import { execFile } from 'node:child_process';
import { readFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { makeFolder } from '../folders.ts';

/** Unpacking on a small computer's card. */
const UNPACK_WITHIN_MS = 300_000;
/** A start of Node there. */
const ANSWER_WITHIN_MS = 60_000;
const PACKAGE = 'node_modules/underglass';

/** The script that starts the version laid out in `folder`; `undefined` where there is none. */
export async function entryOf(folder: string): Promise<string | undefined> {
  const home = join(folder, PACKAGE);
  try {
    const { bin } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as { bin?: unknown };
    const entry = typeof bin === 'string' ? bin : (bin as { underglass?: unknown } | undefined)?.underglass;
    if (typeof entry !== 'string') return undefined;
    const path = join(home, entry);
    return path.startsWith(`${home}/`) && (await stat(path)).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Lays out `archive` in `folder`, which is there whole or not at all, if it is version `version` and says so itself. */
export async function layOut(
  archive: string,
  { folder, version }: { readonly folder: string; readonly version: string },
): Promise<Result<undefined, 'content-invalid'>> {
  const made = `${folder}.new`;
  await rm(made, { recursive: true, force: true });
  const home = join(made, PACKAGE);
  await makeFolder(home, { mode: 0o700 });
  const trouble = await unpackAndAsk(archive, { made, home, version });
  if (trouble !== undefined) {
    await rm(made, { recursive: true, force: true });
    return refused('content-invalid', trouble);
  }
  await rm(folder, { recursive: true, force: true });
  await rename(made, folder);
  return ok(undefined);
}

/** What is wrong with it, or `undefined`. */
async function unpackAndAsk(
  archive: string,
  { made, home, version }: { readonly made: string; readonly home: string; readonly version: string },
): Promise<string | undefined> {
  const unpack = ['-xzf', archive, '-C', home, '--strip-components=1', '--no-same-owner'];
  const unpacked = await run('tar', unpack, UNPACK_WITHIN_MS);
  if (!unpacked.ok) return `it does not unpack: ${unpacked.why}`;
  const entry = await entryOf(made);
  if (entry === undefined) return 'its package.json names no program underglass that is there';
  await lendPackages(join(made, 'node_modules'));
  const answer = await run(process.execPath, [entry, '--version'], ANSWER_WITHIN_MS);
  if (!answer.ok) return `it does not start: ${answer.why}`;
  return answer.why === version ? undefined : `it says that it is ${answer.why}, not ${version}`;
}

/** Links to the packages the running program uses, for what it does not bring. */
async function lendPackages(folder: string): Promise<void> {
  const own = dirname(fileURLToPath(import.meta.resolve('zod/package.json')));
  const from = dirname(own);
  for (const name of await readdir(from)) {
    if (name.startsWith('.') || name === 'underglass') continue;
    await symlink(join(from, name), join(folder, name));
  }
}

/** What it printed, or its trouble, on one line. No shell. */
async function run(
  command: string,
  args: readonly string[],
  timeout: number,
): Promise<{ readonly ok: boolean; readonly why: string }> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { timeout, maxBuffer: 65_536 });
    return { ok: true, why: stdout.trim().slice(0, 200) };
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    const text = said.trim() === '' ? String(error) : said.trim();
    return { ok: false, why: text.replace(/\s+/g, ' ').slice(0, 200) };
  }
}
