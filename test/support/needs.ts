/**
 * What a test needs of the machine beyond Node. A missing program skips the test with a line that says so;
 * where `CI=true` it fails instead, because a build machine has everything and a silent skip proves nothing.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Context } from 'mocha';

/** Skips the calling test or suite hook unless `program` is on the PATH. Gives its full path. */
export function needs(test: Context, program: string): string {
  return findProgram(program) ?? skip(test, `${program} is not installed`);
}

/** Skips the calling test unless `met`; `why` says what is missing, as in `not run as root`. */
export function needsThat(test: Context, met: boolean, why: string): void {
  if (!met) skip(test, why);
}

/**
 * The path of a file of the public reference data that may lie beside the repository. Where it does not, the
 * test is skipped with a line, on a build machine too: what matters of it stands in test/vectors.
 */
export function reference(test: Context, name: string): string {
  const path = join('..', 'shared', 'reference', name);
  if (!existsSync(path)) leave(test, `${path} is not here`);
  return path;
}

/** The first executable file of that name on the PATH. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map(folder => join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function skip(test: Context, why: string): never {
  if (process.env['CI'] === 'true') throw new Error(`${why}, and CI=true allows no skip`);
  leave(test, why);
}

function leave(test: Context, why: string): never {
  process.stderr.write(`      skipped: ${why}\n`);
  // Mocha's skip() throws to leave the test; its type does not say so.
  test.skip();
  throw new Error('unreachable: skip() returned');
}
