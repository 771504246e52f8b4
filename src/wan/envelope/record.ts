/**
 * What a gateway reports, signed with its own key in the frame of a command. The claims are canonical CBOR; the
 * body is a byte string of measurements, opened only after the signature has been checked.
 *
 * A record is signed when it is sent, so a record sent again has a new `iat` and the same content.
 */
import { createHash } from 'node:crypto';
import { assert, ok, refused } from '../../base/assert.ts';
import type { Refused, Result } from '../../base/assert.ts';
import { toUnixSeconds, unixTime } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { STREAMS, parseTopic } from '../../model/mod.ts';
import type { GatewayId, KeyId, RecordBody, StreamName, UplinkRecord } from '../../model/mod.ts';
import { decodeCanonical, encodeCanonical } from './codec.ts';
import type { ClaimMap } from './codec.ts';
import { isBetween, isCount, isIdText, isSeconds, misfit } from './form.ts';
import type { Row } from './form.ts';
import { forgery, keyFor, openFrame, signPayload } from './frame.ts';
import { decodeMeasurements, encodeMeasurements } from './measurements.ts';
import { isRecordBody, isSeveral } from './record-body.ts';
import type { EnvelopeRefusal } from './refusals.ts';
import { RECORD_PROFILE, scan } from './scan.ts';
import type { ScanProfile } from './scan.ts';
import { MAX_SUCCESSIONS, walkSuccessions } from './succession.ts';
import type { KeyRefusal, Signer, TrustedKey } from './trust.ts';

export interface RecordContext {
  readonly topic: string;
  /** The device keys that are trusted now. `issuer` of a device key is its gateway's id. */
  keyOf(kid: KeyId): TrustedKey | undefined;
}

export interface OpenedRecord {
  readonly gateway: GatewayId;
  readonly record: UplinkRecord;
}

export interface OpenedRecords {
  readonly gateway: GatewayId;
  readonly records: readonly UplinkRecord[];
}

/** Who reports, to whom, and when the record is sent. */
export interface RecordSource {
  readonly gateway: GatewayId;
  readonly utility: string;
  readonly at: UnixTime;
  readonly keyEpoch: number;
  /** With a birth record: how the key that signs it follows from earlier ones. */
  readonly successions?: readonly Uint8Array[];
}

/** Frame and claims around a body take less than this many bytes, a birth record's chain of keys included. */
const AROUND_BODY = 1024;

/** The frame of a record: keys are integers as in a command, and its size is that of a record. */
const RECORD_FRAME: ScanProfile = { ...RECORD_PROFILE, keys: 'integer-or-text', simple: 'none' };

/** Judges `bytes` that came on `context.topic`. Whether the record is the stream's next is not judged. */
export function openRecord(bytes: Uint8Array, context: RecordContext): Result<OpenedRecord, EnvelopeRefusal> {
  const opened = openBody(bytes, context);
  if (!opened.ok) return opened;
  const { gateway, stream, sequence, at, value } = opened.value;
  if (!isRecordBody(value) || !standsAt(sequence, value)) return refused('body-invalid');
  return ok({ gateway, record: { stream, sequence, at, body: value } });
}

/** As {@link openRecord}, where several of a stream may stand under one signature. They come in order, without gaps. */
export function openRecords(
  bytes: Uint8Array,
  context: RecordContext,
): Result<OpenedRecords, EnvelopeRefusal> {
  const opened = openBody(bytes, context);
  if (!opened.ok) return opened;
  const { gateway, stream, sequence, at, value } = opened.value;
  if (isSeveral(value)) {
    const last = sequence + value.records.length - 1;
    if (!Number.isSafeInteger(last)) return refused('body-invalid', `sequence ${last}`);
    const records = value.records.map((one, n) => ({
      stream,
      sequence: sequence + n,
      at: unixTime(one.at),
      body: one.body,
    }));
    return ok({ gateway, records });
  }
  if (!isRecordBody(value) || !standsAt(sequence, value)) return refused('body-invalid');
  return ok({ gateway, records: [{ stream, sequence, at, body: value }] });
}

