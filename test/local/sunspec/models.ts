/** The models of the repository as a set, for tests: read once, judged as any loader would. */
import { readFileSync, readdirSync } from 'node:fs';
import { type ModelDef, type ModelSet, modelSet } from '../../../src/local/sunspec/mod.ts';

const FOLDER = new URL('../../../device-profiles/sunspec/', import.meta.url);

function load(): ModelSet {
  const files = readdirSync(FOLDER).filter(name => /^model_\d+\.json$/.test(name));
  const set = modelSet(files.map(name => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as unknown));
  if (!set.ok) throw new Error(set.detail);
  return set.value;
}

export const MODELS = load();

export function model(id: number): ModelDef {
  const def = MODELS.get(id);
  if (def === undefined) throw new Error(`there is no model ${id}`);
  return def;
}
