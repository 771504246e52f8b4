/**
 * The vectors of the second implementation, with their keys enrolled, and a signer for what tests make up.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import nacl from 'tweetnacl';
import { fromHex } from '../../../src/base/bytes.ts';
import { unixSeconds, unixTime } from '../../../src/base/time.ts';
import type { Cti, GatewayId, GroupId, KeyId, MRID, RecordBody } from '../../../src/model/mod.ts';
import { keyId, trustKey } from '../../../src/wan/envelope/mod.ts';
import type {
  Algorithm,
  CommandClaims,
  CommandContext,
  Scope,
  Signer,
  TrustedKey,
} from '../../../src/wan/envelope/mod.ts';

interface Vectors {
  readonly source: string;
  readonly now: number;
  readonly utility: string;
  readonly keys: readonly KeyVector[];
  readonly accepted: readonly (Vector & { readonly claims: Readonly<Record<string, unknown>> })[];
  readonly refused: readonly (Vector & { readonly refusal: string; readonly authenticated: boolean })[];
  readonly records: readonly (Vector & { readonly refusal?: string; readonly body?: RecordBody })[];
  readonly several: {
    readonly topic: string;
    readonly hex: string;
    readonly records: readonly { readonly at: number; readonly body: RecordBody }[];
  };
  readonly points: readonly { readonly name: string; readonly hex: string; readonly valid: boolean }[];
  readonly 'eddsa-sig-01': {
    readonly publicKey: string;
    readonly toBeSigned: string;
    readonly signature: string;
    readonly hex: string;
    readonly refusal: string;
  };
}

export interface Vector {
  readonly name: string;
  readonly topic: string;
  readonly hex: string;
}

interface KeyVector {
  readonly name: string;
  readonly publicKey: string;
  readonly kid: string;
  readonly issuer: string;
  readonly alg: Algorithm;
  readonly epoch: number;
  readonly scope: Scope;
}

export const VECTORS = JSON.parse(
  readFileSync(new URL('../../vectors/envelope.json', import.meta.url), 'utf8'),
) as Vectors;

export const NOW = unixSeconds(VECTORS.now);

export function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  expect(bytes, 'hexadecimal').to.not.equal(undefined);
  return bytes ?? new Uint8Array();
}

/** Enrols `publicKey`; the test fails where it is refused. */
export function enrol(
  publicKey: Uint8Array,
  record: Omit<KeyVector, 'name' | 'publicKey' | 'kid'>,
): TrustedKey {
  const { issuer, alg, epoch, scope } = record;
  const trusted = trustKey({ publicKey, issuer, alg, epoch, scope });
  if (!trusted.ok) throw new Error(`key of ${issuer}: ${trusted.refusal}`);
  return trusted.value;
}

const trusted = new Map(VECTORS.keys.map(key => [key.kid as KeyId, enrol(bytesOf(key.publicKey), key)]));

export const keyOf = (kid: KeyId): TrustedKey | undefined => trusted.get(kid);

/** What the second implementation's envelopes are judged against. */
export function contextFor(topic: string, now = NOW): CommandContext {
  return { topic, now, utility: VECTORS.utility, keyOf };
}

/** A signer whose private key is `fill` 32 times, and the record of its public key. */
export function testKey(
  fill: number,
  alg: Algorithm = -19,
): Signer & { readonly publicKey: Uint8Array; readonly seed: Uint8Array } {
  return signerFrom(new Uint8Array(32).fill(fill), alg);
}

/** The signer of a seed, made by other means than the program's own. */
export function signerFrom(
  seed: Uint8Array,
  alg: Algorithm = -19,
): Signer & { readonly publicKey: Uint8Array; readonly seed: Uint8Array } {
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  const jwk = {
    kty: 'OKP',
    crv: 'Ed25519',
    d: Buffer.from(seed).toString('base64url'),
    x: Buffer.from(publicKey).toString('base64url'),
  };
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  return { kid: keyId(publicKey), alg, publicKey, seed, sign: bytes => sign(null, bytes, key) };
}

/** A scope that refuses nothing. */
export const WIDE: Scope = {
  operations: ['event', 'cancel', 'grant', 'ack', 'sealed', 'manifest', 'time', 'welcome'],
  highestClass: 'emergency',
  primacy: { min: 1, max: 255 },
  validFrom: unixTime(0),
  validUntil: unixTime(4e12),
};

/** The claims of the vector named `event`. */
export const CLAIMS: CommandClaims = {
  issuer: 'grid-ops',
  audience: { kind: 'group', id: 'feeder-7' as GroupId },
  issuedAt: unixSeconds(VECTORS.now - 1),
  notBefore: NOW,
  expires: unixSeconds(VECTORS.now + 300),
  cti: '000102030405060708090a0b0c0d0e0f' as Cti,
  stream: 'dispatch',
  keyEpoch: 1,
  sequence: 42,
  groupEpoch: 7,
  class: 'dispatch',
  primacy: 10,
  body: {
    kind: 'event',
    service: 'demand-response',
    mRID: 'ev-1' as MRID,
    axes: { opModMaxLimW: 5000 },
    start: NOW,
    duration: 3_600_000 as NonNullable<Extract<CommandClaims['body'], { kind: 'event' }>['duration']>,
    note: "Half power until five o'clock.",
  },
};

export const GATEWAY = 'gw-1' as GatewayId;
