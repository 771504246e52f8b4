/**
 * `underglass keys` as a person uses it: on a real disk, from a pipe, and at a terminal. What it makes is looked
 * at by node:crypto, which has no part in the making of a key, and by Python's scrypt.
 */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { codeChecker } from '../../src/io/codes.ts';
import { needs } from '../support/needs.ts';
import { run } from '../support/run.ts';
import { tempDir } from '../support/temp.ts';
import { underglass } from './local/support.ts';
import type { Said } from './local/support.ts';

/** RFC 8032, 7.1, test 1. */
const RFC8032 = {
  seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
  publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
};

interface Shown {
  readonly kid: string;
  readonly alg: number;
  readonly publicKey: string;
}

async function made(path: string): Promise<Shown> {
  const { code, out, err } = await underglass('keys', 'new', path, '--json');
  expect(code, err).to.equal(0);
  return JSON.parse(out) as Shown;
}

/** The public key that node:crypto derives of a seed (PKCS #8 of RFC 8410, 7). */
function publicOf(seed: string): string {
  const pkcs8 = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('hex');
}

async function seedIn(path: string): Promise<string> {
  const { seed } = JSON.parse(await readFile(path, 'utf8')) as { readonly seed: string };
  return seed;
}

describe('underglass keys new', () => {
  it('writes a key that only its owner may read, and answers with its public half alone', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'gateway.key');
    const shown = await made(path);
    const seed = await seedIn(path);
    expect(shown).to.deep.equal({ kid: kidOf(shown.publicKey), alg: -19, publicKey: publicOf(seed) });
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
  });

  it('answers a person with the public half alone, and never with the seed', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'gateway.key');
    const { code, out, err } = await underglass('keys', 'new', path);
    const publicKey = publicOf(await seedIn(path));
    expect({ code, out }).to.deep.equal({
      code: 0,
      out: `# kid ${kidOf(publicKey)}\nalg: -19\npublicKey: "${publicKey}"\n`,
    });
    expect(out + err).not.to.contain(await seedIn(path));
  });

  it('leaves a key that is there as it is, and says how to replace it', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'gateway.key');
    await made(path);
    const before = await readFile(path);
    const { code, out, err } = await underglass('keys', 'new', path);
    expect({ code, out }).to.deep.equal({ code: 1, out: '' });
    expect(err).to.match(/^underglass: .*gateway\.key: .*--force.* \(exists\)\n$/);
    expect(await readFile(path)).to.deep.equal(before);
  });

  it('replaces a key with --force, tells which one, and leaves no other file', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'gateway.key');
    const first = await made(path);
    const { code, out, err } = await underglass('keys', 'new', path, '--force', '--json');
    expect(code).to.equal(0);
    expect(err).to.contain(`replacing key ${first.kid}`);
    const second = JSON.parse(out) as Shown;
    expect(second.publicKey)
      .to.equal(publicOf(await seedIn(path)))
      .and.not.to.equal(first.publicKey);
    expect(await readdir(dir.path)).to.deep.equal(['gateway.key']);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
  });

  for (const [refusal, mode] of [
    ['not-a-key', 0o600],
    ['readable-by-others', 0o644],
  ] as const)
    it(`does not replace what is no key of its owner alone, whatever --force says: ${refusal}`, async () => {
      await using dir = await tempDir();
      const path = join(dir.path, 'gateway.yaml');
      await writeFile(path, 'utility: demo\n', { mode });
      const { code, out, err } = await underglass('keys', 'new', path, '--force');
      expect({ code, out }).to.deep.equal({ code: 1, out: '' });
      expect(err).to.contain('is not replaced').and.to.contain(`(${refusal})`);
      expect(await readFile(path, 'utf8')).to.equal('utility: demo\n');
      expect(await readdir(dir.path)).to.deep.equal(['gateway.yaml']);
    });

  it('makes no folders: it names the file it could not write', async () => {
    await using dir = await tempDir();
    const { code, err } = await underglass('keys', 'new', join(dir.path, 'no', 'gateway.key'));
    expect(code).to.equal(1);
    expect(err)
      .to.contain(join(dir.path, 'no', 'gateway.key'))
      .and.to.contain('(io)');
    expect(await readdir(dir.path)).to.deep.equal([]);
  });
});

