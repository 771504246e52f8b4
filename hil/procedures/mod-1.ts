/**
 * MOD-1: each model stands in the chain with the length that its definition and its own counts give.
 */
import type { Bench, Procedure, Sheet, Step } from '../bench/mod.ts';

export const mod1: Procedure = {
  id: 'MOD-1',
  title: 'Model implementation',
  requirement:
    'The length a model states is that of its definition with the repetitions its count points state.',
  source: 'SunSpec Device Information Model Specification 1.2, 4.4; SunSpec conformance MOD-1',
  steps,
};

/** The pad of the common model may be left out. */
const PADDED = 1;

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  for (const sheet of bench.parts.asFound.values()) yield lengthStep(sheet);
}

function lengthStep({ def, entry, spots }: Sheet): Step {
  const stated = entry.claims ?? entry.length;
  const last = [...spots.values()].map(spot => spot.placed.offset + spot.size);
  const counted = Math.max(0, ...last) - 2;
  const right = stated === counted || (def.id === PADDED && stated === counted - 1);
  const base = {
    what: `compare the length of model ${def.id} (${def.name}) at ${entry.address}`,
    target: `${counted} registers`,
    measured: `${stated} registers`,
  };
  if (right) return { ...base, verdict: 'PASS' };
  const cause =
    stated < counted
      ? 'the model is cut short: points at its end are missing from the map'
      : 'registers behind the last point: a count point, or the length itself, is wrong';
  return { ...base, verdict: 'FAIL', cause };
}
