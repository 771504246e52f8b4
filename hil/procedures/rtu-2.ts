/**
 * RTU-2: a request with a wrong CRC is not answered, and does not disturb the next.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import { notSupported } from '../bench/mod.ts';
import { onLine } from './frames.ts';
import { answeredStep, rtuRequest, unansweredStep } from './rtu.ts';

export const rtu2: Procedure = {
  id: 'RTU-2',
  title: 'Wrong CRC',
  requirement: 'A frame whose CRC is wrong is dropped in silence; the next request is answered.',
  source: 'MODBUS over Serial Line 1.02, 2.5.1.2; SunSpec conformance RTU-2',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  if (bench.ports.device.kind !== 'serial') {
    yield notSupported('this link is TCP');
    return;
  }
  yield* onLine(bench, async function* (raw) {
    const bytes = rtuRequest(bench).slice();
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 0x55;
    const cause = 'the CRC is not checked: noise on the line can become a write';
    yield await unansweredStep(raw, { what: 'send a request with a wrong CRC', bytes, cause });
    yield await answeredStep(bench, raw, 'read two registers afterwards');
  });
}
