/**
 * CBOR of what a gateway measured: maps with text keys, numbers that may be fractions, false and true. Encoded
 * by cbor-x, and in one form like everything signed: keys sorted bytewise, shortest heads. cbor-x is fed only
 * bytes that the scan let through and that a known key signed: it stalls on a bignum and takes a break for a map.
 */
import { Decoder, Encoder } from 'cbor-x';
import { refused, ok } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { ScanRefusal } from './refusals.ts';
import { RECORD_PROFILE, scan } from './scan.ts';

/** `useTag259ForMaps` is missing from the package's types: without it a Map is written under a tag of its own. */
const ONE_FORM = { useRecords: false, variableMapSize: true, tagUint8Array: false, useTag259ForMaps: false };
const encoder = new Encoder(ONE_FORM);
/** Integers beyond 32 bits come out as bigint; the package's option against that turns negative ones into others. */
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true });

/** Bytes of a value that JSON can hold, without null; properties that are undefined are left out. */
export function encodeMeasurements(value: object): Uint8Array {
  return Uint8Array.from(encoder.encode(sorted(value)));
}

/** The value of bytes that are one item in its one form. */
export function decodeMeasurements(bytes: Uint8Array): Result<unknown, ScanRefusal | 'not-canonical'> {
  const trouble = scan(bytes, RECORD_PROFILE);
  if (trouble !== undefined) return refused(trouble);
  try {
    return ok(withNumbers(decoder.decode(bytes)));
  } catch {
    return refused('not-canonical');
  }
}

/** The same value without bigints: the scan let through none that a number cannot hold. Changes it in place. */
function withNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields)) fields[key] = withNumbers(fields[key]);
  return value;
}

/** Objects become maps, because an object would put keys like `10` first. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return new Map(entries.sort(([a], [b]) => compareKeys(a, b)).map(([key, inner]) => [key, sorted(inner)]));
}

/** Bytewise order of two texts as CBOR: the shorter in UTF-8 first, then by bytes (RFC 8949, 4.2.1). */
function compareKeys(a: string, b: string): number {
  // Of ASCII a unit is a byte: as nearly every key, and there are hundreds in a record.
  if (isAscii(a) && isAscii(b)) return a.length === b.length ? (a < b ? -1 : 1) : a.length - b.length;
  const [left, right] = [utf8.encode(a), utf8.encode(b)];
  if (left.length !== right.length) return left.length - right.length;
  const at = left.findIndex((byte, i) => byte !== right[i]);
  return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

const utf8 = new TextEncoder();
