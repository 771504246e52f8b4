/**
 * A document while it is being made: everything that would be refused of it is refused now, but that signatures are
 * missing is told and not refused, for people sign one after the other and in different places.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { sameBytes } from '../../base/bytes.ts';
import type { UnixTime } from '../../base/time.ts';
import type { KeyId } from '../../model/mod.ts';
import type { DelegationDocument, RevocationDocument, RootDocument } from './documents.ts';
import { neededFor, vetDelegation, vetRootKeys } from './judge.ts';
import type { Root, TrustRefusal } from './judge.ts';
import { signersAmong } from './signed.ts';
import type { SignedDocument } from './signed.ts';

/** `signer-unknown`: a key signed whose signature counts nowhere. */
export type DraftRefusal = TrustRefusal | 'signer-unknown';

/** How far one of the thresholds of a document is met. */
export interface Progress {
  /** Whose keys are counted, as `root 2`. */
  readonly by: string;
  readonly signed: number;
  readonly needed: number;
}

/**
 * How far each threshold of `signed` is met under `root`: the root in force, or for the next root the one before
 * it. A first root needs none; any other document does.
 */
export function judgeDraft(
  signed: SignedDocument,
  root: Root | undefined,
  now: UnixTime,
): Result<readonly Progress[], DraftRefusal> {
  const { document } = signed;
  if (root !== undefined && document.utility !== root.document.utility)
    return refused('utility-mismatch', `${document.utility}, not ${root.document.utility}`);
  if (isRoot(signed)) return judgeRootDraft(signed, root, now);
  if (root === undefined) return refused('no-root', `${document.kind} are judged by a root`);
  if (root.document.expires <= now)
    return refused('root-expired', `root ${root.document.version} has expired`);
  const inner = document.kind === 'delegation' ? vetDelegation(root, document) : ok(undefined);
  if (!inner.ok) return inner;
  return progress(signed, [{ root, needed: neededBy(root, document) }]);
}

function neededBy(
  { document: root }: Root,
  document: DelegationDocument | RevocationDocument | RootDocument,
) {
  return document.kind === 'delegation' ? neededFor(root, document.roles) : root.threshold;
}

function judgeRootDraft(
  signed: SignedDocument<RootDocument>,
  before: Root | undefined,
  now: UnixTime,
): Result<readonly Progress[], DraftRefusal> {
  const { version, expires, threshold } = signed.document;
  const held = before?.document.version;
  if (held !== undefined && version > held + 1)
    return refused('version-skipped', `root ${version} would follow root ${held}`);
  if (held !== undefined && version <= held && !sameBytes(signed.payload, before?.payload ?? signed.payload))
    return refused('version-rollback', `root ${version} would follow root ${held}`);
  if (expires <= now) return refused('root-expired', `root ${version} has expired already`);
  const verifiers = vetRootKeys(signed.document);
  if (!verifiers.ok) return verifiers;
  const own = { root: { ...signed, verifiers: verifiers.value }, needed: threshold };
  const old = before === undefined ? [] : [{ root: before, needed: before.document.threshold }];
  return progress(signed, [...old, own]);
}

function progress(
  signed: SignedDocument,
  by: readonly { readonly root: Root; readonly needed: number }[],
): Result<readonly Progress[], DraftRefusal> {
  const stranger = signed.signatures.find(({ kid }) => !by.some(({ root }) => root.verifiers.has(kid)));
  if (stranger !== undefined) return refused('signer-unknown', `${stranger.kid} holds no key of the root`);
  const counted: Progress[] = [];
  for (const { root, needed } of by) {
    const count = signersAmong(signed, root.verifiers);
    if (!count.ok) return count;
    counted.push({ by: `root ${root.document.version}`, signed: count.value, needed });
  }
  return ok(counted);
}

/** Whether enough keys have signed everywhere. */
export function isComplete(counted: readonly Progress[]): boolean {
  return counted.every(({ signed, needed }) => signed >= needed);
}

/** Everything that `before` revoked, and `keys`; in the order in which they were revoked. */
export function revokedWith(
  before: RevocationDocument | undefined,
  keys: readonly KeyId[],
): readonly KeyId[] {
  return [...new Set([...(before?.keys ?? []), ...keys])];
}

function isRoot(signed: SignedDocument): signed is SignedDocument<RootDocument> {
  return signed.document.kind === 'root';
}
