/**
 * The customer's override code: kept only as a slow salted hash (scrypt, RFC 7914), checked off the main
 * thread. A hash is written `scrypt$N$r$p$<salt hex>$<hash hex>`.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { fromHex, toHex } from '../base/bytes.ts';
import type { CodePort } from '../gateway/mod.ts';

/** 16 MiB and some 50 ms a guess on a small gateway: ten guesses a second at most with its whole processor. */
const COST = { N: 16_384, r: 8, p: 1 };
const HASH_BYTES = 32;

interface CodeHash {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** The text to keep in place of `code`. */
export async function hashCode(code: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(code, { ...COST, salt });
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${toHex(salt)}$${toHex(hash)}`;
}

/** A check against the hash given with it, or else against one kept. Throws a RangeError when `kept` is none. */
export function codeChecker(kept: string): CodePort {
  const parsed = parseHash(kept);
  if (parsed === undefined) throw new RangeError('an override code hash is written scrypt$N$r$p$salt$hash');
  return { check: (code, hash) => isRight(code, hash === undefined ? parsed : parseHash(hash)) };
}

/** For a gateway without a code of its own: only one that was delivered can be right. */
export const noCode: CodePort = {
  check: (code, hash) => isRight(code, hash === undefined ? undefined : parseHash(hash)),
};

async function isRight(code: string, parsed: CodeHash | undefined): Promise<boolean> {
  return parsed !== undefined && timingSafeEqual(await derive(code, parsed), parsed.hash);
}

function parseHash(text: string): CodeHash | undefined {
  const [name, N, r, p, saltHex = '', hashHex = '', ...rest] = text.split('$');
  const [salt, hash] = [fromHex(saltHex), fromHex(hashHex)];
  if (
    name !== 'scrypt' ||
    rest.length > 0 ||
    salt === undefined ||
    hash?.length !== HASH_BYTES ||
    salt.length < 8
  )
    return undefined;
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  return Object.values(cost).every(n => Number.isInteger(n) && n > 0) ? { ...cost, salt, hash } : undefined;
}

function derive(code: string, { N, r, p, salt }: Omit<CodeHash, 'hash'>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const maxmem = 256 * N * r;
    scrypt(code.normalize('NFC'), salt, HASH_BYTES, { N, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
