/**
 * MAN-1: what a model makes mandatory is implemented.
 */
import type { Bench, Procedure, Sheet, Step } from '../bench/mod.ts';
import { isImplemented } from '../bench/mod.ts';
import { listed } from './steps.ts';

export const man1: Procedure = {
  id: 'MAN-1',
  title: 'Mandatory points',
  requirement:
    'Every mandatory point of every model in the chain holds a value, not the sentinel of its type.',
  source: 'SunSpec Device Information Model Specification 1.2, 4.2 and 4.3; mandatory flags of the models',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  for (const sheet of bench.parts.asFound.values()) yield modelStep(sheet);
}

function modelStep(sheet: Sheet): Step {
  const mandatory = [...sheet.spots.values()].filter(spot => spot.placed.def.mandatory === 'M');
  const missing = mandatory.filter(spot => !isImplemented(sheet, spot));
  const base = {
    what: `look at the mandatory points of model ${sheet.def.id} (${sheet.def.name})`,
    target: `${mandatory.length} implemented`,
    measured: `${mandatory.length - missing.length} implemented`,
  };
  if (missing.length === 0) return { ...base, verdict: 'PASS' };
  const names = listed(missing.map(({ name, address }) => `${name} at ${address}`));
  return { ...base, verdict: 'FAIL', cause: `not implemented or not readable: ${names}` };
}
