/**
 * Whom a gateway trusts, as a value: the root in force, what it delegated, what was revoked, and how far versions
 * have come. It learns documents from anywhere, for they prove themselves; a bundle is taken whole or not at all.
 *
 * A rotation is walked one version at a time; each new root is signed by the threshold of the one before it and by
 * its own. What an old root delegated counts under a new one as far as enough of its signers are keys of the new
 * one too; the rest lapses and has to be signed again. What is revoked stays revoked under every root.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { fromHex } from '../../base/bytes.ts';
import type { UnixTime } from '../../base/time.ts';
import type { GatewayId, KeyId } from '../../model/mod.ts';
import { keyId } from '../envelope/mod.ts';
import type { TrustedKey } from '../envelope/mod.ts';
import { claimCode } from './claim.ts';
import type { DelegationDocument, RevocationDocument, RootDocument } from './documents.ts';
import { asHex, digestOf, judgeDelegation, judgeNextRoot, judgeRevocations, judgeRoot } from './judge.ts';
import type { Delegation, Root, TrustRefusal } from './judge.ts';
import { openDocument } from './signed.ts';
import type { SignedDocument } from './signed.ts';

/** Keys that a utility speaks with at one time. When full, a further one is refused. */
export const MAX_DELEGATIONS = 64;
/** Keys whose last version is remembered, the lapsed ones included. When full, a further one is refused. */
export const MAX_FLOORS = 512;

/** How a gateway knows its utility's first root: a file that lay there before, or the code that names it. */
export type Anchor =
  | { readonly kind: 'root'; readonly document: Uint8Array }
  | { readonly kind: 'claim'; readonly code: string };

/** What is remembered of a document that may be gone; a type, so that it is JSON to the compiler too. */
type Floor = { readonly version: number; readonly digest: string };

/** Versions never go below these, whatever else the store has lost. */
type Floors = {
  readonly root: number;
  readonly revocations: number;
  readonly delegations: Readonly<Record<string, Floor>>;
  /** A second copy: with the list's own row damaged, what is revoked stays so. */
  readonly revoked: readonly string[];
};

export interface TrustState {
  readonly utility: string;
  readonly gateway: GatewayId;
  readonly anchor: Anchor | undefined;
  /** Where a walk begins. In force only from version `floors.root` on. */
  readonly root: Root | undefined;
  readonly floors: Floors;
  readonly revocations: SignedDocument<RevocationDocument> | undefined;
  readonly revoked: ReadonlySet<KeyId>;
  readonly delegations: ReadonlyMap<KeyId, Delegation>;
  /** Rows of the store that did not pass judgement again, by their key. */
  readonly unread: readonly string[];
}

/** A row of the store, or the end of one. */
export type TrustRow =
  | { readonly op: 'put'; readonly kind: 'trust'; readonly key: string; readonly value: TrustValue }
  | { readonly op: 'delete'; readonly kind: 'trust'; readonly key: string };
type TrustValue = { readonly document: string } | Floors;

export interface Learned {
  readonly state: TrustState;
  /** To be made durable together before anything is done by the new state; empty when nothing was new. */
  readonly rows: readonly TrustRow[];
  /** Keys that were trusted and are not any more: revoked, or lapsed with an old root. */
  readonly lost: readonly KeyId[];
  /** Keys that may now say something else than before. */
  readonly changed: readonly KeyId[];
}

/** The key that `kid` names, as far as documents delegate it now. Validity is judged when it is used. */
export function delegatedKey(state: TrustState, kid: KeyId): TrustedKey | undefined {
  return rootInForce(state) === undefined ? undefined : state.delegations.get(kid)?.key;
}

/** The root by which delegations count, if there is one. */
export function rootInForce({ root, floors }: TrustState): Root | undefined {
  return root !== undefined && root.document.version >= floors.root ? root : undefined;
}

