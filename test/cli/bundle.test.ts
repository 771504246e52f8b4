import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { toHex } from '../../src/base/bytes.ts';
import { addBundle } from '../../src/cli/commands/bundle.ts';
import { main } from '../../src/cli/main.ts';
import { scrub } from '../../src/io/bundle/mod.ts';
import { hashCode } from '../../src/io/codes.ts';
import { authority } from '../support/authority.ts';
import { needs } from '../support/needs.ts';
import { mustRun } from '../support/run.ts';
import { site } from '../support/site.ts';

async function bundle(...args: readonly string[]) {
  let err = '';
  const output = { out: () => {}, err: (text: string) => void (err += text) };
  return { code: await main(['bundle', ...args], [addBundle], output), err };
}

describe('underglass bundle', function () {
  this.timeout(60_000);

  it('holds no key, code, password, token or name of a person, wherever they stood', async function () {
    needs(this, 'tar');
    needs(this, 'openssl');
    await using here = await site();
    const seed = toHex(here.key.seed);
    const code = '482913';
    const hash = await hashCode(code);
    await authority(here.folder, 'north', []);
    const pem = await mustRun('cat', [join(here.folder, 'north-key.pem')]);
    const pemLine = pem.stdout.split('\n')[1] ?? '';
    await writeFile(join(here.folder, 'password'), 'tulips-in-may\n');
    await here.write({
      ...here.config,
      broker: {
        url: here.broker.replace('//', '//:sunflower@'),
        username: 'ann-miller',
        passwordFile: 'password',
      },
      overrideCode: hash,
      display: { port: 0, names: ['ann-pi'] },
    });
    const log = join(here.folder, 'log');
    const lines = [
      '{"event":"link.up","msg":"the link is up"}',
      `broker said: login ann-miller with tulips-in-may failed`,
      `{"code":"${code}","password":"daisies","token": "abc.def"}`,
      `seed ${seed} and ${hash}`,
      pem.stdout,
      `mqtts://ann:roses@broker:8883 ann.miller@example.org ${['', 'home', 'annmiller', 'x'].join('/')}`,
    ];
    await writeFile(log, lines.join('\n'));
    const out = join(here.folder, 'bundle.tar.gz');
    const { code: exit, err } = await bundle('--config', here.path, '--log', log, '--out', out);
    expect(exit, err).to.equal(0);
    const listed = await mustRun('tar', ['tzf', out]);
    expect(listed.stdout.trim().split('\n')).to.deep.equal([
      'about.json',
      'config.json',
      'doctor.json',
      'store.json',
      'log.txt',
    ]);
    const { stdout: all } = await mustRun('tar', ['xzOf', out]);
    expect(all).to.contain('the link is up').and.to.contain('"gateway": "premise-1"');
    expect(pemLine.length).to.be.above(40);
    const secrets = [seed, code, hash, 'tulips-in-may', 'sunflower', 'daisies', 'abc.def', pemLine, 'roses'];
    const people = ['ann-miller', 'ann-pi', 'ann.miller', 'annmiller'];
    for (const secret of [...secrets, ...people]) expect(all.includes(secret), secret).to.equal(false);
    const again = await bundle('--config', here.path, '--log', log, '--out', out);
    expect([again.code, again.err]).to.deep.equal([1, again.err]);
    expect(again.err).to.contain('name another with --out');
  });
});

describe('what is scrubbed', () => {
  it('leaves what is no secret as it is', () => {
    const plain = '{"event":"order.implemented","msg":"opModMaxLimW on inverter: 5000, register 40449"}';
    expect(scrub(plain, ['', 'a', 'in'])).to.equal(plain);
  });
});
