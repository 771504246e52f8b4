/** Trust: roots, delegations, revocations, and what follows from them. The room's one door. */
export { claimCode, parseClaim } from './claim.ts';
export type { ClaimRefusal } from './claim.ts';
export { MAX_REVOKED, MAX_ROOT_KEYS } from './documents.ts';
export type {
  DelegationDocument,
  DocumentRefusal,
  RevocationDocument,
  RootDocument,
  TrustDocument,
} from './documents.ts';
export { isComplete, judgeDraft, revokedWith } from './draft.ts';
export type { DraftRefusal, Progress } from './draft.ts';
export { digestOf, neededFor } from './judge.ts';
export type { Delegation, Root, TrustRefusal } from './judge.ts';
export { ROLES, classOf, deliveriesOf, isRole, operationsOf, overreach, roleRow } from './roles.ts';
export type { Role } from './roles.ts';
export { addSignature, openDocument, signDocument, signersAmong } from './signed.ts';
export type { SignedDocument, SignedRefusal } from './signed.ts';
export { delegatedKey, learn, newTrust, restoreTrust, rootFrom, rootInForce } from './trust.ts';
export type { Anchor, Learned, TrustRow, TrustState } from './trust.ts';
