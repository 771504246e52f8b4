/**
 * Whether a document counts: enough signatures of the root's keys, a version that goes on, and nothing asked
 * beyond its roles. One judgement at a time; what is held and what follows is trust.ts's.
 */
import { Buffer } from 'node:buffer';
import { createPublicKey, hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ok, refused } from '../../base/assert.ts';
import type { Refused, Result } from '../../base/assert.ts';
import { sameBytes, toHex } from '../../base/bytes.ts';
import type { CommandBody, KeyId } from '../../model/mod.ts';
import { pointTrouble } from '../envelope/ed25519.ts';
import { keyId, trustKey } from '../envelope/mod.ts';
import type { TrustedKey } from '../envelope/mod.ts';
import type { SignatureRefusal } from '../envelope/refusals.ts';
import type { DelegationDocument, RevocationDocument, RootDocument } from './documents.ts';
import { deliveriesOf, overreach } from './roles.ts';
import { signersAmong } from './signed.ts';
import type { SignedDocument, SignedRefusal } from './signed.ts';

/**
 * `version-rollback`: older than what is held. `version-reused`: the version that is held, with other content.
 * `version-skipped`: a root whose predecessor is not held. `threshold-not-met`: too few keys of the root signed;
 * `threshold-not-met-by-old`: too few of the root before it. `root-key-refused`, `key-refused`: no key anyone should
 * trust. `root-key-delegated`: a root key speaks of trust only. `epoch-taken`: another key of this issuer has
 * this epoch.
 */
export type TrustRefusal =
  | SignedRefusal
  | SignatureRefusal
  | 'utility-mismatch'
  | 'no-root'
  | 'claim-mismatch'
  | 'version-rollback'
  | 'version-reused'
  | 'version-skipped'
  | 'threshold-not-met'
  | 'threshold-not-met-by-old'
  | 'root-expired'
  | 'root-key-refused'
  | 'root-key-delegated'
  | 'key-refused'
  | 'key-revoked'
  | 'epoch-taken'
  | 'role-exceeded'
  | 'too-many-delegations'
  | 'revocation-withdrawn';

/** A root whose keys were vetted and whose own threshold is met. */
export interface Root extends SignedDocument<RootDocument> {
  readonly verifiers: ReadonlyMap<KeyId, KeyObject>;
}

/** A delegation that counts under the root in force. */
export interface Delegation extends SignedDocument<DelegationDocument> {
  readonly key: TrustedKey;
}

/** A root by itself: its keys are sound, and enough of them signed it. Some milliseconds a key. */
export function judgeRoot(signed: SignedDocument<RootDocument>): Result<Root, TrustRefusal> {
  const verifiers = vetRootKeys(signed.document);
  if (!verifiers.ok) return verifiers;
  const { threshold, version } = signed.document;
  const short = shortOf(signed, { keys: verifiers.value, needed: threshold, by: `root ${version}` });
  return short ?? ok({ ...signed, verifiers: verifiers.value });
}

/** The keys of a root, each vetted. */
export function vetRootKeys({
  keys,
}: Pick<RootDocument, 'keys'>): Result<ReadonlyMap<KeyId, KeyObject>, TrustRefusal> {
  const verifiers = new Map<KeyId, KeyObject>();
  for (const key of keys) {
    const trouble = pointTrouble(key);
    if (trouble !== undefined) return refused('root-key-refused', trouble);
    verifiers.set(keyId(key), verifierOf(key));
  }
  return ok(verifiers);
}

/** The next root after `base`: signed by its threshold as well as by its own, dearest checks last. */
export function judgeNextRoot(base: Root, signed: SignedDocument<RootDocument>): Result<Root, TrustRefusal> {
  const { version, utility } = signed.document;
  const held = base.document;
  if (utility !== held.utility) return refused('utility-mismatch', `${utility}, not ${held.utility}`);
  if (version > held.version + 1)
    return refused('version-skipped', `root ${version} came, root ${held.version} is held`);
  if (version < held.version)
    return refused('version-rollback', `root ${version} came, root ${held.version} is held`);
  if (version === held.version) {
    return sameBytes(signed.payload, base.payload)
      ? ok(base)
      : refused('version-reused', `another root ${version}`);
  }
  const by = { keys: base.verifiers, needed: held.threshold, by: `root ${held.version}` };
  const short = shortOf(signed, by);
  if (short?.refusal === 'threshold-not-met') return { ...short, refusal: 'threshold-not-met-by-old' };
  return short ?? judgeRoot(signed);
}

