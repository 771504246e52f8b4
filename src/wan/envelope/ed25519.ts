/**
 * What Ed25519 libraries disagree on, decided here: which points and scalars are accepted at all. The signature
 * equation itself is node:crypto's. With these checks every implementation, cofactored or not, gives the same
 * answer, and no second signature can be made from a first.
 *
 * The arithmetic is on public data only (a key when it is enrolled, the first half of a signature), so it need
 * not hide its timing. RFC 8032, 5.1; Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (2020).
 */
import { verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { SignatureRefusal } from './refusals.ts';

/** `undefined` when `signature` over `message` is valid under `key` and could not have another form. */
export function signatureTrouble(
  message: Uint8Array,
  signature: Uint8Array,
  key: KeyObject,
): SignatureRefusal | undefined {
  if (signature.length !== 64) return 'signature-length';
  if (!isBelow(signature, 32, ORDER_BYTES, 0xff)) return 'signature-malleable';
  if (!isBelow(signature, 0, PRIME_BYTES, 0x7f)) return 'signature-not-canonical';
  if (SMALL_ORDER_Y.some(y => sameY(signature, y))) return 'signature-small-order';
  return verify(null, message, key, signature) ? undefined : 'signature-invalid';
}

/** Why 32 bytes are no key anyone should trust. */
export type PointRefusal =
  | 'key-length'
  | 'key-not-canonical'
  | 'key-not-on-curve'
  | 'key-small-order'
  | 'key-mixed-order';

/**
 * `undefined` when `bytes` are the one encoding of a point of prime order: what key generation gives. A point
 * with a part of small order verifies differently from one library to the next. Some milliseconds.
 */
export function pointTrouble(bytes: Uint8Array): PointRefusal | undefined {
  if (bytes.length !== 32) return 'key-length';
  if (!isBelow(bytes, 0, PRIME_BYTES, 0x7f)) return 'key-not-canonical';
  const point = decompress(bytes);
  if (point === 'not-on-curve') return 'key-not-on-curve';
  if (point === 'not-canonical') return 'key-not-canonical';
  if (isIdentity(multiply(point, 8n))) return 'key-small-order';
  return isIdentity(multiply(point, ORDER)) ? undefined : 'key-mixed-order';
}

const PRIME = 2n ** 255n - 19n;
/** Order of the group that the base point generates. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = modulo(-121665n * power(121666n, PRIME - 2n));
const ROOT_OF_MINUS_ONE = power(2n, (PRIME - 1n) / 4n);

const PRIME_BYTES = littleEndian(PRIME);
const ORDER_BYTES = littleEndian(ORDER);

/** y of the eight points whose order divides 8; two of the five are shared by a point and its negative. */
const SMALL_ORDER_Y = smallOrderY();

/** Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z (RFC 8032, 5.1.4). */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
  readonly t: bigint;
}

const IDENTITY: Point = { x: 0n, y: 1n, z: 1n, t: 0n };

/** RFC 8032, 5.1.3; `bytes` hold a y below the prime. */
function decompress(bytes: Uint8Array): Point | 'not-on-curve' | 'not-canonical' {
  const sign = BigInt((bytes[31] ?? 0) >> 7);
  const y = fromLittleEndian(bytes) & (2n ** 255n - 1n);
  const x = rootFor(y);
  if (x === undefined) return 'not-on-curve';
  if (x === 0n && sign === 1n) return 'not-canonical';
  const signed = (x & 1n) === sign ? x : PRIME - x;
  return { x: signed, y, z: 1n, t: modulo(signed * y) };
}

/** An x with −x² + y² = 1 + d·x²·y², if there is one. */
function rootFor(y: bigint): bigint | undefined {
  const u = modulo(y * y - 1n);
  const v = modulo(D * y * y + 1n);
  const candidate = modulo(u * v ** 3n * power(modulo(u * v ** 7n), (PRIME - 5n) / 8n));
  const square = modulo(v * candidate * candidate);
  if (square === u) return candidate;
  return square === modulo(-u) ? modulo(candidate * ROOT_OF_MINUS_ONE) : undefined;
}

/** Complete: the same formula for every pair of points (RFC 8032, 5.1.4). */
function add(p: Point, q: Point): Point {
  const a = modulo((p.y - p.x) * (q.y - q.x));
  const b = modulo((p.y + p.x) * (q.y + q.x));
  const c = modulo(2n * D * p.t * q.t);
  const d = modulo(2n * p.z * q.z);
  const e = b - a;
  const f = d - c;
  const g = d + c;
  const h = b + a;
  return { x: modulo(e * f), y: modulo(g * h), z: modulo(f * g), t: modulo(e * h) };
}

function multiply(point: Point, scalar: bigint): Point {
  let sum = IDENTITY;
  let doubled = point;
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) sum = add(sum, doubled);
    doubled = add(doubled, doubled);
  }
  return sum;
}

function isIdentity(point: Point): boolean {
  return point.x === 0n && point.y === point.z;
}

function modulo(n: bigint): bigint {
  const rest = n % PRIME;
  return rest < 0n ? rest + PRIME : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = modulo(result * square);
    square = modulo(square * square);
  }
  return result;
}

/**
 * Orders 1, 2 and 4 have y = 1, −1 and 0. A point of order 8 doubles to one with y = 0, where x² = −1 and so
 * x² + y² = 0 before the doubling: with x² = −y² the curve equation is d·y⁴ + 2·y² − 1 = 0.
 */
function smallOrderY(): readonly Uint8Array[] {
  const root = squareRoot(modulo(1n + D));
  const inverse = power(D, PRIME - 2n);
  const squares = [modulo((root - 1n) * inverse), modulo((-root - 1n) * inverse)];
  const eighth = squares.map(squareRoot).filter(y => y >= 0n);
  return [0n, 1n, PRIME - 1n, ...eighth.flatMap(y => [y, PRIME - y])].map(littleEndian);
}

/** A square root modulo the prime, −1 where there is none. */
function squareRoot(n: bigint): bigint {
  const candidate = power(n, (PRIME + 3n) / 8n);
  for (const root of [candidate, modulo(candidate * ROOT_OF_MINUS_ONE)])
    if (modulo(root * root) === n) return root;
  return -1n;
}

function littleEndian(n: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 0xffn));
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** Whether the 32 little-endian bytes at `offset`, the last one under `mask`, are less than `limit`. */
function isBelow(bytes: Uint8Array, offset: number, limit: Uint8Array, mask: number): boolean {
  for (let i = 31; i >= 0; i--) {
    const byte = (bytes[offset + i] ?? 0) & (i === 31 ? mask : 0xff);
    const bound = limit[i] ?? 0;
    if (byte !== bound) return byte < bound;
  }
  return false;
}

/** Whether the first 32 bytes encode a point with this y, whatever the sign of its x. */
function sameY(bytes: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 31; i++) if (bytes[i] !== y[i]) return false;
  return ((bytes[31] ?? 0) & 0x7f) === y[31];
}