/** Takes a bundle of documents in: all of them, or the first refusal. What is held already is passed over. */
export function learn(
  state: TrustState,
  documents: readonly Uint8Array[],
  now: UnixTime,
): Result<Learned, TrustRefusal> {
  const opened: SignedDocument[] = [];
  for (const bytes of documents) {
    const signed = openDocument(bytes);
    if (!signed.ok) return signed;
    opened.push(signed.value);
  }
  const roots = opened.filter(isRoot).sort((a, b) => a.document.version - b.document.version);
  const walked = walk(state, roots);
  if (!walked.ok) return walked;
  const root = walked.value;
  if (root.document.version < state.floors.root)
    return refused('version-rollback', `root ${root.document.version}, once it was ${state.floors.root}`);
  if (root.document.expires <= now)
    return refused('root-expired', `root ${root.document.version} has expired`, 'later');
  const revoked = takeRevocations(state, root, opened.filter(isRevocations));
  if (!revoked.ok) return revoked;
  const kept = keepDelegations(state, root, revoked.value.revoked);
  const taken = takeDelegations(
    { ...state, root, ...revoked.value, delegations: kept },
    opened.filter(isDelegation),
  );
  if (!taken.ok) return taken;
  const after = { ...taken.value, floors: raised(taken.value) };
  return ok({ state: after, ...difference(state, after) });
}

/** A trust that knows only its anchor. */
export function newTrust(of: {
  readonly utility: string;
  readonly gateway: GatewayId;
  readonly anchor: Anchor | undefined;
}): TrustState {
  return restoreTrust(of, []);
}

/**
 * The trust that rows of kind `trust` hold. Each document is judged again; a root file newer than the stored root
 * takes its place, for whoever placed it had the gateway in hands.
 */
export function restoreTrust(
  of: Pick<TrustState, 'utility' | 'gateway' | 'anchor'>,
  rows: readonly { readonly key: string; readonly value: unknown }[],
): TrustState {
  const unread: string[] = [];
  const documentAt = (key: string): SignedDocument | undefined => {
    const row = rows.find(r => r.key === key);
    if (row === undefined) return undefined;
    const signed = openDocument(
      fromHex((row.value as { document?: string }).document ?? '') ?? new Uint8Array(),
    );
    if (signed.ok) return signed.value;
    unread.push(key);
    return undefined;
  };
  const floors = (rows.find(r => r.key === FLOORS)?.value as Floors | undefined) ?? NO_FLOORS;
  const anchored =
    of.anchor?.kind === 'root' ? rootOf(openDocument(of.anchor.document), of.utility) : undefined;
  const stored = rootOf(okOf(documentAt(ROOT)), of.utility);
  const newest = (stored?.document.version ?? 0) >= (anchored?.document.version ?? 0) ? stored : anchored;
  const listed = documentAt(REVOCATIONS);
  const revocations = listed !== undefined && isRevocations(listed) ? listed : undefined;
  const revoked = new Set([...(revocations?.document.keys ?? []), ...(floors.revoked as readonly KeyId[])]);
  const delegations = new Map<KeyId, Delegation>();
  for (const { key } of rows.filter(r => r.key.startsWith(DELEGATION))) {
    const signed = documentAt(key);
    const judged =
      newest !== undefined && signed !== undefined && isDelegation(signed)
        ? judgeDelegation(newest, signed)
        : undefined;
    if (judged?.ok === true && !revoked.has(judged.value.key.kid))
      delegations.set(judged.value.key.kid, judged.value);
    else if (!unread.includes(key)) unread.push(key);
  }
  return { ...of, root: newest, floors, revocations, revoked, delegations, unread };
}

const ROOT = 'root';
const REVOCATIONS = 'revocations';
const FLOORS = 'floors';
const DELEGATION = 'delegation/';
const NO_FLOORS: Floors = { root: 0, revocations: 0, delegations: {}, revoked: [] };

function isRoot(signed: SignedDocument): signed is SignedDocument<RootDocument> {
  return signed.document.kind === 'root';
}

function isDelegation(signed: SignedDocument): signed is SignedDocument<DelegationDocument> {
  return signed.document.kind === 'delegation';
}

function isRevocations(signed: SignedDocument): signed is SignedDocument<RevocationDocument> {
  return signed.document.kind === 'revocations';
}

