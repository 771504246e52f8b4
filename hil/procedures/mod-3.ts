/**
 * MOD-3: a setting that is written can be read back as it was written, and no neighbour changes with it.
 */
import type { Bench, Procedure, Sheet, Step } from '../bench/mod.ts';
import { notSupported, same, wordsIn } from '../bench/mod.ts';
import { formatValues, writables } from './settings.ts';
import { listed, takenStep } from './steps.ts';

export const mod3: Procedure = {
  id: 'MOD-3',
  title: 'Point write',
  requirement:
    'A written point reads back as written within 1000 ms, and no other setting of the model changes.',
  source: 'SunSpec conformance MOD-3 (read after write); IEEE 1547.1-2020, 6.5',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const all = writables(bench);
  if (all.length === 0) yield notSupported('none of the known settings is implemented, or all are in force');
  for (const { name, sheet, values } of all) {
    const before = await bench.sheet(sheet.def.id);
    const put = await bench.put(sheet, values);
    yield takenStep(`write ${sheet.def.id}.${formatValues(values)}`, put);
    const now = await bench.sheet(sheet.def.id);
    if (put.outcome === 'taken' && before.ok && now.ok)
      yield neighbourStep(name, Object.keys(values), { before: before.value, now: now.value });
  }
}

function neighbourStep(
  name: string,
  written: readonly string[],
  { before, now }: { readonly before: Sheet; readonly now: Sheet },
): Step {
  const settings = [...before.spots.values()].filter(
    spot =>
      spot.placed.def.access === 'RW' && !written.includes(spot.path) && wordsIn(before, spot) !== undefined,
  );
  const changed = settings.filter(spot => !same(wordsIn(before, spot), wordsIn(now, spot)));
  const base = {
    what: `look at the ${settings.length} other settings after writing ${name}`,
    target: 'unchanged',
    measured: `${changed.length} changed`,
  };
  if (changed.length === 0) return { ...base, verdict: 'PASS' };
  const names = listed(changed.map(spot => spot.name));
  return { ...base, verdict: 'FAIL', cause: `the write reaches registers beside its own: ${names}` };
}
