/**
 * The flat scan: one pass over the bytes, without recursion and without building anything, that lets only one
 * encoding of each value through (RFC 8949, 4.2.1: shortest heads, definite lengths, keys sorted bytewise).
 *
 * It runs before any codec, on bytes that anybody may have sent, so its cost is bounded by their number: codecs
 * can be made to recurse, to allocate by a declared length, or to stall on a bignum. It judges form only.
 */
import { isUtf8 } from 'node:buffer';
import type { ScanRefusal } from './refusals.ts';

/** What one kind of message may contain. */
export interface ScanProfile {
  readonly maxBytes: number;
  readonly maxItems: number;
  readonly maxDepth: number;
  readonly keys: 'integer-or-text' | 'text';
  /** `measurements`: finite floats, false and true. Null stays out: what is unknown is absent. */
  readonly simple: 'none' | 'measurements';
}

/**
 * What is signed by a utility. 16 KiB and 512 items hold a curve of every axis several times over, and a
 * refusal of the largest message costs microseconds; depth 8 is twice what the body needs.
 */
export const COMMAND_PROFILE: ScanProfile = {
  maxBytes: 16 * 1024,
  maxItems: 512,
  maxDepth: 8,
  keys: 'integer-or-text',
  simple: 'none',
};

/**
 * What a gateway reports. 64 KiB and 8192 items hold one reading of every point of ten devices with two
 * hundred points each, and their setpoints.
 */
export const RECORD_PROFILE: ScanProfile = {
  maxBytes: 64 * 1024,
  maxItems: 8192,
  maxDepth: 12,
  keys: 'text',
  simple: 'measurements',
};

/** Where the scan stands, and the argument of the head it read last. */
interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  argument: number;
}

/** A container being read is four numbers in a row: items to come, is it a map, and where its last key lies. */
const LEVEL = 4;
const IS_MAP = 1;
const KEY_START = 2;
const KEY_END = 3;

/** `undefined` when `bytes`, from `from` on, are exactly one item in its one encoding. */
export function scan(bytes: Uint8Array, profile: ScanProfile, from = 0): ScanRefusal | undefined {
  if (bytes.length > profile.maxBytes) return 'too-large';
  const cursor: Cursor = { bytes, at: from, argument: 0 };
  const levels = new Int32Array(LEVEL * (profile.maxDepth + 1));
  levels[0] = 1;
  let top = 0;
  for (let items = 1; ; items++) {
    while (top > 0 && levels[top] === 0) top -= LEVEL;
    if (levels[top] === 0) break;
    if (items > profile.maxItems) return 'too-many-items';
    const isKey = levels[top + IS_MAP] === 1 && at(levels, top) % 2 === 0;
    levels[top] = at(levels, top) - 1;
    const start = cursor.at;
    const major = at(bytes, start) >> 5;
    const trouble = readHead(cursor) ?? (isKey ? keyTrouble(major, profile) : undefined);
    if (trouble !== undefined) return trouble;
    if (major === 4 || major === 5) {
      top += LEVEL;
      if (top === levels.length) return 'too-deep';
      if (cursor.argument > bytes.length - cursor.at) return 'truncated';
      levels[top] = cursor.argument * (major - 3);
      levels[top + IS_MAP] = major - 4;
      levels[top + KEY_END] = 0;
      continue;
    }
    const inside = readContent(cursor, major, at(bytes, start), profile);
    if (inside !== undefined) return inside;
    if (!isKey) continue;
    const order = compareWithLastKey(bytes, levels, top, start, cursor.at);
    if (order >= 0) return order === 0 ? 'duplicate-key' : 'unsorted-keys';
    levels[top + KEY_START] = start;
    levels[top + KEY_END] = cursor.at;
  }
  return cursor.at === bytes.length ? undefined : 'trailing-bytes';
}

/** The number at `index`, 0 past the end: every use has looked at the length or does so next. */
function at(numbers: Uint8Array | Int32Array, index: number): number {
  return numbers[index] ?? 0;
}

