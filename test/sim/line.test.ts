/**
 * The line that misbehaves: every fault by what it does to one exchange, and the TCP line by what a client of the
 * gateway's own bus gets through it. Frames are laid out by hand (Modbus Application Protocol 1.1b3, 6.3; CRCs by
 * pymodbus 3.0.0).
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { duplexPair } from 'node:stream';
import { expect } from 'chai';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Bus, BusOptions } from '../../src/io/modbus/mod.ts';
import { openBus, parseLink } from '../../src/io/modbus/mod.ts';
import { encodeRtu } from '../../src/local/bus/mod.ts';
import { Misbehaviour } from '../../src/sim/faults.ts';
import type { Frames, Message } from '../../src/sim/faults.ts';
import { serveStreamLine, serveTcp, serveTcpLine } from '../../src/sim/mod.ts';
import type { Fault, Server, Unit } from '../../src/sim/mod.ts';
import { asking, readOf, writeOf } from '../io/modbus/fakes.ts';

const pdu = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array(0);
/** Read two registers from 40000; they hold "SunS". */
const READ: Message = { unit: 1, pdu: pdu('039c400002') };
const SUNS: Message = { unit: 1, pdu: pdu('030453756e53') };
const WRITE: Message = { unit: 1, pdu: pdu('069c420007') };
const PLAIN = '01030453756e53';
const RTU: Frames = { encode: encodeRtu, guarded: Infinity };

/** The pieces that come back for `replies` exchanges of the same request. */
function heard(faults: readonly Fault[], { replies = 1, seed = 1 } = {}): string[] {
  const line = new Misbehaviour({ faults, seed });
  return Array.from({ length: replies }, () => {
    const passage = line.request(READ);
    if (passage.kind === 'lost' || passage.kind === 'restart') return passage.kind;
    const reply = passage.kind === 'answer' ? { unit: 1, pdu: passage.pdu } : SUNS;
    return line
      .reply(READ, reply, RTU)
      .map(({ afterMs, bytes }) => `${afterMs}:${toHex(bytes)}`)
      .join(' ');
  });
}

