/**
 * Bytes for tests of framing: a request that every SunSpec device answers, and the line to send it on.
 */
import type { Bench, RawPort, Step } from '../bench/mod.ts';
import { SILENT } from './steps.ts';

/** The longest a device may think about a request; on a serial line its transfer comes on top. */
export const ANSWER_MS = 1500;
/** How long a line is listened to that has to stay still. */
export const SILENCE_MS = 700;

/** PDU: function 3, `count` registers from the marker on. */
export function readPdu(bench: Bench, count: number): Uint8Array {
  const { base } = bench.parts.discovery;
  return Uint8Array.of(3, base >>> 8, base & 0xff, 0, count);
}

/** PDU of its answer: byte count, then SunS, the first four bytes of any map. */
export function isAnswer(pdu: Uint8Array, count: number): boolean {
  const suns = [0x53, 0x75, 0x6e, 0x53].slice(0, 2 * count);
  return (
    pdu.length === 2 + 2 * count &&
    pdu[0] === 3 &&
    pdu[1] === 2 * count &&
    suns.every((byte, at) => pdu[2 + at] === byte)
  );
}

/** Opens the bare line, does `steps` on it and closes it. A line that does not open is one inconclusive step. */
export async function* onLine(
  bench: Bench,
  steps: (raw: RawPort) => AsyncGenerator<Step, void>,
): AsyncGenerator<Step, void> {
  const raw = await bench.ports.device.openRaw();
  if (!raw.ok) {
    yield {
      what: 'open the line',
      verdict: 'INCONCLUSIVE',
      measured: raw.detail ?? raw.refusal,
      cause: SILENT,
    };
    return;
  }
  try {
    yield* steps(raw.value);
  } finally {
    await raw.value.close();
  }
}

/** Everything that is heard in {@link SILENCE_MS}. */
export function listen(raw: RawPort): Promise<Uint8Array> {
  return raw.hear(SILENCE_MS, () => false);
}
