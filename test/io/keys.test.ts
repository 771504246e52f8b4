/**
 * Key files on a real disk: made, read, never written over, never readable by others.
 */
import { spawnSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import nacl from 'tweetnacl';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { generateKey, keyFromSeed, readKeyFile, signerOf, writeKeyFile } from '../../src/io/keys.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

/** RFC 8032, 7.1, test 3. */
const RFC8032 = {
  seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
  publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
  message: 'af82',
  signature:
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
    '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
};

const bytes = (hex: string) => fromHex(hex) ?? new Uint8Array();

function outcome(result: { ok: true; value: unknown } | { ok: false; refusal: string }): string {
  return result.ok ? 'ok' : result.refusal;
}

describe('signerOf', () => {
  it('makes the key and the signature of RFC 8032, 7.1, test 3', () => {
    const key = keyFromSeed(bytes(RFC8032.seed));
    expect(toHex(key.publicKey)).to.equal(RFC8032.publicKey);
    expect(toHex(signerOf(key).sign(bytes(RFC8032.message)))).to.equal(RFC8032.signature);
  });

  it('gives the private key to nobody who holds the signer', () => {
    const key = generateKey();
    const signer = signerOf(key);
    expect(Object.keys(signer).sort()).to.deep.equal(['alg', 'kid', 'sign']);
    expect(JSON.stringify(signer)).to.not.include(toHex(key.seed));
  });
});

describe('generateKey', () => {
  it('makes another key each time, and tweetnacl verifies what it signs', () => {
    const [one, two] = [generateKey(), generateKey(-8)];
    expect(one.kid).to.not.equal(two.kid);
    expect([one.alg, two.alg]).to.deep.equal([-19, -8]);
    const message = bytes('0102');
    expect(nacl.sign.detached.verify(message, signerOf(one).sign(message), one.publicKey)).to.equal(true);
  });
});

describe('a key file', () => {
  for (const format of ['json', 'pem'] as const)
    it(`in ${format} gives back the key, and only its owner may read it`, async () => {
      await using dir = await tempDir();
      const path = join(dir.path, 'root.key');
      const key = generateKey();
      expect(await writeKeyFile(path, key, { format })).to.deep.equal({ ok: true, value: undefined });
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
      expect(await readKeyFile(path)).to.deep.equal({ ok: true, value: key });
    });

  it('keeps the older algorithm number in JSON', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'old.key');
    await writeKeyFile(path, generateKey(-8));
    const read = await readKeyFile(path);
    expect(read.ok && read.value.alg).to.equal(-8);
  });

  it('is never written over unasked, and leaves nothing beside it when it is', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'root.key');
    const [first, second] = [generateKey(), generateKey()];
    await writeKeyFile(path, first);
    const before = await readFile(path, 'utf8');
    expect(outcome(await writeKeyFile(path, second))).to.equal('exists');
    expect(await readFile(path, 'utf8')).to.equal(before);
    expect(outcome(await writeKeyFile(path, second, { replace: true }))).to.equal('ok');
    expect(await readKeyFile(path)).to.deep.equal({ ok: true, value: second });
    expect(await readdir(dir.path)).to.deep.equal(['root.key']);
  });

  it('leaves no copy of a key that could not take its place', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'a-folder');
    await mkdir(path);
    expect(outcome(await writeKeyFile(path, generateKey(), { replace: true }))).to.equal('io');
    expect(await readdir(dir.path)).to.deep.equal(['a-folder']);
  });

  it('is not written through a link', async () => {
    await using dir = await tempDir();
    const [target, link] = [join(dir.path, 'target'), join(dir.path, 'link')];
    await symlink(target, link);
    expect(outcome(await writeKeyFile(link, generateKey()))).to.equal('exists');
    expect(await readdir(dir.path)).to.deep.equal(['link']);
  });

  it('answers io where the folder is not there, and missing where the file is not', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'none', 'root.key');
    expect(outcome(await writeKeyFile(path, generateKey()))).to.equal('io');
    expect(outcome(await readKeyFile(path))).to.equal('missing');
    await mkdir(path, { recursive: true, mode: 0o700 });
    expect(outcome(await readKeyFile(path))).to.be.oneOf(['io', 'not-a-key']);
  });

  for (const mode of [0o640, 0o604, 0o660, 0o601])
    it(`is refused with mode ${mode.toString(8)}`, async () => {
      await using dir = await tempDir();
      const path = join(dir.path, 'root.key');
      await writeKeyFile(path, generateKey());
      await chmod(path, mode);
      expect(outcome(await readKeyFile(path))).to.equal('readable-by-others');
    });

  const key = keyFromSeed(bytes(RFC8032.seed));
  const file = {
    format: 'underglass-key-1',
    alg: -19,
    publicKey: toHex(key.publicKey),
    seed: toHex(key.seed),
  };
  const spoilt: readonly [string, string][] = [
    ['nothing', ''],
    ['text', 'hello'],
    ['null', 'null'],
    ['another format', JSON.stringify({ ...file, format: 'other' })],
    ['another algorithm', JSON.stringify({ ...file, alg: -7 })],
    ['a seed of 31 bytes', JSON.stringify({ ...file, seed: file.seed.slice(2) })],
    ['a seed with a flipped bit', JSON.stringify({ ...file, seed: file.seed.replace('c5', 'c4') })],
    ['no public key', JSON.stringify({ ...file, publicKey: undefined })],
    ['a key cut short', '-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n'],
    ['an X25519 key', pemOfX25519(key.seed)],
    ['5 kB', JSON.stringify({ ...file, note: 'x'.repeat(5000) })],
  ];
  for (const [name, text] of spoilt)
    it(`with ${name} is not-a-key`, async () => {
      await using dir = await tempDir();
      const path = join(dir.path, 'root.key');
      await writeFile(path, text, { mode: 0o600 });
      expect(outcome(await readKeyFile(path))).to.equal('not-a-key');
    });

  it('written by OpenSSL is read, and ours OpenSSL reads', async function () {
    const openssl = needs(this, 'openssl');
    await using dir = await tempDir();
    const [theirs, ours] = [join(dir.path, 'theirs.pem'), join(dir.path, 'ours.pem')];
    expect(spawnSync(openssl, ['genpkey', '-algorithm', 'ed25519', '-out', theirs]).status).to.equal(0);
    await chmod(theirs, 0o600);
    const read = await readKeyFile(theirs);
    if (!read.ok) throw new Error(read.refusal);
    await writeKeyFile(ours, read.value, { format: 'pem' });
    const shown = [theirs, ours].map(path =>
      spawnSync(openssl, ['pkey', '-in', path, '-pubout']).stdout.toString(),
    );
    expect(shown[0]).to.match(/PUBLIC KEY/);
    expect(shown[1]).to.equal(shown[0]);
    const message = bytes('0102');
    const good = verify(null, message, createPublicKey(shown[0] ?? ''), signerOf(read.value).sign(message));
    expect(good).to.equal(true);
  });
});

/** PKCS #8 of a key for agreement, not for signatures (RFC 8410: the identifier ends in 110, not 112). */
function pemOfX25519(seed: Uint8Array): string {
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), seed]);
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}
