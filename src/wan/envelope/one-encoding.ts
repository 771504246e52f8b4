/**
 * Whether bytes are the one encoding of a value (RFC 8949, 4.2.1): each head, content and key is compared where it
 * would be written, so nothing is built. It knows what an envelope is made of: integers, byte and text strings, lists,
 * maps, and a tag around the whole. Of anything else no bytes are the encoding.
 *
 * It shares nothing with the scan or the codec. What they take for a value is checked here from the value's side: a
 * misread number, a key out of order or dropped, a text that lost a mark: each would have been written differently.
 */
import { Tagged } from 'cborg';

/** `value` is what a decoder made of `bytes`: as deep as those at most. */
export function isEncodingOf(value: unknown, bytes: Uint8Array): boolean {
  return endOf(value, bytes, 0) === bytes.length;
}

/** No place in any bytes: what stands there is written differently. */
const ELSE = -1;

/** Where the encoding of `value`, which begins at `from`, ends in `bytes`. */
function endOf(value: unknown, bytes: Uint8Array, from: number): number {
  if (typeof value === 'number') return endOfNumber(value, bytes, from);
  if (typeof value === 'string') return endOfText(value, bytes, from);
  if (value instanceof Uint8Array) return endOfContent(value, bytes, endOfHead(2, value.length, bytes, from));
  if (value instanceof Map) return endOfMap(value, bytes, from);
  if (Array.isArray(value)) return endOfList(value, bytes, from);
  if (!(value instanceof Tagged)) return ELSE;
  const inner = endOfHead(6, value.tag, bytes, from);
  return inner === ELSE ? ELSE : endOf(value.value, bytes, inner);
}

function endOfNumber(value: number, bytes: Uint8Array, from: number): number {
  if (!Number.isSafeInteger(value)) return ELSE;
  return value < 0 ? endOfHead(1, -1 - value, bytes, from) : endOfHead(0, value, bytes, from);
}

function endOfList(items: readonly unknown[], bytes: Uint8Array, from: number): number {
  let at = endOfHead(4, items.length, bytes, from);
  for (const item of items) {
    if (at === ELSE) return ELSE;
    at = endOf(item, bytes, at);
  }
  return at;
}

/** Keys rise bytewise. No encoding begins another, so two keys differ before either ends. */
function endOfMap(map: ReadonlyMap<unknown, unknown>, bytes: Uint8Array, from: number): number {
  let at = endOfHead(5, map.size, bytes, from);
  let lastKey = ELSE;
  for (const [key, value] of map) {
    if (at === ELSE) return ELSE;
    const keyStart = at;
    at = endOf(key, bytes, keyStart);
    if (at === ELSE || (lastKey !== ELSE && !rises(bytes, lastKey, keyStart, at))) return ELSE;
    lastKey = keyStart;
    at = endOf(value, bytes, at);
  }
  return at;
}

/** Whether what begins at `first` sorts before what lies in `second` … `end`. */
function rises(bytes: Uint8Array, first: number, second: number, end: number): boolean {
  for (let i = 0; second + i < end; i++) {
    const order = (bytes[first + i] ?? 0) - (bytes[second + i] ?? 0);
    if (order !== 0) return order < 0;
  }
  return false;
}

/** Where the shortest head of this major type and argument, a safe integer from 0, ends (RFC 8949, 3). */
function endOfHead(major: number, argument: number, bytes: Uint8Array, from: number): number {
  const size =
    argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 2 ** 32 ? 4 : 8;
  const short = size === 0 ? argument : 24 + Math.log2(size);
  if (bytes[from] !== major * 32 + short) return ELSE;
  let rest = argument;
  for (let at = from + size; at > from; at--) {
    if (bytes[at] !== rest % 256) return ELSE;
    rest = Math.floor(rest / 256);
  }
  return from + 1 + size;
}

function endOfContent(content: Uint8Array, bytes: Uint8Array, from: number): number {
  if (from === ELSE) return ELSE;
  for (let i = 0; i < content.length; i++) if (bytes[from + i] !== content[i]) return ELSE;
  return from + content.length;
}

/** A text of ASCII is as long in bytes as in characters; any other is written out. */
function endOfText(text: string, bytes: Uint8Array, from: number): number {
  let at = endOfHead(3, text.length, bytes, from);
  for (let i = 0; i < text.length && at !== ELSE; i++) {
    const code = text.charCodeAt(i);
    at = code < 0x80 && bytes[at] === code ? at + 1 : ELSE;
  }
  if (at !== ELSE) return at;
  const content = UTF8.encode(text);
  return endOfContent(content, bytes, endOfHead(3, content.length, bytes, from));
}

const UTF8 = new TextEncoder();