describe('sim faults', () => {
  const whole = heard([])[0] ?? '';

  it('a line without faults changes nothing', () => {
    expect(whole).to.match(new RegExp(`^0:${PLAIN}[0-9a-f]{4}$`));
  });

  const bytes = whole.slice(2);
  const seen: readonly (readonly [string, readonly Fault[], number, readonly string[]])[] = [
    ['latency', [{ kind: 'latency', ms: 7 }], 1, [`7:${bytes}`]],
    [
      'late, with latency',
      [
        { kind: 'latency', ms: 7 },
        { kind: 'late', ms: 300 },
      ],
      1,
      [`307:${bytes}`],
    ],
    ['a lost reply', [{ kind: 'lost', what: 'reply' }], 1, ['']],
    [
      'a slave stuck for two requests',
      [{ kind: 'lost', what: 'request', after: 1, until: 3 }],
      4,
      [whole, 'lost', 'lost', whole],
    ],
    ['a reply merged with the next', [{ kind: 'merged', until: 1 }], 3, ['', `0:${bytes}${bytes}`, whole]],
    ['a reply said twice', [{ kind: 'twice' }], 1, [`${whole} ${whole}`]],
    // Function 0x83 with code 6; CRC 0x32c1 of 01 83 06.
    ['a busy device', [{ kind: 'exception', code: 6 }], 1, ['0:018306c132']],
    ['a hole', [{ kind: 'hole', from: 40_001, count: 1 }], 1, ['0:018302c0f1']],
    ['a hole elsewhere', [{ kind: 'hole', from: 40_002, count: 9 }], 1, [whole]],
    ['an exception to writes alone', [{ kind: 'exception', code: 6, to: 'write' }], 1, [whole]],
    ['trouble of another unit', [{ kind: 'cut', only: { unit: 2 } }], 1, [whole]],
    ['trouble of this unit', [{ kind: 'lost', what: 'reply', only: { unit: 1 } }], 1, ['']],
    ['a restart', [{ kind: 'restart', ms: 50 }], 1, ['restart']],
  ];
  for (const [name, faults, replies, expected] of seen)
    it(name, () => {
      expect(heard(faults, { replies })).to.deep.equal(expected);
    });

  it('another unit answers, with a good CRC', () => {
    expect(heard([{ kind: 'stranger', unit: 9 }])[0]).to.match(/^0:090304/);
  });

  it('a model changes its words at night, and only those', () => {
    expect(heard([{ kind: 'words', address: 40_001, words: [0x1234, 1] }])[0]).to.match(
      /^0:0103045375(1234)/,
    );
  });

  it('garbage comes before the reply, a split parts it, a cut ends it', () => {
    expect(heard([{ kind: 'garbage', bytes: 5 }])[0]).to.match(new RegExp(`^0:[0-9a-f]{10} 0:${bytes}$`));
    const [first = '', second = ''] = (heard([{ kind: 'split', ms: 3 }])[0] ?? '').split(' ');
    expect(first.slice(2) + second.slice(2)).to.equal(bytes);
    expect([first.slice(0, 2), second.slice(0, 2)]).to.deep.equal(['0:', '3:']);
    const cut = (heard([{ kind: 'cut' }])[0] ?? '').slice(2);
    expect(cut.length).to.be.within(2, bytes.length - 2);
    expect(bytes.startsWith(cut)).to.equal(true);
  });

  it('corruption changes one to three bits, and on TCP none that its checksum guards', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const line = new Misbehaviour({ faults: [{ kind: 'corrupt' }], seed });
      line.request(READ);
      const wrong = line.reply(READ, SUNS, { encode: encodeRtu, guarded: 3 })[0]?.bytes ?? new Uint8Array(0);
      const right = encodeRtu(SUNS);
      expect(toHex(wrong.slice(3))).to.equal(toHex(right.slice(3)));
      const bits = [...wrong].map(
        (byte, at) => (byte ^ (right[at] ?? 0)).toString(2).replaceAll('0', '').length,
      );
      expect(bits.reduce((sum, each) => sum + each)).to.be.within(1, 3);
    }
  });

  it('an undefined register corrupts the next reply, and no other', () => {
    const line = new Misbehaviour({ faults: [{ kind: 'hole', from: 0, count: 1, poisons: true }] });
    const hole: Message = { unit: 1, pdu: pdu('0300000001') };
    expect(line.request(hole)).to.deep.equal({ kind: 'answer', pdu: pdu('8302') });
    line.reply(hole, { unit: 1, pdu: pdu('8302') }, RTU);
    const told = [1, 2].map(() => {
      line.request(READ);
      return toHex(line.reply(READ, SUNS, RTU)[0]?.bytes ?? new Uint8Array(0));
    });
    expect(told[0]).to.not.equal(bytes);
    expect(told[1]).to.equal(bytes);
  });

  it('a device that is deaf acknowledges a write and is not asked', () => {
    expect(new Misbehaviour({ faults: [{ kind: 'deaf' }] }).request(WRITE)).to.deep.equal({
      kind: 'answer',
      pdu: WRITE.pdu,
    });
  });

  it('the same seed misbehaves alike, another otherwise, and a chance is kept', () => {
    const faults: readonly Fault[] = [
      { kind: 'late', chance: 0.1, ms: 300 },
      { kind: 'corrupt', chance: 0.2 },
    ];
    const [a, b, c] = [3, 3, 4].map(seed => heard(faults, { replies: 1000, seed }));
    expect(a).to.deep.equal(b);
    expect(a).to.not.deep.equal(c);
    expect(a?.filter(each => each.startsWith('300:')).length).to.be.within(70, 130);
  });
});

