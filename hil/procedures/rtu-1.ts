/**
 * RTU-1: a request on the serial line is answered by one whole frame.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import { notSupported } from '../bench/mod.ts';
import { onLine } from './frames.ts';
import { answeredStep } from './rtu.ts';

export const rtu1: Procedure = {
  id: 'RTU-1',
  title: 'Serial framing',
  requirement: 'A request is answered by one frame with the unit, the exact length and a good CRC.',
  source: 'MODBUS over Serial Line 1.02, 2.5.1; SunSpec conformance RTU-1',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  if (bench.ports.device.kind !== 'serial') {
    yield notSupported('this link is TCP');
    return;
  }
  yield* onLine(bench, async function* (raw) {
    yield await answeredStep(bench, raw, 'read two registers');
  });
}
