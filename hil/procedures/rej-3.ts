/**
 * REJ-3: registers that are not there refuse to be read, instead of being made up.
 */
import type { ModbusReply } from '../../src/local/bus/mod.ts';
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import { hex, same } from '../bench/mod.ts';
import { SILENT } from './steps.ts';

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
/** SunS. */
const MARKER = [0x5375, 0x6e53];

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const beyond = await bench.readRaw(LAST, 1);
  const { base } = bench.parts.discovery;
  const after = await bench.readRaw(base, MARKER.length);
  if (!after.ok && after.refusal !== 'exception') {
    // Silent for everything is another matter than silent for what is not there.
    yield { what: `read register ${LAST}, then the marker`, verdict: 'INCONCLUSIVE', cause: SILENT };
    return;
  }
  yield beyondStep(beyond);
  yield afterwardsStep(after);
}

function beyondStep(reply: ModbusReply): Step {
  const base = { what: `read register ${LAST}`, target: 'an exception' };
  if (reply.ok)
    return {
      ...base,
      verdict: 'FAIL',
      measured: 'a value',
      cause: 'the device makes up registers: holes in its map cannot be told from values',
    };
  if (reply.refusal === 'exception')
    return { ...base, verdict: 'PASS', measured: `exception ${reply.exception ?? '?'}` };
  const cause = 'the device keeps silent where it has to refuse: clients wait for their timeout';
  return { ...base, verdict: 'FAIL', measured: reply.detail ?? reply.refusal, cause };
}

function afterwardsStep(reply: ModbusReply): Step {
  const measured = reply.ok ? hex(reply.words) : (reply.detail ?? reply.refusal);
  const base = { what: 'read the marker afterwards', target: hex(MARKER), measured };
  if (reply.ok && same(reply.words, MARKER)) return { ...base, verdict: 'PASS' };
  return { ...base, verdict: 'FAIL', cause: 'a refused request disturbs the next reply' };
}
