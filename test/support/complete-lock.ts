/**
 * Completes package-lock.json: `node test/support/complete-lock.ts`, after a change of dependencies.
 *
 * A package that comes as one binary a platform lists them all as optional. Where the package source at hand
 * has not got those of other platforms, npm leaves them out of the lock, and then refuses its own lock at
 * `npm ci`. They are added with what their names say: version, operating system, processor. Nobody installs
 * them here; elsewhere npm fetches them by version.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface LockedPackage {
  readonly version?: string;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
  readonly [field: string]: unknown;
}

/** Where each optional package that is in no folder of the lock would be, and its version. */
export function missingOptionals({ packages }: Lock): ReadonlyMap<string, string> {
  const missing = new Map<string, string>();
  for (const [folder, { optionalDependencies = {} }] of Object.entries(packages))
    for (const [name, version] of Object.entries(optionalDependencies))
      if (!foldersAbove(folder).some(above => packages[`${above}node_modules/${name}`] !== undefined))
        missing.set(`node_modules/${name}`, version);
  return missing;
}

/** The folders Node looks in for what a package needs: its own, then those around it; each ends in `/`. */
function foldersAbove(folder: string): readonly string[] {
  const parts = folder.split('/node_modules/');
  const around = parts.map((_, at) => `${parts.slice(0, at + 1).join('/node_modules/')}/`);
  return folder === '' ? [''] : [...around.reverse(), ''];
}

/** The lock with an entry for each missing package, in order of name as npm writes it. */
export function completed(lock: Lock): Lock {
  const added = [...missingOptionals(lock)].map(([folder, version]) => [
    folder,
    placeholder(folder, version),
  ]);
  const packages = Object.entries(lock.packages).concat(added as [string, LockedPackage][]);
  return { ...lock, packages: Object.fromEntries(packages.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

function placeholder(folder: string, version: string): LockedPackage {
  if (!/^\d+\.\d+\.\d+$/.test(version))
    throw new Error(`${folder} is asked for as ${version}: no one version`);
  const words = folder.split(/[/-]/);
  const [os, cpu] = [SYSTEMS, PROCESSORS].map(known => known.find(name => words.includes(name)));
  if (os === undefined || cpu === undefined)
    throw new Error(`${folder} does not say for which platform it is`);
  const libc = words.some(word => word.startsWith('musl')) ? { libc: ['musl'] } : {};
  return { version, cpu: [cpu], dev: true, ...libc, optional: true, os: [os] };
}

if (import.meta.main) {
  const lock: Lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  writeFileSync('package-lock.json', `${JSON.stringify(completed(lock), null, 2)}\n`);
}
