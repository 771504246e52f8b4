/**
 * Names of things. Every id is text of `[a-z0-9-]{1,64}` so that it can stand in a topic; the brands keep a
 * group from being passed where a gateway is meant.
 */

/** A premise interface. Durable, and reveals neither person nor place (SIWG-1). */
export type GatewayId = string & { readonly brand: 'GatewayId' };
/** An EndDeviceGroup. */
export type GroupId = string & { readonly brand: 'GroupId' };
/** One inverter, battery or meter behind a gateway; unique within that gateway. */
export type DeviceId = string & { readonly brand: 'DeviceId' };
/** Master resource identifier of an event (IEC 61970-301): what a cancel or an override names. */
export type MRID = string & { readonly brand: 'MRID' };
/** Names an event among those of all issuers, as `issuer/mRID`: an mRID is unique only to who gave it. */
export type EventKey = string & { readonly brand: 'EventKey' };
/** The first 8 bytes of SHA-256 of a public key, in hexadecimal. */
export type KeyId = string & { readonly brand: 'KeyId' };
/** CWT id of one command: 16 bytes, in hexadecimal. The idempotency key of everything a command causes. */
export type Cti = string & { readonly brand: 'Cti' };

/** 16 unpredictable bytes, in hexadecimal: what is signed with them was signed after they were drawn. */
export type Nonce = string & { readonly brand: 'Nonce' };

/**
 * How far the gateway's date is to be believed: `trusted`, proven within a day; `holdover`, nothing speaks against it;
 * `untrusted`, it may be any.
 */
export type ClockTrust = 'trusted' | 'holdover' | 'untrusted';

/** The key of an event, or of a cancel that waits for it. */
export function eventKey({ issuer, mRID }: { readonly issuer: string; readonly mRID: MRID }): EventKey {
  return `${issuer}/${mRID}` as EventKey;
}

const ID = /^[a-z0-9-]{1,64}$/;

/** Whether `text` may stand as one level of a topic: 1 to 64 of a–z, 0–9 and the hyphen. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** Whom a command is for: every member of a group, or one gateway. Written `g/<id>` or `d/<id>`. */
export type Audience =
  | { readonly kind: 'group'; readonly id: GroupId }
  | { readonly kind: 'device'; readonly id: GatewayId };

export function formatAudience(audience: Audience): string {
  return `${audience.kind === 'group' ? 'g' : 'd'}/${audience.id}`;
}

/** The audience that `g/<id>` or `d/<id>` names, or `undefined` for any other text. */
export function parseAudience(text: string): Audience | undefined {
  const id = text.slice(2);
  if (!isId(id)) return undefined;
  if (text.startsWith('g/')) return { kind: 'group', id: id as GroupId };
  if (text.startsWith('d/')) return { kind: 'device', id: id as GatewayId };
  return undefined;
}
