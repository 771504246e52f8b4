/**
 * The secret half of an offline key under a passphrase: scrypt makes a key of it, secretbox (XSalsa20-Poly1305)
 * closes the box. A guess costs an attacker 32 MiB and some tenths of a second; a short passphrase is guessed all
 * the same.
 */
import { scrypt } from 'node:crypto';
import nacl from 'tweetnacl';
import { fromHex, toHex } from '../base/bytes.ts';

/** As a key file holds it; bytes in hexadecimal. */
export interface LockedSeed {
  readonly kdf: 'scrypt';
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: string;
  readonly nonce: string;
  readonly box: string;
}

const COST = { N: 2 ** 15, r: 8, p: 1 } as const;
/** Greater costs than anyone needs are a file made to hold a machine up. */
const MAX_COST = { N: 2 ** 20, r: 32, p: 16 } as const;
const MAX_MEMORY = 1024 * 1024 * 1024;

/** Closes 32 bytes of seed under `passphrase`. */
export async function lockSeed(seed: Uint8Array, passphrase: string): Promise<LockedSeed> {
  const salt = nacl.randomBytes(16);
  const nonce = nacl.randomBytes(nacl.secretbox.nonceLength);
  const key = await derive(passphrase, salt, COST);
  const box = nacl.secretbox(seed, nonce, key);
  return { kdf: 'scrypt', ...COST, salt: toHex(salt), nonce: toHex(nonce), box: toHex(box) };
}

/** The seed, or `undefined`: another passphrase, or a damaged box. Nobody can tell which. */
export async function unlockSeed(locked: LockedSeed, passphrase: string): Promise<Uint8Array | undefined> {
  const [salt, nonce, box] = [locked.salt, locked.nonce, locked.box].map(fromHex);
  if (salt === undefined || nonce?.length !== nacl.secretbox.nonceLength || box === undefined)
    return undefined;
  const key = await derive(passphrase, salt, locked);
  return nacl.secretbox.open(box, nonce, key) ?? undefined;
}

/** Whether what a file holds is a locked seed of a cost that is borne. */
export function isLockedSeed(value: unknown): value is LockedSeed {
  if (typeof value !== 'object' || value === null) return false;
  const locked = value as Readonly<Record<string, unknown>>;
  const { N } = locked;
  const costs = (['N', 'r', 'p'] as const).every(name => {
    const cost = locked[name];
    return Number.isSafeInteger(cost) && Number(cost) >= 1 && Number(cost) <= MAX_COST[name];
  });
  const texts = ['salt', 'nonce', 'box'].every(name => typeof locked[name] === 'string');
  return (
    locked['kdf'] === 'scrypt' && costs && texts && Number(N) > 1 && Number.isInteger(Math.log2(Number(N)))
  );
}

function derive(
  passphrase: string,
  salt: Uint8Array,
  { N, r, p }: Pick<LockedSeed, 'N' | 'r' | 'p'>,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // The same letters are the same passphrase, however a keyboard composes them.
    scrypt(passphrase.normalize('NFC'), salt, 32, { N, r, p, maxmem: MAX_MEMORY }, (error, key) =>
      error === null ? resolve(Uint8Array.from(key)) : reject(error),
    );
  });
}
