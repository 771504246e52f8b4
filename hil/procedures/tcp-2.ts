/**
 * TCP-2: several requests in one packet are all answered.
 */
import { concat } from '../../src/base/bytes.ts';
import type { Bench, Procedure, RawPort, Step } from '../bench/mod.ts';
import { notSupported } from '../bench/mod.ts';
import { onLine } from './frames.ts';
import { answersStep, frameOf } from './tcp.ts';

export const tcp2: Procedure = {
  id: 'TCP-2',
  title: 'Several requests in one packet',
  requirement: 'Each of several requests in one packet is answered, with its own transaction.',
  source: 'MODBUS Messaging on TCP/IP Implementation Guide 1.0b, 4.4.1; SunSpec conformance TCP-2',
  steps,
};

/** Different lengths, so that no answer passes for another's. */
const COUNTS = [1, 2, 1];

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  if (bench.ports.device.kind !== 'tcp') yield notSupported('this link is a serial line');
  else yield* onLine(bench, raw => together(bench, raw));
}

async function* together(bench: Bench, raw: RawPort): AsyncGenerator<Step, void> {
  const asked = COUNTS.map((count, at) => ({ transaction: 0x2001 + at, count }));
  await raw.send(concat(asked.map(each => frameOf(bench, each))));
  yield await answersStep(`send ${asked.length} requests in one packet`, raw, asked);
}
