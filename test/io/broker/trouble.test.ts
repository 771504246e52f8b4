import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { nextUint32, seeded } from '../../../src/base/random.ts';
import { connectBroker, startEmbeddedBroker } from '../../../src/io/broker/mod.ts';
import type { EmbeddedBroker } from '../../../src/io/broker/mod.ts';
import { needs } from '../../support/needs.ts';
import { freePort } from '../../support/port.ts';
import { tempDir } from '../../support/temp.ts';
import { Mosquitto, TestLink } from './support.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

async function embedded(port = 0): Promise<EmbeddedBroker> {
  const broker = await startEmbeddedBroker({ port });
  if (!broker.ok) throw new Error(broker.detail);
  return broker.value;
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'it did not reject',
    (error: unknown) => String(error),
  );
}

describe('io/broker with brokers that misbehave', () => {
  for (const [name, greeting] of [
    ['says nothing', ''],
    ['answers in HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['answers with noise', noise(512)],
    ['refuses the password', Buffer.from([0x20, 0x02, 0x00, 0x04])],
    ['acknowledges what was never sent', Buffer.from([0x20, 0x02, 0x00, 0x00, 0x40, 0x02, 0x12, 0x34])],
  ] as const)
    it(`survives one that ${name}`, async () => {
      const server = createServer(socket => {
        socket.on('error', () => {});
        socket.resume();
        if (greeting.length > 0) socket.write(greeting);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      let failures = 0;
      const { promise: enough, resolve } = Promise.withResolvers<void>();
      const link = new TestLink({
        url: `mqtt://127.0.0.1:${port}`,
        clientId: 'a',
        readyWithinMs: 50,
        onAttemptFailed: () => ++failures === 5 && resolve(),
      });
      link.port.subscribe(['t']);
      await enough;
      expect(link.states.map(({ up }) => up)).to.deep.equal([false]);
      if (name === 'refuses the password')
        expect(link.states[0]?.why).to.match(/wrong user name or password \(4\); tried again/);
      await link.port.close();
      server.close();
      await once(server, 'close');
    });

  it('closes at any moment without an error and without a trace', async () => {
    const broker = await embedded();
    for (let turns = 0; turns < 30; turns++) {
      const link = new TestLink({ url: broker.url, clientId: `c${turns}` });
      link.port.subscribe(['t']);
      for (let n = 0; n < turns; n++) await new Promise(setImmediate);
      const fate = reasonOf(link.port.publish('t', bytes('x')));
      await link.port.close();
      await fate;
      expect(await reasonOf(link.port.publish('t', bytes('x')))).to.include('the link is down');
      await link.port.close();
    }
    await broker.close();
  });

  it('waits at random below a bound that doubles up to its cap', async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const pauses: number[] = [];
    const units = [1, 1, 1, 1, 1, 0.5, 0, 0.25];
    let draws = 0;
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const link = connectBroker(
      {
        url,
        clientId: 'a',
        backoff: { baseMs: 4, capMs: 40 },
        random: () => units[draws++] ?? 1,
        onAttemptFailed: ({ retryInMs }) => {
          if (pauses.push(retryInMs) === units.length) resolve();
        },
      },
      { message: () => {}, link: () => {} },
    );
    await enough;
    expect(pauses).to.deep.equal([4, 8, 16, 32, 40, 20, 0, 10]);
    await link.close();
  });
});

describe('io/broker with mosquitto', () => {
  let program = '';

  before(function () {
    program = needs(this, 'mosquitto');
  });

  it('resumes its session after the broker was killed: what was queued arrives', async () => {
    await using dir = await tempDir();
    await using broker = await Mosquitto.start(program, dir.path);
    const hearing = new TestLink({ url: broker.url, clientId: 'hearing' });
    hearing.port.subscribe(['t']);
    await hearing.up();
    await hearing.port.close();
    const saying = new TestLink({ url: broker.url, clientId: 'saying' });
    await saying.up();
    await saying.port.publish('t', bytes('while you were away'));
    await broker.kill('SIGTERM');
    await saying.down();
    await broker.restart();
    const back = new TestLink({ url: broker.url, clientId: 'hearing' });
    await back.until(() => back.messages.length === 1);
    expect(back.texts).to.deep.equal(['while you were away']);
    await back.up();
    expect(back.states[0]?.why).to.equal(`${broker.url}: session resumed`);
    await saying.up(2);
    expect(saying.states.map(({ up }) => up)).to.deep.equal([true, false, true]);
    await Promise.all([back.port.close(), saying.port.close()]);
  });

  it('gets an unacknowledged message again after kill and restart, and 19 others held with it', async () => {
    await using dir = await tempDir();
    await using broker = await Mosquitto.start(program, dir.path);
    const hearing = new TestLink({ url: broker.url, clientId: 'hearing' }, 'later');
    hearing.port.subscribe(['t']);
    const saying = new TestLink({ url: broker.url, clientId: 'saying' });
    await Promise.all([hearing.up(), saying.up()]);
    const texts = Array.from({ length: 20 }, (_, n) => String(n));
    await Promise.all(texts.map(text => saying.port.publish('t', bytes(text))));
    await hearing.until(() => hearing.messages.length === 20);
    for (const { acknowledge } of hearing.messages.slice(0, 5)) acknowledge();
    await hearing.port.publish('elsewhere', bytes(''));
    await broker.kill('SIGTERM');
    await hearing.down();
    await broker.restart();
    await hearing.until(() => hearing.messages.length === 35);
    expect(hearing.texts.slice(20)).to.deep.equal(texts.slice(5));
    await Promise.all([hearing.port.close(), saying.port.close()]);
  });

  it('publishes more at once than the broker takes at once', async () => {
    await using dir = await tempDir();
    await using broker = await Mosquitto.start(program, dir.path);
    const link = new TestLink({ url: broker.url, clientId: 'a' });
    link.port.subscribe(['t']);
    await link.up();
    await Promise.all(Array.from({ length: 500 }, (_, n) => link.port.publish('t', bytes(String(n)))));
    await link.until(() => link.messages.length === 500);
    expect(link.texts).to.deep.equal(Array.from({ length: 500 }, (_, n) => String(n)));
    expect(link.states).to.have.length(1);
    await link.port.close();
  });

  it('rejects what a killed broker had not acknowledged', async () => {
    await using dir = await tempDir();
    await using broker = await Mosquitto.start(program, dir.path);
    const link = new TestLink({ url: broker.url, clientId: 'a' });
    await link.up();
    const all = Promise.allSettled(
      Array.from({ length: 1000 }, (_, n) => link.port.publish('t', bytes(`${n} ${'x'.repeat(10_000)}`))),
    );
    await broker.kill('SIGKILL');
    const outcomes = await all;
    const rejected = outcomes.filter(o => o.status === 'rejected');
    expect(rejected.length).to.be.greaterThan(0);
    for (const { reason } of rejected) expect(String(reason)).to.include(broker.url);
    await link.down();
    await link.port.close();
  });
});

function noise(length: number): Buffer {
  const random = seeded(3);
  return Buffer.from(Array.from({ length }, () => nextUint32(random) & 0xff));
}
