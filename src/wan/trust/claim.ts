/**
 * The claim code: what a person types into a new gateway, so that it knows its utility's first root when it is
 * sent one. 100 bits of SHA-256 over gateway and root, and two check digits: `K7Q2M-9X4TB-…-C3`.
 *
 * Strength: whoever wants this gateway to take another root has to find one of the same code, 2^100 attempts,
 * and for every gateway anew, because its id is hashed too. The code is no secret: who reads it learns nothing.
 * One wrong digit, or two neighbours exchanged, is always found while typing; any other slip but for one in 1021.
 */
import { hash } from 'node:crypto';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { fromHex } from '../../base/bytes.ts';
import type { GatewayId } from '../../model/mod.ts';

/** Digits that cannot be mistaken for each other (Crockford): no I, L, O, U. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_DIGITS = 20;
/** The greatest prime below 32²: two check digits hold every remainder. */
const CHECK_PRIME = 1021;
const GROUP = 5;

/** The code by which the gateway knows the root whose signed payload this is. */
export function claimCode(rootPayload: Uint8Array, gateway: GatewayId): string {
  const payload = hash('sha256', rootPayload, 'hex');
  const digest = fromHex(hash('sha256', `underglass claim 1\n${gateway}\n${payload}\n`, 'hex'));
  let bits = 0n;
  for (const byte of digest ?? []) bits = (bits << 8n) | BigInt(byte);
  bits >>= 256n - 100n;
  const values = Array.from({ length: CODE_DIGITS }, (_, at) =>
    Number((bits >> BigInt(5 * (CODE_DIGITS - 1 - at))) & 31n),
  );
  return formatClaim([...values, ...checkOf(values)]);
}

/** `claim-digits`: not 22 digits of the alphabet. `claim-check`: mistyped somewhere. */
export type ClaimRefusal = 'claim-digits' | 'claim-check';

/** A code as a person typed it, in its one form: small letters, blanks, hyphens, O for 0 and I or L for 1 are let pass. */
export function parseClaim(text: string): Result<string, ClaimRefusal> {
  const plain = text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  const values = Array.from(plain, digit => DIGITS.indexOf(digit));
  if (values.length !== CODE_DIGITS + 2 || values.includes(-1))
    return refused('claim-digits', `a claim code has ${CODE_DIGITS + 2} letters and digits`);
  const [first, second] = checkOf(values.slice(0, CODE_DIGITS));
  if (values[CODE_DIGITS] !== first || values[CODE_DIGITS + 1] !== second)
    return refused('claim-check', 'its last two digits do not belong to the others');
  return ok(formatClaim(values));
}

function checkOf(values: readonly number[]): readonly [number, number] {
  const rest = values.reduce((sum, value) => (sum * 32 + value) % CHECK_PRIME, 0);
  return [rest >> 5, rest & 31];
}

function formatClaim(values: readonly number[]): string {
  const text = values.map(value => DIGITS[value]).join('');
  const groups = Array.from({ length: Math.ceil(text.length / GROUP) }, (_, at) =>
    text.slice(GROUP * at, GROUP * (at + 1)),
  );
  return groups.join('-');
}