/** Reads the initial byte and its argument (RFC 8949, 3). Major 7 has no argument here: its bytes are content. */
function readHead(cursor: Cursor): ScanRefusal | undefined {
  const { bytes } = cursor;
  const initial = bytes[cursor.at++];
  if (initial === undefined) return 'truncated';
  const short = initial & 0x1f;
  if (initial >= 0xe0) return initial === 0xff ? 'bare-break' : undefined;
  if (short < 24) {
    cursor.argument = short;
    return undefined;
  }
  if (short > 27) return short === 31 ? 'indefinite-length' : 'reserved-encoding';
  const length = 1 << (short - 24);
  if (cursor.at + length > bytes.length) return 'truncated';
  let argument = 0;
  for (let i = 0; i < length; i++) argument = argument * 256 + at(bytes, cursor.at + i);
  cursor.at += length;
  cursor.argument = argument;
  return argument < (SHORTEST[length] ?? 0) ? 'not-shortest' : undefined;
}

/** Least argument that needs so many bytes. */
const SHORTEST: Readonly<Record<number, number>> = { 1: 24, 2: 0x100, 4: 0x1_0000, 8: 0x1_0000_0000 };

function keyTrouble(major: number, profile: ScanProfile): ScanRefusal | undefined {
  if (major === 3 || (major < 2 && profile.keys === 'integer-or-text')) return undefined;
  return 'key-type';
}

/** What follows the head of an item that holds no other item. */
function readContent(
  cursor: Cursor,
  major: number,
  initial: number,
  profile: ScanProfile,
): ScanRefusal | undefined {
  switch (major) {
    case 0:
      return cursor.argument > Number.MAX_SAFE_INTEGER ? 'integer-range' : undefined;
    case 1: // The value is −1 − argument.
      return cursor.argument >= Number.MAX_SAFE_INTEGER ? 'integer-range' : undefined;
    case 2:
    case 3: {
      const start = cursor.at;
      if (cursor.argument > cursor.bytes.length - start) return 'truncated';
      cursor.at += cursor.argument;
      return major === 3 && !isText(cursor.bytes, start, cursor.at) ? 'invalid-utf8' : undefined;
    }
    case 6:
      return 'tag-inside';
    default:
      return readSimple(cursor, initial & 0x1f, profile);
  }
}

/** ASCII is most of what comes and is told without leaving this loop. */
function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (at(bytes, i) > 0x7f) return isUtf8(bytes.subarray(i, end));
  return true;
}

/** False, true, and floats of 2, 4 or 8 bytes; a float is finite unless all bits of its exponent are set. */
function readSimple(cursor: Cursor, short: number, profile: ScanProfile): ScanRefusal | undefined {
  const isFloat = short >= 25 && short <= 27;
  if (profile.simple === 'none') return isFloat ? 'float' : 'simple-value';
  if (short === 20 || short === 21) return undefined;
  if (!isFloat) return 'simple-value';
  const length = 1 << (short - 24);
  if (cursor.at + length > cursor.bytes.length) return 'truncated';
  const exponent = EXPONENT[length] ?? 0;
  const leading = (at(cursor.bytes, cursor.at) << 8) | at(cursor.bytes, cursor.at + 1);
  cursor.at += length;
  return (leading & exponent) === exponent ? 'float-not-finite' : undefined;
}

/** Bits of the exponent within the first two bytes of a float of so many bytes (IEEE 754). */
const EXPONENT: Readonly<Record<number, number>> = { 2: 0x7c00, 4: 0x7f80, 8: 0x7ff0 };

/** Bytewise order of the last key of this map and the one just read: negative is as it should be. */
function compareWithLastKey(
  bytes: Uint8Array,
  levels: Int32Array,
  top: number,
  start: number,
  end: number,
): number {
  const lastStart = at(levels, top + KEY_START);
  const lastEnd = at(levels, top + KEY_END);
  if (lastEnd === 0) return -1;
  for (let i = 0; lastStart + i < lastEnd && start + i < end; i++) {
    const order = at(bytes, lastStart + i) - at(bytes, start + i);
    if (order !== 0) return order;
  }
  // No encoding is the beginning of another, so these are the same.
  return 0;
}
