/**
 * The SunSpec models that ship with the program, read from their folder once and judged as they are read.
 */
import { readFile, readdir } from 'node:fs/promises';
import { assert } from '../base/assert.ts';
import { modelSet } from '../local/sunspec/mod.ts';
import type { ModelSet } from '../local/sunspec/mod.ts';
import { dataFile } from './files.ts';

/** All shipped models. Rejects when the package is damaged: a file is missing, or is no definition. */
export async function shippedModels(): Promise<ModelSet> {
  const folder = dataFile('device-profiles/sunspec/');
  const names = (await readdir(folder)).filter(name => /^model_\d+\.json$/.test(name));
  const definitions = names.map(
    async name => JSON.parse(await readFile(new URL(name, folder), 'utf8')) as unknown,
  );
  const set = modelSet(await Promise.all(definitions));
  assert(set.ok, `the shipped models are whole${set.ok ? '' : `: ${set.detail}`}`);
  return set.value;
}