/** Everything up to what the body says. */
function openBody(
  bytes: Uint8Array,
  context: RecordContext,
): Result<Omit<RecordClaims, 'body' | 'audience'> & { readonly value: unknown }, EnvelopeRefusal> {
  const topic = parseTopic(context.topic);
  if (topic?.kind !== 'up') return refused('topic-unknown', context.topic);
  const frame = openFrame(bytes, RECORD_FRAME);
  if (!frame.ok) return frame;
  const key = keyFor(frame.value, kid => context.keyOf(kid));
  if (!key.ok) return key;
  const forged = forgery(frame.value, key.value);
  if (forged !== undefined) return refused(forged);
  const claims = readClaims(frame.value.payload, key.value);
  if (!claims.ok) return claims;
  const { gateway, stream, sequence, at, body } = claims.value;
  if (claims.value.audience !== `u/${topic.utility}` || gateway !== topic.gateway || stream !== topic.stream)
    return refused('topic-mismatch', `${stream} of ${gateway} came on ${context.topic}`);
  const value = decodeMeasurements(body);
  return value.ok ? ok({ gateway, stream, sequence, at, value: value.value }) : value;
}

/**
 * The key that a birth record's own chain makes known, where it is the very key that signed the record. Nothing else
 * of the record is read, and the record itself is still to be judged with that key.
 */
export function heirOf(
  bytes: Uint8Array,
  keyOf: (kid: KeyId) => TrustedKey | undefined,
): Result<TrustedKey, EnvelopeRefusal | KeyRefusal> {
  const frame = openFrame(bytes, RECORD_FRAME);
  if (!frame.ok) return frame;
  const unknown = refused<'key-unknown'>('key-unknown', `key ${frame.value.kid}`);
  const item = decodeCanonical(frame.value.payload, RECORD_FRAME);
  if (!item.ok) return item;
  const chain: unknown = item.value instanceof Map ? item.value.get(SUCCESSIONS) : undefined;
  if (!isChain(chain)) return unknown;
  const heir = walkSuccessions(chain as readonly Uint8Array[], keyOf);
  if (!heir.ok) return heir;
  return heir.value?.kid === frame.value.kid ? ok(heir.value) : unknown;
}

/** A record that stands for lost ones begins with the first of them: it can write off nothing before itself. */
function standsAt(sequence: number, body: RecordBody): boolean {
  return body.kind !== 'lost' || (body.first === sequence && body.last >= body.first);
}

/** The signed envelope of `record`. Its body must pass {@link vetRecord}, which is asked before it is stored. */
export function signRecord(record: UplinkRecord, from: RecordSource, signer: Signer): Uint8Array {
  const body = encodeMeasurements(record.body);
  const trouble = vetBytes(body);
  assert(trouble === undefined, `signRecord is given what can be opened: ${JSON.stringify(trouble)}`);
  return signPayload(encodeCanonical(writeClaims(record, from, body)), signer);
}

/**
 * One envelope for `records`, two or more of one stream with numbers that follow each other: what costs most of a small
 * record, its signature and its own message, is paid once. `undefined` where that would be too large. A record that
 * stands for lost ones goes alone.
 */
export function signRecords(
  records: readonly UplinkRecord[],
  from: RecordSource,
  signer: Signer,
): Uint8Array | undefined {
  const [first] = records;
  assert(first !== undefined && records.length > 1, 'several records are two or more');
  const follows = records.every(
    ({ stream, sequence }, n) => stream === first.stream && sequence === first.sequence + n,
  );
  assert(follows, 'records under one signature follow each other in one stream');
  const several = { kind: 'several', records: records.map(({ at, body }) => ({ at, body })) };
  const body = encodeMeasurements(several);
  if (body.length > RECORD_PROFILE.maxBytes - AROUND_BODY) return undefined;
  // Each body was judged before it was stored; together they may be too many, or too deep.
  if (scan(body, RECORD_PROFILE) !== undefined || !isSeveral(several)) return undefined;
  return signPayload(encodeCanonical(writeClaims(first, from, body)), signer);
}

/** What the chain of hashes over a stretch of records begins with. */
export const CHAIN_START = '00'.repeat(32);

/**
 * The chain of hashes, one record further: SHA-256 over the hash so far and the record in its one form, in hexadecimal.
 * It is the same for a record as it was made, as it was stored, and as it was opened.
 */
export function chained(hashSoFar: string, { stream, sequence, at, body }: UplinkRecord): string {
  const record = encodeMeasurements({ stream, sequence, at, body });
  return createHash('sha256').update(hashSoFar, 'hex').update(record).digest('hex');
}

