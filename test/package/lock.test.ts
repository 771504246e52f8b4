import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { completed, missingOptionals } from '../support/complete-lock.ts';
import type { Lock } from '../support/complete-lock.ts';

const lock = (packages: Lock['packages']): Lock => ({ lockfileVersion: 3, packages });
const missing = (packages: Lock['packages']) => Object.fromEntries(missingOptionals(lock(packages)));

describe('package-lock.json', () => {
  it('names every optional package, or npm ci refuses it (node test/support/complete-lock.ts completes it)', () => {
    expect(
      Object.fromEntries(missingOptionals(JSON.parse(readFileSync('package-lock.json', 'utf8')))),
    ).to.deep.equal({});
  });

  it('agrees with package.json about what this package needs', () => {
    const written: Lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(written.packages['']).to.deep.include({ dependencies, devDependencies });
  });
});

describe('completing a lock', () => {
  const tool = { version: '1.2.3', optionalDependencies: { '@tool/linux-x64-musl': '1.2.3' } };

  it('finds an optional package that is in none of the folders it could be in', () => {
    expect(missing({ 'node_modules/tool': tool })).to.deep.equal({
      'node_modules/@tool/linux-x64-musl': '1.2.3',
    });
    for (const at of ['', 'node_modules/tool/', 'node_modules/a/'])
      expect(
        missing({ 'node_modules/a/node_modules/tool': tool, [`${at}node_modules/@tool/linux-x64-musl`]: {} }),
        at,
      ).to.deep.equal(at === 'node_modules/tool/' ? { 'node_modules/@tool/linux-x64-musl': '1.2.3' } : {});
  });

  it('adds it with the platform its name tells, and changes nothing else', () => {
    const before = lock({ '': { version: '0.1.0' }, 'node_modules/tool': tool });
    expect(completed(before).packages).to.deep.equal({
      ...before.packages,
      'node_modules/@tool/linux-x64-musl': {
        version: '1.2.3',
        cpu: ['x64'],
        dev: true,
        libc: ['musl'],
        optional: true,
        os: ['linux'],
      },
    });
    expect(completed(completed(before))).to.deep.equal(completed(before));
  });

  it('refuses to guess: no platform in the name, or a range of versions', () => {
    const asking = (name: string, version: string) => () =>
      completed(lock({ 'node_modules/tool': { optionalDependencies: { [name]: version } } }));
    expect(asking('extra', '1.2.3')).to.throw('which platform');
    expect(asking('@tool/linux-x64', '^1.2.3')).to.throw('no one version');
  });
});
