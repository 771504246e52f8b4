/**
 * What a device's profile asks of its bus: stillness where the device needs it, patience, and a slow return. Times
 * are read from the exchanges themselves; only "no sooner than" is asserted.
 */
import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bus, BusOptions, Exchange, Traffic } from '../../../src/io/modbus/mod.ts';
import { captureFile, openBus } from '../../../src/io/modbus/mod.ts';
import { tempDir } from '../../support/temp.ts';
import type { Asked, FakeDevice } from './fakes.ts';
import { asking, fakeDevice, honest, readOf, writeOf } from './fakes.ts';

/** The bus counts whole milliseconds, and its clock may have just turned. */
const TURN_MS = 1;

describe('io/modbus bus, with the manners of a device', () => {
  let device: FakeDevice | undefined;
  let bus: Bus | undefined;
  const seen: Exchange[] = [];

  afterEach(async () => {
    await bus?.close();
    await device?.close();
    [bus, device] = [undefined, undefined];
    seen.length = 0;
  });

  async function open(
    onAsked: (asked: Asked, count: number) => void,
    options: Partial<BusOptions> = {},
  ): Promise<Bus> {
    device = await fakeDevice(onAsked);
    bus = openBus(
      { kind: 'tcp', host: '127.0.0.1', port: device.port, unit: 1 },
      {
        timeoutMs: 40,
        quarantineMs: 5,
        random: () => 0,
        onExchange: exchange => void seen.push(exchange),
        ...options,
      },
    );
    return bus;
  }

  const stillness = (at: number): number => (seen[at]?.sentMs ?? 0) - (seen[at - 1]?.answeredMs ?? 0);

  it('keeps still after the connection is open, before the first request', async () => {
    const before = performance.now();
    await (await open(honest, { connectDelayMs: 60 })).run(asking(readOf(1)), 'read');
    expect((seen[0]?.sentMs ?? 0) - before).to.be.at.least(60 - TURN_MS);
  });

  it('keeps still after a write', async () => {
    const requests = [readOf(1), writeOf(1, 5), readOf(2)];
    await (await open(honest, { writeGapMs: 60 })).run(asking(...requests), 'write');
    expect(stillness(2)).to.be.at.least(60 - TURN_MS);
  });

  it('waits before it connects again as long as the device wants', async () => {
    const hangUp = (asked: Asked, count: number) => (count === 1 ? asked.socket.destroy() : honest(asked));
    const line = await open(hangUp, { reconnectMs: 300 });
    await line.run(asking(readOf(1)), 'read');
    const [reply] = await line.run(asking(readOf(2)), 'read');
    expect(reply).to.deep.equal({ ok: true, words: [2] });
    expect(stillness(1)).to.be.at.least(300 - TURN_MS);
  });

  it('tries the ports of its profile in their order, and says where it is', async () => {
    const closed = await fakeDevice(honest);
    await closed.close();
    await open(honest);
    const [host, port] = ['127.0.0.1', device?.port ?? 0];
    await bus?.close();
    bus = openBus(
      { kind: 'tcp', host, port: closed.port, otherPorts: [port], unit: 1 },
      { timeoutMs: 40, random: () => 0 },
    );
    expect(bus.address).to.equal(`tcp://${host}:${closed.port}`);
    expect(await bus.run(asking(readOf(7)), 'read')).to.deep.equal([{ ok: true, words: [7] }]);
    expect(bus.address).to.equal(`tcp://${host}:${port}`);
  });

  it('tries the next port, too, where one takes the connection and says nothing', async () => {
    const silent = await fakeDevice(() => {});
    try {
      await open(honest);
      const port = device?.port ?? 0;
      await bus?.close();
      bus = openBus(
        { kind: 'tcp', host: '127.0.0.1', port: silent.port, otherPorts: [port], unit: 1 },
        { timeoutMs: 10, quarantineMs: 1, reconnectMs: 1, random: () => 0 },
      );
      const replies = await bus.run(asking(readOf(1), readOf(2), readOf(3), readOf(4)), 'write');
      expect(replies.map(reply => reply.ok)).to.deep.equal([false, false, false, true]);
    } finally {
      await silent.close();
    }
  });

  it('says of every port why it does not open', async () => {
    const closed = [await fakeDevice(honest), await fakeDevice(honest)];
    await Promise.all(closed.map(each => each.close()));
    const [port = 0, other = 0] = closed.map(each => each.port);
    bus = openBus(
      { kind: 'tcp', host: '127.0.0.1', port, otherPorts: [other], unit: 1 },
      { random: () => 0 },
    );
    const [reply] = await bus.run(asking(readOf(1)), 'read');
    expect(reply?.ok === false && reply.detail).to.match(new RegExp(`${port}; .*${other}$`));
  });

  it('keeps a connection on which nobody answers, where units are searched', async () => {
    const only9 = (asked: Asked) => (asked.frame[6] === 9 ? honest(asked) : undefined);
    const units = Array.from({ length: 9 }, (_, at) => ({ ...readOf(1), unit: at + 1 }));
    const line = await open(only9, { timeoutMs: 10, timeoutsMax: Number.POSITIVE_INFINITY });
    const replies = await line.run(asking(...units), 'read');
    expect(replies.map(reply => reply.ok)).to.deep.equal([...Array<boolean>(8).fill(false), true]);
    expect(device?.sockets).to.have.length(1);
    await bus?.close();
    await device?.close();
    // Without it, the third silence ends the connection.
    await (await open(only9, { timeoutMs: 10 })).run(asking(...units), 'read');
    expect(device?.sockets.length).to.be.greaterThan(1);
  });

  it('tells of all bytes, both ways, also of those that are no answer', async () => {
    const traffic: Traffic[] = [];
    const babble = (asked: Asked): void => void asked.socket.write('hello');
    await (await open(babble, { onTraffic: piece => void traffic.push(piece) })).run(
      asking(readOf(1)),
      'read',
    );
    expect(
      traffic.map(({ direction, bytes }) => [direction, Buffer.from(bytes).toString('hex')]),
    ).to.deep.equal([
      ['sent', '000100000006010300010001'],
      ['received', Buffer.from('hello').toString('hex')],
    ]);
  });
});

describe('a capture of a serial line', () => {
  it('has each piece behind the header of LINKTYPE_RTAC_SERIAL, sent and received', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'line.pcap');
    const capture = captureFile(path, 'serial');
    const [request, reply] = [Buffer.from('010300000001840a', 'hex'), Buffer.from('0103020007f986', 'hex')];
    const atMs = 1500 - performance.timeOrigin;
    capture.onTraffic({ direction: 'sent', bytes: request, atMs });
    capture.onTraffic({ direction: 'received', bytes: reply, atMs });
    capture.close();
    const file = await readFile(path);
    // wireshark epan/dissectors/packet-rtacser.c: seconds, microseconds, event 1 sent or 2 received, lines, footer.
    expect(file.subarray(20, 24).toString('hex'), 'link type 250').to.equal('000000fa');
    const header = (event: string) => `000000010007a120${event}000000`;
    expect(file.subarray(24).toString('hex')).to.equal(
      [
        `000000010007a1200000001400000014${header('01')}${request.toString('hex')}`,
        `000000010007a1200000001300000013${header('02')}${reply.toString('hex')}`,
      ].join(''),
    );
  });
});
