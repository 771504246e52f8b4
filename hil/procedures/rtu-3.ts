/**
 * RTU-3: a request for another unit is left to that unit.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import { notSupported } from '../bench/mod.ts';
import { onLine } from './frames.ts';
import { answeredStep, rtuRequest, unansweredStep } from './rtu.ts';

export const rtu3: Procedure = {
  id: 'RTU-3',
  title: 'Requests for other units',
  requirement: 'A request for another unit is not answered; the next one for this unit is.',
  source: 'MODBUS over Serial Line 1.02, 2.2; SunSpec conformance RTU-3',
  steps,
};

/** Reserved by the standard (2.2): no device on the line may have it. */
const NOBODY = 248;

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  if (bench.ports.device.kind !== 'serial') {
    yield notSupported('this link is TCP');
    return;
  }
  yield* onLine(bench, async function* (raw) {
    const bytes = rtuRequest(bench, NOBODY);
    const cause = 'the unit is not checked: two such devices on one line answer together';
    yield await unansweredStep(raw, { what: `send a request for unit ${NOBODY}`, bytes, cause });
    yield await answeredStep(bench, raw, 'read two registers afterwards');
  });
}
