/**
 * Modbus/TCP Security: the bus against a TLS server of Node with certificates that openssl made. What is tested is
 * who is believed; the requests inside are those of Modbus/TCP.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { Bus } from '../../../src/io/modbus/mod.ts';
import { openBus, parseLink } from '../../../src/io/modbus/mod.ts';
import { authority } from '../../support/authority.ts';
import { needs } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';
import { asking, fakeDevice, honest, readOf, writeOf } from './fakes.ts';
import type { FakeDevice } from './fakes.ts';

/** The name in the device's certificate; it is reached by its address. */
const NAME = 'inverter-7';

describe('io/modbus bus over TLS', () => {
  let dir: Awaited<ReturnType<typeof tempDir>> | undefined;
  let folder = '';
  let device: FakeDevice | undefined;
  let bus: Bus | undefined;
  /** Subjects of the clients that the device let in. */
  const clients: string[] = [];

  before(async function () {
    needs(this, 'openssl');
    dir = await tempDir();
    folder = dir.path;
    await authority(folder, 'site', [NAME, 'gateway']);
    await authority(folder, 'elsewhere', ['stranger']);
  });

  after(() => dir?.[Symbol.asyncDispose]());

  afterEach(async () => {
    await bus?.close();
    await device?.close();
    [bus, device] = [undefined, undefined];
    clients.length = 0;
  });

  async function serve(maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3'): Promise<void> {
    const pem = (name: string) => readFile(join(folder, name));
    const [ca, cert, key] = await Promise.all(
      ['site-cert.pem', `${NAME}-cert.pem`, `${NAME}-key.pem`].map(pem),
    );
    // Security level 0, or openssl itself would not offer what is too old.
    const old = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const options = { ca, cert, key, requestCert: true, rejectUnauthorized: true, ...old, maxVersion };
    device = await fakeDevice(honest, 0, accept => {
      const server = createServer(options, (socket: TLSSocket) => {
        clients.push(String(socket.getPeerCertificate().subject.CN));
        accept(socket);
      });
      return server.on('tlsClientError', () => undefined);
    });
  }

  function open(files: { ca?: string; cert?: string; key?: string }, more = `&name=${NAME}`): Bus {
    const { ca = 'site-cert.pem', cert = 'gateway-cert.pem', key = 'gateway-key.pem' } = files;
    const [a, b, c] = [ca, cert, key].map(name => encodeURIComponent(join(folder, name)));
    const link = parseLink(`tcp://127.0.0.1:${device?.port}?ca=${a}&cert=${b}&key=${c}${more}`);
    if (!link.ok) throw new Error(link.detail);
    bus = openBus(link.value, { random: () => 0, timeoutMs: 2000 });
    return bus;
  }

  /** What the bus answers to one read, and why. */
  async function refusal(over: Bus): Promise<string> {
    const [reply] = await over.run(asking(readOf(1)), 'read');
    return reply?.ok === false ? `${reply.refusal}: ${reply.detail}` : 'it answered';
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`reads and writes over ${version}, each side having proved who it is`, async () => {
      await serve(version);
      const replies = await open({}).run(asking(readOf(7, 2), writeOf(3, 1)), 'write');
      expect(replies).to.deep.equal([
        { ok: true, words: [7, 8] },
        { ok: true, words: [] },
      ]);
      expect(clients).to.deep.equal(['gateway']);
    });

  it('believes no device that another authority vouches for', async () => {
    await serve();
    expect(await refusal(open({ ca: 'elsewhere-cert.pem' }))).to.match(/^disconnected: .*certificate/);
    expect(device?.asked).to.have.length(0);
  });

  it('believes no device whose certificate names another', async () => {
    await serve();
    expect(await refusal(open({}, '&name=inverter-8'))).to.match(/^disconnected: .*inverter-8/);
    expect(await refusal(open({}, ''))).to.match(/^disconnected: .*127\.0\.0\.1/);
    expect(device?.asked).to.have.length(0);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`is refused over ${version} by a device that does not know its certificate, and says so`, async () => {
      await serve(version);
      const stranger = { cert: 'stranger-cert.pem', key: 'stranger-key.pem' };
      expect(await refusal(open(stranger))).to.match(/^disconnected: .*(alert|disconnected|reset|closed)/i);
      expect(clients).to.deep.equal([]);
    });

  it('speaks nothing older than TLS 1.2', async () => {
    await serve('TLSv1.1');
    expect(await refusal(open({}))).to.match(/^disconnected: .*(version|protocol)/i);
  });

  it('names the file that cannot be read, or that does not fit the others', async () => {
    await serve();
    expect(await refusal(open({ key: 'none.pem' }))).to.match(/^disconnected: TLS: the key file .*none\.pem/);
    expect(await refusal(open({ key: 'stranger-key.pem' }))).to.match(/^disconnected: TLS: .*key/i);
  });
});
