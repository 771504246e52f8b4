/**
 * Framing on TCP (Modbus Messaging on TCP/IP 1.0b, 3.1.3): transaction, protocol 0, length, unit, PDU. The parser
 * takes any chunking and keeps at most one unfinished frame. It knows nothing of requests and answers.
 */
import { concat } from '../../base/bytes.ts';
import { MAX_PDU } from './pdu.ts';

export interface MbapFrame {
  /** 0 … 65535: a server copies it from the request. */
  readonly transaction: number;
  readonly unit: number;
  readonly pdu: Uint8Array;
}

const HEADER = 7;
const NOTHING = new Uint8Array(0);

export function encodeMbap(frame: MbapFrame): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER + frame.pdu.length);
  bytes[0] = frame.transaction >>> 8;
  bytes[1] = frame.transaction & 0xff;
  bytes[4] = (frame.pdu.length + 1) >>> 8;
  bytes[5] = (frame.pdu.length + 1) & 0xff;
  bytes[6] = frame.unit;
  bytes.set(frame.pdu, HEADER);
  return bytes;
}

/** The bytes of a frame that is not complete yet: fewer than 260. */
export interface MbapParser {
  buffered: Uint8Array;
}

export function mbapParser(): MbapParser {
  return { buffered: NOTHING };
}

/**
 * The frames that `bytes` completes, in order. `broken` says that what follows is no Modbus frame (protocol not 0,
 * or a length outside 2 … 254): a stream that lost its beat has no way back, and its connection must be ended.
 */
export function feedMbap(
  parser: MbapParser,
  bytes: Uint8Array,
): { readonly frames: readonly MbapFrame[]; readonly broken?: string } {
  let rest = parser.buffered.length === 0 ? bytes : concat([parser.buffered, bytes]);
  const frames: MbapFrame[] = [];
  while (rest.length >= HEADER - 1) {
    const broken = headerFault(rest);
    if (broken !== undefined) {
      parser.buffered = NOTHING;
      return { frames, broken };
    }
    const end = HEADER - 1 + word(rest, 4);
    if (rest.length < end) break;
    frames.push({ transaction: word(rest, 0), unit: rest[6] ?? 0, pdu: rest.subarray(HEADER, end) });
    rest = rest.subarray(end);
  }
  // A copy: the caller may reuse the memory it handed in.
  parser.buffered = rest.slice();
  return { frames };
}

/**
 * Forgets the frame that is not complete yet. A device that stopped in the middle of an answer would else have the
 * next one taken for the rest of it. Should the rest come after all, it is no frame and ends the connection.
 */
export function forgetHalf(parser: MbapParser): void {
  parser.buffered = NOTHING;
}

function headerFault(header: Uint8Array): string | undefined {
  if (word(header, 2) !== 0) return `protocol ${word(header, 2)}`;
  const length = word(header, 4);
  return length < 2 || length > MAX_PDU + 1 ? `length ${length}` : undefined;
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
