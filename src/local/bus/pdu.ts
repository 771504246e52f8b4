/**
 * What a Modbus message says, apart from how it is framed (Modbus Application Protocol 1.1b3, chapter 6):
 * whether a reply answers its request exactly, and, for a server, the request as a value and the reply as bytes.
 * Only the registers of SunSpec are spoken: functions 3, 4, 6 and 16.
 *
 * The values of a reply are not read here: that is modbus-serial's part, and it is given checked replies only.
 */
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';
import { toHex } from '../../base/bytes.ts';
import type { ModbusRequest } from './conversation.ts';

/** The longest PDU: 256 bytes of an RTU frame less unit and CRC (4.1). */
export const MAX_PDU = 253;
/** Registers in one read (6.3). */
export const MAX_READ = 125;
/** Registers in one write (6.12). */
export const MAX_WRITE = 123;

/** Addresses have 16 bits (4.3). */
const REGISTERS = 0x1_0000;

/** Exception codes of chapter 7, as far as a server of ours gives them. */
export const EXCEPTION = {
  illegalFunction: 1,
  illegalAddress: 2,
  illegalValue: 3,
  deviceFailure: 4,
} as const;

const READ_HOLDING = 3;
const READ_INPUT = 4;
const WRITE_SINGLE = 6;
const WRITE_MULTIPLE = 16;
/** Set in the function code of a reply that is an exception. */
const EXCEPTION_BIT = 0x80;
const EXCEPTION_LENGTH = 2;

/**
 * Whether `reply` is the answer to `request`, both PDUs: same function, exact length, byte count and echo as the
 * request asks. `normal` or `exception`; anything else is `garbled`, with what is wrong.
 */
export function checkReply(
  request: Uint8Array,
  reply: Uint8Array,
): Result<'normal' | 'exception', 'garbled'> {
  const length = replyLength(request, reply);
  if (length === undefined) return refused('garbled', `it begins ${toHex(reply.subarray(0, 2))}`, 'later');
  if (reply.length !== length) return refused('garbled', `${reply.length} bytes, not ${length}`, 'later');
  if (reply[0] !== request[0]) return ok('exception');
  if (isRead(request[0])) return ok('normal');
  // 6.6 echoes address and value, 6.12 address and quantity: the four bytes after the function, both times.
  for (let i = 1; i < 5; i++) if (reply[i] !== request[i]) return refused('garbled', 'wrong echo', 'later');
  return ok('normal');
}

/**
 * How long the PDU that begins with `start` must be to answer `request`; `undefined` when its function or, as far
 * as it is there, its byte count shows that it does not. `start` holds at least the function code.
 */
export function replyLength(request: Uint8Array, start: Uint8Array): number | undefined {
  const code = request[0] ?? 0;
  if (start[0] === (code | EXCEPTION_BIT)) return EXCEPTION_LENGTH;
  if (start[0] !== code) return undefined;
  if (isRead(code)) {
    const count = 2 * word(request, 3);
    return start.length > 1 && start[1] !== count ? undefined : 2 + count;
  }
  return code === WRITE_SINGLE || code === WRITE_MULTIPLE ? 5 : undefined;
}

/**
 * How long the request PDU that begins with `start` is, as its function says: `more` when that is not known yet,
 * `undefined` for a function whose length is not known here, so that only silence ends it.
 */
export function requestLength(start: Uint8Array): number | 'more' | undefined {
  const code = start[0];
  if (code === undefined) return 'more';
  if (code >= 1 && code <= WRITE_SINGLE) return 5;
  if (code !== 15 && code !== WRITE_MULTIPLE) return undefined;
  const count = start[5];
  return count === undefined ? 'more' : 6 + count;
}

/**
 * The exception that every device owes to `request`, so that it need not be asked: 2 for registers there cannot be, 3
 * for too many or none at once, or a word that is none. What a device claims of itself may lead to such requests.
 */
export function impossible(request: ModbusRequest): number | undefined {
  const [count, most] =
    request.kind === 'read' ? [request.count, MAX_READ] : [request.words.length, MAX_WRITE];
  if (!(Number.isInteger(count) && count >= 1 && count <= most)) return EXCEPTION.illegalValue;
  if (request.kind === 'write' && !request.words.every(isWord)) return EXCEPTION.illegalValue;
  return isWord(request.address) && request.address + count <= REGISTERS
    ? undefined
    : EXCEPTION.illegalAddress;
}

function isWord(number: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= 0xffff;
}

/** A request PDU as a value, or the exception code it must be answered with (chapter 7). */
export function decodeRequest(
  unit: number,
  pdu: Uint8Array,
): { readonly request: ModbusRequest } | { readonly exception: number } {
  const code = pdu[0];
  if (isRead(code)) return decodeRead(unit, pdu);
  if (code === WRITE_SINGLE) return decodeWriteSingle(unit, pdu);
  if (code === WRITE_MULTIPLE) return decodeWriteMultiple(unit, pdu);
  return { exception: EXCEPTION.illegalFunction };
}

function decodeRead(unit: number, pdu: Uint8Array): ReturnType<typeof decodeRequest> {
  const address = word(pdu, 1);
  const count = word(pdu, 3);
  if (pdu.length !== 5 || count < 1 || count > MAX_READ) return { exception: EXCEPTION.illegalValue };
  const space = pdu[0] === READ_HOLDING ? 'holding' : 'input';
  return { request: { kind: 'read', unit, space, address, count } };
}

function decodeWriteSingle(unit: number, pdu: Uint8Array): ReturnType<typeof decodeRequest> {
  if (pdu.length !== 5) return { exception: EXCEPTION.illegalValue };
  return { request: { kind: 'write', unit, address: word(pdu, 1), words: [word(pdu, 3)], how: 'single' } };
}

function decodeWriteMultiple(unit: number, pdu: Uint8Array): ReturnType<typeof decodeRequest> {
  const count = word(pdu, 3);
  if (count < 1 || count > MAX_WRITE || pdu[5] !== 2 * count || pdu.length !== 6 + 2 * count)
    return { exception: EXCEPTION.illegalValue };
  const words = Array.from({ length: count }, (_, i) => word(pdu, 6 + 2 * i));
  return { request: { kind: 'write', unit, address: word(pdu, 1), words, how: 'multiple' } };
}

/** The PDU that answers `request` (as it came) with these words; for a write they are not looked at. */
export function encodeReply(request: Uint8Array, words: readonly number[]): Uint8Array<ArrayBuffer> {
  if (!isRead(request[0])) return request.slice(0, 5);
  const pdu = new Uint8Array(2 + 2 * words.length);
  pdu[0] = request[0] ?? 0;
  pdu[1] = 2 * words.length;
  words.forEach((value, i) => {
    pdu[2 + 2 * i] = value >>> 8;
    pdu[3 + 2 * i] = value & 0xff;
  });
  return pdu;
}

/** The PDU that refuses `request` with an exception code. */
export function encodeException(request: Uint8Array, exception: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of((request[0] ?? 0) | EXCEPTION_BIT, exception);
}

function isRead(code: number | undefined): boolean {
  return code === READ_HOLDING || code === READ_INPUT;
}

/** Big-endian, as all numbers of a PDU (4.2). */
function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
