/**
 * A utility's offline keys and what they sign, made with tweetnacl.
 */
import { hours, unixTime } from '../../../src/base/time.ts';
import type { Duration } from '../../../src/base/time.ts';
import { ok } from '../../../src/base/assert.ts';
import type { GatewayId } from '../../../src/model/mod.ts';
import { learn, newTrust, openDocument, signDocument } from '../../../src/wan/trust/mod.ts';
import type {
  Anchor,
  DelegationDocument,
  Learned,
  RevocationDocument,
  RootDocument,
  TrustDocument,
  TrustState,
} from '../../../src/wan/trust/mod.ts';
import { testKey } from '../envelope/vectors.ts';

export const AT = unixTime(Date.UTC(2026, 10, 1));
export const YEAR: Duration = hours(24 * 365);
export const UTILITY = 'north';
export const GW = 'gw-1' as GatewayId;

/** The persons who hold root keys. */
export const [ANN, BEN, CAT, DAN, EVE] = [101, 102, 103, 104, 105].map(fill => testKey(fill)) as [
  Holder,
  Holder,
  Holder,
  Holder,
  Holder,
];
export type Holder = ReturnType<typeof testKey>;

export const DISPATCHER = testKey(111);
export const SECOND = testKey(112);

export function root(change: Partial<RootDocument> = {}): RootDocument {
  return {
    kind: 'root',
    utility: UTILITY,
    version: 1,
    issued: AT,
    expires: unixTime(AT + YEAR),
    keys: [ANN, BEN, CAT].map(({ publicKey }) => publicKey),
    threshold: 2,
    roles: { emergency: 3 },
    ...change,
  };
}

export function delegation(
  change: Partial<Omit<DelegationDocument, 'scope'>> & { scope?: Partial<DelegationDocument['scope']> } = {},
): DelegationDocument {
  const { scope, ...rest } = change;
  return {
    kind: 'delegation',
    utility: UTILITY,
    version: 1,
    issued: AT,
    roles: ['dispatcher'],
    issuer: 'grid-ops',
    publicKey: DISPATCHER.publicKey,
    alg: -19,
    epoch: 1,
    operations: ['event', 'cancel', 'ack'],
    ...rest,
    scope: {
      highestClass: 'transmission',
      primacy: { min: 1, max: 255 },
      validFrom: AT,
      validUntil: unixTime(AT + YEAR),
      ...scope,
    },
  };
}

export function revocations(version: number, ...keys: readonly Holder[]): RevocationDocument {
  return { kind: 'revocations', utility: UTILITY, version, issued: AT, keys: keys.map(({ kid }) => kid) };
}

export function signed(document: TrustDocument, ...by: readonly Holder[]): Uint8Array {
  return signDocument(document, by.length === 0 ? [ANN, BEN] : by);
}

export function trustWith(anchor: Anchor | undefined): TrustState {
  return newTrust({ utility: UTILITY, gateway: GW, anchor });
}

/** A gateway with the first root placed on it. */
export function placed(document: Uint8Array = signed(root())): TrustState {
  return trustWith({ kind: 'root', document });
}

/** Learns, or the test fails with the refusal. */
export function learnt(state: TrustState, ...documents: readonly Uint8Array[]): Learned {
  const result = learn(state, documents, AT);
  if (!result.ok) throw new Error(`${result.refusal}: ${result.detail}`);
  return result.value;
}

/** `ok`, or the name of the refusal. */
export function verdict(state: TrustState, ...documents: readonly Uint8Array[]): string {
  const result = learn(state, documents, AT);
  return result.ok ? 'ok' : result.refusal;
}

export function opened(bytes: Uint8Array) {
  const document = openDocument(bytes);
  return document.ok ? ok(document.value).value : undefined;
}

/** The store after these rows, read back through JSON. */
export function stored(...learnts: readonly Learned[]) {
  const rows = new Map<string, unknown>();
  for (const row of learnts.flatMap(l => l.rows))
    if (row.op === 'put') rows.set(row.key, JSON.parse(JSON.stringify(row.value)));
    else rows.delete(row.key);
  return [...rows].map(([key, value]) => ({ key, value }));
}