function okOf(signed: SignedDocument | undefined): ReturnType<typeof openDocument> | undefined {
  return signed === undefined ? undefined : ok(signed);
}

/** A root by itself, for this utility. */
export function rootFrom(
  opened: ReturnType<typeof openDocument>,
  { utility }: { readonly utility: string },
): Result<Root, TrustRefusal> {
  if (!opened.ok) return opened;
  const { value: signed } = opened;
  if (!isRoot(signed)) return refused('no-root', `these are ${signed.document.kind}`);
  if (signed.document.utility !== utility)
    return refused('utility-mismatch', `${signed.document.utility}, not ${utility}`);
  return judgeRoot(signed);
}

function rootOf(opened: ReturnType<typeof openDocument> | undefined, utility: string): Root | undefined {
  const root = opened === undefined ? undefined : rootFrom(opened, { utility });
  return root?.ok === true ? root.value : undefined;
}

/** From the root held, or the first one that the claim code names, through `roots` in their order. */
function walk(state: TrustState, roots: readonly SignedDocument<RootDocument>[]): Result<Root, TrustRefusal> {
  let root = state.root;
  let newest: number | undefined;
  for (const next of roots) {
    const { version } = next.document;
    newest = version;
    // An older one in a chain tells nothing; whether the chain reaches what is held is asked at its end.
    if (root !== undefined && version < root.document.version) continue;
    const judged = root === undefined ? judgeClaim(state, next) : judgeNextRoot(root, next);
    if (!judged.ok) {
      // Before the root that the code names there may be older ones in the chain.
      if (judged.refusal === 'claim-mismatch' && next !== roots.at(-1)) continue;
      return judged;
    }
    root = judged.value;
  }
  if (root === undefined) return refused('no-root', 'no root is known yet, and none came', 'later');
  if (newest !== undefined && newest < root.document.version)
    return refused('version-rollback', `root ${newest} came, root ${root.document.version} is held`);
  return ok(root);
}

function judgeClaim(
  { anchor, utility, gateway }: TrustState,
  signed: SignedDocument<RootDocument>,
): Result<Root, TrustRefusal> {
  if (anchor?.kind !== 'claim') return refused('no-root', 'no root file and no claim code');
  const code = claimCode(signed.payload, gateway);
  if (code !== anchor.code) return refused('claim-mismatch', `this root's code is ${code}`);
  if (signed.document.utility !== utility)
    return refused('utility-mismatch', `${signed.document.utility}, not ${utility}`);
  return judgeRoot(signed);
}

type Revocations = Pick<TrustState, 'revocations' | 'revoked'>;

function takeRevocations(
  state: TrustState,
  root: Root,
  lists: readonly SignedDocument<RevocationDocument>[],
): Result<Revocations, TrustRefusal> {
  let { revocations, revoked } = state;
  let floor = state.floors.revocations;
  for (const list of lists.toSorted((a, b) => a.document.version - b.document.version)) {
    const { version } = list.document;
    if (version < floor) return refused('version-rollback', `revocations ${version}, once it was ${floor}`);
    if (version === floor && revocations !== undefined) {
      if (digestOf(list) !== digestOf(revocations))
        return refused('version-reused', `other revocations ${version}`);
      continue;
    }
    const judged = judgeRevocations(root, list, revoked);
    if (!judged.ok) return judged;
    revocations = list;
    revoked = new Set(list.document.keys);
    floor = version;
  }
  return ok({ revocations, revoked });
}

/** What was delegated before and still counts: under the same root all but the revoked. */
function keepDelegations(
  state: TrustState,
  root: Root,
  revoked: ReadonlySet<KeyId>,
): ReadonlyMap<KeyId, Delegation> {
  const kept = [...state.delegations].flatMap(([kid, held]): [KeyId, Delegation][] => {
    if (revoked.has(kid)) return [];
    if (root === state.root) return [[kid, held]];
    const judged = judgeDelegation(root, held);
    return judged.ok ? [[kid, judged.value]] : [];
  });
  return new Map(kept);
}

