/** The office of a utility: a folder with keys, and `underglass` run in it. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { unixTime } from '../../src/base/time.ts';
import { readKeyFile, signerOf } from '../../src/io/keys.ts';
import type { SigningKey } from '../../src/io/keys.ts';
import { signDocument } from '../../src/wan/trust/mod.ts';
import { underglass } from './local/support.ts';
import type { Said } from './local/support.ts';

export const PASSPHRASE = 'correct horse battery staple';

/** A folder with the keys of three holders (ann's under a passphrase), of one who is none, and of a head end. */
export class Office {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  static async open(dir: { readonly path: string }): Promise<Office> {
    const office = new Office(dir.path);
    await writeFile(office.at('pp'), `${PASSPHRASE}\n`, { mode: 0o600 });
    await office.done('keys', 'new', '@ann.key', '--passphrase-file', '@pp');
    for (const name of ['ben', 'cat', 'dan', 'ops']) await office.done('keys', 'new', `@${name}.key`);
    return office;
  }

  at(name: string): string {
    return join(this.path, name);
  }

  /** `@name` is a file of this folder. */
  run(...args: readonly string[]): Promise<Said> {
    return underglass(...args.map(arg => (arg.startsWith('@') ? this.at(arg.slice(1)) : arg)));
  }

  async done(...args: readonly string[]): Promise<Said> {
    const said = await this.run(...args);
    expect(said.code, `${args.join(' ')}: ${said.err}`).to.equal(0);
    return said;
  }

  /** The command is refused by `name`, with exit 1, an empty answer, and nothing changed on the disk. */
  async refused(name: string, ...args: readonly string[]): Promise<void> {
    const before = await this.#disk();
    const said = await this.run(...args);
    expect(said.code, `${args.join(' ')}: ${said.out}${said.err}`).to.equal(1);
    expect(said.err)
      .to.match(/^underglass: /)
      .and.to.contain(`(${name})`);
    expect(said.out).to.equal('');
    expect(await this.#disk()).to.deep.equal(before);
  }

  async verdict(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const said = await this.run('verify', ...args, '--json');
    const verdict = JSON.parse(said.out) as Readonly<Record<string, unknown>>;
    expect(said.code).to.equal(verdict['ok'] === true ? 0 : 1);
    return verdict;
  }

  async #disk(): Promise<ReadonlyMap<string, string>> {
    const names = await readdir(this.path);
    const files = names.sort().map(async name => [name, await readFile(this.at(name), 'hex')] as const);
    return new Map(await Promise.all(files));
  }

  async init(...more: readonly string[]): Promise<Said> {
    const keys = ['--key', '@ann.key', '@ben.key', '@cat.key'];
    return this.done('trust', 'init', '@root-1', '--utility', 'north', ...keys, ...more);
  }

  /** A root of ben and cat from years ago. */
  async expiredRoot(): Promise<void> {
    const holders = [await keyIn(this.at('ben.key')), await keyIn(this.at('cat.key'))];
    const root = signDocument(
      {
        kind: 'root',
        utility: 'north',
        version: 1,
        issued: unixTime(Date.UTC(2020, 0)),
        expires: unixTime(Date.UTC(2021, 0)),
        keys: holders.map(({ publicKey }) => publicKey),
        threshold: 2,
        roles: { emergency: 2 },
      },
      holders.map(signerOf),
    );
    await writeFile(this.at('root-1'), root);
  }

  /** By ben and cat. */
  delegate(file: string, ...more: readonly string[]): readonly string[] {
    const to = ['--root', '@root-1', '--issuer', 'grid-ops', '--key', '@ops.key'];
    return ['trust', 'delegate', file, ...to, '--by', '@ben.key', '@cat.key', ...more];
  }
}

export async function keyIn(path: string): Promise<SigningKey> {
  const key = await readKeyFile(path);
  if (!key.ok) throw new Error(key.refusal);
  return key.value;
}

export const BY_TWO = ['--by', '@ben.key', '@cat.key'];
export const ANN = ['--passphrase-file', '@pp'];
export const LIMIT = ['--set', 'opModMaxLimW=5000', '--duration', '15m', '--mrid', 'ev-1'];
export const COMMAND = ['--issuer', 'grid-ops', '--to', 'd/gw-1', '--class', 'dispatch', '--sequence', '1'];