describe('underglass keys rotate', () => {
  it('SIWG-2 puts the next key in the place of a key, of the next epoch, and keeps nothing of the old one', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'gateway.key');
    const first = await made(path);
    const seed = await seedIn(path);
    const { code, out, err } = await underglass('keys', 'rotate', path, '--json');
    expect(code, err).to.equal(0);
    const second = JSON.parse(out) as Shown & { readonly epoch: number };
    expect(second).to.deep.include({ publicKey: publicOf(await seedIn(path)), epoch: 2 });
    expect(err).to.contain(second.kid).and.to.contain(first.kid);
    expect(await readFile(path, 'utf8')).not.to.contain(seed);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readdir(dir.path)).to.deep.equal(['gateway.key']);
    const shown = await underglass('keys', 'show', path, '--json');
    expect(JSON.parse(shown.out)).to.deep.equal(second);
    await underglass('keys', 'rotate', path);
    expect(JSON.parse((await underglass('keys', 'show', path, '--json')).out)).to.include({ epoch: 3 });
  });

  it('leaves everything as it was where there is no key, or one under a passphrase', async () => {
    await using dir = await tempDir();
    const [root, pp] = [join(dir.path, 'root.key'), join(dir.path, 'pp')];
    await writeFile(pp, 'correct horse battery staple\n', { mode: 0o600 });
    await underglass('keys', 'new', root, '--passphrase-file', pp);
    const before = await readFile(root);
    for (const [path, refusal] of [
      [root, 'locked'],
      [pp, 'not-a-key'],
      [join(dir.path, 'none'), 'missing'],
    ] as const) {
      const { code, out, err } = await underglass('keys', 'rotate', path);
      expect({ code, out }).to.deep.equal({ code: 1, out: '' });
      expect(err).to.contain(`(${refusal})`);
    }
    expect(await readFile(root)).to.deep.equal(before);
    expect(await readdir(dir.path)).to.have.members(['root.key', 'pp']);
  });
});

describe('underglass keys show', () => {
  it('shows the public half of the key of RFC 8032, 7.1, test 1, and not its seed', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'rfc.key');
    const file = { format: 'underglass-key-1', kid: 'shown', alg: -8, ...RFC8032 };
    await writeFile(path, JSON.stringify(file), { mode: 0o600 });
    const { code, out, err } = await underglass('keys', 'show', path, '--json');
    expect({ code, err }).to.deep.equal({ code: 0, err: '' });
    const { publicKey } = RFC8032;
    expect(JSON.parse(out)).to.deep.equal({ kid: kidOf(publicKey), alg: -8, publicKey });
  });

  it('reads a key that OpenSSL made', async function () {
    const openssl = needs(this, 'openssl');
    await using dir = await tempDir();
    const path = join(dir.path, 'openssl.pem');
    await run(openssl, ['genpkey', '-algorithm', 'ed25519', '-out', path]);
    await chmod(path, 0o600);
    const { stdout } = await run(openssl, ['pkey', '-in', path, '-noout', '-text_pub']);
    const hex = stdout.replace(/^.*pub:/s, '').replaceAll(/[^0-9a-f]/g, '');
    const { out } = await underglass('keys', 'show', path);
    expect(out).to.contain(`publicKey: "${hex}"`);
    expect(hex).to.have.length(64);
  });

  it('says by name why there is no key to show', async () => {
    await using dir = await tempDir();
    const [open, damaged] = [join(dir.path, 'open.key'), join(dir.path, 'damaged.key')];
    await made(open);
    await chmod(open, 0o640);
    await writeFile(damaged, '{}', { mode: 0o600 });
    for (const [path, refusal] of [
      [open, 'readable-by-others'],
      [damaged, 'not-a-key'],
      [join(dir.path, 'none.key'), 'missing'],
    ] as const) {
      const { code, out, err } = await underglass('keys', 'show', path);
      expect({ code, out }).to.deep.equal({ code: 1, out: '' });
      expect(err).to.match(new RegExp(`^underglass: ${path}: .* \\(${refusal}\\)\\n$`));
    }
  });
});

/** `underglass keys code` in a process of its own, with `input` on its standard input. */
async function code(input: string | Uint8Array, ...args: readonly string[]): Promise<Said> {
  const child = spawn(process.execPath, ['src/cli/underglass.js', 'keys', 'code', ...args]);
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const closed = once(child, 'close') as Promise<[number]>;
  // It may have refused what it read before it has read all.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [exit] = await closed;
  return { code: exit, out: await out, err: await err };
}

