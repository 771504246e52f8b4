/** Keys under a passphrase, with Python's scrypt and libsodium's secretbox as the second implementation. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { toHex } from '../../src/base/bytes.ts';
import { generateKey, readKeyFile, readPublicKey, writeKeyFile } from '../../src/io/keys.ts';
import type { SigningKey } from '../../src/io/keys.ts';
import { needs, needsThat } from '../support/needs.ts';
import { run } from '../support/run.ts';
import { tempDir } from '../support/temp.ts';

const PASSPHRASE = 'vier Wörter, leicht zu merken';
/** The same letters, composed otherwise, as some keyboards do. */
const DECOMPOSED = PASSPHRASE.normalize('NFD');

/** Opens the box of a key file: what a holder could do without this program. */
const OPENS = `
import sys, json, hashlib, nacl.secret
file, passphrase = sys.argv[1:]
k = json.load(open(file))["locked"]
key = hashlib.scrypt(passphrase.encode(), salt=bytes.fromhex(k["salt"]), n=k["N"], r=k["r"], p=k["p"],
                     maxmem=2**27, dklen=32)
print(nacl.secret.SecretBox(key).decrypt(bytes.fromhex(k["box"]), bytes.fromhex(k["nonce"])).hex())
`;

describe('a key under a passphrase', () => {
  async function locked(folder: string): Promise<{ readonly path: string; readonly key: SigningKey }> {
    const path = join(folder, 'root.key');
    const key = generateKey();
    await writeKeyFile(path, key, { passphrase: PASSPHRASE });
    return { path, key };
  }

  const refusal = async (path: string, passphrase?: string): Promise<string> => {
    const read = await readKeyFile(path, passphrase === undefined ? undefined : async () => passphrase);
    return read.ok ? 'ok' : read.refusal;
  };

  it('is opened by it alone, however its letters are composed', async () => {
    await using dir = await tempDir();
    const { path, key } = await locked(dir.path);
    expect(await readKeyFile(path, async () => PASSPHRASE)).to.deep.equal({ ok: true, value: key });
    expect(DECOMPOSED).to.not.equal(PASSPHRASE);
    expect(await refusal(path, DECOMPOSED)).to.equal('ok');
    expect(await refusal(path, `${PASSPHRASE} `)).to.equal('wrong-passphrase');
    expect(await refusal(path)).to.equal('locked');
  });

  it('tells its public half to anybody, and its secret half to nobody', async () => {
    await using dir = await tempDir();
    const { path, key } = await locked(dir.path);
    const { kid, alg, publicKey } = key;
    expect(await readPublicKey(path)).to.deep.equal({ ok: true, value: { kid, alg, publicKey } });
    expect(await readFile(path, 'utf8')).not.to.contain(toHex(key.seed));
  });

  it('is opened by another implementation with the same passphrase', async function () {
    const python = '/usr/bin/python3';
    needs(this, 'python3');
    needsThat(this, (await run(python, ['-c', 'import nacl'])).code === 0, 'python3-nacl is not installed');
    await using dir = await tempDir();
    const { path, key } = await locked(dir.path);
    const { stdout } = await run(python, ['-c', OPENS, path, PASSPHRASE]);
    expect(stdout.trim()).to.equal(toHex(key.seed));
  });

  for (const [what, change, expected] of [
    ['a flipped bit in its box', { box: 'ff'.repeat(48) }, 'wrong-passphrase'],
    ['a box cut short', { box: 'ff' }, 'wrong-passphrase'],
    ['no box', { box: undefined }, 'not-a-key'],
    ['a salt that is no hexadecimal', { salt: 'salt' }, 'wrong-passphrase'],
    ['another derivation', { kdf: 'argon2' }, 'not-a-key'],
    ['a cost no machine bears', { N: 2 ** 30 }, 'not-a-key'],
    ['a cost that is no power of two', { N: 1000 }, 'not-a-key'],
    ['no cost', { N: 0 }, 'not-a-key'],
  ] as const)
    it(`with ${what} is ${expected}`, async () => {
      await using dir = await tempDir();
      const { path } = await locked(dir.path);
      const file = JSON.parse(await readFile(path, 'utf8')) as { readonly locked: object };
      await writeFile(path, JSON.stringify({ ...file, locked: { ...file.locked, ...change } }));
      expect(await refusal(path, PASSPHRASE)).to.equal(expected);
    });

  it('whose shown public half was exchanged is not-a-key', async () => {
    await using dir = await tempDir();
    const { path } = await locked(dir.path);
    const file = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...file, publicKey: toHex(generateKey().publicKey) }));
    expect(await refusal(path, PASSPHRASE)).to.equal('not-a-key');
  });
});
