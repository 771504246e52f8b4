/**
 * DEV-1: a client that knows nothing finds the marker, and from it the whole chain of models.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';

export const dev1: Procedure = {
  id: 'DEV-1',
  title: 'Device discovery',
  requirement:
    'The marker SunS stands at register 40000, 0 or 50000, behind it a chain of models that begins with the common model and ends with the end model.',
  source: 'SunSpec Device Information Model Specification 1.2, 6.2',
  steps,
};

/** Lengths of the common model: with and without its pad. */
const COMMON = { id: 1, lengths: [65, 66] };

async function* steps({ parts }: Bench): AsyncGenerator<Step, void> {
  const { discovery, device, models } = parts;
  yield { what: 'find the marker', verdict: 'PASS', measured: `SunS at ${discovery.base}` };
  const first = device.models[0];
  const common = first?.id === COMMON.id && COMMON.lengths.includes(first.length);
  yield {
    what: 'read the first model of the chain',
    target: 'model 1 with 65 or 66 registers',
    measured: first === undefined ? 'no model' : `model ${first.id} with ${first.length} registers`,
    ...(common
      ? { verdict: 'PASS' }
      : { verdict: 'FAIL', cause: 'the chain does not begin with the common model' }),
  };
  yield endStep(discovery.end);
  const unknown = device.models.filter(({ id }) => !models.has(id)).map(({ id }) => id);
  yield {
    what: 'walk the chain by the lengths of its models',
    verdict: 'PASS',
    measured: `${device.models.length} models, ${unknown.length} of them the maker's own${unknown.length > 0 ? ` (${unknown.join(', ')})` : ''}`,
  };
}

function endStep({ how, address }: Bench['parts']['discovery']['end']): Step {
  const what = 'find the end of the chain';
  const target = 'id 0xffff with length 0 behind the last model';
  if (how === 'end-model') return { what, verdict: 'PASS', target, measured: `end model at ${address}` };
  const causes = {
    zero: 'the chain ends with a 0: register maps filled with zeros do that',
    refused: 'the register behind the last model is refused: the end model is missing, or a length is wrong',
    silent: 'the device stopped answering while the chain was walked',
    limit: 'the walk found no end: a length is wrong, so what follows is read as models',
  };
  const verdict = how === 'silent' ? 'INCONCLUSIVE' : 'FAIL';
  return { what, verdict, target, measured: `${how} at ${address}`, cause: causes[how] };
}
