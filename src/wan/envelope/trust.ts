/**
 * Trust: which public keys count, for whom they speak, and what they may say. A key is vetted once, when it is
 * enrolled; after that its record is looked up by key id and never believed from a message.
 *
 * This file keeps no list of keys: who trusts whom is the caller's state.
 */
import { Buffer } from 'node:buffer';
import { createPublicKey, hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { UnixTime } from '../../base/time.ts';
import { isId } from '../../model/mod.ts';
import type {
  Axis,
  CommandBody,
  CommandClass,
  Delivery,
  GatewayId,
  GroupId,
  KeyId,
} from '../../model/mod.ts';
import { pointTrouble } from './ed25519.ts';
import type { PointRefusal } from './ed25519.ts';

/** −19 is Ed25519 (RFC 9864); −8 is EdDSA (RFC 9053), for peers that know only the older number. */
export type Algorithm = -19 | -8;

/** A private key, behind a door: what signs is not told how. */
export interface Signer {
  readonly kid: KeyId;
  readonly alg: Algorithm;
  /** 64 bytes of pure Ed25519 (RFC 8032) over `bytes`. */
  sign(bytes: Uint8Array): Uint8Array;
}

/** What a key may say. What is absent is not bounded. */
export interface Scope {
  readonly operations: readonly CommandBody['kind'][];
  /** The highest class it may ask for; those below are included. */
  readonly highestClass: CommandClass;
  /** What it may deliver with a manifest. */
  readonly delivers?: readonly Delivery[];
  readonly groups?: readonly GroupId[];
  readonly gateways?: readonly GatewayId[];
  /** Primacy of its programs, both ends included; at least 1. */
  readonly primacy: { readonly min: number; readonly max: number };
  /**
   * Inclusive, in the unit of the axis on the wire. No bound on opModConnect keeps a key whose class is emergency
   * from isolating (OVR-4).
   */
  readonly bounds?: Readonly<Partial<Record<Axis, { readonly min: number; readonly max: number }>>>;
  readonly validFrom: UnixTime;
  /** The first moment at which it is no longer valid. */
  readonly validUntil: UnixTime;
}

/** What is known of a key before it is vetted. */
export interface KeyRecord {
  /** 32 bytes (RFC 8032, 5.1.5). */
  readonly publicKey: Uint8Array;
  /** Who speaks with it: an id of `[a-z0-9-]{1,64}`; for a gateway's own key the gateway's id. */
  readonly issuer: string;
  /** Pinned: a signature that names the other number is refused. */
  readonly alg: Algorithm;
  /** Counts this issuer's keys; a command names it, and replay memory is kept by it. */
  readonly epoch: number;
  readonly scope: Scope;
}

export interface TrustedKey extends KeyRecord {
  readonly kid: KeyId;
  /** When the root that delegated it expires: the key is worth nothing after that, until there is a newer root. */
  readonly rootExpires?: UnixTime;
  /** Made once, because making it costs as much as verifying with it. */
  readonly verifier: KeyObject;
}

export type KeyRefusal = PointRefusal | 'issuer-invalid' | 'epoch-invalid' | 'scope-invalid';

/** A record that passed every check, ready to verify with. Some milliseconds: for enrolment, not for receipt. */
export function trustKey(record: KeyRecord): Result<TrustedKey, KeyRefusal> {
  const trouble = pointTrouble(record.publicKey);
  if (trouble !== undefined) return refused(trouble);
  if (!isId(record.issuer)) return refused('issuer-invalid', `issuer ${JSON.stringify(record.issuer)}`);
  if (!Number.isSafeInteger(record.epoch) || record.epoch < 1)
    return refused('epoch-invalid', `key epoch ${record.epoch}`);
  const { primacy, validFrom, validUntil } = record.scope;
  if (!(primacy.min >= 1 && primacy.min <= primacy.max))
    return refused('scope-invalid', `primacy ${primacy.min} to ${primacy.max}`);
  if (!(validFrom < validUntil)) return refused('scope-invalid', 'validity ends before it begins');
  const publicKey = Uint8Array.from(record.publicKey);
  return ok({ ...record, publicKey, kid: keyId(publicKey), verifier: verifierOf(publicKey) });
}

/** The first 8 bytes of SHA-256 of the 32 bytes of a public key, in hexadecimal. */
export function keyId(publicKey: Uint8Array): KeyId {
  return hash('sha256', publicKey, 'hex').slice(0, 16) as KeyId;
}

function verifierOf(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}
