/**
 * Whom a person who verifies trusts: the documents and keys in the files that were named. A file holds a trust
 * document; or keys with their scope, as `trustedKeys` of a gateway's configuration takes them, or one of these or a
 * list by itself; or a bare public key (a key file, a JWK, PEM), which is then believed whatever it says.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { createPublicKey } from 'node:crypto';
import { parse } from 'yaml';
import { z } from 'zod';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { fromHex } from '../../base/bytes.ts';
import { unixTime } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { trustedKey } from '../../gateway/mod.ts';
import { parseConfig } from '../../io/config.ts';
import type { CommandBody, GatewayId, KeyId } from '../../model/mod.ts';
import { KIND_NUMBERS, RESERVED_KINDS, keyId, trustKey } from '../../wan/envelope/mod.ts';
import type { Algorithm, Claimed, KeyRefusal, Scope, TrustedKey } from '../../wan/envelope/mod.ts';
import { delegatedKey, learn, newTrust, openDocument, rootFrom, rootInForce } from '../../wan/trust/mod.ts';
import type { SignedDocument, TrustRefusal, TrustState } from '../../wan/trust/mod.ts';

/** What one file brings. */
export type Source =
  | { readonly kind: 'document'; readonly signed: SignedDocument }
  | { readonly kind: 'keys'; readonly keys: readonly TrustedKey[] }
  | { readonly kind: 'bare'; readonly publicKey: Uint8Array; readonly alg?: Algorithm };

/** `keys-invalid`: a file that holds neither a document nor keys. */
export type SourceRefusal = TrustRefusal | KeyRefusal | 'keys-invalid';

/** What the bytes of a file bring, or why they bring nothing. */
export function readSource(name: string, bytes: Uint8Array): Result<Source, SourceRefusal> {
  // Text cannot begin with the byte of a CBOR tag; a key in hexadecimal has been turned into its bytes.
  const isTagged = bytes.length > MAX_KEY_BYTES ? (bytes[0] ?? 0) >= 0xc0 : bytes[0] === 0xd8;
  if (bytes.length !== 32 && isTagged) {
    const signed = openDocument(bytes);
    return signed.ok ? ok({ kind: 'document', signed: signed.value }) : signed;
  }
  // Some bytes that are no text are a key, perhaps of a wrong length.
  const isKey = bytes.length === 32 || (bytes.length <= MAX_KEY_BYTES && !isUtf8(bytes));
  const text = Buffer.from(bytes).toString('utf8');
  const bare: BareKey | undefined = isKey ? { publicKey: bytes } : bareKey(text);
  if (bare !== undefined) {
    const sound = trustKey({ ...bare, alg: bare.alg ?? -19, issuer: 'anyone', epoch: 1, scope: EVERYTHING });
    return sound.ok ? ok({ kind: 'bare', ...bare }) : sound;
  }
  const read = parseConfig(name, listed(text), z.looseObject({ trustedKeys: z.array(trustedKey).min(1) }));
  if (read.ok) return ok({ kind: 'keys', keys: read.value.trustedKeys });
  const weak = /is not trusted: ([a-z-]+)/.exec(read.detail ?? '')?.[1] as KeyRefusal | undefined;
  return refused(weak ?? 'keys-invalid', read.detail);
}

/** Two keys, or a key and its signature, given by mistake. */
const MAX_KEY_BYTES = 64;

/** One record, or a list of them, as the configuration of a gateway would have it; any other text as it is. */
function listed(text: string): string {
  const value = valueOf(text);
  if (typeof value !== 'object' || value === null || 'trustedKeys' in value) return text;
  const records = Array.isArray(value) ? value : [value];
  return JSON.stringify({ trustedKeys: records });
}