/** How many root keys sign a delegation of these roles: what the most demanding of them asks. */
export function neededFor({ threshold, roles }: RootDocument, asked: DelegationDocument['roles']): number {
  return Math.max(...asked.map(role => roles[role] ?? threshold));
}

/** A delegation under `root`. Whether its time has come is judged when its key is used. Some milliseconds. */
export function judgeDelegation(
  root: Root,
  signed: SignedDocument<DelegationDocument>,
): Result<Delegation, TrustRefusal> {
  const { document } = signed;
  const { utility, roles } = document;
  if (utility !== root.document.utility)
    return refused('utility-mismatch', `${utility}, not ${root.document.utility}`);
  const needed = neededFor(root.document, roles);
  const short = shortOf(signed, { keys: root.verifiers, needed, by: roles.join(' and ') });
  if (short !== undefined) return short;
  const key = vetDelegation(root, document);
  return key.ok ? ok({ ...signed, document, key: key.value }) : key;
}

/** What a delegation says, whoever signed it: within its roles, and of a key that may be trusted. */
export function vetDelegation(
  root: Root,
  { roles, issuer, publicKey, alg, epoch, operations, scope }: DelegationDocument,
): Result<TrustedKey, TrustRefusal> {
  const beyond = overreach({ roles, operations, highestClass: scope.highestClass });
  if (beyond !== undefined) return refused('role-exceeded', beyond);
  if (root.verifiers.has(keyId(publicKey))) return refused('root-key-delegated', keyId(publicKey));
  const may = {
    ...scope,
    operations: operations as CommandBody['kind'][],
    ...(operations.includes('manifest') ? { delivers: deliveriesOf(roles) } : {}),
  };
  const key = trustKey({ issuer, publicKey, alg, epoch, scope: may });
  if (!key.ok) return refused('key-refused', [key.refusal, key.detail].filter(Boolean).join(': '));
  return ok({ ...key.value, rootExpires: root.document.expires });
}

/** A list of revoked keys under `root`; it holds all that were revoked before. */
export function judgeRevocations(
  root: Root,
  signed: SignedDocument<RevocationDocument>,
  revoked: ReadonlySet<KeyId>,
): Result<SignedDocument<RevocationDocument>, TrustRefusal> {
  const { utility, keys } = signed.document;
  if (utility !== root.document.utility)
    return refused('utility-mismatch', `${utility}, not ${root.document.utility}`);
  const short = shortOf(signed, {
    keys: root.verifiers,
    needed: root.document.threshold,
    by: 'a list of revocations',
  });
  if (short !== undefined) return short;
  const forgotten = [...revoked].find(kid => !keys.includes(kid));
  return forgotten === undefined ? ok(signed) : refused('revocation-withdrawn', forgotten);
}

/** Names a document's content, whoever signed it. */
export function digestOf({ payload }: SignedDocument): string {
  return hash('sha256', payload, 'hex').slice(0, 32);
}

function shortOf(
  signed: SignedDocument,
  { keys, needed, by }: { keys: ReadonlyMap<KeyId, KeyObject>; needed: number; by: string },
): Refused<TrustRefusal> | undefined {
  const count = signersAmong(signed, keys);
  if (!count.ok) return count;
  if (count.value >= needed) return undefined;
  return refused('threshold-not-met', `${by}: ${count.value} of ${needed} signatures`);
}

function verifierOf(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/** A document as a row of a store keeps it. */
export function asHex({ bytes }: SignedDocument): string {
  return toHex(bytes);
}