/**
 * Why no head end would open a record with this body, `undefined` when it would: a number that is not finite, a
 * null, a field of another type, or more than 63 KiB.
 */
export function vetRecord(body: RecordBody): Refused<EnvelopeRefusal> | undefined {
  return vetBytes(encodeMeasurements(body));
}

function vetBytes(bytes: Uint8Array): Refused<EnvelopeRefusal> | undefined {
  if (bytes.length > RECORD_PROFILE.maxBytes - AROUND_BODY) return refused('too-large');
  const value = decodeMeasurements(bytes);
  if (!value.ok) return value;
  return isRecordBody(value.value) ? undefined : refused('body-invalid');
}

const ISS = 1;
const AUD = 3;
const IAT = 6;
const STREAM = -70001;
const KEY_EPOCH = -70002;
const SEQUENCE = -70003;
const BODY = -70007;
const RECORDED_AT = -70008;
const SUCCESSIONS = -70010;

/** The last date that JavaScript can print is 8.64e15 ms; this is 9999-12-31. */
const LAST_MS = 253_402_300_799_999;

const CLAIMS: readonly Row[] = [
  { key: ISS, name: 'iss', need: 'always', fits: isIdText },
  { key: AUD, name: 'aud', need: 'always', fits: value => typeof value === 'string' },
  { key: IAT, name: 'iat', need: 'always', fits: isSeconds },
  { key: STREAM, name: 'stream', need: 'always', fits: value => STREAMS.some(name => name === value) },
  { key: KEY_EPOCH, name: 'key epoch', need: 'always', fits: isCount },
  { key: SEQUENCE, name: 'sequence', need: 'always', fits: isCount },
  { key: BODY, name: 'body', need: 'always', fits: value => value instanceof Uint8Array },
  { key: RECORDED_AT, name: 'recorded at', need: 'always', fits: value => isBetween(value, 0, LAST_MS) },
  { key: SUCCESSIONS, name: 'successions', need: 'sometimes', fits: isChain },
];

function isChain(value: unknown): boolean {
  const isStatement = (one: unknown): boolean => one instanceof Uint8Array && one.length <= 256;
  return (
    Array.isArray(value) && value.length > 0 && value.length <= MAX_SUCCESSIONS && value.every(isStatement)
  );
}

interface RecordClaims {
  readonly gateway: GatewayId;
  readonly audience: string;
  readonly stream: StreamName;
  readonly sequence: number;
  readonly at: UnixTime;
  readonly body: Uint8Array;
}

function readClaims(payload: Uint8Array, key: TrustedKey): Result<RecordClaims, EnvelopeRefusal> {
  const item = decodeCanonical(payload, RECORD_FRAME);
  if (!item.ok) return item;
  if (!(item.value instanceof Map)) return refused('payload-not-map');
  const claims: ClaimMap = item.value;
  const found = misfit(claims, CLAIMS);
  if (found !== undefined) return refused(`claim-${found.how}`, found.what);
  if (claims.get(ISS) !== key.issuer) return refused('issuer-mismatch', `the key is ${key.issuer}'s`);
  if (claims.has(SUCCESSIONS) && claims.get(STREAM) !== 'birth')
    return refused('claim-unknown', 'successions, with a record that is no birth');
  if (claims.get(KEY_EPOCH) !== key.epoch) return refused('key-epoch-mismatch', `the key's is ${key.epoch}`);
  return ok({
    gateway: key.issuer as GatewayId,
    audience: claims.get(AUD) as string,
    stream: claims.get(STREAM) as StreamName,
    sequence: claims.get(SEQUENCE) as number,
    at: unixTime(claims.get(RECORDED_AT) as number),
    body: claims.get(BODY) as Uint8Array,
  });
}

function writeClaims(record: UplinkRecord, from: RecordSource, body: Uint8Array): ClaimMap {
  const { successions = [] } = from;
  return new Map<number, unknown>([
    ...(record.stream === 'birth' && successions.length > 0 ? [[SUCCESSIONS, successions] as const] : []),
    [ISS, from.gateway],
    [AUD, `u/${from.utility}`],
    [IAT, toUnixSeconds(from.at)],
    [STREAM, record.stream],
    [KEY_EPOCH, from.keyEpoch],
    [SEQUENCE, record.sequence],
    [BODY, body],
    [RECORDED_AT, record.at],
  ]);
}
