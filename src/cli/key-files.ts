/** Key files as the command line speaks of them: why one cannot be used, and whose passphrase opens one. */
import type { Refused } from '../base/assert.ts';
import type { KeyFileRefusal, PublicKey, SigningKey } from '../io/keys.ts';
import { Trouble } from './exit.ts';
import type { Passphrases } from './secret.ts';

const REMEDIES: Readonly<Record<Exclude<KeyFileRefusal, 'io'>, string>> = {
  exists: 'there is such a file already; --force replaces a key',
  missing: 'there is no such file; underglass keys new makes one',
  'readable-by-others': 'its mode lets others read it; chmod 600 takes that away',
  'not-a-key': 'there is no Ed25519 private key in it',
  locked: 'it lies under a passphrase, and here nobody can be asked for one',
  'wrong-passphrase': 'this passphrase does not open it, or it is damaged',
};

/** Cause and remedy of a key file that cannot be used. */
export function keyTrouble(file: string, { refusal, detail }: Refused<KeyFileRefusal>, what = ''): Trouble {
  const why = refusal === 'io' ? (detail ?? file) : `${file}: ${what}${REMEDIES[refusal]}`;
  return new Trouble(`${why} (${refusal})`);
}

/** The private keys of `files`, in their order; passphrases are asked for as they are needed. */
export async function openKeys(
  files: readonly string[],
  passphrases: Passphrases,
): Promise<readonly SigningKey[]> {
  const { readKeyFile } = await import('../io/keys.ts');
  const keys: SigningKey[] = [];
  for (const file of files) {
    const key = await readKeyFile(file, ({ kid }) => passphrases.next(`passphrase of ${file} (${kid})`));
    if (!key.ok) throw keyTrouble(file, key);
    keys.push(key.value);
  }
  return keys;
}

/** The public key that `text` is, in 64 hexadecimal digits, or that the file of this name holds. */
export async function publicKeyOf(text: string): Promise<PublicKey> {
  const { readPublicKey } = await import('../io/keys.ts');
  const { fromHex } = await import('../base/bytes.ts');
  const { keyId } = await import('../wan/envelope/mod.ts');
  const bytes = text.length === 64 ? fromHex(text) : undefined;
  if (bytes !== undefined) return { kid: keyId(bytes), alg: -19, publicKey: bytes };
  const key = await readPublicKey(text);
  if (!key.ok) throw keyTrouble(text, key);
  return key.value;
}
