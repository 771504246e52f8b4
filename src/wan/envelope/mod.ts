/** The envelope: what is signed, how it is judged, and what is remembered of it. The room's one door. */
export { openCommand, readCommand, signCommand, vetClaims } from './command.ts';
export type { CommandContext, OpenResult } from './command.ts';
export type { CommandClaims } from './claims.ts';
export { MAX_ALSO, TAG_BYTES } from './body/grant.ts';
export { KIND_NUMBERS, RESERVED_KINDS } from './body/mod.ts';
export { MAX_LEFT } from './body/probe.ts';
export type { KindName } from './body/mod.ts';
export { signPayload } from './frame.ts';
export {
  CHAIN_START,
  chained,
  heirOf,
  openRecord,
  openRecords,
  signRecord,
  signRecords,
  vetRecord,
} from './record.ts';
export { MAX_SEVERAL } from './record-body.ts';
export type { OpenedRecord, OpenedRecords, RecordContext, RecordSource } from './record.ts';
export {
  MAX_REPLAY_STREAMS,
  MAX_SEQUENCE_JUMP,
  REPLAY_WINDOW,
  forgetEpochs,
  judgeReplay,
  liftReplay,
  markReplay,
  marksOf,
  newReplayState,
} from './replay.ts';
export type { Lifted, ReplayRefusal, ReplayRow, ReplayState, ReplayVerdict } from './replay.ts';
export { isLine, readSealed, sealedNonce, writeSealed } from './sealed.ts';
export type { SealedContent, SealedContext, SealedRefusal } from './sealed.ts';
export { peek } from './peek.ts';
export type { Claimed } from './peek.ts';
export { scopeTrouble } from './scope.ts';
export { MAX_SUCCESSIONS, signSuccession } from './succession.ts';
export { keyId, trustKey } from './trust.ts';
export type { Algorithm, KeyRecord, KeyRefusal, Scope, Signer, TrustedKey } from './trust.ts';
export type { EnvelopeRefusal, ScopeRefusal } from './refusals.ts';