function valueOf(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** What is absent of a bare key is not judged. */
const EVERYTHING: Scope = {
  operations: [...KIND_NUMBERS.keys()].filter(
    (kind): kind is CommandBody['kind'] => !(kind in RESERVED_KINDS),
  ),
  highestClass: 'emergency',
  primacy: { min: 1, max: 255 },
  validFrom: unixTime(0),
  validUntil: unixTime(Date.UTC(9999, 0)),
};

interface BareKey {
  readonly publicKey: Uint8Array;
  readonly alg?: Algorithm;
}

/** A public key with nothing said of whose it is: PEM, a JWK, or what `keys show` answers. */
function bareKey(text: string): BareKey | undefined {
  if (text.startsWith('-----BEGIN PUBLIC KEY')) return pemKey(text);
  const value = valueOf(text);
  if (typeof value !== 'object' || value === null || 'issuer' in value) return undefined;
  const { publicKey, alg, kty, crv, x } = value as Readonly<Record<string, unknown>>;
  if (kty === 'OKP' && crv === 'Ed25519' && typeof x === 'string')
    return { publicKey: Uint8Array.from(Buffer.from(x, 'base64url')) };
  const key = typeof publicKey === 'string' ? fromHex(publicKey) : undefined;
  if (key === undefined) return undefined;
  return { publicKey: key, ...(alg === -19 || alg === -8 ? { alg } : {}) };
}

function pemKey(text: string): BareKey | undefined {
  try {
    const { x, crv } = createPublicKey(text).export({ format: 'jwk' });
    if (crv !== 'Ed25519' || x === undefined) return undefined;
    return { publicKey: Uint8Array.from(Buffer.from(x, 'base64url')) };
  } catch {
    return undefined;
  }
}

/** Everything that the files together say. */
export interface Known {
  readonly trust: TrustState | undefined;
  readonly sources: readonly Source[];
}

/** Walks the documents, from the oldest root among `sources`; `offered` is judged with them. `now` judges expiry. */
export function combine(
  sources: readonly Source[],
  now: UnixTime,
  offered: readonly SignedDocument[] = [],
): Result<Known, TrustRefusal> {
  const documents = sources.flatMap(source => (source.kind === 'document' ? [source.signed] : []));
  if (documents.length === 0 && offered.length === 0) return ok({ trust: undefined, sources });
  const roots = documents
    .filter(({ document }) => document.kind === 'root')
    .sort((a, b) => a.document.version - b.document.version);
  const [first] = roots;
  if (first === undefined) return refused('no-root', 'name the root that signed it, too');
  const { utility } = first.document;
  const anchored = rootFrom(ok(first), { utility });
  if (!anchored.ok) return anchored;
  const anchor = { kind: 'root', document: first.bytes } as const;
  // In this order the delegation of a key that is revoked is no mistake; its key counts no more all the same.
  const all = [...documents, ...offered];
  const revoking = all.filter(({ document }) => document.kind === 'revocations');
  const letting = all.filter(({ document }) => document.kind !== 'revocations');
  let trust = newTrust({ utility, gateway: 'any' as GatewayId, anchor });
  for (const bundle of [letting, revoking]) {
    const learned = learn(
      trust,
      bundle.map(({ bytes }) => bytes),
      now,
    );
    if (!learned.ok) return learned;
    trust = learned.value.state;
  }
  return ok({ trust, sources });
}

/** The key that `kid` names. A bare key is the key of whatever issuer and epoch the envelope `claimed` names. */
export function keyIn(
  { trust, sources }: Known,
  kid: KeyId,
  claimed: Claimed | undefined,
): TrustedKey | undefined {
  if (trust?.revoked.has(kid) === true) return undefined;
  const delegated = trust === undefined ? undefined : delegatedKey(trust, kid);
  if (delegated !== undefined) return delegated;
  for (const source of sources) {
    const known = source.kind === 'keys' ? source.keys.find(key => key.kid === kid) : undefined;
    if (known !== undefined) return known;
    if (source.kind !== 'bare' || keyId(source.publicKey) !== kid) continue;
    const { issuer = 'anyone', keyEpoch: epoch = 1 } = claimed?.claims ?? {};
    const alg = source.alg ?? claimed?.alg ?? -19;
    const key = trustKey({ publicKey: source.publicKey, alg, issuer, epoch, scope: EVERYTHING });
    if (key.ok) return key.value;
  }
  return undefined;
}

/** The utility that the documents speak for. */
export function utilityOf({ trust }: Known): string | undefined {
  return trust === undefined ? undefined : rootInForce(trust)?.document.utility;
}
