/**
 * The claims of a command: CWT numbers (RFC 8392, 3.1) and private ones below −65536, with envelope.cddl as the
 * contract. A reader, a writer, and the two claims that are read before the signature is checked.
 */
import { assert, ok, refused } from '../../base/assert.ts';
import type { Refused, Result } from '../../base/assert.ts';
import { fromHex, toHex } from '../../base/bytes.ts';
import { toUnixSeconds, unixSeconds } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { classNumber, classOfNumber, formatAudience, parseAudience } from '../../model/mod.ts';
import type { Audience, CommandBody, CommandClass, Cti } from '../../model/mod.ts';
import { readBody, writeBody } from './body/mod.ts';
import type { ClaimMap } from './codec.ts';
import { isBetween, isCount, isIdText, isSeconds, misfit } from './form.ts';
import type { Row } from './form.ts';
import type { ContentRefusal } from './refusals.ts';

export interface CommandClaims {
  /** Who says it: an id of `[a-z0-9-]{1,64}`, the issuer in the key's record. */
  readonly issuer: string;
  readonly audience: Audience;
  /** Times are written as whole seconds, rounded down. */
  readonly issuedAt: UnixTime;
  readonly notBefore: UnixTime;
  readonly expires: UnixTime;
  readonly cti: Cti;
  readonly stream: string;
  readonly keyEpoch: number;
  /** 1, 2, 3 … within (issuer, key epoch, stream). */
  readonly sequence: number;
  /** With an audience that is a group, and only then. */
  readonly groupEpoch?: number;
  readonly class: CommandClass;
  /** 1 … 255 (IEEE 2030.5 PrimacyType); 0 is the customer's own energy manager's. */
  readonly primacy: number;
  readonly body: CommandBody;
}

const ISS = 1;
const AUD = 3;
const EXP = 4;
const NBF = 5;
const IAT = 6;
const CTI = 7;
const STREAM = -70001;
const KEY_EPOCH = -70002;
const SEQUENCE = -70003;
const GROUP_EPOCH = -70004;
const CLASS = -70005;
const PRIMACY = -70006;
const BODY = -70007;

const isAudience = (value: unknown): boolean =>
  typeof value === 'string' && parseAudience(value) !== undefined;

const isCti = (value: unknown): boolean => value instanceof Uint8Array && value.length === 16;

/** Claims that say for whom and when. They are read before the signature is checked, and acted on only after. */
const ADDRESS: readonly Row[] = [
  { key: AUD, name: 'aud', need: 'always', fits: isAudience },
  { key: EXP, name: 'exp', need: 'always', fits: isSeconds },
  { key: NBF, name: 'nbf', need: 'always', fits: isSeconds },
  { key: IAT, name: 'iat', need: 'always', fits: isSeconds },
];

const CLAIMS: readonly Row[] = [
  { key: ISS, name: 'iss', need: 'always', fits: isIdText },
  ...ADDRESS,
  { key: CTI, name: 'cti', need: 'always', fits: isCti },
  { key: STREAM, name: 'stream', need: 'always', fits: isIdText },
  { key: KEY_EPOCH, name: 'key epoch', need: 'always', fits: isCount },
  { key: SEQUENCE, name: 'sequence', need: 'always', fits: isCount },
  { key: GROUP_EPOCH, name: 'group epoch', need: 'sometimes', fits: isCount },
  { key: CLASS, name: 'class', need: 'always', fits: value => isBetween(value, 0, 4) },
  { key: PRIMACY, name: 'primacy', need: 'always', fits: value => isBetween(value, 1, 255) },
  { key: BODY, name: 'body', need: 'always', fits: value => value instanceof Map },
];

/** Kinds that are never for a group, and why. */
const FOR_ONE: Readonly<Partial<Record<CommandBody['kind'], string>>> = {
  grant: 'a grant names one gateway: no member learns of another',
  sealed: 'a sealed command is for one gateway: only one can open it',
  welcome: 'a welcome is for the one gateway that drew its nonce',
};

/** For whom and when: what a stranger's copy of somebody's command is judged by. */
export interface Address {
  readonly audience: Audience;
  readonly issuedAt: UnixTime;
  readonly notBefore: UnixTime;
  readonly expires: UnixTime;
}

