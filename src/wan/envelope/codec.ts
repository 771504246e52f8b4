/**
 * CBOR of everything signed: the scan first, then cborg, then cborg again the other way. The scan and the codec
 * were written by different people from the same standard; bytes count only where both agree.
 */
import { Tagged, decode, encode, rfc8949EncodeOptions } from 'cborg';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { sameBytes } from '../../base/bytes.ts';
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

/** `0xd2` is tag 18, COSE_Sign1 (RFC 9052, 2). */
const TAG_18 = 0xd2;
const COSE_SIGN1 = { ...STRICT, tags: { 18: Tagged.decoder(18) } };

export function encodeTag18(value: unknown): Uint8Array {
  return encodeCanonical(new Tagged(18, value));
}

/** As {@link decodeCanonical}, for an item under tag 18: the value under the tag. */
export function decodeTag18(
  bytes: Uint8Array,
  profile: ScanProfile,
): Result<unknown, ScanRefusal | 'not-tag-18' | 'not-canonical'> {
  if (bytes.length > profile.maxBytes) return refused('too-large');
  if (bytes[0] !== TAG_18) return refused(bytes.length === 0 ? 'truncated' : 'not-tag-18');
  const trouble = scan(bytes, profile, 1);
  if (trouble !== undefined) return refused(trouble);
  const whole = decodeAgreed(bytes, COSE_SIGN1);
  if (!whole.ok) return whole;
  return whole.value instanceof Tagged ? ok(whole.value.value) : refused('not-canonical');
}

/** cborg throws for what it does not take; the scan took it, so that is a disagreement. */
function decodeAgreed(
  bytes: Uint8Array,
  options: typeof STRICT | typeof COSE_SIGN1 = STRICT,
): Result<unknown, 'not-canonical'> {
  try {
    const value: unknown = decode(bytes, options);
    return sameBytes(encodeCanonical(value), bytes) ? ok(value) : refused('not-canonical');
  } catch {
    return refused('not-canonical');
  }
}
