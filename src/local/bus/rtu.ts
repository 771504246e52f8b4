/**
 * Framing on a serial line (Modbus over Serial Line 1.02, 2.5.1): unit, PDU, CRC low byte first. A frame has no
 * length of its own; a client knows it from its request, a server from the function, and where neither helps
 * silence ends it. Time is the caller's: `endOfSilence` is told when 3.5 characters have passed.
 */
import { concat, toHex } from '../../base/bytes.ts';
import { crc16 } from './crc16.ts';
import { MAX_PDU, checkReply, replyLength, requestLength } from './pdu.ts';

/** Unit, PDU and CRC: at most 256 bytes (2.5.1). */
export const MAX_RTU = MAX_PDU + 3;

export interface RtuFrame {
  readonly unit: number;
  readonly pdu: Uint8Array;
}

export function encodeRtu(frame: RtuFrame): Uint8Array<ArrayBuffer> {
  const length = frame.pdu.length;
  const bytes = new Uint8Array(length + 3);
  bytes[0] = frame.unit;
  bytes.set(frame.pdu, 1);
  const crc = crc16(bytes, 0, length + 1);
  bytes[length + 1] = crc & 0xff;
  bytes[length + 2] = crc >>> 8;
  return bytes;
}

/** The frame that these bytes are, whole and with a good CRC, or `undefined`. */
export function decodeRtu(bytes: Uint8Array): RtuFrame | undefined {
  const end = bytes.length - 2;
  if (bytes.length < 4 || bytes.length > MAX_RTU) return undefined;
  const crc = (bytes[end] ?? 0) | ((bytes[end + 1] ?? 0) << 8);
  return crc === crc16(bytes, 0, end) ? { unit: bytes[0] ?? 0, pdu: bytes.subarray(1, end) } : undefined;
}

/** What a client has heard since it sent: `more` to come, the whole `reply`, or bytes that are not the answer. */
export type RtuHeard =
  | { readonly kind: 'more' }
  | { readonly kind: 'reply'; readonly frame: RtuFrame }
  | { readonly kind: 'garbled'; readonly why: string };

/**
 * Judges all bytes heard since `request` went out. A reply is taken only when unit, function, length, byte count
 * or echo, and CRC are those of the request, and nothing follows it.
 */
export function judgeRtuReply(request: RtuFrame, heard: Uint8Array): RtuHeard {
  if (heard.length === 0) return { kind: 'more' };
  if (heard[0] !== request.unit) return { kind: 'garbled', why: `unit ${heard[0]}, not ${request.unit}` };
  if (heard.length === 1) return { kind: 'more' };
  const length = replyLength(request.pdu, heard.subarray(1));
  if (length === undefined) return { kind: 'garbled', why: `it begins ${toHex(heard.subarray(0, 3))}` };
  if (heard.length < length + 3) return { kind: 'more' };
  if (heard.length > length + 3)
    return { kind: 'garbled', why: `${heard.length - length - 3} bytes too many` };
  const frame = decodeRtu(heard);
  if (frame === undefined) return { kind: 'garbled', why: 'wrong CRC' };
  const checked = checkReply(request.pdu, frame.pdu);
  return checked.ok ? { kind: 'reply', frame } : { kind: 'garbled', why: checked.detail ?? checked.refusal };
}

/** The bytes of a request that is not complete yet: at most {@link MAX_RTU}, then they are noise. */
export interface RtuParser {
  buffered: Uint8Array;
}

const NOTHING = new Uint8Array(0);

export function rtuParser(): RtuParser {
  return { buffered: NOTHING };
}

/** A server's side: the requests that `bytes` completes. Bytes that are no request wait for silence. */
export function feedRtu(parser: RtuParser, bytes: Uint8Array): readonly RtuFrame[] {
  let rest = concat([parser.buffered, bytes]);
  const frames: RtuFrame[] = [];
  for (;;) {
    const length = requestLength(rest.subarray(1));
    if (typeof length !== 'number' || rest.length < length + 3) break;
    const frame = decodeRtu(rest.subarray(0, length + 3));
    if (frame === undefined) break;
    frames.push(frame);
    rest = rest.subarray(length + 3);
  }
  // Past the longest frame it is noise; keeping one frame's worth keeps the CRC check at the silence false.
  parser.buffered = rest.slice(0, MAX_RTU + 1);
  return frames;
}

/** A server's side: 3.5 characters of silence. What is buffered is one frame, or noise and forgotten. */
export function endOfSilence(parser: RtuParser): RtuFrame | undefined {
  const frame = decodeRtu(parser.buffered);
  parser.buffered = NOTHING;
  return frame;
}