/** The address alone; every other claim is left unread. */
export function readAddress(claims: ClaimMap): Result<Address, ContentRefusal> {
  const found = misfit(claims, ADDRESS);
  if (found !== undefined && found.how !== 'unknown') return claimTrouble(found);
  const audience = parseAudience(claims.get(AUD) as string);
  assert(audience !== undefined, 'an audience that fits its row can be parsed');
  return ok({
    audience,
    issuedAt: unixSeconds(claims.get(IAT) as number),
    notBefore: unixSeconds(claims.get(NBF) as number),
    expires: unixSeconds(claims.get(EXP) as number),
  });
}

/** Everything a command says. */
export function readClaims(claims: ClaimMap): Result<CommandClaims, ContentRefusal> {
  const found = misfit(claims, CLAIMS);
  if (found !== undefined) return claimTrouble(found);
  const address = readAddress(claims);
  if (!address.ok) return address;
  const groupEpoch = claims.get(GROUP_EPOCH) as number | undefined;
  if ((groupEpoch !== undefined) !== (address.value.audience.kind === 'group'))
    return refused(groupEpoch === undefined ? 'claim-missing' : 'claim-unknown', 'group epoch');
  const commandClass = classOfNumber(claims.get(CLASS) as number);
  assert(commandClass !== undefined, 'a class that fits its row has a name');
  const body = readBody(claims.get(BODY) as ClaimMap, commandClass);
  if (!body.ok) return body;
  if (address.value.audience.kind === 'group' && FOR_ONE[body.value.kind] !== undefined)
    return refused('claim-invalid', FOR_ONE[body.value.kind]);
  if (address.value.audience.kind === 'group' && 'nonce' in body.value)
    return refused('claim-invalid', 'a nonce is for the one gateway that drew it');
  if (body.value.kind === 'probe' && (groupEpoch === undefined || body.value.from > groupEpoch))
    return refused('claim-invalid', 'a probe is for a group, from an epoch that has been to the newest');
  const keyEpoch = claims.get(KEY_EPOCH) as number;
  if (body.value.kind === 'welcome' && body.value.marks.some(mark => (mark.keyEpoch ?? 0) >= keyEpoch))
    return refused('claim-invalid', 'a key speaks for itself and the keys before it');
  return ok({
    issuer: claims.get(ISS) as string,
    ...address.value,
    cti: toHex(claims.get(CTI) as Uint8Array) as Cti,
    stream: claims.get(STREAM) as string,
    keyEpoch,
    sequence: claims.get(SEQUENCE) as number,
    ...(groupEpoch === undefined ? {} : { groupEpoch }),
    class: commandClass,
    primacy: claims.get(PRIMACY) as number,
    body: body.value,
  });
}

/** The id of a command whose other claims may be in disorder, for the receipt that refuses it. */
export function readCti(claims: ClaimMap): Cti | undefined {
  const cti = claims.get(CTI);
  return isCti(cti) ? (toHex(cti as Uint8Array) as Cti) : undefined;
}

export function writeClaims(claims: CommandClaims): ClaimMap {
  const map = new Map<number, unknown>([
    [ISS, claims.issuer],
    [AUD, formatAudience(claims.audience)],
    [EXP, toUnixSeconds(claims.expires)],
    [NBF, toUnixSeconds(claims.notBefore)],
    [IAT, toUnixSeconds(claims.issuedAt)],
    [CTI, fromHex(claims.cti) ?? new Uint8Array()],
    [STREAM, claims.stream],
    [KEY_EPOCH, claims.keyEpoch],
    [SEQUENCE, claims.sequence],
    [CLASS, classNumber(claims.class)],
    [PRIMACY, claims.primacy],
    [BODY, writeBody(claims.body)],
  ]);
  if (claims.groupEpoch !== undefined) map.set(GROUP_EPOCH, claims.groupEpoch);
  return map;
}

function claimTrouble(found: NonNullable<ReturnType<typeof misfit>>): Refused<ContentRefusal> {
  const refusal = { missing: 'claim-missing', unknown: 'claim-unknown', invalid: 'claim-invalid' } as const;
  return refused(refusal[found.how], found.what);
}
