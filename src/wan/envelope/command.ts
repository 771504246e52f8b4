/**
 * A command, from bytes to a verified noun: the one place where a {@link Command} is made. The checks run from
 * cheap to dear and from what anybody can send to what only a key can say; the first that fails names the
 * refusal. Nothing is remembered here: whether a good command is new is the replay memory's question.
 */
import { hash } from 'node:crypto';
import { assert, ok, refused } from '../../base/assert.ts';
import type { Refused, Result } from '../../base/assert.ts';
import { after, seconds } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { formatAudience, parseTopic } from '../../model/mod.ts';
import type { Audience, Command, Cti, KeyId } from '../../model/mod.ts';
import { readAddress, readClaims, readCti, writeClaims } from './claims.ts';
import type { Address, CommandClaims } from './claims.ts';
import { decodeCanonical, encodeCanonical } from './codec.ts';
import type { ClaimMap } from './codec.ts';
import { forgery, keyFor, openFrame, signPayload } from './frame.ts';
import type { AddressRefusal, EnvelopeRefusal, KeyUseRefusal } from './refusals.ts';
import { COMMAND_PROFILE } from './scan.ts';
import { scopeTrouble } from './scope.ts';
import type { Signer, TrustedKey } from './trust.ts';

/** What a command is judged against. `keyOf` answers only keys that are trusted now. */
export interface CommandContext {
  readonly topic: string;
  readonly now: UnixTime;
  /** `earliest`: the date is not known, and `now` is only what it cannot be before. */
  readonly bound?: 'earliest';
  readonly utility: string;
  keyOf(kid: KeyId): TrustedKey | undefined;
}

/** With `authenticated` the signature was good: whoever signed it is owed a receipt that names the refusal. */
export type OpenResult =
  | { readonly ok: true; readonly value: Command }
  | (Refused<EnvelopeRefusal> & {
      readonly authenticated?: { readonly cti: Cti; readonly kid: KeyId; readonly issuer: string };
    });

/** How far the clock of a signer may be ahead of ours. */
const CLOCK_SKEW = seconds(5);

/** Judges `bytes` that came on `context.topic`. */
export function openCommand(bytes: Uint8Array, context: CommandContext): OpenResult {
  const signed = openSigned(bytes, context);
  if (!signed.ok) return signed;
  const { claims, key, leaf } = signed.value;
  const content = judgeContent(claims, key, leaf);
  if (content.ok) {
    const digest = hash('sha256', bytes, 'hex');
    return ok({ ...content.value, kid: key.kid, digest });
  }
  const cti = readCti(claims);
  if (cti === undefined) return content;
  return { ...content, authenticated: { cti, kid: key.kid, issuer: key.issuer } };
}

/** The signed envelope of `claims`. They must be well-formed: ask {@link vetClaims} of claims from outside. */
export function signCommand(claims: CommandClaims, signer: Signer): Uint8Array {
  const vetted = vetClaims(claims);
  assert(vetted.ok, `signCommand is given well-formed claims: ${JSON.stringify(vetted)}`);
  return signPayload(vetted.value, signer);
}

/** What a command says, unjudged: for whoever signed it and wants to say the same again. */
export function readCommand(bytes: Uint8Array): Result<CommandClaims, EnvelopeRefusal> {
  const frame = openFrame(bytes, COMMAND_PROFILE);
  if (!frame.ok) return frame;
  const claims = decodeMap(frame.value.payload);
  return claims.ok ? readClaims(claims.value) : claims;
}

/** The payload of `claims`, or why no gateway would understand it. Whether it may be said is not judged. */
export function vetClaims(claims: CommandClaims): Result<Uint8Array, EnvelopeRefusal> {
  const payload = encodeCanonical(writeClaims(claims));
  const map = decodeMap(payload);
  const read = map.ok ? readClaims(map.value) : map;
  return read.ok ? ok(payload) : read;
}

interface Signed {
  readonly claims: ClaimMap;
  readonly key: TrustedKey;
  readonly leaf: TopicLeaf['leaf'];
}

