/**
 * TCP-1: a request that arrives in two parts is answered once, when it is whole.
 */
import { toHex } from '../../src/base/bytes.ts';
import type { Bench, Procedure, RawPort, Step } from '../bench/mod.ts';
import { notSupported } from '../bench/mod.ts';
import { listen, onLine } from './frames.ts';
import { answersStep, frameOf } from './tcp.ts';

export const tcp1: Procedure = {
  id: 'TCP-1',
  title: 'Partial request',
  requirement: 'Half a request is waited for, not answered; with its other half it is answered.',
  source: 'MODBUS Messaging on TCP/IP Implementation Guide 1.0b, 4.4; SunSpec conformance TCP-1',
  steps,
};

/** Where the request is parted: inside the header, and inside the PDU. */
const PARTED_AT = [3, 9];

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  if (bench.ports.device.kind !== 'tcp') yield notSupported('this link is a serial line');
  else yield* onLine(bench, raw => partial(bench, raw));
}

async function* partial(bench: Bench, raw: RawPort): AsyncGenerator<Step, void> {
  for (const [at, bytes] of PARTED_AT.entries()) {
    const asked = { transaction: 0x1001 + at, count: 2 };
    const frame = frameOf(bench, asked);
    await raw.send(frame.subarray(0, bytes));
    const early = await listen(raw);
    const what = `send the first ${bytes} of ${frame.length} bytes`;
    if (early.length > 0) {
      const measured = toHex(early.subarray(0, 24));
      yield { what, verdict: 'FAIL', target: 'silence', measured, cause: 'a piece is answered as a request' };
      return;
    }
    yield { what, verdict: 'PASS', target: 'silence', measured: 'silence' };
    await raw.send(frame.subarray(bytes));
    yield await answersStep('send the rest', raw, [asked]);
  }
}
