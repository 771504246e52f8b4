/**
 * One point's registers to a value and back: every type, every sentinel, and the power of ten.
 *
 * What is not implemented is `undefined`. Integers keep every bit: those beyond ±(2^53 − 1) are bigint. Types
 * and sentinels as of the SunSpec Device Information Model Specification 1.2, most significant word first.
 */
import { type Result, ok, refused, unreachable } from '../../base/assert.ts';
import type { PointDef, PointType } from './definition.ts';

/** number: integers, enums, bitfields, floats, scaled values. string: text and addresses. */
export type Value = number | bigint | string;

/** Registers as they were read; `undefined` where a register could not be read. */
export type Words = readonly (number | undefined)[];

export type ValueRefusal = 'wrong-type' | 'out-of-range';

interface IntegerRow {
  readonly words: 1 | 2 | 4;
  readonly signed: boolean;
  /** What stands where the point is not implemented; a bigint where the values are. */
  readonly none: number | bigint;
  /** Whether {@link none} is also a value one may write: an accumulator starts at 0 and reads as unknown there. */
  readonly noneIsWritable?: boolean;
}

const INTEGERS: Readonly<Partial<Record<PointType, IntegerRow>>> = {
  int16: { words: 1, signed: true, none: -0x8000 },
  sunssf: { words: 1, signed: true, none: -0x8000 },
  uint16: { words: 1, signed: false, none: 0xffff },
  count: { words: 1, signed: false, none: 0xffff },
  enum16: { words: 1, signed: false, none: 0xffff },
  bitfield16: { words: 1, signed: false, none: 0xffff },
  acc16: { words: 1, signed: false, none: 0, noneIsWritable: true },
  raw16: { words: 1, signed: false, none: -1 },
  int32: { words: 2, signed: true, none: -0x8000_0000 },
  uint32: { words: 2, signed: false, none: 0xffff_ffff },
  enum32: { words: 2, signed: false, none: 0xffff_ffff },
  bitfield32: { words: 2, signed: false, none: 0xffff_ffff },
  acc32: { words: 2, signed: false, none: 0, noneIsWritable: true },
  int64: { words: 4, signed: true, none: -0x8000_0000_0000_0000n },
  uint64: { words: 4, signed: false, none: 0xffff_ffff_ffff_ffffn },
  bitfield64: { words: 4, signed: false, none: 0xffff_ffff_ffff_ffffn },
  acc64: { words: 4, signed: false, none: 0n, noneIsWritable: true },
};

const QUIET_NAN_32 = [0x7fc0, 0];
const QUIET_NAN_64 = [0x7ff8, 0, 0, 0];

/** Largest exponent, either sign, that a scale factor may hold (1.2, sunssf). */
const SCALE_MAX = 10;

/** By exponent: raising ten anew takes longer than all else that decoding a value does. */
const POWERS = Array.from({ length: SCALE_MAX + 1 }, (_, exponent) => 10 ** exponent);

/** The exponent a scale factor holds, or `undefined` where it holds none that counts (−10 … 10). */
export function exponentOf(value: Value | undefined): number | undefined {
  return typeof value === 'number' && Math.abs(value) <= SCALE_MAX ? value : undefined;
}

/**
 * What the registers of `point` at `offset` hold, before any scale factor. `undefined`: not implemented, not
 * a number, or a register of it could not be read.
 */
export function decodeRaw(point: PointDef, words: Words, offset: number): Value | undefined {
  for (let at = offset; at < offset + point.size; at++) if (words[at] === undefined) return undefined;
  const row = INTEGERS[point.type];
  if (row !== undefined) return decodeInteger(row, words, offset);
  const bytes = bytesOf(words, offset, point.size);
  switch (point.type) {
    case 'float32':
      return finite(viewOf(bytes).getFloat32(0));
    case 'float64':
      return finite(viewOf(bytes).getFloat64(0));
    case 'string':
      return decodeText(bytes);
    case 'ipaddr':
      return bytes.every(byte => byte === 0) ? undefined : bytes.join('.');
    case 'ipv6addr':
      return bytes.every(byte => byte === 0) ? undefined : groupsOf(words, offset).join(':');
    case 'eui48':
      return decodeEui48(bytes.subarray(2));
    default:
      return undefined; // pad: carries nothing
  }
}