/** Everything up to and including the signature. */
function openSigned(bytes: Uint8Array, context: CommandContext): Result<Signed, EnvelopeRefusal> {
  const frame = openFrame(bytes, COMMAND_PROFILE);
  if (!frame.ok) return frame;
  const key = keyFor(frame.value, kid => context.keyOf(kid));
  if (!key.ok) return key;
  const claims = decodeMap(frame.value.payload);
  if (!claims.ok) return claims;
  const address = readAddress(claims.value);
  if (!address.ok) return address;
  const topic = readTopic(context);
  if (!topic.ok) return topic;
  const unaddressed = audienceTrouble(address.value.audience, topic.value.audience);
  const early = unaddressed ?? windowTrouble(address.value, key.value, context);
  if (early !== undefined) return early;
  const forged = forgery(frame.value, key.value);
  if (forged !== undefined) return refused(forged);
  return ok({ claims: claims.value, key: key.value, leaf: topic.value.leaf });
}

function decodeMap(payload: Uint8Array): Result<ClaimMap, EnvelopeRefusal> {
  const item = decodeCanonical(payload, COMMAND_PROFILE);
  if (!item.ok) return item;
  return item.value instanceof Map ? ok(item.value) : refused('payload-not-map');
}

interface TopicLeaf {
  readonly audience: Audience;
  readonly leaf: 'command' | 'ack';
}

function readTopic({ topic, utility }: CommandContext): Result<TopicLeaf, AddressRefusal> {
  const parsed = parseTopic(topic);
  if (parsed === undefined || (parsed.kind !== 'command' && parsed.kind !== 'ack'))
    return refused('topic-unknown', topic);
  if (parsed.utility !== utility)
    return refused('topic-mismatch', `utility ${parsed.utility}, not ${utility}`);
  if (parsed.kind === 'command') return ok({ audience: parsed.audience, leaf: 'command' });
  return ok({ audience: { kind: 'device', id: parsed.gateway }, leaf: 'ack' });
}

function audienceTrouble(asked: Audience, heard: Audience): Refused<AddressRefusal> | undefined {
  if (asked.kind === heard.kind && asked.id === heard.id) return undefined;
  return refused('topic-mismatch', `for ${formatAudience(asked)}, came to ${formatAudience(heard)}`);
}

/** The command's own window and its key's. On or after `expires` it is refused (RFC 8392, 3.1.4). */
function windowTrouble(
  { issuedAt, notBefore, expires }: Address,
  { scope, rootExpires }: TrustedKey,
  { now, bound }: Pick<CommandContext, 'now' | 'bound'>,
): Refused<AddressRefusal | KeyUseRefusal> | undefined {
  if (expires <= notBefore) return refused('window-inverted');
  const isExact = bound === undefined;
  if (isExact && now < scope.validFrom) return refused('key-not-yet-valid', undefined, 'later');
  if (now >= scope.validUntil) return refused('key-expired');
  if (rootExpires !== undefined && now >= rootExpires) return refused('root-expired', undefined, 'later');
  const latest = after(now, CLOCK_SKEW);
  if (isExact && (notBefore > latest || issuedAt > latest))
    return refused('not-yet-valid', undefined, 'later');
  return now >= expires ? refused('expired') : undefined;
}

/** What the key said, and whether it may say it, here. */
function judgeContent(
  map: ClaimMap,
  key: TrustedKey,
  leaf: TopicLeaf['leaf'],
): Result<CommandClaims, EnvelopeRefusal> {
  const read = readClaims(map);
  if (!read.ok) return read;
  const claims = read.value;
  if (claims.issuer !== key.issuer)
    return refused('issuer-mismatch', `${claims.issuer}, the key is ${key.issuer}'s`);
  if (claims.keyEpoch !== key.epoch)
    return refused('key-epoch-mismatch', `epoch ${claims.keyEpoch}, the key's is ${key.epoch}`);
  if ((claims.body.kind === 'ack') !== (leaf === 'ack'))
    return refused('kind-on-wrong-topic', claims.body.kind);
  return scopeTrouble(claims, key.scope) ?? ok(claims);
}
