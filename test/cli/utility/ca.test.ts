import { expect } from 'chai';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { tempDir } from '../../support/temp.ts';
import { underglass } from '../local/support.ts';

describe('underglass utility ca', function () {
  this.timeout(30_000);
  let dir: Awaited<ReturnType<typeof tempDir>>;
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  const ca = (...args: readonly string[]) => underglass('utility', 'ca', ...args, '--folder', dir.path);
  const file = (name: string): Promise<string> => readFile(join(dir.path, name), 'utf8');

  async function made(...args: readonly string[]): Promise<void> {
    const said = await ca(...args);
    expect(said.code, said.err).to.equal(0);
  }

  it('makes an authority, a broker and a gateway that believe each other over TLS, and nobody else', async () => {
    await made('authority', 'North utility');
    await made('server', 'localhost', '127.0.0.1');
    await made('client', 'gw-1');
    const strangers = await tempDir();
    await underglass('utility', 'ca', 'authority', 'Strangers', '--folder', strangers.path);
    await underglass('utility', 'ca', 'client', 'gw-1', '--folder', strangers.path);
    const seen: string[] = [];
    const server = createServer(
      {
        ca: await file('ca.crt'),
        cert: await file('localhost.crt'),
        key: await file('localhost.key'),
        requestCert: true,
        rejectUnauthorized: true,
      },
      socket => {
        seen.push(socket.getPeerCertificate().subject.CN as string);
        socket.end('hello');
      },
    );
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const talk = async (folder: string): Promise<string> => {
      const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
      const socket = connect({
        host: '127.0.0.1',
        port,
        ca: await file('ca.crt'),
        cert: await read('gw-1.crt'),
        key: await read('gw-1.key'),
      });
      let heard = '';
      try {
        for await (const piece of socket) heard += String(piece);
        return heard;
      } catch {
        return '';
      }
    };
    expect(await talk(dir.path)).to.equal('hello');
    expect(await talk(strangers.path)).to.equal('');
    expect(seen).to.deep.equal(['gw-1']);
    await new Promise(resolve => server.close(resolve));
    await strangers[Symbol.asyncDispose]();
  });

  it('leaves keys readable to their owner alone, and nothing of its work behind', async () => {
    await made('authority', 'North');
    await made('client', 'gw-1', '--days', '30');
    for (const key of ['ca.key', 'gw-1.key'])
      expect((await stat(join(dir.path, key))).mode & 0o777, key).to.equal(0o600);
    expect((await readdir(dir.path)).toSorted()).to.deep.equal(['ca.crt', 'ca.key', 'gw-1.crt', 'gw-1.key']);
    const cert = new X509Certificate(await file('gw-1.crt'));
    const days = (Date.parse(cert.validTo) - Date.parse(cert.validFrom)) / 86_400_000;
    expect([cert.subject, cert.ca, days]).to.deep.equal(['CN=gw-1', false, 30]);
    expect(new X509Certificate(await file('ca.crt')).ca).to.equal(true);
  });

  it('overwrites nothing: neither a key nor a certificate that is there', async () => {
    await made('authority', 'North');
    const before = [await file('ca.key'), await file('ca.crt')];
    const again = await ca('authority', 'North');
    expect([again.code, again.err]).to.satisfy(
      ([code, err]: [number, string]) => code === 1 && /exists/.test(err),
    );
    expect([await file('ca.key'), await file('ca.crt')]).to.deep.equal(before);
    await writeFile(join(dir.path, 'gw-1.key'), 'mine');
    expect((await ca('client', 'gw-1')).code).to.equal(1);
    expect(await file('gw-1.key')).to.equal('mine');
    expect(await readdir(dir.path)).not.to.include('gw-1.crt');
  });

  it('names what is missing or wrong: no authority, no folder, no id, a host with a line of its own', async () => {
    const none = await ca('client', 'gw-1');
    expect([none.code, none.err]).to.satisfy(
      ([code, err]: [number, string]) => code === 1 && /no-authority/.test(err),
    );
    const nowhere = await underglass('utility', 'ca', 'authority', 'N', '--folder', join(dir.path, 'none'));
    expect([nowhere.code, nowhere.err.includes('(io)')]).to.deep.equal([1, true]);
    for (const args of [
      ['client', 'Gw 1'],
      ['server', 'a\nsubjectAltName=DNS:other'],
      ['server', 'a,DNS:other'],
      ['authority', '../x'],
    ])
      expect((await ca(...args)).code, args.join(' ')).to.equal(2);
  });
});
