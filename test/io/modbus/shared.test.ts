/**
 * What devices on one bus ask of it and of each other: frames of a serial line over TCP, manners that come to be
 * known while the bus is open, and whose request goes first.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'chai';
import { nextBetween, seeded } from '../../../src/base/random.ts';
import type { Bus, BusOptions, Exchange } from '../../../src/io/modbus/mod.ts';
import { openBus, parseLink } from '../../../src/io/modbus/mod.ts';
import type { Conversation, ModbusReply, ModbusRequest } from '../../../src/local/bus/mod.ts';
import { decodeRequest, encodeReply, encodeRtu } from '../../../src/local/bus/mod.ts';
import type { Asked, FakeDevice } from './fakes.ts';
import { asking, fakeDevice, honest, readOf, writeOf } from './fakes.ts';

/** Modbus over Serial Line: a read of register 0 of unit 1, and replies that hold 7 and 0x0666. CRC by pymodbus 3.0.0rc1. */
const REQUEST = '010300000001840a';
const SEVEN = '0103020007f986';
const LATE = '01030206663bce';
/** The bus counts whole milliseconds, and its clock may have just turned. */
const TURN_MS = 1;

describe('io/modbus bus, shared', () => {
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
    options: Partial<BusOptions> & { readonly link?: string } = {},
  ): Promise<Bus> {
    device = await fakeDevice(onAsked);
    const link = parseLink(`tcp://127.0.0.1:${device.port}?${options.link ?? ''}`);
    if (!link.ok) throw new Error(link.detail);
    const onExchange = (exchange: Exchange): void => void seen.push(exchange);
    bus = openBus(link.value, { timeoutMs: 200, quarantineMs: 20, random: () => 0, onExchange, ...options });
    return bus;
  }

  const stillness = (at: number): number => (seen[at]?.sentMs ?? 0) - (seen[at - 1]?.answeredMs ?? 0);

  it('speaks RTU over TCP: frames with a CRC and no MBAP, in pieces of any size', async () => {
    const line = await open(
      ({ socket }) => {
        for (const byte of Buffer.from(SEVEN, 'hex')) socket.write(Buffer.of(byte));
      },
      { link: 'framing=rtu' },
    );
    expect(await line.run(asking(readOf(0)), 'read')).to.deep.equal([{ ok: true, words: [7] }]);
    expect(device?.asked.map(({ frame }) => frame.toString('hex'))).to.deep.equal([REQUEST]);
  });

  it('does not take a late reply over RTU over TCP for the answer to the next request', async () => {
    const line = await open(
      ({ socket }, count) => {
        if (count === 2) socket.write(Buffer.from(SEVEN, 'hex'));
        // After the request was given up, before the next may go.
        else setTimeout(() => socket.write(Buffer.from(LATE, 'hex')), 60);
      },
      { link: 'framing=rtu', timeoutMs: 40, quarantineMs: 500 },
    );
    const [first, second] = await line.run(asking(readOf(0), readOf(0)), 'read');
    expect(first).to.include({ ok: false, refusal: 'timeout' });
    expect(second).to.deep.equal({ ok: true, words: [7] });
  });

  it('does not take one over RTU however late it comes: later than any quarantine, and several behind each other', async () => {
    const random = seeded(7);
    /** Requests are carried out one after the other, each in its own time, as any slave does. */
    let turn = Promise.resolve();
    const line = await open(
      ({ socket, frame }) => {
        const decoded = decodeRequest(frame[0] ?? 0, frame.subarray(1, -2));
        if (!('request' in decoded) || decoded.request.kind !== 'read') throw new Error('only reads');
        const { address, count } = decoded.request;
        const words = Array.from({ length: count }, (_, n) => (7 * (address + n)) & 0xffff);
        const pdu = encodeReply(frame.subarray(1, -2), words);
        const ms = nextBetween(random, 0, 7) === 0 ? nextBetween(random, 10, 60) : 0;
        turn = turn
          .then(() => (ms === 0 ? undefined : wait(ms)))
          .then(() => void socket.write(encodeRtu({ unit: 1, pdu })));
      },
      { link: 'framing=rtu', timeoutMs: 10, quarantineMs: 5, timeoutsMax: Number.MAX_SAFE_INTEGER },
    );
    const addresses = Array.from({ length: 150 }, () => nextBetween(random, 0, 9000));
    const replies = await line.run(asking(...addresses.map(address => readOf(address, 3))), 'read');
    const answered = replies.flatMap((reply, at) =>
      reply.ok ? [[addresses[at] ?? 0, reply.words] as const] : [],
    );
    for (const [address, words] of answered)
      expect(words, String(address)).to.deep.equal([0, 1, 2].map(n => (7 * (address + n)) & 0xffff));
    expect(answered.length).to.be.within(20, 149);
  });

  it('asks for something else first where an answer could be taken for another, and nothing where none could', async () => {
    const line = await open(
      ({ socket, frame }, count) => {
        if (count > 1)
          socket.write(
            encodeRtu({ unit: 1, pdu: encodeReply(frame.subarray(1, -2), [1, 2, 3].slice(0, frame[5])) }),
          );
      },
      { link: 'framing=rtu', timeoutMs: 30, quarantineMs: 5 },
    );
    await line.run(asking(readOf(0, 3), readOf(0, 3), readOf(0, 3)), 'read');
    const counts = device?.asked.map(({ frame }) => frame.readUInt16BE(4));
    expect(counts).to.deep.equal([3, 1, 3, 3]);
  });

  it('heeds a device that is known only later, from the next request on', async () => {
    const line = await open(honest);
    function* minded(): Conversation<readonly ModbusReply[]> {
      const first = yield readOf(1);
      line.mind({ gapMs: 60, timeoutMs: 500 });
      return [first, yield readOf(2), yield readOf(3)];
    }
    await line.run(minded(), 'read');
    expect(stillness(2)).to.be.at.least(60 - TURN_MS);
    expect(device?.sockets).to.have.length(1);
  });

  it('heeds the slowest wish of several devices, whoever came last', async () => {
    const line = await open(() => undefined, { timeoutMs: 20, quarantineMs: 0 });
    line.mind({ timeoutMs: 80, writeGapMs: 50 });
    line.mind({ timeoutMs: 30, writeGapMs: 5 });
    const [reply] = await line.run(asking(readOf(1)), 'read');
    expect(reply).to.include({ refusal: 'timeout', detail: 'no answer in 80 ms' });
  });

  it('leaves a device that says it is busy alone for a moment', async () => {
    const line = await open(
      (asked, count) => {
        if (count === 1) asked.answer(Buffer.of(0x83, 6));
        else honest(asked);
      },
      { busyOn: [6] },
    );
    await line.run(asking(readOf(1), readOf(1)), 'read');
    expect(stillness(1)).to.be.at.least(100 - TURN_MS);
  });

  it('does not rest for an exception that the profile does not name', async () => {
    const line = await open(asked => asked.answer(Buffer.of(0x83, 6)), { busyOn: [5] });
    const requests = Array.from({ length: 20 }, (_, at) => readOf(at));
    await line.run(asking(...requests), 'read');
    expect((seen.at(-1)?.answeredMs ?? 0) - (seen[0]?.sentMs ?? 0)).to.be.below(19 * 100);
  });

  it('lets a write to one device go before what waits to be read from another', async () => {
    const order: string[] = [];
    let written: Promise<unknown> | undefined;
    const line = await open((asked, count) => {
      order.push(`${asked.frame[6]}:${asked.frame.readUInt16BE(8)}`);
      if (count === 2) written = line.run(asking(of(2, writeOf(500, 1)), of(2, readOf(500))), 'write');
      honest(asked);
    });
    const polls = [1, 2].map(unit => line.run(asking(of(unit, readOf(1)), of(unit, readOf(2))), 'read'));
    await Promise.all(polls);
    await written;
    expect(order).to.deep.equal(['1:1', '2:1', '2:500', '2:500', '1:2', '2:2']);
  });

  it('holds a write to one device up by one request to another that is silent', async () => {
    let written: Promise<readonly ModbusReply[]> | undefined;
    const line = await open(
      asked => {
        if (asked.frame[6] === 1) written ??= line.run(asking(of(2, writeOf(500, 1))), 'write');
        else honest(asked);
      },
      { timeoutMs: 30, quarantineMs: 0 },
    );
    await line.run(asking(of(1, readOf(1)), of(1, readOf(2))), 'read');
    expect(await written).to.deep.equal([{ ok: true, words: [] }]);
    expect(seen.map(({ request }) => request.unit)).to.deep.equal([1, 2, 1]);
  });

  it('says of a device that takes the connection and is silent that it answers nothing', async () => {
    const line = await open(() => undefined, { timeoutMs: 20, quarantineMs: 0, random: () => 0.999 });
    const replies = await line.run(asking(...Array.from({ length: 4 }, () => readOf(1))), 'read');
    expect(replies.map(reply => !reply.ok && reply.refusal)).to.deep.equal([
      'timeout',
      'timeout',
      'timeout',
      'disconnected',
    ]);
    expect(replies[3])
      .to.have.property('detail')
      .that.matches(/answers nothing; next attempt in \d+ ms$/);
  });
});

/** `request`, to another unit. */
function of(unit: number, request: ModbusRequest): ModbusRequest {
  return { ...request, unit };
}
