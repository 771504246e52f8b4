/**
 * What stands inside a sealed command, as envelope.cddl says it: a code or a message for one customer, padded so
 * that its length tells nothing, under a nonce that ties the box to issuer, gateway and event.
 *
 * Opens and seals nothing itself: the private key stays behind a door, and this room draws no random numbers.
 */
import { hash } from 'node:crypto';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { concat } from '../../base/bytes.ts';
import type { GatewayId, MRID } from '../../model/mod.ts';
import { decodeCanonical, encodeCanonical } from './codec.ts';
import { misfit } from './form.ts';
import type { Row } from './form.ts';
import { COMMAND_PROFILE } from './scan.ts';

/** An override code, of one event or of the customer, or a sentence for the customer's display. */
export interface SealedContent {
  readonly kind: 'code' | 'message';
  /** 1 to 280 UTF-16 units on one line. */
  readonly text: string;
}

/** What a box is tied to: in another's mouth, or beside another event, it cannot be opened. */
export interface SealedContext {
  readonly issuer: string;
  readonly gateway: GatewayId;
  readonly mRID?: MRID;
}

/** `sealed-not-for-us`: our key does not open it here. `sealed-unreadable`: it was opened and means nothing. */
export type SealedRefusal = 'sealed-not-for-us' | 'sealed-unreadable';

/** Content is padded to a multiple of this many bytes. */
const BLOCK = 256;
const KINDS = ['code', 'message'] as const;
const MAX_TEXT = 280;

const ROWS: readonly Row[] = [
  { key: 1, name: 'kind', need: 'always', fits: value => value === 0 || value === 1 },
  { key: 2, name: 'text', need: 'always', fits: isLine },
];

/** Whether `text` may be sealed: one line for a person, without control characters. */
export function isLine(text: unknown): boolean {
  return typeof text === 'string' && text.length <= MAX_TEXT && /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(text);
}

/** The bytes to box: content, the byte 0x80, zeros. */
export function writeSealed({ kind, text }: SealedContent): Uint8Array {
  const content = encodeCanonical(
    new Map<number, unknown>([
      [1, KINDS.indexOf(kind)],
      [2, text],
    ]),
  );
  const filling = new Uint8Array(BLOCK - (content.length % BLOCK));
  filling[0] = 0x80;
  return concat([content, filling]);
}

/** What opened bytes say. */
export function readSealed(bytes: Uint8Array): Result<SealedContent, SealedRefusal> {
  const end = bytes.findLastIndex(byte => byte !== 0);
  if (bytes.length % BLOCK !== 0 || bytes[end] !== 0x80)
    return refused('sealed-unreadable', 'the padding is not that of a sealed command');
  const item = decodeCanonical(bytes.subarray(0, end), COMMAND_PROFILE);
  if (!item.ok || !(item.value instanceof Map))
    return refused('sealed-unreadable', 'the content is no canonical CBOR map');
  const found = misfit(item.value, ROWS);
  if (found !== undefined) return refused('sealed-unreadable', `${found.how}: ${found.what}`);
  const kind = item.value.get(1) === 0 ? 'code' : 'message';
  return ok({ kind, text: item.value.get(2) as string });
}

const NAME = new TextEncoder().encode('underglass-sealed-1\0');

/** The 24 bytes of nonce between an ephemeral key and a gateway's key. Used once: the ephemeral key is new each time. */
export function sealedNonce(
  keys: { readonly ephemeral: Uint8Array; readonly gateway: Uint8Array },
  { issuer, gateway, mRID = '' as MRID }: SealedContext,
): Uint8Array {
  const about = new TextEncoder().encode(`${issuer}/${gateway}/${mRID}`);
  return Uint8Array.from(
    hash('sha256', concat([NAME, keys.ephemeral, keys.gateway, about]), 'buffer').subarray(0, 24),
  );
}