function takeDelegations(
  state: TrustState & { readonly root: Root },
  offered: readonly SignedDocument<DelegationDocument>[],
): Result<TrustState, TrustRefusal> {
  const delegations = new Map(state.delegations);
  for (const signed of offered) {
    const { publicKey, version, issuer, epoch } = signed.document;
    const kid = keyId(publicKey);
    if (state.revoked.has(kid)) return refused('key-revoked', `${kid} of ${issuer}`);
    const floor = floorOf(state, delegations, kid);
    if (version < floor.version)
      return refused('version-rollback', `delegation ${version} of ${kid}, once it was ${floor.version}`);
    if (version === floor.version && digestOf(signed) !== floor.digest)
      return refused('version-reused', `another delegation ${version} of ${kid}`);
    if (version === floor.version && delegations.has(kid)) continue;
    if (!delegations.has(kid) && isFull(state, delegations, kid))
      return refused('too-many-delegations', `${delegations.size} keys are delegated`);
    const judged = judgeDelegation(state.root, signed);
    if (!judged.ok) return judged;
    const other = [...delegations.values()].find(
      ({ key }) => key.issuer === issuer && key.epoch === epoch && key.kid !== kid,
    );
    if (other !== undefined)
      return refused('epoch-taken', `epoch ${epoch} of ${issuer} is ${other.key.kid}'s`);
    delegations.set(kid, judged.value);
  }
  return ok({ ...state, delegations });
}

function isFull({ floors }: TrustState, delegations: ReadonlyMap<KeyId, unknown>, kid: KeyId): boolean {
  const strange = floors.delegations[kid] === undefined;
  return (
    delegations.size >= MAX_DELEGATIONS || (strange && Object.keys(floors.delegations).length >= MAX_FLOORS)
  );
}

function floorOf(state: TrustState, held: ReadonlyMap<KeyId, Delegation>, kid: KeyId): Floor {
  const delegation = held.get(kid);
  if (delegation !== undefined) return { version: delegation.document.version, digest: digestOf(delegation) };
  return state.floors.delegations[kid] ?? { version: 0, digest: '' };
}

function raised({ root, floors, revocations, revoked, delegations }: TrustState): Floors {
  const held = [...delegations].map(
    ([kid, delegation]) =>
      [kid, { version: delegation.document.version, digest: digestOf(delegation) }] as const,
  );
  return {
    root: Math.max(floors.root, root?.document.version ?? 0),
    revocations: Math.max(floors.revocations, revocations?.document.version ?? 0),
    delegations: { ...floors.delegations, ...Object.fromEntries(held) },
    revoked: [...revoked],
  };
}

/** What has to be written, and whose word counts otherwise than before. */
function difference(before: TrustState, after: TrustState): Omit<Learned, 'state'> {
  const rows: TrustRow[] = [];
  const put = (key: string, signed: SignedDocument): void =>
    void rows.push({ op: 'put', kind: 'trust', key, value: { document: asHex(signed) } });
  const isNew = (a: SignedDocument | undefined, b: SignedDocument | undefined): b is SignedDocument =>
    b !== undefined && (a === undefined || asHex(a) !== asHex(b));
  const learnt = before.floors.root === 0 || isNew(before.root, after.root);
  if (learnt && after.root !== undefined) put(ROOT, after.root);
  if (isNew(before.revocations, after.revocations)) put(REVOCATIONS, after.revocations);
  const changed: KeyId[] = [];
  for (const [kid, delegation] of after.delegations) {
    if (!isNew(before.delegations.get(kid), delegation)) continue;
    put(`${DELEGATION}${kid}`, delegation);
    changed.push(kid);
  }
  const gone = [...before.delegations.keys()].filter(kid => !after.delegations.has(kid));
  for (const kid of gone) rows.push({ op: 'delete', kind: 'trust', key: `${DELEGATION}${kid}` });
  const revoked = [...after.revoked].filter(kid => !before.revoked.has(kid));
  if (rows.length > 0) rows.push({ op: 'put', kind: 'trust', key: FLOORS, value: after.floors });
  return { rows, lost: [...new Set([...gone, ...revoked])], changed };
}