/** The registers that say `value`, a raw one; `undefined` gives the sentinel of the type. */
export function encodeRaw(
  point: PointDef,
  value: Value | undefined,
): Result<readonly number[], ValueRefusal> {
  const row = INTEGERS[point.type];
  if (row !== undefined) return encodeInteger(row, value);
  switch (point.type) {
    case 'float32':
    case 'float64':
      return encodeFloat(point.size, value);
    case 'string':
      return encodeText(point.size, value);
    case 'ipaddr':
      return encodeIpv4(value);
    case 'ipv6addr':
      return encodeIpv6(value);
    case 'eui48':
      return encodeEui48(value);
    case 'pad':
      return value === undefined
        ? ok(Array(point.size).fill(0x8000))
        : refused('wrong-type', 'a pad holds nothing');
    default:
      return unreachable(point.type as never);
  }
}

/**
 * `raw` × 10^`exponent`. Exact where the result is a whole number; otherwise the double nearest to it, which
 * for a raw value beyond 2^53 with a negative exponent is the one place where digits are lost.
 */
export function scaled(raw: number | bigint, exponent: number): number | bigint {
  if (exponent === 0) return raw;
  const power = POWERS[Math.abs(exponent)] ?? 10 ** Math.abs(exponent);
  if (typeof raw === 'number') {
    const value = exponent < 0 ? raw / power : raw * power;
    if (exponent < 0 || Number.isSafeInteger(value)) return value;
  }
  const whole = BigInt(raw);
  if (exponent > 0) return narrow(whole * BigInt(power));
  return whole % BigInt(power) === 0n ? narrow(whole / BigInt(power)) : Number(whole) / power;
}

/** The raw value nearest to `value` ÷ 10^`exponent`: what {@link scaled} undoes. */
export function unscaled(value: number | bigint, exponent: number): number | bigint {
  const power = 10 ** Math.abs(exponent);
  if (typeof value === 'bigint') {
    const whole = BigInt(power);
    const half = value < 0n ? -whole / 2n : whole / 2n;
    return narrow(exponent <= 0 ? value * whole : (value + half) / whole);
  }
  return Math.round(exponent < 0 ? value * power : value / power);
}

/** Names of what an enum or bitfield holds: one for an enum, each bit that is set for a bitfield. */
export function symbolsOf(point: PointDef, value: Value | undefined): readonly string[] {
  if (typeof value !== 'number' && typeof value !== 'bigint') return [];
  const wanted = BigInt(value);
  const holds = point.type.startsWith('bitfield')
    ? (number: number) => (wanted >> BigInt(number)) % 2n === 1n
    : (number: number) => BigInt(number) === wanted;
  return Object.entries(point.symbols ?? {}).flatMap(([name, number]) => (holds(number) ? [name] : []));
}

function decodeInteger(row: IntegerRow, words: Words, offset: number): number | bigint | undefined {
  let value = words[offset] ?? 0;
  if (row.words === 4) return decodeLong(row, words, offset);
  if (row.words === 2) value = value * 0x1_0000 + (words[offset + 1] ?? 0);
  const span = row.words === 1 ? 0x1_0000 : 0x1_0000_0000;
  if (row.signed && value >= span / 2) value -= span;
  return value === row.none ? undefined : value;
}

function decodeLong(row: IntegerRow, words: Words, offset: number): number | bigint | undefined {
  let bits = 0n;
  for (let at = offset; at < offset + 4; at++) bits = (bits << 16n) | BigInt(words[at] ?? 0);
  const value = row.signed ? BigInt.asIntN(64, bits) : bits;
  return value === row.none ? undefined : narrow(value);
}

function encodeInteger(row: IntegerRow, value: Value | undefined): Result<readonly number[], ValueRefusal> {
  if (typeof value === 'string') return refused('wrong-type', 'a number is wanted');
  if (typeof value === 'number' && !Number.isInteger(value))
    return refused('out-of-range', `${value} is not whole`);
  const bits = BigInt(row.words * 16);
  const none = BigInt(row.none);
  const whole = value === undefined ? none : BigInt(value);
  const [low, high] = row.signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  if (value !== undefined && (whole < low || whole > high))
    return refused('out-of-range', `${whole} does not fit: ${low} to ${high}`);
  if (value !== undefined && whole === none && row.noneIsWritable !== true)
    return refused('out-of-range', `${whole} means not implemented`);
  const pattern = BigInt.asUintN(Number(bits), whole);
  const word = (at: number) => Number((pattern >> BigInt(16 * (row.words - 1 - at))) & 0xffffn);
  return ok(Array.from({ length: row.words }, (_, at) => word(at)));
}