describe('underglass keys code', function () {
  this.timeout(20_000);

  it('OVR-1: hashes the line on standard input, and Python comes to the same hash', async function () {
    const python = needs(this, 'python3');
    const said = await code('48 29-ä\n');
    expect(said).to.deep.include({ code: 0, err: '' });
    const [name, N, r, p, salt, hash] = said.out.trimEnd().split('$');
    expect([name, N, r, p]).to.deep.equal(['scrypt', '16384', '8', '1']);
    const { stdout } = await run(python, [
      '-c',
      'import sys,hashlib;c,s=sys.argv[1:];print(hashlib.scrypt(c.encode(),salt=bytes.fromhex(s),n=16384,r=8,p=1,dklen=32).hex())',
      '48 29-ä',
      salt ?? '',
    ]);
    expect(hash).to.equal(stdout.trimEnd());
  });

  it('OVR-1: makes the overrideCode by which the gateway knows the code and no other, with --json too', async () => {
    const { out } = await code('482913\r\n', '--json');
    const { overrideCode } = JSON.parse(out) as { readonly overrideCode: string };
    const checker = codeChecker(overrideCode);
    expect([await checker.check('482913'), await checker.check('482913\r')]).to.deep.equal([true, false]);
  });

  for (const [what, input, why] of [
    ['nothing', '', /is empty/],
    ['an empty line', '\n', /is empty/],
    ['two lines', '482913\n482914\n', /is one line, and there are more/],
    ['a blank nobody sees', '482913 \n', /begins or ends with a blank/],
    ['more than the display takes', `${'7'.repeat(65)}\n`, /more than 64 characters/],
    ['a key that cannot be typed', '4829\t13\n', /cannot be typed/],
    ['bytes that are no text', Uint8Array.of(0x34, 0xff, 0x0a), /no text in UTF-8/],
    ['a file sent by mistake', new Uint8Array(200_000), /at most 1024 bytes/],
  ] as const)
    it(`given ${what}, refuses with one line and does not repeat it`, async () => {
      const said = await code(input);
      expect({ code: said.code, out: said.out }).to.deep.equal({ code: 1, out: '' });
      expect(said.err)
        .to.match(/^underglass: the override code .*\n$/)
        .and.to.match(why);
      expect(said.err).not.to.contain('4829');
    });

  it('takes a code of 64 characters, and warns of one that is soon guessed', async () => {
    expect(await code('7'.repeat(64))).to.deep.include({ code: 0, err: '' });
    const short = await code('123');
    expect(short.code).to.equal(0);
    expect(short.err).to.contain('soon guessed');
  });

  it('takes no code as an argument, where every user of the machine could read it', async () => {
    const { code: exit, out, err } = await underglass('keys', 'code', '482913');
    expect({ exit, out }).to.deep.equal({ exit: 2, out: '' });
    expect(err).not.to.contain('482913');
  });
});

describe('underglass keys code at a terminal', function () {
  this.timeout(20_000);

  it('asks twice, shows nothing of what is typed, and makes its hash', async function () {
    const { exit, screen } = await atTerminal(needs(this, 'python3'), ['482913\r', '482913\r']);
    expect(exit, screen).to.equal(0);
    expect(screen).not.to.contain('4829');
    const kept = /scrypt\$[0-9a-f$]+/.exec(screen)?.[0] ?? '';
    expect(await codeChecker(kept).check('482913')).to.equal(true);
  });

  it('makes nothing of a code that was typed in two ways', async function () {
    const { exit, screen } = await atTerminal(needs(this, 'python3'), ['482913\r', '482914\r']);
    expect(exit).to.equal(1);
    expect(screen).to.contain('was typed in two ways').and.not.to.contain('scrypt');
  });

  for (const [what, key] of [
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ] as const)
    it(`ends at ${what} with exit code 1 and a line that says so`, async function () {
      const { exit, screen } = await atTerminal(needs(this, 'python3'), [key]);
      expect(exit).to.equal(1);
      expect(screen).to.contain('nothing was typed').and.not.to.contain('scrypt');
    });
});

/** A person at a terminal (a pty by Python), who types the next of `answers` whenever a question stands there. */
const PERSON = `
import os, pty, sys
node, *answers = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0: os.execv(node, [node, 'src/cli/underglass.js', 'keys', 'code'])
screen = b''
try:
    while part := os.read(fd, 1000):
        screen += part
        if part.endswith(b': ') and answers: os.write(fd, answers.pop(0).encode())
except OSError: pass
sys.stdout.buffer.write(screen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

async function atTerminal(
  python: string,
  answers: readonly string[],
): Promise<{ readonly exit: number; readonly screen: string }> {
  const ran = await run(python, ['-c', PERSON, process.execPath, ...answers], { timeout: 15_000 });
  return { exit: ran.code, screen: ran.stdout };
}

/** The first 8 bytes of SHA-256 of the public key. */
function kidOf(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'hex')).digest('hex').slice(0, 16);
}
