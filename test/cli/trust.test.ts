/**
 * `underglass trust` as the people use it who hold root keys: on a real disk, with passphrases, one after the other.
 * What they make is judged by the room that judges for a gateway.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { GatewayId } from '../../src/model/mod.ts';
import { claimCode, openDocument } from '../../src/wan/trust/mod.ts';
import { tempDir } from '../support/temp.ts';
import { ANN, BY_TWO, Office, PASSPHRASE } from './office.ts';

describe('underglass trust', function () {
  this.timeout(20_000);

  it('SIWG-2 makes a root that two of three sign in two places, and tells how far it is', async () => {
    await using dir = await tempDir();
    const office = await Office.open(dir);
    const first = await office.init('--by', '@ben.key');
    expect(first.out).to.contain('signed 1 of 2 by root 1');
    expect(first.err).to.contain('it does not count yet');
    const second = await office.done('trust', 'sign', '@root-1', '--by', '@ann.key', ...ANN, '--json');
    expect(JSON.parse(second.out)).to.deep.include({ kind: 'root', version: 1, complete: true });
    const root = openDocument(await readFile(office.at('root-1')));
    expect(root.ok && root.value.document).to.deep.include({ threshold: 2, roles: { emergency: 3 } });
    const { out } = await office.done('trust', 'claim', '@root-1', '--gateway', 'gw-1', '--json');
    const payload = root.ok ? root.value.payload : new Uint8Array();
    const codes = [{ gateway: 'gw-1', claim: claimCode(payload, 'gw-1' as GatewayId) }];
    expect(JSON.parse(out)).to.deep.equal({ utility: 'north', version: 1, codes });
  });

  it('shows what a document says, who signed it, and whether it counts', async () => {
    await using dir = await tempDir();
    const office = await Office.open(dir);
    await office.init(...BY_TWO);
    await office.done(...office.delegate('@ops', '--role', 'dispatcher', '--bound', 'opModMaxLimW=0..9000'));
    const { out } = await office.done('trust', 'show', '@root-1', '@ops', '--root', '@root-1', '--json');
    const [root, ops] = JSON.parse(out) as Readonly<Record<string, unknown>>[];
    expect(root).to.deep.include({ kind: 'root', counts: true });
    expect(ops).to.deep.include({ kind: 'delegation', roles: ['dispatcher'], counts: true });
    expect(ops?.['scope']).to.deep.include({
      highestClass: 'transmission',
      bounds: { opModMaxLimW: { min: 0, max: 9000 } },
    });
    const said = await office.done('trust', 'show', '@ops', '--root', '@root-1');
    expect(said.out).to.contain('opModMaxLimW min 0, max 9000').and.to.contain('2 of 2 by root 1');
  });

  it('walks from root to root, signed by the old holders and the new', async () => {
    await using dir = await tempDir();
    const office = await Office.open(dir);
    await office.init(...BY_TWO);
    const next = ['--root', '@root-1', '--drop', '@cat.key', '--add', '@dan.key'];
    const half = await office.done('trust', 'rotate', '@root-2', ...next, ...BY_TWO);
    expect(half.out).to.contain('2 of 2 by root 1, 1 of 2 by root 2');
    expect(await office.verdict('@root-2', '--trust', '@root-1')).to.deep.equal({
      ok: false,
      refusal: 'threshold-not-met',
    });
    await office.done('trust', 'sign', '@root-2', '--by', '@dan.key', '--root', '@root-1');
    expect(await office.verdict('@root-2', '--trust', '@root-1')).to.deep.equal({
      ok: true,
      issuer: 'north',
    });
  });

  it('refuses by name, and leaves the disk as it was', async () => {
    await using dir = await tempDir();
    const office = await Office.open(dir);
    await office.init(...BY_TWO);
    const dispatcher = ['--role', 'dispatcher'];
    await office.done(...office.delegate('@ops', ...dispatcher, '--number', '2'));
    await office.done('trust', 'revoke', '@rev-1', '--root', '@root-1', '--key', '@dan.key', ...BY_TWO);
    await office.done('trust', 'rotate', '@root-2', '--root', '@root-1', ...BY_TWO);
    await writeFile(office.at('wrong'), 'incorrect horse\n', { mode: 0o600 });
    await writeFile(office.at('open'), `${PASSPHRASE}\n`, { mode: 0o644 });
    const again = ['trust', 'init', '@root-1', '--utility', 'north', '--key', '@ann.key', '@ben.key'];
    const rows: readonly (readonly [string, ...string[]])[] = [
      ['exists', ...again],
      ['exists', ...office.delegate('@ops', ...dispatcher)],
      ['version-rollback', ...office.delegate('@ops', ...dispatcher, '--number', '1', '--force')],
      ['version-rollback', ...again.with(2, '@root-2'), '--force'],
      ['exists', ...office.delegate('@ben.key', ...dispatcher, '--force')],
      ['signer-twice', 'trust', 'sign', '@root-1', '--by', '@ben.key'],
      ['signer-twice', ...again.with(2, '@new'), '--by', '@ben.key', '@ben.key'],
      ['root-key-twice', 'trust', 'init', '@new', '--utility', 'north', '--key', '@ben.key', '@ben.key'],
      ['root-impossible', ...again.with(2, '@new'), '--needs', 'emergency=1'],
      ['root-expired', ...again.with(2, '@new'), '--expires', '2020-01-01T00:00:00Z'],
      ['wrong-passphrase', 'trust', 'sign', '@root-1', '--by', '@ann.key', '--passphrase-file', '@wrong'],
      ['readable-by-others', 'trust', 'sign', '@root-1', '--by', '@ann.key', '--passphrase-file', '@open'],
      ['signer-unknown', 'trust', 'sign', '@root-1', '--by', '@dan.key'],
      ['no-root', 'trust', 'sign', '@ops', '--by', '@ben.key'],
      ['role-exceeded', ...office.delegate('@new', ...dispatcher, '--class', 'emergency')],
      ['role-exceeded', ...office.delegate('@new', ...dispatcher, '--operation', 'grant')],
      ['root-key-delegated', ...office.delegate('@new', ...dispatcher, '--key', '@cat.key')],
      ['key-refused', ...office.delegate('@new', ...dispatcher, '--key', '00'.repeat(32))],
      ['key-refused', ...office.delegate('@new', ...dispatcher, '--until', '2020-01-01T00:00:00Z')],
      ['version-rollback', 'trust', 'rotate', '@new', '--root', '@root-2', '--number', '1'],
      ['version-skipped', 'trust', 'rotate', '@new', '--root', '@root-2', '--number', '4'],
      ['document-form', 'trust', 'show', '@ben.key'],
      ['missing', 'trust', 'show', '@none'],
      ['document-form', 'trust', 'claim', '@ben.key', '--gateway', 'gw-1'],
    ];
    for (const [name, ...args] of rows) await office.refused(name, ...args);
    const strange = await office.run(...office.delegate('@new', '--role', 'king'));
    expect(strange.code).to.equal(2);
    expect(strange.err).to.contain('role-unknown');
  });

  it('refuses what an expired root would delegate, and makes the next root of it all the same', async () => {
    await using dir = await tempDir();
    const office = await Office.open(dir);
    await office.expiredRoot();
    await office.refused('root-expired', ...office.delegate('@ops', '--role', 'dispatcher'));
    await office.done('trust', 'rotate', '@root-2', '--root', '@root-1', ...BY_TWO);
    expect((await office.verdict('@root-2', '--trust', '@root-1'))['ok']).to.equal(true);
  });

  it('revokes in a list that holds all before it', async () => {
    await using dir = await tempDir();
    const office = await Office.open(dir);
    await office.init(...BY_TWO);
    const revoke = (file: string, ...more: readonly string[]) =>
      office.done('trust', 'revoke', file, '--root', '@root-1', ...BY_TWO, ...more);
    await revoke('@rev-1', '--key', '@ops.key');
    await revoke('@rev-2', '--key', '0123456789abcdef', '--previous', '@rev-1');
    const second = openDocument(await readFile(office.at('rev-2')));
    expect(second.ok && second.value.document).to.deep.include({ version: 2 });
    expect(
      second.ok && second.value.document.kind === 'revocations' && second.value.document.keys.length,
    ).to.equal(2);
    await revoke('@rev-forgetful', '--key', '@dan.key');
    expect(await office.verdict('@rev-forgetful', '--trust', '@root-1', '@rev-1')).to.deep.equal({
      ok: false,
      refusal: 'version-reused',
    });
  });
});
