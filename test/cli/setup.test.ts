import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { addSetup } from '../../src/cli/commands/setup.ts';
import { main } from '../../src/cli/main.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import { hostsIn, listening } from '../../src/io/search.ts';
import { site } from '../support/site.ts';

const CLAIM_NEEDED = ['--utility', 'north', '--broker', 'mqtt://127.0.0.1:1883'];

async function setup(...args: readonly string[]) {
  let out = '';
  let err = '';
  const output = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) };
  const code = await main(['setup', ...CLAIM_NEEDED, ...args], [addSetup], output);
  return { code, out, err };
}

describe('underglass setup', function () {
  this.timeout(30_000);

  it('finds devices, makes the key, and writes a configuration that the gateway takes', async () => {
    await using here = await site();
    const root = join(here.folder, 'root.cbor');
    const keys = ['a', 'b', 'c'].map(name => join(here.folder, `${name}.key`));
    for (const key of keys) await main(['keys', 'new', key], undefined, { out: () => {}, err: () => {} });
    const made = await main(
      ['trust', 'init', root, '--utility', 'north', '--key', ...keys, '--by', ...keys.slice(0, 2)],
      undefined,
      { out: () => {}, err: () => {} },
    );
    expect(made).to.equal(0);
    const path = join(here.folder, 'new.yaml');
    const links = [here.home.links.inverter, here.home.links.meter, 'tcp://127.0.0.1:9?unit=1'];
    const { code, out, err } = await setup(
      '--root',
      root,
      '--gateway',
      'g-1',
      '--out',
      path,
      '--link',
      ...links,
      '--json',
    );
    expect(code, err).to.equal(0);
    const answer = JSON.parse(out) as Record<string, unknown> & {
      readonly devices: readonly { role: string }[];
    };
    expect(answer.devices.map(({ role }) => role)).to.deep.equal(['inverter', 'meter']);
    expect(answer['claim']).to.match(/^[0-9A-Z-]{22,}$/);
    const config = await readGatewayConfig(path);
    if (!config.ok) throw new Error(config.detail);
    expect(config.value.devices.map(({ id }) => id)).to.deep.equal(['inverter', 'meter']);
    const { mode } = await stat(config.value.keyFile);
    expect(mode & 0o777).to.equal(0o600);
    const before = await readFile(path, 'utf8');
    const again = await setup('--root', root, '--gateway', 'g-2', '--out', path);
    expect([again.code, await readFile(path, 'utf8')]).to.deep.equal([1, before]);
    expect(again.err).to.contain('name another with --out');
  });

  it('refuses a claim code that is none before it makes anything', async () => {
    await using here = await site();
    const path = join(here.folder, 'new.yaml');
    const { code, err } = await setup('--claim', 'K7Q2M', '--gateway', 'g-1', '--out', path);
    expect(code).to.equal(1);
    expect(err).to.match(/trust\.claim: .*is no claim code/);
    expect(await stat(path).catch(() => 'none')).to.equal('none');
  });

  it('asks for one of claim code and root, and for a subnet that is one', async () => {
    expect(await setup()).to.include({ code: 2 });
    expect((await setup('--claim', 'x', '--root', 'y')).code).to.equal(2);
    const large = await setup('--claim', 'x', '--network', '10.0.0.0/8');
    expect([large.code, large.err]).to.deep.equal([2, large.err]);
    expect(large.err).to.contain('10.0.0.0/8 is too large');
  });
});

describe('a search of the network', () => {
  it('asks the hosts of the subnet, and neither its name nor all of it', () => {
    const hosts = (subnet: string) => {
      const within = hostsIn(subnet);
      return within.ok ? within.value : within.refusal;
    };
    expect(hosts('192.0.2.9/30')).to.deep.equal(['192.0.2.9', '192.0.2.10']);
    expect(hosts('192.0.2.7')).to.deep.equal(['192.0.2.7']);
    expect(hosts('192.0.2.0/24')).to.have.length(254);
    expect(hosts('192.0.2.0/19')).to.equal('subnet');
    for (const none of ['192.0.2.300/24', '192.0.2.0/33', 'home']) expect(hosts(none)).to.equal('subnet');
  });

  it('finds who takes a connection, and nobody else', async () => {
    const server = createServer(socket => socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const found = await listening(['127.0.0.1', '127.0.0.2'], [port, 9]);
      expect(found).to.deep.equal([{ host: '127.0.0.1', port }]);
    } finally {
      server.close();
      await once(server, 'close');
    }
  });
});
