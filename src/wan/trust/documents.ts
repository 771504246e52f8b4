/**
 * The three documents that say whom a gateway trusts: a root (whose keys sign the others, and how many must), a
 * delegation (what one key may say) and a list of revoked keys. Payloads only: canonical CBOR with integer keys,
 * as in envelope.cddl. Whether enough keys signed is judged elsewhere (signed.ts, trust.ts).
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { fromHex, toHex } from '../../base/bytes.ts';
import { toUnixSeconds, unixSeconds } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { axisOfCode, axisRow, classNumber, classOfNumber } from '../../model/mod.ts';
import type { Axis, GatewayId, GroupId, KeyId } from '../../model/mod.ts';
import { decodeCanonical, encodeCanonical } from '../envelope/codec.ts';
import type { ClaimMap } from '../envelope/codec.ts';
import { isBetween, isCount, isIdText, isSeconds, misfit } from '../envelope/form.ts';
import type { Row } from '../envelope/form.ts';
import { KIND_NUMBERS } from '../envelope/mod.ts';
import type { Algorithm, KindName, Scope } from '../envelope/mod.ts';
import type { ScanProfile } from '../envelope/scan.ts';
import { isRole } from './roles.ts';
import type { Role } from './roles.ts';

/** Half of what a command may hold, so that one always fits into one. */
export const DOCUMENT_PROFILE: ScanProfile = {
  maxBytes: 8 * 1024,
  maxItems: 512,
  maxDepth: 8,
  keys: 'integer-or-text',
  simple: 'none',
};

/** People who hold a key and come together: more than nine never do. */
export const MAX_ROOT_KEYS = 9;
/** Keys of one utility that were lost or taken. When there are more, its roots are the trouble. */
export const MAX_REVOKED = 400;

interface Versioned {
  readonly utility: string;
  /** 1, 2, 3 …; never goes back. Of a delegation: within its key. */
  readonly version: number;
  readonly issued: UnixTime;
}

export interface RootDocument extends Versioned {
  readonly kind: 'root';
  /** From here on nothing that it delegated is valid, and only a newer root is taken. */
  readonly expires: UnixTime;
  /** 32 bytes each (RFC 8032, 5.1.5). */
  readonly keys: readonly Uint8Array[];
  /** How many of them sign the next root and a list of revocations. */
  readonly threshold: number;
  /** How many of them sign a delegation of each role; the threshold where a role is not named. `emergency` always is. */
  readonly roles: Readonly<Partial<Record<Role, number>>>;
}

export interface DelegationDocument extends Versioned {
  readonly kind: 'delegation';
  readonly roles: readonly Role[];
  readonly issuer: string;
  readonly publicKey: Uint8Array;
  readonly alg: Algorithm;
  readonly epoch: number;
  readonly operations: readonly KindName[];
  readonly scope: Omit<Scope, 'operations'>;
}

export interface RevocationDocument extends Versioned {
  readonly kind: 'revocations';
  /** Every key ever revoked: a later list holds all of an earlier one. */
  readonly keys: readonly KeyId[];
}

export type TrustDocument = RootDocument | DelegationDocument | RevocationDocument;

/**
 * `document-form`: not the one encoding of one of the three. `document-unknown`: of a kind this program does not
 * know. `role-unknown`: a role this program does not know. `root-impossible`: thresholds that nobody could meet, or
 * none of its own for emergencies. `root-key-twice`: one key in two places.
 */
export type DocumentRefusal =
  | 'document-form'
  | 'document-unknown'
  | 'role-unknown'
  | 'root-impossible'
  | 'root-key-twice';

const KIND = 1;
const UTILITY = 2;
const VERSION = 3;
const ISSUED = 4;
const EXPIRES = 5;
const KEYS = 6;
const THRESHOLD = 7;
const ROLE_THRESHOLDS = 8;
const ROLES = 9;
const ISSUER = 10;
const PUBLIC_KEY = 11;
const ALG = 12;
const EPOCH = 13;
const OPERATIONS = 14;
const CLASS = 15;
const PRIMACY = 16;
const GROUPS = 17;
const GATEWAYS = 18;
const BOUNDS = 19;
const FROM = 20;
const UNTIL = 21;
const REVOKED = 22;

const NUMBERS = { root: 1, delegation: 2, revocations: 3 } as const;

const always = (key: number, name: string, fits: Row['fits']): Row => ({ key, name, need: 'always', fits });
const sometimes = (key: number, name: string, fits: Row['fits']): Row => ({
  key,
  name,
  need: 'sometimes',
  fits,
});

const isKey = (value: unknown): boolean => value instanceof Uint8Array && value.length === 32;
const isKid = (value: unknown): boolean => value instanceof Uint8Array && value.length === 8;
const listOf =
  (fits: Row['fits'], min: number, max: number): Row['fits'] =>
  value =>
    Array.isArray(value) && value.length >= min && value.length <= max && value.every(fits);