/** Register n holds n, and what is written is lost. */
const COUNTING: Unit = {
  unit: 1,
  read: (address, count) => Array.from({ length: count }, (_, n) => (address + n) & 0xffff),
  write: () => undefined,
};

describe('sim line on TCP', () => {
  let device: Server;
  const closing: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    device = await serveTcp({ units: [COUNTING], port: 0 });
    closing.push(() => device.close());
  });

  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  async function busThrough(faults: readonly Fault[], options: Partial<BusOptions> = {}): Promise<Bus> {
    const line = await serveTcpLine({ to: { port: device.port }, faults });
    closing.push(() => line.close());
    const link = parseLink(`tcp://127.0.0.1:${line.port}`);
    if (!link.ok) throw new Error(link.detail);
    const bus = openBus(link.value, { random: () => 0, timeoutMs: 100, quarantineMs: 20, ...options });
    closing.push(() => bus.close());
    return bus;
  }

  it('carries requests and replies as they are', async () => {
    const bus = await busThrough([]);
    const replies = await bus.run(asking(readOf(7, 3), writeOf(7, 1)), 'write');
    expect(replies).to.deep.equal([
      { ok: true, words: [7, 8, 9] },
      { ok: true, words: [] },
    ]);
  });

  it('a late reply is not taken for the answer to the next request', async () => {
    const bus = await busThrough([{ kind: 'late', ms: 130, until: 1 }]);
    const replies = await bus.run(asking(readOf(7), readOf(8), readOf(9)), 'read');
    expect(replies[0]).to.include({ refusal: 'timeout' });
    expect(replies.slice(1)).to.deep.equal([
      { ok: true, words: [8] },
      { ok: true, words: [9] },
    ]);
  });

  it('a restart drops the client, who comes back when the device does', async () => {
    const bus = await busThrough([{ kind: 'restart', ms: 20, after: 1, until: 2 }]);
    const replies = await bus.run(asking(readOf(7), readOf(8), readOf(9)), 'read');
    expect(replies.map(reply => (reply.ok ? reply.words[0] : reply.refusal))).to.deep.equal([
      7,
      'disconnected',
      9,
    ]);
  });

  it('takes one client only, and refuses one that comes back at once', async () => {
    const line = await serveTcpLine({
      to: { port: device.port },
      faults: [
        { kind: 'clients', most: 1 },
        { kind: 'reconnect', ms: 60_000 },
      ],
    });
    closing.push(() => line.close());
    const first = connect(line.port, '127.0.0.1');
    await once(first, 'connect');
    // An answer shows that the line has let it in.
    first.write(Buffer.from('000700000006010300050001', 'hex'));
    const [answer] = (await once(first, 'data')) as [Buffer];
    expect(answer.toString('hex')).to.equal('0007000000050103020005');
    const second = connect(line.port, '127.0.0.1').on('error', () => undefined);
    await once(second, 'close');
    first.destroy();
    await once(first, 'close');
    const third = connect(line.port, '127.0.0.1').on('error', () => undefined);
    await once(third, 'close');
  });
});

describe('sim line of RTU', () => {
  it('passes requests on and misbehaves with the replies', async () => {
    const [client, near] = duplexPair();
    const [far, device] = duplexPair();
    const line = serveStreamLine({
      near,
      far,
      silenceMs: 20,
      faults: [{ kind: 'stranger', unit: 9, after: 1 }],
    });
    const asked = encodeRtu(READ);
    const told: string[] = [];
    for (let n = 0; n < 2; n++) {
      client.write(asked);
      const [request] = (await once(device, 'data')) as [Buffer];
      expect(toHex(request)).to.equal(toHex(asked));
      device.write(encodeRtu(SUNS));
      told.push(toHex(((await once(client, 'data')) as [Buffer])[0]));
    }
    expect(told[0]).to.match(new RegExp(`^${PLAIN}`));
    expect(told[1]).to.match(/^090304/);
    await line.close();
    for (const stream of [client, near, far, device]) stream.destroy();
  });
});
