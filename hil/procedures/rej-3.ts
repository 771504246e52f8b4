/**
 * REJ-3: registers that are not there refuse to be read, instead of being made up.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';

export const rej3: Procedure = {
  id: 'REJ-3',
  title: 'Registers that do not exist',
  requirement:
    'A request that reaches beyond the map is answered by an exception, and the next one normally.',
  source: 'Modbus Application Protocol 1.1b3, 6.3 (exception 2) and 7',
  steps,
};

/** The last register there can be: no device of this kind has it. */
const LAST = 0xffff;

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const beyond = await bench.readRaw(LAST, 1);
  const what = `read register ${LAST}`;
  const target = 'an exception';
  if (beyond.ok)
    yield {
      what,
      verdict: 'FAIL',
      target,
      measured: 'a value',
      cause: 'the device makes up registers: holes in its map cannot be told from values',
    };
  else if (beyond.refusal === 'exception')
    yield { what, verdict: 'PASS', target, measured: `exception ${beyond.exception ?? '?'}` };
  else
    yield {
      what,
      verdict: 'FAIL',
      target,
      measured: beyond.detail ?? beyond.refusal,
      cause: 'the device keeps silent where it has to refuse: clients wait for their timeout',
    };
  const { base } = bench.parts.discovery;
  const after = await bench.readRaw(base, 2);
  yield {
    what: 'read the marker afterwards',
    target: 'SunS',
    measured: after.ok
      ? String.fromCharCode(...after.words.flatMap(word => [word >> 8, word & 0xff]))
      : after.refusal,
    ...(after.ok && after.words[0] === 0x5375 && after.words[1] === 0x6e53
      ? { verdict: 'PASS' }
      : { verdict: 'FAIL', cause: 'a refused request disturbs the next reply' }),
  };
}