const isThreshold = (value: unknown): boolean => isBetween(value, 1, MAX_ROOT_KEYS);
const isRange =
  (min: number, max: number): Row['fits'] =>
  value =>
    Array.isArray(value) &&
    value.length === 2 &&
    value.every(end => isBetween(end, min, max)) &&
    value[0] <= value[1];

/** Names in a list of ids: as many as a command's items leave room for. */
const MAX_NAMES = 128;

const COMMON: readonly Row[] = [
  always(KIND, 'kind', () => true),
  always(UTILITY, 'utility', isIdText),
  always(VERSION, 'version', isCount),
  always(ISSUED, 'issued', isSeconds),
];

const FORMS: Readonly<Record<TrustDocument['kind'], readonly Row[]>> = {
  root: [
    ...COMMON,
    always(EXPIRES, 'expires', isSeconds),
    always(KEYS, 'keys', listOf(isKey, 1, MAX_ROOT_KEYS)),
    always(THRESHOLD, 'threshold', isThreshold),
    always(ROLE_THRESHOLDS, 'role thresholds', value => isMapOf(value, isText, isThreshold)),
  ],
  delegation: [
    ...COMMON,
    always(ROLES, 'roles', listOf(isText, 1, 16)),
    always(ISSUER, 'issuer', isIdText),
    always(PUBLIC_KEY, 'public key', isKey),
    always(ALG, 'alg', value => value === -19 || value === -8),
    always(EPOCH, 'key epoch', isCount),
    always(
      OPERATIONS,
      'operations',
      listOf(value => isBetween(value, 1, 255), 1, 64),
    ),
    always(CLASS, 'highest class', value => isBetween(value, 0, 4)),
    always(PRIMACY, 'primacy', isRange(1, 255)),
    sometimes(GROUPS, 'groups', listOf(isIdText, 0, MAX_NAMES)),
    sometimes(GATEWAYS, 'gateways', listOf(isIdText, 0, MAX_NAMES)),
    sometimes(BOUNDS, 'bounds', isBounds),
    always(FROM, 'from', isSeconds),
    always(UNTIL, 'until', isSeconds),
  ],
  revocations: [...COMMON, always(REVOKED, 'revoked keys', listOf(isKid, 0, MAX_REVOKED))],
};

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isMapOf(value: unknown, key: Row['fits'], inner: Row['fits']): boolean {
  return value instanceof Map && [...value].every(([k, v]) => key(k) && inner(v));
}

function isBounds(value: unknown): boolean {
  if (!(value instanceof Map)) return false;
  return [...value].every(([code, range]) => {
    const row = typeof code === 'number' ? axisOfCode(code) : undefined;
    return row !== undefined && isRange(row.min, row.max)(range);
  });
}

/** The document that a payload holds. Who signed it is not looked at. */
export function readDocument(payload: Uint8Array): Result<TrustDocument, DocumentRefusal> {
  const item = decodeCanonical(payload, DOCUMENT_PROFILE);
  if (!item.ok) return refused('document-form', item.refusal);
  if (!(item.value instanceof Map)) return refused('document-form', 'the payload is no map');
  const map: ClaimMap = item.value;
  const number = map.get(KIND);
  const kind = (Object.keys(NUMBERS) as TrustDocument['kind'][]).find(name => NUMBERS[name] === number);
  if (kind === undefined) return refused('document-unknown', `kind ${JSON.stringify(number)}`);
  const found = misfit(map, FORMS[kind]);
  if (found !== undefined) return refused('document-form', `${kind}: ${found.what} ${found.how}`);
  const common = {
    utility: map.get(UTILITY) as string,
    version: map.get(VERSION) as number,
    issued: unixSeconds(map.get(ISSUED) as number),
  };
  if (kind === 'root') return readRoot(map, common);
  if (kind === 'delegation') return readDelegation(map, common);
  const keys = (map.get(REVOKED) as Uint8Array[]).map(kid => toHex(kid) as KeyId);
  return ok({ kind, ...common, keys });
}

function readRoot(map: ClaimMap, common: Versioned): Result<RootDocument, DocumentRefusal> {
  const keys = map.get(KEYS) as Uint8Array[];
  const threshold = map.get(THRESHOLD) as number;
  const roles: Partial<Record<Role, number>> = {};
  for (const [role, needed] of map.get(ROLE_THRESHOLDS) as Map<string, number>) {
    if (!isRole(role)) return refused('role-unknown', role);
    roles[role] = needed;
  }
  if (new Set(keys.map(toHex)).size !== keys.length) return refused('root-key-twice');
  const most = Math.max(threshold, ...Object.values(roles));
  if (most > keys.length) return refused('root-impossible', `${most} signatures of ${keys.length} keys`);
  if (roles.emergency === undefined || roles.emergency < threshold)
    return refused('root-impossible', 'emergency needs a threshold of its own, not below the common one');
  const expires = unixSeconds(map.get(EXPIRES) as number);
  if (expires <= common.issued) return refused('root-impossible', 'it expires before it is issued');
  return ok({ kind: 'root', ...common, expires, keys, threshold, roles });
}

