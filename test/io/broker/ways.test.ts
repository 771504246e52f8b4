/**
 * The ways to a broker: several addresses, TLS with certificates that openssl made, and brokers that take a connection
 * and then do not do their part.
 */
import { once } from 'node:events';
import { copyFile, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { readBrokerFiles, startEmbeddedBroker } from '../../../src/io/broker/mod.ts';
import { brokerConfig } from '../../../src/model/mod.ts';
import { authority } from '../../support/authority.ts';
import { needs } from '../../support/needs.ts';
import { freePort } from '../../support/port.ts';
import { tempDir } from '../../support/temp.ts';
import { Mosquitto, TestLink } from './support.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

async function embedded(port = 0) {
  const broker = await startEmbeddedBroker({ port });
  if (!broker.ok) throw new Error(broker.detail);
  return broker.value;
}

describe('io/broker with several addresses', () => {
  it('takes the next that answers, says which, and returns to the first when that is there', async () => {
    const second = await embedded();
    const port = await freePort();
    const link = new TestLink({
      url: `mqtt://127.0.0.1:${port}`,
      standby: [`mqtt://127.0.0.1:${await freePort()}`, second.url],
      clientId: 'a',
      returnEveryMs: 20,
    });
    link.port.subscribe(['t']);
    await link.up();
    expect(link.states).to.deep.equal([{ up: true, why: `${second.url}: new session` }]);
    await link.port.publish('t', bytes('by the standby'));
    await link.until(() => link.texts.length === 1);
    const first = await embedded(port);
    await link.up(2);
    expect(link.states.slice(1)).to.deep.equal([
      {
        up: false,
        why: `${second.url}: the first broker can be reached again; tried again, at most 0.2 s apart`,
      },
      { up: true, why: `${first.url}: new session` },
    ]);
    await link.port.publish('t', bytes('by the first'));
    await link.until(() => link.texts.length === 2);
    await link.port.close();
    await Promise.all([first.close(), second.close()]);
  });

  it('names each of them when none answers', async () => {
    const urls = [`mqtt://127.0.0.1:${await freePort()}`, `mqtt://127.0.0.1:${await freePort()}`] as const;
    const link = new TestLink({ url: urls[0], standby: [urls[1]], clientId: 'a' });
    await link.down();
    const nobody = 'nothing listens there (ECONNREFUSED)';
    expect(link.states).to.deep.equal([
      { up: false, why: `${urls[0]}: ${nobody}; ${urls[1]}: ${nobody}; tried again, at most 0.2 s apart` },
    ]);
    await link.port.close();
  });
});

describe('io/broker with a broker that does half its part', () => {
  it('gives up a link on which pings are answered and nothing is acknowledged', async () => {
    const sockets: Socket[] = [];
    // CONNACK without a session, PINGRESP; all else is taken and forgotten. MQTT 5 packets, 3.2 and 3.13.
    const deaf = createServer(socket => {
      sockets.push(socket);
      socket.on('data', data => {
        if (data[0] === 0x10) socket.write(Buffer.from([0x20, 0x03, 0x00, 0x00, 0x00]));
        if (data[0] === 0xc0) socket.write(Buffer.from([0xd0, 0x00]));
      });
    }).listen(0, '127.0.0.1');
    await once(deaf, 'listening');
    const link = new TestLink({
      url: `mqtt://127.0.0.1:${(deaf.address() as AddressInfo).port}`,
      clientId: 'a',
      keepaliveS: 1,
      acknowledgedWithinMs: 100,
      backoff: { baseMs: 60_000, capMs: 60_000 },
      random: () => 1,
    });
    await link.up();
    const lost = await link.port.publish('t', bytes('x')).then(
      () => 'it did not reject',
      (error: unknown) => String(error),
    );
    expect(lost).to.include('nothing was acknowledged for 0.1 s');
    expect(link.states.at(-1)?.up).to.equal(false);
    await link.port.close();
    for (const socket of sockets) socket.destroy();
    deaf.close();
    await once(deaf, 'close');
  });
});

describe('io/broker over TLS', () => {
  let dir: Awaited<ReturnType<typeof tempDir>> | undefined;
  let broker: Mosquitto;
  let url = '';
  const pem = (name: string): string => join(dir?.path ?? '', `${name}.pem`);
  const link = (files: { ca?: string; cert?: string; key?: string }): TestLink =>
    new TestLink({ url, clientId: 'a', files: () => files });

  before(async function () {
    const program = needs(this, 'mosquitto');
    needs(this, 'openssl');
    dir = await tempDir();
    await authority(dir.path, 'utility', ['broker', 'gateway'], '127.0.0.1');
    await authority(dir.path, 'elsewhere', ['stranger']);
    const tls = [
      `cafile ${pem('utility-cert')}`,
      `certfile ${pem('broker-cert')}`,
      `keyfile ${pem('broker-key')}`,
    ];
    broker = await Mosquitto.start(program, dir.path, [...tls, 'require_certificate true']);
    url = broker.url.replace('mqtt:', 'mqtts:');
  });

  after(async () => {
    await (broker as Mosquitto | undefined)?.kill('SIGKILL');
    await dir?.[Symbol.asyncDispose]();
  });

  async function files(who: string, ca = 'utility'): Promise<{ ca: string; cert: string; key: string }> {
    const [cert, key, root] = await Promise.all(
      [`${who}-cert`, `${who}-key`, `${ca}-cert`].map(name => readFile(pem(name), 'utf8')),
    );
    return { ca: root ?? '', cert: cert ?? '', key: key ?? '' };
  }

  it('shows its certificate, believes the authority it was told of, and delivers', async () => {
    const ours = link(await files('gateway'));
    ours.port.subscribe(['t']);
    await ours.up();
    await ours.port.publish('t', bytes('under TLS'));
    await ours.until(() => ours.texts.length === 1);
    await ours.port.close();
  });

  it('believes no authority but its own', async () => {
    const ours = link(await files('gateway', 'elsewhere'));
    await ours.down();
    expect(ours.states[0]?.why).to.include('is signed by an authority that is not ours');
    await ours.port.close();
    const { cert, key } = await files('gateway');
    const withoutOne = link({ cert, key });
    await withoutOne.down();
    expect(withoutOne.states[0]?.why).to.include('is signed by an authority that is not ours');
    await withoutOne.port.close();
  });

  it('says that the broker does not take its certificate, or wants one', async () => {
    const stranger = link(await files('stranger'));
    await stranger.down();
    expect(stranger.states[0]?.why).to.include("the broker does not know our certificate's authority");
    await stranger.port.close();
    const nobody = link({ ca: (await files('gateway')).ca });
    await nobody.down();
    expect(nobody.states[0]?.why).to.include('the broker wants a certificate of ours');
    await nobody.port.close();
  });

  it('takes a renewed certificate at the next attempt', async () => {
    let who = 'stranger';
    const both = { stranger: await files('stranger'), gateway: await files('gateway') };
    const ours = new TestLink({ url, clientId: 'a', files: () => both[who as keyof typeof both] });
    await ours.down();
    who = 'gateway';
    await ours.up();
    await ours.port.close();
  });

  it('holds files against each other before anything is opened', async () => {
    const name = 'mqtts://broker.example';
    const refusal = (names: object) => {
      const read = readBrokerFiles(brokerConfig.parse({ url: name, ...names }));
      return read.ok ? 'good' : `${read.refusal} ${read.detail}`;
    };
    const [ca, cert, key] = [pem('utility-cert'), pem('gateway-cert'), pem('gateway-key')];
    expect(refusal({ caFile: ca, certFile: cert, keyFile: key })).to.equal('good');
    expect(refusal({ certFile: cert, keyFile: pem('stranger-key') })).to.equal(
      'keyFile is the key of another certificate',
    );
    expect(refusal({ certFile: key, keyFile: key })).to.equal('certFile is no certificate in PEM');
    expect(refusal({ certFile: cert, keyFile: cert })).to.include('keyFile is no private key in PEM');
    expect(refusal({ caFile: key })).to.equal('caFile is no certificate in PEM');
    expect(refusal({ caFile: pem('nobody') })).to.equal('caFile is not there');
    expect(refusal({ caFile: dir?.path })).to.equal('caFile is a folder, not a file');
    await copyFile(pem('gateway-cert'), pem('password'));
    expect(refusal({ passwordFile: pem('password') })).to.equal('good');
  });
});
