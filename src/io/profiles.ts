/**
 * Device profiles from files: those that ship with the program, and one that a person names.
 */
import { readdir } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import type { Profile, ProfileFile } from '../local/profiles/mod.ts';
import { joinProfile, profileFile } from '../local/profiles/mod.ts';
import { parseConfig, readConfig } from './config.ts';
import { dataFile } from './files.ts';

/** Shipped profiles by name, each joined with what it extends. Rejects when the package is damaged. */
export async function shippedProfiles(): Promise<ReadonlyMap<string, Profile>> {
  const files = await shippedFiles();
  const profiles = new Map<string, Profile>();
  for (const [name, file] of files) {
    const joined = joinProfile(file, files);
    assert(joined.ok, `profile ${name} is whole${joined.ok ? '' : `: ${joined.detail}`}`);
    profiles.set(name, joined.value);
  }
  return profiles;
}

/**
 * The profile of a file, or of a shipped name. What it extends is looked for beside it, then among those that ship.
 * `detail` of a refusal is one line a mistake, each with file and line.
 */
export async function readProfile(nameOrPath: string): Promise<Result<Profile, 'unreadable' | 'invalid'>> {
  const isFile = extname(nameOrPath) !== '' || nameOrPath.includes('/');
  const path = isFile ? nameOrPath : `${shippedFolder()}${nameOrPath}.yaml`;
  const read = await readConfig(path, profileFile);
  if (!read.ok && !isFile && read.refusal === 'unreadable')
    return refused('unreadable', `there is no profile ${nameOrPath}; underglass profile list shows them`);
  return read.ok ? joinedAt(path, read.value, dirname(path)) : read;
}

/** The profile that `text` is; `label` names it in messages. What it extends is among those that ship. */
export async function profileFromText(
  label: string,
  text: string,
): Promise<Result<Profile, 'unreadable' | 'invalid'>> {
  const parsed = parseConfig(label, text, profileFile);
  return parsed.ok ? joinedAt(label, parsed.value, shippedFolder()) : parsed;
}

async function joinedAt(
  path: string,
  file: ProfileFile,
  folder: string,
): Promise<Result<Profile, 'unreadable' | 'invalid'>> {
  const base = file.extends;
  const bases = base === undefined ? ok(new Map<string, ProfileFile>()) : await basesOf(base, folder);
  if (!bases.ok) return bases;
  const joined = joinProfile(file, bases.value);
  return joined.ok ? joined : refused('invalid', `${path}: ${joined.detail ?? joined.refusal}`);
}

/** Empty where there is none of that name; one that is there and wrong is told of, with file and line. */
async function basesOf(
  name: string,
  folder: string,
): Promise<Result<ReadonlyMap<string, ProfileFile>, 'unreadable' | 'invalid'>> {
  for (const path of [resolve(folder, `${name}.yaml`), `${shippedFolder()}${name}.yaml`]) {
    const base = await readConfig(path, profileFile);
    if (base.ok) return ok(new Map([[name, base.value]]));
    if (base.refusal !== 'unreadable') return base;
  }
  return ok(new Map());
}

async function shippedFiles(): Promise<ReadonlyMap<string, ProfileFile>> {
  const folder = shippedFolder();
  const files = new Map<string, ProfileFile>();
  for (const name of (await readdir(folder)).filter(each => each.endsWith('.yaml')).sort()) {
    const file = await readConfig(`${folder}${name}`, profileFile);
    assert(file.ok, `shipped profiles are whole${file.ok ? '' : `: ${file.detail}`}`);
    files.set(file.value.profile, file.value);
  }
  return files;
}

function shippedFolder(): string {
  return fileURLToPath(dataFile('device-profiles/vendors/'));
}
