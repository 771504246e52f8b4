/**
 * Tests of framing on TCP: requests as MBAP frames, and what came back.
 */
import { toHex } from '../../src/base/bytes.ts';
import { encodeMbap, feedMbap, mbapParser } from '../../src/local/bus/mod.ts';
import type { Bench, RawPort, Step } from '../bench/mod.ts';
import { ANSWER_MS, isAnswer, readPdu } from './frames.ts';

export interface Asked {
  readonly transaction: number;
  readonly count: number;
}

export function frameOf(bench: Bench, { transaction, count }: Asked): Uint8Array {
  return encodeMbap({ transaction, unit: bench.device.unit, pdu: readPdu(bench, count) });
}

/** Listens until every request of `asked` has an answer, and judges them. */
export async function answersStep(what: string, raw: RawPort, asked: readonly Asked[]): Promise<Step> {
  const heard = await raw.hear(
    ANSWER_MS,
    bytes => feedMbap(mbapParser(), bytes).frames.length >= asked.length,
  );
  const { frames, broken } = feedMbap(mbapParser(), heard);
  const right = asked.filter(({ transaction, count }) =>
    frames.some(frame => frame.transaction === transaction && isAnswer(frame.pdu, count)),
  );
  const base = {
    what,
    target: `${asked.length} of ${asked.length} answered, each with its own transaction`,
    measured: `${right.length} of ${asked.length} answered rightly, ${frames.length} frames`,
  };
  if (right.length === asked.length && frames.length === asked.length && broken === undefined)
    return { ...base, verdict: 'PASS' };
  const cause =
    heard.length === 0
      ? 'nothing came: the device takes one packet for one request'
      : `not the answers: it heard the packets as requests of their own (${toHex(heard.subarray(0, 24))})`;
  return { ...base, verdict: 'FAIL', cause };
}
