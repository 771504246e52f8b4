/**
 * Tests of framing on a serial line: a request, with its CRC or with a wrong one, and what came back.
 */
import { toHex } from '../../src/base/bytes.ts';
import { decodeRtu, encodeRtu } from '../../src/local/bus/mod.ts';
import type { Bench, RawPort, Step } from '../bench/mod.ts';
import { ANSWER_MS, isAnswer, listen, readPdu } from './frames.ts';

const COUNT = 2;
/** Unit, function, byte count, registers, CRC. */
const ANSWER_BYTES = 3 + 2 * COUNT + 2;

/** A whole request for `unit`. */
export function rtuRequest(bench: Bench, unit = bench.device.unit): Uint8Array {
  return encodeRtu({ unit, pdu: readPdu(bench, COUNT) });
}

/** A request that must be answered. */
export async function answeredStep(bench: Bench, raw: RawPort, what: string): Promise<Step> {
  await raw.send(rtuRequest(bench));
  const heard = await raw.hear(ANSWER_MS, bytes => bytes.length >= ANSWER_BYTES);
  const frame = decodeRtu(heard);
  const base = { what, target: `${ANSWER_BYTES} bytes with a good CRC`, measured: said(heard) };
  if (frame?.unit === bench.device.unit && isAnswer(frame.pdu, COUNT)) return { ...base, verdict: 'PASS' };
  if (heard.length === 0) return { ...base, verdict: 'FAIL', cause: 'no answer in time' };
  const cause =
    frame === undefined ? 'the CRC or the length of the answer is wrong' : 'another unit or other registers';
  return { ...base, verdict: 'FAIL', cause };
}

/** Bytes that must not be answered. */
export async function unansweredStep(
  raw: RawPort,
  { what, bytes, cause }: { readonly what: string; readonly bytes: Uint8Array; readonly cause: string },
): Promise<Step> {
  await raw.send(bytes);
  const heard = await listen(raw);
  const base = { what, target: 'silence', measured: said(heard) };
  return heard.length === 0 ? { ...base, verdict: 'PASS' } : { ...base, verdict: 'FAIL', cause };
}

function said(heard: Uint8Array): string {
  return heard.length === 0 ? 'silence' : toHex(heard.subarray(0, 24));
}
