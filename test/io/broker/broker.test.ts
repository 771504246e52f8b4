import { expect } from 'chai';
import { connectAsync } from 'mqtt';
import { EventEmitter, once } from 'node:events';
import { createServer, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { startEmbeddedBroker } from '../../../src/io/broker/mod.ts';
import type { EmbeddedBroker } from '../../../src/io/broker/mod.ts';
import { Relay, TestLink } from './support.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** PUBLISH of `x` on `t`, QoS 1, with this id (3.3). */
const publish = (id: number): Buffer => Buffer.from([0x32, 0x07, 0x00, 0x01, 0x74, 0x00, id, 0x00, 0x78]);

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

describe('io/broker with the embedded broker', () => {
  it('delivers, resolves at the PUBACK, and falls back to MQTT 3.1.1 without a word', async () => {
    const broker = await embedded();
    const hearing = new TestLink({ url: broker.url, clientId: 'hearing' });
    hearing.port.subscribe(['t/+']);
    const saying = new TestLink({ url: broker.url, clientId: 'saying' });
    await Promise.all([hearing.up(), saying.up()]);
    await saying.port.publish('t/1', bytes('hello'));
    await hearing.until(() => hearing.messages.length === 1);
    expect(hearing.messages[0]).to.include({ topic: 't/1', text: 'hello', retained: false });
    expect(hearing.states).to.deep.equal([{ up: true, why: `${broker.url}: new session` }]);
    hearing.port.unsubscribe(['t/+']);
    hearing.port.subscribe(['u/1']);
    // A word round through the broker, so that it has the subscription.
    await hearing.port.publish('elsewhere', bytes(''));
    await saying.port.publish('u/1', bytes('after'));
    await hearing.until(() => hearing.texts.includes('after'));
    await Promise.all([hearing.port.close(), saying.port.close()]);
    await broker.close();
  });

  it('keeps presence: birth when up, the will when cut off, and the same words at a goodbye', async () => {
    const broker = await embedded();
    const watch = new TestLink({ url: broker.url, clientId: 'watch' });
    watch.port.subscribe(['state']);
    await watch.up();
    const will = { topic: 'state', payload: bytes('offline'), birth: bytes('online') };
    const relay = await Relay.to(broker.port);
    const cut = new TestLink({
      url: relay.url,
      clientId: 'gw',
      will,
      backoff: { baseMs: 60_000, capMs: 60_000 },
      random: () => 1,
    });
    await watch.until(() => watch.texts.length === 1);
    await relay[Symbol.asyncDispose]();
    await watch.until(() => watch.texts.length === 2);
    await cut.port.close();
    const polite = new TestLink({ url: broker.url, clientId: 'gw', will });
    await watch.until(() => watch.texts.length === 3);
    await polite.port.close();
    await watch.until(() => watch.texts.length === 4);
    expect(watch.texts).to.deep.equal(['online', 'offline', 'online', 'offline']);
    const late = new TestLink({ url: broker.url, clientId: 'late' });
    late.port.subscribe(['state']);
    await late.until(() => late.messages.length === 1);
    expect(late.messages[0]).to.include({ text: 'offline', retained: true });
    await Promise.all([watch.port.close(), late.port.close()]);
    await broker.close();
  });

  it('reports a broker that is gone once, rejects publishes meanwhile, and comes back', async () => {
    const first = await embedded();
    // Several attempts fail before there is a broker again: each draws its pause.
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    let failed = 0;
    const random = (): number => {
      if (++failed === 4) resolve();
      return 0.5;
    };
    const link = new TestLink({ url: first.url, clientId: 'a', random });
    link.port.subscribe(['t']);
    await link.up();
    await first.close();
    await link.down();
    expect(await reasonOf(link.port.publish('t', bytes('lost')))).to.include('the link is down');
    await enough;
    const second = await embedded(first.port);
    await link.up(2);
    expect(link.states.map(({ up }) => up)).to.deep.equal([true, false, true]);
    const next = 'tried again, at most 0.2 s apart';
    expect(link.states[1]?.why).to.equal(`${first.url}: the broker closed the connection; ${next}`);
    await link.port.publish('t', bytes('back'));
    await link.until(() => link.texts.includes('back'));
    expect(link.texts).to.deep.equal(['back']);
    await link.port.close();
    await second.close();
  });

  it('says of a broker that was never there, once, where it should be and what happens next', async () => {
    const broker = await embedded();
    await broker.close();
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    let failed = 0;
    const random = (): number => {
      if (++failed === 4) resolve();
      return 0.5;
    };
    const link = new TestLink({ url: broker.url, clientId: 'a', random });
    await enough;
    const why = `${broker.url}: nothing listens there (ECONNREFUSED); tried again, at most 0.2 s apart`;
    expect(link.states).to.deep.equal([{ up: false, why }]);
    await link.port.close();
  });

  it('names a port in use with its address, and an address that is not ours', async () => {
    const broker = await embedded();
    const again = await startEmbeddedBroker({ port: broker.port });
    expect(again).to.deep.equal({
      ok: false,
      refusal: 'port-in-use',
      retry: 'later',
      detail: `another program listens on 127.0.0.1:${broker.port} already`,
    });
    expect(await startEmbeddedBroker({ port: 0, host: '192.0.2.1' })).to.include({
      ok: false,
      refusal: 'cannot-listen',
    });
    await broker.close();
    await (await embedded(broker.port)).close();
  });

  it('holds many messages unacknowledged at once, and gets none of them again once all are acknowledged', async () => {
    const broker = await embedded();
    const hearing = new TestLink({ url: broker.url, clientId: 'hearing' }, 'later');
    hearing.port.subscribe(['t']);
    const saying = new TestLink({ url: broker.url, clientId: 'saying' });
    await Promise.all([hearing.up(), saying.up()]);
    const all = Promise.all(Array.from({ length: 30 }, (_, n) => saying.port.publish('t', bytes(String(n)))));
    await hearing.until(() => hearing.messages.length === 30);
    await all;
    for (const { acknowledge } of hearing.messages) acknowledge();
    // A word round through the broker, so that it has the PUBACKs.
    await hearing.port.publish('elsewhere', bytes(''));
    hearing.port.renew();
    await hearing.up(2);
    await saying.port.publish('t', bytes('fresh'));
    await hearing.until(() => hearing.messages.length > 30);
    expect(hearing.texts.slice(30)).to.deep.equal(['fresh']);
    hearing.messages[30]?.acknowledge();
    await Promise.all([hearing.port.close(), saying.port.close()]);
    await broker.close();
  });

  it('gets again, after a renewed link, what was not acknowledged', async () => {
    const broker = await embedded();
    const hearing = new TestLink({ url: broker.url, clientId: 'hearing' }, 'later');
    hearing.port.subscribe(['t']);
    const saying = new TestLink({ url: broker.url, clientId: 'saying' });
    await Promise.all([hearing.up(), saying.up()]);
    await saying.port.publish('t', bytes('one'));
    await saying.port.publish('t', bytes('two'));
    await hearing.until(() => hearing.messages.length === 2);
    hearing.messages[0]?.acknowledge();
    // A word round through the broker, so that it has the PUBACK.
    await hearing.port.publish('elsewhere', bytes(''));
    hearing.port.renew();
    await hearing.until(() => hearing.messages.length === 3);
    expect(hearing.texts).to.deep.equal(['one', 'two', 'two']);
    // Acknowledging on the link that is gone does nothing to the new one.
    hearing.messages[1]?.acknowledge();
    hearing.messages[2]?.acknowledge();
    await Promise.all([hearing.port.close(), saying.port.close()]);
    await broker.close();
  });

  it('stops reading at 100 unacknowledged messages, and goes on when one is acknowledged', async () => {
    const broker = await embedded();
    const hearing = new TestLink({ url: broker.url, clientId: 'hearing' }, 'later');
    hearing.port.subscribe(['t']);
    const saying = new TestLink({ url: broker.url, clientId: 'saying' });
    await Promise.all([hearing.up(), saying.up()]);
    await Promise.all(Array.from({ length: 150 }, (_, n) => saying.port.publish('t', bytes(String(n)))));
    await hearing.until(() => hearing.messages.length >= 100);
    await saying.port.publish('elsewhere', bytes(''));
    expect(hearing.messages).to.have.length(100);
    for (let n = 0; n < 150; n++) {
      await hearing.until(() => hearing.messages.length > n);
      hearing.messages[n]?.acknowledge();
    }
    expect(hearing.texts).to.deep.equal(Array.from({ length: 150 }, (_, n) => String(n)));
    await Promise.all([hearing.port.close(), saying.port.close()]);
    await broker.close();
  });

  it('stops reading at 100 messages of QoS 0 in hand as well, and acknowledges none of them', async () => {
    const broker = await embedded();
    const hearing = new TestLink({ url: broker.url, clientId: 'hearing' }, 'later');
    hearing.port.subscribe(['t']);
    await hearing.up();
    const saying = await connectAsync(broker.url, { protocolVersion: 4, reconnectPeriod: 0 });
    for (let n = 0; n < 150; n++) saying.publish('t', String(n), { qos: 0 });
    await hearing.until(() => hearing.messages.length >= 100);
    await saying.publishAsync('t', 'last', { qos: 1 });
    expect(hearing.messages).to.have.length(100);
    for (let n = 0; n < 151; n++) {
      await hearing.until(() => hearing.messages.length > n);
      hearing.messages[n]?.acknowledge();
    }
    expect(hearing.texts).to.deep.equal([...Array.from({ length: 150 }, (_, n) => String(n)), 'last']);
    await Promise.all([hearing.port.close(), saying.endAsync()]);
    await broker.close();
  });

  it('rejects what is in flight when the link is lost, and notices a silent link by its keep-alive', async function () {
    this.timeout(15_000);
    const broker = await embedded();
    await using relay = await Relay.to(broker.port);
    const link = new TestLink({
      url: relay.url,
      clientId: 'a',
      keepaliveS: 1,
      backoff: { baseMs: 60_000, capMs: 60_000 },
      random: () => 1,
    });
    await link.up();
    relay.swallow();
    const lost = await reasonOf(link.port.publish('t', bytes('into the dark')));
    expect(lost).to.include('no answer to a ping');
    await link.down();
    expect(link.states.at(-1)).to.deep.equal({
      up: false,
      why: `${relay.url}: no answer to a ping; tried again, at most 60 s apart`,
    });
    await link.port.close();
    await broker.close();
  });

  it('turns Nagle off at both ends of every connection', async () => {
    const sockets = new Set<Socket>();
    // oxlint-disable-next-line typescript/unbound-method -- called with the socket it belongs to
    const { setNoDelay } = Socket.prototype;
    Socket.prototype.setNoDelay = function (on?: boolean) {
      if (on !== false) sockets.add(this);
      return setNoDelay.call(this, on);
    };
    try {
      const broker = await embedded();
      const link = new TestLink({ url: broker.url, clientId: 'a' });
      await link.up();
      // The refused attempt with MQTT 5 and the one that stands. Node sets the server's ends by its own option.
      expect(sockets.size).to.equal(2);
      await link.port.close();
      await broker.close();
    } finally {
      Socket.prototype.setNoDelay = setNoDelay;
    }
  });

  it('sends PUBACKs in the order of the messages, whatever the order of its owner (MQTT 5, 4.6.0-2)', async () => {
    const fromLink = new EventEmitter<{ data: [Buffer] }>();
    const server = createServer(socket => {
      socket.on('error', () => {});
      socket.once('data', () => {
        // CONNACK without properties (3.2), then three PUBLISH of `x` on `t` with ids 7, 8, 9 (3.3).
        socket.write(
          Buffer.concat([Buffer.from([0x20, 0x03, 0x00, 0x00, 0x00]), publish(7), publish(8), publish(9)]),
        );
        socket.on('data', data => fromLink.emit('data', data));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const link = new TestLink({ url: `mqtt://127.0.0.1:${port}`, clientId: 'a' }, 'later');
    await link.until(() => link.messages.length === 3);
    const heard = once(fromLink, 'data');
    for (const { acknowledge } of link.messages.toReversed()) acknowledge();
    let [data] = (await heard) as [Buffer];
    while (data.length < 12) data = Buffer.concat([data, ...((await once(fromLink, 'data')) as [Buffer])]);
    expect(data.toString('hex')).to.equal('400200074002000840020009');
    await link.port.close();
    server.close();
  });

  it('has no more under way than the broker said it takes (Receive Maximum, MQTT 5, 3.2.2.3.3)', async () => {
    const seen: Buffer[] = [];
    let atOnce = 0;
    const server = createServer(socket => {
      socket.on('error', () => {});
      socket.once('data', () => {
        // CONNACK with property 0x21, Receive Maximum: 2.
        socket.write(Buffer.from([0x20, 0x06, 0x00, 0x00, 0x03, 0x21, 0x00, 0x02]));
        // Each PUBLISH of `x` on `t` is 9 bytes: 0x32, 7, topic, id, no properties, payload.
        socket.on('data', data => {
          for (let at = 0; at + 9 <= data.length; at += 9) seen.push(data.subarray(at, at + 9));
          atOnce = Math.max(atOnce, seen.length);
          setImmediate(() => {
            const ids = seen.splice(0).map(packet => packet.readUInt16BE(5));
            for (const id of ids) socket.write(Buffer.from([0x40, 0x02, id >> 8, id & 0xff]));
          });
        });
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const link = new TestLink({ url: `mqtt://127.0.0.1:${port}`, clientId: 'a' });
    await link.up();
    await Promise.all(Array.from({ length: 20 }, () => link.port.publish('t', bytes('x'))));
    expect(atOnce).to.be.within(1, 2);
    await link.port.close();
    server.close();
  });

  it('gives the loop its turns under a flood: no more than a window of messages in each', async () => {
    const server = createServer(socket => {
      socket.on('error', () => {});
      // CONNACK without properties, then a thousand PUBLISH of `x` on `t` in one piece.
      const flood = Buffer.concat(Array.from({ length: 1000 }, (_, n) => publish(1 + (n % 255))));
      socket.once('data', () =>
        socket.write(Buffer.concat([Buffer.from([0x20, 0x03, 0x00, 0x00, 0x00]), flood])),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const link = new TestLink({ url: `mqtt://127.0.0.1:${port}`, clientId: 'a' });
    let most = 0;
    let before = 0;
    const turn = (): void => {
      most = Math.max(most, link.messages.length - before);
      before = link.messages.length;
      if (before < 1000) setImmediate(turn);
    };
    turn();
    await link.until(() => link.messages.length === 1000);
    expect(most).to.be.within(1, 100);
    await link.port.close();
    server.close();
  });
});
