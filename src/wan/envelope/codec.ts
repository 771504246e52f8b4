/**
 * CBOR of everything signed: the scan first, then cborg, then the way back: are these bytes what the value is written
 * as? The scan and the codec were written by different people from the same standard; bytes count only where both
 * agree.
 */
import { Tagged, decode, encode, rfc8949EncodeOptions } from 'cborg';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { isEncodingOf } from './one-encoding.ts';
import type { ScanRefusal } from './refusals.ts';
import { scan } from './scan.ts';
import type { ScanProfile } from './scan.ts';

/** A map of an envelope. Never an object: `__proto__` is a key like any other. */
export type ClaimMap = ReadonlyMap<unknown, unknown>;

const STRICT = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  allowNaN: false,
  allowInfinity: false,
} as const;

/** The one encoding of `value` (RFC 8949, 4.2.1). */
export function encodeCanonical(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}

/** The value of bytes that are in their one encoding; throws for no input. */
export function decodeCanonical(
  bytes: Uint8Array,
  profile: ScanProfile,
): Result<unknown, ScanRefusal | 'not-canonical'> {
  const trouble = scan(bytes, profile);
  return trouble === undefined ? decodeAgreed(bytes) : refused(trouble);
}

/** The items that may stand under a tag, and the head of that tag: COSE_Sign1 and COSE_Sign (RFC 9052, 2). */
const HEADS = { 18: Uint8Array.of(0xd2), 98: Uint8Array.of(0xd8, 98) } as const;
const TAGGED = {
  18: { ...STRICT, tags: { 18: Tagged.decoder(18) } },
  98: { ...STRICT, tags: { 98: Tagged.decoder(98) } },
} as const;

type CoseTag = keyof typeof HEADS;

export function encodeTagged(tag: CoseTag, value: unknown): Uint8Array {
  return encodeCanonical(new Tagged(tag, value));
}

/** As {@link decodeCanonical}, for an item under `tag`: the value under the tag. */
export function decodeTagged<T extends CoseTag>(
  tag: T,
  bytes: Uint8Array,
  profile: ScanProfile,
): Result<unknown, ScanRefusal | `not-tag-${T}` | 'not-canonical'> {
  if (bytes.length > profile.maxBytes) return refused('too-large');
  if (bytes.length === 0) return refused('truncated');
  if (!startsWith(bytes, HEADS[tag])) return refused(`not-tag-${tag}` as const);
  const trouble = scan(bytes, profile, HEADS[tag].length);
  if (trouble !== undefined) return refused(trouble);
  const whole = decodeAgreed(bytes, TAGGED[tag]);
  if (!whole.ok) return whole;
  return whole.value instanceof Tagged ? ok(whole.value.value) : refused('not-canonical');
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  return head.every((byte, at) => bytes[at] === byte);
}

/** cborg throws for what it does not take; the scan took it, so that is a disagreement. */
function decodeAgreed(
  bytes: Uint8Array,
  options: typeof STRICT | (typeof TAGGED)[CoseTag] = STRICT,
): Result<unknown, 'not-canonical'> {
  try {
    const value: unknown = decode(bytes, options);
    return isEncodingOf(value, bytes) ? ok(value) : refused('not-canonical');
  } catch {
    return refused('not-canonical');
  }
}
