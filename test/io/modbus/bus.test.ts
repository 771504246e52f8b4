/**
 * The bus against devices that misbehave on real sockets. Each line of "modbus-serial as measured" in the notes on
 * the field has its test here.
 */
import { EventEmitter, once } from 'node:events';
import { expect } from 'chai';
import type { Bus, BusOptions } from '../../../src/io/modbus/mod.ts';
import { openBus } from '../../../src/io/modbus/mod.ts';
import { WAITING_MAX } from '../../../src/local/bus/mod.ts';
import type { Asked, FakeDevice } from './fakes.ts';
import { asking, fakeDevice, honest, mbap, readOf, wordsPdu, writeOf } from './fakes.ts';

describe('io/modbus bus over TCP', () => {
  let device: FakeDevice | undefined;
  let bus: Bus | undefined;

  afterEach(async () => {
    await bus?.close();
    await device?.close();
    bus = undefined;
    device = undefined;
  });

  /** A bus to a device that does as told; the least back-off, so that no test waits for chance. */
  async function open(
    onAsked: (asked: Asked, count: number) => void,
    options: Partial<BusOptions> = {},
  ): Promise<Bus> {
    device = await fakeDevice(onAsked);
    bus = openBus(
      { kind: 'tcp', host: '127.0.0.1', port: device.port, unit: 1 },
      { timeoutMs: 200, quarantineMs: 20, random: () => 0, ...options },
    );
    return bus;
  }

  it('reads registers and writes them with functions 3, 4, 6 and 16', async () => {
    const { run } = bound(await open(honest));
    expect(await run(asking(readOf(7, 3)), 'read')).to.deep.equal([{ ok: true, words: [7, 8, 9] }]);
    const written = await run(asking(writeOf(5, 42), writeOf(5, 1, 2)), 'write');
    expect(written).to.deep.equal([
      { ok: true, words: [] },
      { ok: true, words: [] },
    ]);
    // Requests as in Modbus Application Protocol 1.1b3, 6.3, 6.6, 6.12.
    expect(device?.asked.map(asked => asked.frame.subarray(6).toString('hex'))).to.deep.equal([
      '010300070003',
      '01060005002a',
      '0110000500020400010002',
    ]);
  });

  it('answers what no device can answer itself, and goes on', async () => {
    const { run } = bound(await open(honest));
    const many = (count: number) => Array<number>(count).fill(1);
    const replies = await run(
      asking(
        readOf(65_622, 2),
        readOf(65_535, 2),
        readOf(0, 126),
        readOf(0, 0),
        writeOf(65_536, 1),
        writeOf(0, ...many(124)),
        writeOf(0, 65_536),
        readOf(65_535, 1),
        writeOf(0, ...many(123)),
      ),
      'write',
    );
    const codes = replies.map(reply => (reply.ok ? 0 : reply.exception));
    expect(codes).to.deep.equal([2, 2, 3, 3, 2, 3, 3, 0, 0]);
    expect(device?.asked).to.have.length(2);
  });

  it('asks input registers with function 4', async () => {
    const { run } = bound(await open(asked => asked.answer(Buffer.from('0402000a', 'hex'))));
    const request = { kind: 'read', unit: 1, space: 'input', address: 8, count: 1 } as const;
    expect(await run(asking(request), 'read')).to.deep.equal([{ ok: true, words: [10] }]);
    expect(device?.asked[0]?.frame[7]).to.equal(4);
  });

  it('tells exceptions with their code, and which may pass', async () => {
    const codes = [1, 2, 3, 4, 5, 6, 10, 11];
    const { run } = bound(await open((asked, count) => asked.answer(Buffer.of(0x83, codes[count - 1] ?? 0))));
    const replies = await run(asking(...codes.map(() => readOf(0))), 'read');
    expect(replies.map(reply => !reply.ok && [reply.refusal, reply.exception, reply.retry])).to.deep.equal(
      codes.map(code => ['exception', code, code > 4 ? 'later' : 'never']),
    );
  });

  it('answers timeout when nothing comes, and drops the late reply instead of giving it to the next request', async () => {
    let first: Asked | undefined;
    const { run } = bound(
      await open((asked, count) => {
        if (count === 1) first = asked;
        else {
          first?.answer(wordsPdu([666]));
          asked.answer(wordsPdu([7]));
        }
      }),
    );
    const replies = await run(asking(readOf(1), readOf(1)), 'read');
    expect(replies[0]).to.include({ ok: false, refusal: 'timeout' });
    expect(replies[1]).to.deep.equal({ ok: true, words: [7] });
  });

  it('drops a reply that comes twice, and one to a request of long ago', async () => {
    const { run } = bound(
      await open((asked, count) => {
        if (count > 1) asked.answer(wordsPdu([666]), { transaction: 1 });
        asked.answer(wordsPdu([count]));
        asked.answer(wordsPdu([666]));
      }),
    );
    const replies = await run(asking(...Array.from({ length: 300 }, () => readOf(1))), 'read');
    expect(replies.map(reply => reply.ok && reply.words[0])).to.deep.equal(replies.map((_, i) => i + 1));
    expect(new Set(device?.asked.map(asked => asked.frame.readUInt16BE(0))).size).to.equal(300);
  });

  const garbled: Record<string, (asked: Asked) => void> = {
    'another unit': asked => asked.answer(wordsPdu([1]), { unit: 2 }),
    'another function': asked => asked.answer(Buffer.from('04020001', 'hex')),
    'an exception of another function': asked => asked.answer(Buffer.from('9002', 'hex')),
    'too few words': asked => asked.answer(wordsPdu([])),
    'too many words': asked => asked.answer(wordsPdu([1, 2])),
    'a byte count that lies': asked => asked.answer(Buffer.from('03040001', 'hex')),
    'no Modbus at all': asked => asked.socket.write('HTTP/1.1 400 Bad Request\r\n'),
  };
  for (const [what, answer] of Object.entries(garbled))
    it(`answers garbled when ${what} comes back, and goes on`, async () => {
      const { run } = bound(await open((asked, count) => (count === 1 ? answer(asked) : honest(asked))));
      const [first] = await run(asking(readOf(5)), 'read');
      expect(first).to.include({ ok: false, refusal: 'garbled' });
      expect(await run(asking(readOf(5)), 'write')).to.deep.equal([{ ok: true, words: [5] }]);
    });

  it('answers garbled when the echo of a write is not what was written', async () => {
    for (const echo of ['06000500ff', '060006002a', '1000050001']) {
      const { run } = bound(await open(asked => asked.answer(Buffer.from(echo, 'hex'))));
      const [reply] = await run(asking(writeOf(5, 42)), 'write');
      expect(reply, echo).to.include({ ok: false, refusal: 'garbled' });
      await bus?.close();
      await device?.close();
    }
  });

  it('answers disconnected at once when the device drops the connection with a request pending', async () => {
    const { run } = bound(
      await open((asked, count) => (count === 1 ? asked.socket.resetAndDestroy() : honest(asked)), {
        timeoutMs: 60_000,
      }),
    );
    const [reply] = await run(asking(readOf(1)), 'read');
    expect(reply).to.include({ ok: false, refusal: 'disconnected' });
    expect(await run(asking(readOf(3)), 'write')).to.deep.equal([{ ok: true, words: [3] }]);
    expect(device?.sockets).to.have.length(2);
  });

  it('answers disconnected, with the reason, when nobody listens, and refuses at once until the back-off is over', async () => {
    const away = await fakeDevice(honest);
    await away.close();
    bus = openBus(
      { kind: 'tcp', host: '127.0.0.1', port: away.port, unit: 1 },
      { timeoutMs: 200, random: () => 0.999 },
    );
    // Four failures in a row: the last waits some 8 s.
    const replies = await bus.run(asking(...Array.from({ length: 2 }, () => readOf(1))), 'read');
    expect(replies.map(reply => !reply.ok && reply.refusal)).to.deep.equal(['disconnected', 'disconnected']);
    expect(!replies[0]?.ok && replies[0]?.detail).to.include('ECONNREFUSED');
    expect(!replies[1]?.ok && replies[1]?.detail).to.match(/ECONNREFUSED.*; next attempt in \d+ ms/);
  });

  it('finds a device that came back, a write before the back-off is over', async () => {
    const away = await fakeDevice(honest);
    await away.close();
    bus = openBus(
      { kind: 'tcp', host: '127.0.0.1', port: away.port, unit: 1 },
      { timeoutMs: 200, random: () => 0.999 },
    );
    await bus.run(asking(readOf(1), readOf(1)), 'read');
    device = await fakeDevice(honest, away.port);
    const [read] = await bus.run(asking(readOf(1)), 'read');
    expect(read).to.include({ refusal: 'disconnected' });
    const [written] = await bus.run(asking(writeOf(1, 2)), 'write');
    expect(written).to.deep.equal({ ok: true, words: [] });
    expect(await bus.run(asking(readOf(1)), 'read')).to.deep.equal([{ ok: true, words: [1] }]);
  });

  it('gives up a connection on which nothing is answered any more, and closes it before it opens the next', async () => {
    const events = new EventEmitter();
    const { run } = bound(
      await open(
        asked => {
          if (device?.sockets.length === 1) asked.socket.once('close', () => events.emit('closed'));
          else honest(asked);
        },
        { timeoutMs: 20, quarantineMs: 0 },
      ),
    );
    const closed = once(events, 'closed');
    const replies = await run(asking(readOf(1), readOf(1), readOf(1), readOf(1)), 'write');
    expect(replies.map(reply => reply.ok)).to.deep.equal([false, false, false, true]);
    await closed;
    expect(device?.sockets).to.have.length(2);
  });

  it('keeps one request in flight, however many conversations run', async () => {
    let inFlight = 0;
    let most = 0;
    const { run } = bound(
      await open(asked => {
        most = Math.max(most, ++inFlight);
        setImmediate(() => {
          inFlight -= 1;
          honest(asked);
        });
      }),
    );
    const all = Array.from({ length: 20 }, (_, i) =>
      run(asking(readOf(i), readOf(i + 100)), i % 3 ? 'read' : 'write'),
    );
    const replies = await Promise.all(all);
    expect(most).to.equal(1);
    expect(replies.map(each => each.map(reply => reply.ok && reply.words[0]))).to.deep.equal(
      replies.map((_, i) => [i, i + 100]),
    );
  });

  it('lets a write wait for one read at most', async () => {
    const order: number[] = [];
    let writing: Promise<unknown> | undefined;
    const { run } = bound(
      await open((asked, count) => {
        order.push(asked.frame.readUInt16BE(8));
        if (count === 1) writing = bus?.run(asking(writeOf(500, 1), writeOf(501, 1)), 'write');
        honest(asked);
      }),
    );
    await run(asking(readOf(1), readOf(2), readOf(3)), 'read');
    await writing;
    expect(order).to.deep.equal([1, 500, 501, 2, 3]);
  });

  it('lets readers take turns, so that a silent device holds the others up by one request', async () => {
    const order: number[] = [];
    const { run } = bound(
      await open(asked => {
        order.push(asked.frame.readUInt16BE(8));
        honest(asked);
      }),
    );
    await Promise.all([
      run(asking(readOf(1), readOf(2)), 'read'),
      run(asking(readOf(11), readOf(12)), 'read'),
    ]);
    expect(order).to.deep.equal([1, 11, 2, 12]);
  });

  it('refuses the conversation that is one too many', async () => {
    const { run } = bound(await open(() => undefined, { timeoutMs: 60_000 }));
    const waiting = Array.from({ length: WAITING_MAX }, () => run(asking(readOf(1)), 'read'));
    const [reply] = await run(asking(readOf(1)), 'write');
    expect(reply).to.include({ ok: false, refusal: 'disconnected' });
    expect(!reply?.ok && reply?.detail).to.include(String(WAITING_MAX));
    await bus?.close();
    expect(await Promise.all(waiting)).to.have.length(WAITING_MAX);
  });

  it('settles everything when it is closed, what waits and what is asked afterwards', async () => {
    const arrived = new EventEmitter();
    const { run } = bound(await open(() => arrived.emit('asked'), { timeoutMs: 60_000 }));
    const asked = once(arrived, 'asked');
    const waiting = [run(asking(readOf(1), readOf(2)), 'read'), run(asking(writeOf(1, 1)), 'write')];
    await asked;
    await bus?.close();
    const replies = (await Promise.all([...waiting, run(asking(readOf(1)), 'read')])).flat();
    expect(replies.map(reply => !reply.ok && reply.refusal)).to.deep.equal(replies.map(() => 'disconnected'));
  });

  it('closes without ever having been used', async () => {
    await (await open(honest)).close();
    expect(device?.sockets).to.have.length(0);
  });

  it('rejects with what a conversation throws, and serves the next', async () => {
    const { run } = bound(await open(honest));
    function* broken() {
      yield readOf(1);
      throw new Error('a broken promise');
    }
    const error: unknown = await run(broken(), 'read').catch((thrown: unknown) => thrown);
    expect(error).to.have.property('message', 'a broken promise');
    expect(await run(asking(readOf(2)), 'read')).to.deep.equal([{ ok: true, words: [2] }]);
  });

  it('takes a reply in single bytes and two replies in one piece', async () => {
    const { run } = bound(
      await open((asked, count) => {
        const pdu = wordsPdu([count]);
        const frame = mbap(asked.frame.readUInt16BE(0), 1, pdu);
        if (count === 1) for (const byte of frame) asked.socket.write(Buffer.of(byte));
        else asked.socket.write(Buffer.concat([frame, frame]));
      }),
    );
    const replies = await run(asking(readOf(1), readOf(1), readOf(1)), 'read');
    expect(replies.map(reply => reply.ok && reply.words[0])).to.deep.equal([1, 2, 3]);
  });
});

/** `run` without its object. */
function bound(bus: Bus): Pick<Bus, 'run'> {
  return { run: (conversation, turn) => bus.run(conversation, turn) };
}