function encodeFloat(size: number, value: Value | undefined): Result<readonly number[], ValueRefusal> {
  if (typeof value === 'string' || typeof value === 'bigint')
    return refused('wrong-type', 'a number is wanted');
  if (value === undefined) return ok(size === 2 ? QUIET_NAN_32 : QUIET_NAN_64);
  const bytes = new Uint8Array(2 * size);
  if (size === 2) viewOf(bytes).setFloat32(0, value);
  else viewOf(bytes).setFloat64(0, value);
  const stored = size === 2 ? Math.fround(value) : value;
  return Number.isFinite(stored) ? ok(wordsOf(bytes)) : refused('out-of-range', `${value} does not fit`);
}

function decodeText(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
  return text === '' ? undefined : text;
}

function encodeText(size: number, value: Value | undefined): Result<readonly number[], ValueRefusal> {
  if (value !== undefined && typeof value !== 'string') return refused('wrong-type', 'text is wanted');
  const text = new TextEncoder().encode(value ?? '');
  if (value === '' || text.includes(0)) return refused('out-of-range', 'empty text means not implemented');
  if (text.length > 2 * size)
    return refused('out-of-range', `${text.length} bytes do not fit in ${2 * size}`);
  const bytes = new Uint8Array(2 * size);
  bytes.set(text);
  return ok(wordsOf(bytes));
}

function encodeIpv4(value: Value | undefined): Result<readonly number[], ValueRefusal> {
  if (value === undefined) return ok([0, 0]);
  if (typeof value !== 'string' || !/^\d{1,3}(\.\d{1,3}){3}$/.test(value))
    return refused('wrong-type', 'an address like 192.0.2.1 is wanted');
  const bytes = value.split('.').map(Number);
  return bytes.every(byte => byte <= 255) && bytes.some(byte => byte > 0)
    ? ok(wordsOf(Uint8Array.from(bytes)))
    : refused('out-of-range', value);
}

/** All eight groups in full: `2001:db8:0:0:0:0:0:1`. */
function encodeIpv6(value: Value | undefined): Result<readonly number[], ValueRefusal> {
  if (value === undefined) return ok(Array(8).fill(0));
  if (typeof value !== 'string' || !/^[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){7}$/.test(value))
    return refused('wrong-type', 'an address of eight groups like 2001:db8:0:0:0:0:0:1 is wanted');
  const words = value.split(':').map(group => Number.parseInt(group, 16));
  return words.some(word => word > 0) ? ok(words) : refused('out-of-range', value);
}

function decodeEui48(bytes: Uint8Array): string | undefined {
  if (bytes.every(byte => byte === 0xff)) return undefined;
  return Array.from(bytes, byte => byte.toString(16).toUpperCase().padStart(2, '0')).join(':');
}

/** The address stands in the last six of eight bytes; the first two are 0. */
function encodeEui48(value: Value | undefined): Result<readonly number[], ValueRefusal> {
  const text = value ?? 'FF:FF:FF:FF:FF:FF';
  if (typeof text !== 'string' || !/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text))
    return refused('wrong-type', 'an address like 02:00:5E:10:00:01 is wanted');
  const bytes = [0, 0, ...text.split(':').map(byte => Number.parseInt(byte, 16))];
  return value !== undefined && bytes.slice(2).every(byte => byte === 0xff)
    ? refused('out-of-range', `${text} means not implemented`)
    : ok(wordsOf(Uint8Array.from(bytes)));
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function groupsOf(words: Words, offset: number): readonly string[] {
  return words.slice(offset, offset + 8).map(word => (word ?? 0).toString(16));
}

function bytesOf(words: Words, offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(2 * size);
  for (let at = 0; at < size; at++) {
    const word = words[offset + at] ?? 0;
    bytes[2 * at] = word >>> 8;
    bytes[2 * at + 1] = word & 0xff;
  }
  return bytes;
}

function wordsOf(bytes: Uint8Array): readonly number[] {
  return Array.from(
    { length: bytes.length / 2 },
    (_, at) => ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0),
  );
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