function readDelegation(map: ClaimMap, common: Versioned): Result<DelegationDocument, DocumentRefusal> {
  const roles = map.get(ROLES) as string[];
  const stranger = roles.find(role => !isRole(role));
  if (stranger !== undefined) return refused('role-unknown', stranger);
  const highestClass = classOfNumber(map.get(CLASS) as number);
  if (highestClass === undefined) return refused('document-form', 'delegation: highest class invalid');
  const [min, max] = map.get(PRIMACY) as [number, number];
  const groups = map.get(GROUPS) as GroupId[] | undefined;
  const gateways = map.get(GATEWAYS) as GatewayId[] | undefined;
  const bounds = map.get(BOUNDS) as Map<number, [number, number]> | undefined;
  return ok({
    kind: 'delegation',
    ...common,
    roles: roles as Role[],
    issuer: map.get(ISSUER) as string,
    publicKey: map.get(PUBLIC_KEY) as Uint8Array,
    alg: map.get(ALG) as Algorithm,
    epoch: map.get(EPOCH) as number,
    operations: (map.get(OPERATIONS) as number[]).flatMap(kindsOfNumber),
    scope: {
      highestClass,
      primacy: { min, max },
      ...(groups === undefined ? {} : { groups }),
      ...(gateways === undefined ? {} : { gateways }),
      ...(bounds === undefined ? {} : { bounds: readBounds(bounds) }),
      validFrom: unixSeconds(map.get(FROM) as number),
      validUntil: unixSeconds(map.get(UNTIL) as number),
    },
  });
}

/** A kind that this program does not know could not be carried out either: it is passed over. */
function kindsOfNumber(number: number): readonly KindName[] {
  return [...KIND_NUMBERS].flatMap(([name, its]) => (its === number ? [name] : []));
}

type Bounds = NonNullable<Scope['bounds']>;

function readBounds(map: ReadonlyMap<number, readonly [number, number]>): Bounds {
  const bounds: { -readonly [axis in Axis]?: { min: number; max: number } } = {};
  for (const [code, [min, max]] of map) {
    const row = axisOfCode(code);
    if (row !== undefined) bounds[row.axis] = { min, max };
  }
  return bounds;
}

/** The payload of `document`: the bytes that are signed. */
export function writeDocument(document: TrustDocument): Uint8Array {
  const common: [number, unknown][] = [
    [KIND, NUMBERS[document.kind]],
    [UTILITY, document.utility],
    [VERSION, document.version],
    [ISSUED, toUnixSeconds(document.issued)],
  ];
  return encodeCanonical(new Map([...common, ...contentOf(document)]));
}

function contentOf(document: TrustDocument): readonly (readonly [number, unknown])[] {
  switch (document.kind) {
    case 'root':
      return [
        [EXPIRES, toUnixSeconds(document.expires)],
        [KEYS, document.keys],
        [THRESHOLD, document.threshold],
        [ROLE_THRESHOLDS, new Map(Object.entries(document.roles))],
      ];
    case 'delegation':
      return delegationOf(document);
    case 'revocations':
      return [[REVOKED, document.keys.map(kid => fromHex(kid) ?? new Uint8Array())]];
  }
}

function delegationOf(document: DelegationDocument): readonly (readonly [number, unknown])[] {
  const { roles, issuer, publicKey, alg, epoch, operations, scope } = document;
  const { highestClass, primacy, groups, gateways, bounds, validFrom, validUntil } = scope;
  return [
    [ROLES, roles],
    [ISSUER, issuer],
    [PUBLIC_KEY, publicKey],
    [ALG, alg],
    [EPOCH, epoch],
    [OPERATIONS, operations.map(name => KIND_NUMBERS.get(name))],
    [CLASS, classNumber(highestClass)],
    [PRIMACY, [primacy.min, primacy.max]],
    ...(groups === undefined ? [] : [[GROUPS, groups] as const]),
    ...(gateways === undefined ? [] : [[GATEWAYS, gateways] as const]),
    ...(bounds === undefined ? [] : [[BOUNDS, boundsMap(bounds)] as const]),
    [FROM, toUnixSeconds(validFrom)],
    [UNTIL, toUnixSeconds(validUntil)],
  ];
}

function boundsMap(bounds: Bounds): ReadonlyMap<number, readonly [number, number]> {
  return new Map(
    Object.entries(bounds).map(([axis, { min, max }]) => [axisRow(axis as Axis).code, [min, max]] as const),
  );
}
