/**
 * Ids of gateways and groups that say nothing (SIWG-1): 128 random bits, so that nobody has to give them out, and
 * neither person, place nor circuit can be read from them. Who is behind one is known to the utility's own books.
 */
import { randomBytes } from 'node:crypto';

/** RFC 4648 base32 in lower case: letters and digits of an id, none easily taken for another. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const BYTES = 16;

/** 26 letters and digits; the same one twice is as likely as a key guessed. */
export function randomId(bytes: Uint8Array = randomBytes(BYTES)): string {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map(group => LETTERS[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}
