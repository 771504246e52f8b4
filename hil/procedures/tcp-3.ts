/**
 * TCP-3: a request in many packets is answered, and one that never ends leaves the device fit for the next client.
 */
import type { Bench, Procedure, RawPort, Step } from '../bench/mod.ts';
import { notSupported } from '../bench/mod.ts';
import { onLine } from './frames.ts';
import { answersStep, frameOf } from './tcp.ts';

export const tcp3: Procedure = {
  id: 'TCP-3',
  title: 'A request in several packets',
  requirement:
    'A request sent byte by byte is answered; a connection that ends in the middle of one does no harm.',
  source: 'MODBUS Messaging on TCP/IP Implementation Guide 1.0b, 4.4; SunSpec conformance TCP-3',
  steps,
};

/** Between two bytes: long enough that each travels alone. */
const APART_MS = 15;

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  if (bench.ports.device.kind !== 'tcp') {
    yield notSupported('this link is a serial line');
    return;
  }
  yield* onLine(bench, raw => byteByByte(bench, raw));
  yield* onLine(bench, raw => afterwards(bench, raw));
}

async function* byteByByte(bench: Bench, raw: RawPort): AsyncGenerator<Step, void> {
  const asked = { transaction: 0x3001, count: 2 };
  const frame = frameOf(bench, asked);
  for (let at = 0; at < frame.length; at++) {
    await raw.send(frame.subarray(at, at + 1));
    await bench.pause(APART_MS);
  }
  yield await answersStep(`send a request byte by byte, ${APART_MS} ms apart`, raw, [asked]);
  await raw.send(frame.subarray(0, 5));
}

async function* afterwards(bench: Bench, raw: RawPort): AsyncGenerator<Step, void> {
  const asked = { transaction: 0x3002, count: 2 };
  await raw.send(frameOf(bench, asked));
  yield await answersStep('close the connection in the middle of a request, open another and ask', raw, [
    asked,
  ]);
}
