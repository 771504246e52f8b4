/**
 * The frame: COSE_Sign1 (RFC 9052, 4.2) with `alg` and `kid` in the protected header, an empty unprotected
 * header, the payload inside, and nothing else. What a general COSE library would tolerate is refused by name.
 *
 * The frame knows nothing of what the payload says.
 */
import { assert, ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { concat, fromHex, toHex } from '../../base/bytes.ts';
import type { KeyId } from '../../model/mod.ts';
import { decodeCanonical, decodeTagged, encodeCanonical, encodeTagged } from './codec.ts';
import type { ClaimMap } from './codec.ts';
import type { FrameRefusal, KeyUseRefusal, ScanRefusal, SignatureRefusal } from './refusals.ts';
import { signatureTrouble } from './ed25519.ts';
import { COMMAND_PROFILE } from './scan.ts';
import type { ScanProfile } from './scan.ts';
import type { Algorithm, Signer, TrustedKey } from './trust.ts';

/** Labels of COSE headers (RFC 9052, 3.1). */
const ALG = 1;
const CRIT = 2;
const KID = 4;

export interface Frame {
  readonly alg: Algorithm;
  readonly kid: KeyId;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** The bytes the signature is over (Sig_structure, RFC 9052, 4.4). */
  readonly toBeSigned: Uint8Array;
}

/** Signs `payload` as it is; what it says is the caller's business. */
export function signPayload(payload: Uint8Array, signer: Signer): Uint8Array {
  const kid = fromHex(signer.kid);
  assert(kid?.length === 8, 'a key id is 8 bytes in hexadecimal');
  const header = encodeCanonical(
    new Map<number, number | Uint8Array>([
      [ALG, signer.alg],
      [KID, kid],
    ]),
  );
  const signature = signer.sign(sigStructure(header, payload));
  return encodeTagged(18, [header, new Map(), payload, signature]);
}

/** Takes a frame apart. Neither the signature nor the payload has been looked at. */
export function openFrame(
  bytes: Uint8Array,
  profile: ScanProfile,
): Result<Frame, ScanRefusal | FrameRefusal> {
  const item = decodeTagged(18, bytes, profile);
  if (!item.ok) return item;
  if (!isSign1(item.value)) return refused('not-sign1');
  const [header, unprotected, payload, signature] = item.value;
  const loose = unprotectedTrouble(unprotected);
  if (loose !== undefined) return refused(loose);
  const labels = readHeader(header);
  if (!labels.ok) return labels;
  return ok({ ...labels.value, payload, signature, toBeSigned: sigStructure(header, payload) });
}

/** The trusted key a frame names, if it may be used for the algorithm that the frame names. */
export function keyFor(
  frame: Frame,
  keyOf: (kid: KeyId) => TrustedKey | undefined,
): Result<TrustedKey, KeyUseRefusal> {
  const key = keyOf(frame.kid);
  if (key === undefined) return refused('key-unknown', `key ${frame.kid}`, 'later');
  if (key.alg !== frame.alg)
    return refused('alg-mismatch', `key ${key.kid} is pinned to ${key.alg}, not ${frame.alg}`);
  return ok(key);
}

/** `undefined` when the frame was signed with `key`. */
export function forgery(frame: Frame, key: TrustedKey): SignatureRefusal | undefined {
  return signatureTrouble(frame.toBeSigned, frame.signature, key.verifier);
}

type Sign1 = readonly [header: Uint8Array, unprotected: ClaimMap, payload: Uint8Array, signature: Uint8Array];

function isSign1(value: unknown): value is Sign1 {
  if (!Array.isArray(value) || value.length !== 4) return false;
  const [header, unprotected, payload, signature] = value;
  const byteStrings = [header, payload, signature].every(part => part instanceof Uint8Array);
  return byteStrings && unprotected instanceof Map;
}

/** Nothing may stand where the signature does not reach. */
function unprotectedTrouble(labels: ClaimMap): FrameRefusal | undefined {
  if (labels.size === 0) return undefined;
  if (labels.has(ALG)) return 'alg-unprotected';
  if (labels.has(KID)) return 'kid-unprotected';
  return labels.has(CRIT) ? 'header-critical' : 'header-unprotected';
}

/** `alg` and `kid`, and nothing beside them. An empty byte string is a header without labels (RFC 9052, 3). */
function readHeader(bytes: Uint8Array): Result<{ alg: Algorithm; kid: KeyId }, ScanRefusal | FrameRefusal> {
  if (bytes.length === 0) return refused('alg-missing');
  const header = decodeCanonical(bytes, COMMAND_PROFILE);
  if (!header.ok) return header;
  if (!(header.value instanceof Map)) return refused('not-sign1', 'the protected header is no map');
  const labels: ClaimMap = header.value;
  if (labels.has(CRIT)) return refused('header-critical');
  const alg = labels.get(ALG);
  const kid = labels.get(KID);
  if (alg === undefined) return refused('alg-missing');
  if (alg !== -19 && alg !== -8) return refused('alg-unknown');
  if (kid === undefined) return refused('kid-missing');
  if (!(kid instanceof Uint8Array) || kid.length !== 8) return refused('kid-invalid');
  if (labels.size !== 2) return refused('header-unknown');
  return ok({ alg, kid: toHex(kid) as KeyId });
}

/** `["Signature1", protected, external_aad, payload]` with an empty external_aad (RFC 9052, 4.4). */
function sigStructure(header: Uint8Array, payload: Uint8Array): Uint8Array {
  return concat([
    SIGNATURE1,
    byteStringHead(header.length),
    header,
    NO_AAD,
    byteStringHead(payload.length),
    payload,
  ]);
}

/** An array of four, and its first item: the text `Signature1`. */
const SIGNATURE1 = Uint8Array.of(0x84, 0x6a, ...new TextEncoder().encode('Signature1'));
const NO_AAD = Uint8Array.of(0x40);

/** Head of a byte string of `length` bytes, below 2^32 (RFC 8949, 3). */
function byteStringHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 + length);
  if (length < 0x100) return Uint8Array.of(0x58, length);
  if (length < 0x1_0000) return Uint8Array.of(0x59, length >> 8, length);
  return Uint8Array.of(0x5a, length >> 24, length >> 16, length >> 8, length);
}
