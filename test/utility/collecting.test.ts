import { expect } from 'chai';
import { join } from 'node:path';
import { after, seconds } from '../../src/base/time.ts';
import type { GatewayId } from '../../src/model/mod.ts';
import type { Gap } from '../../src/utility/mod.ts';
import { PASSES_BEFORE_LOST } from '../../src/utility/intake.ts';
import { tempDir } from '../support/temp.ts';
import { birth, gated, START, TestGateway, TestHeadEnd } from './support.ts';

describe('utility/ami-nms taking in', () => {
  it('acknowledges a record only when it is durable, and tells nobody before', async () => {
    await using dir = await tempDir();
    const gate = gated();
    const told: number[] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      through: gate.through,
      events: { onRecord: (_, { sequence }) => void told.push(sequence) },
    });
    const open = gate.hold();
    const { topic, payload } = head.gateway.signs('birth', birth());
    const puback = head.broker.deliver(topic, payload);
    head.clock.advance(1000);
    await new Promise(setImmediate);
    head.clock.advance(1000);
    expect(told).to.deep.equal([]);
    expect(head.broker.published).to.deep.equal([]);
    open();
    await puback;
    expect(told).to.deep.equal([1]);
    expect(await head.ledger.records(head.gateway.id, 'birth', 0, 9)).to.have.length(1);
    const ack = head.broker.next('d/gw-1/ack');
    head.clock.advance(20);
    expect(head.opens(await ack).body).to.deep.equal({ kind: 'ack', through: { birth: 1 } });
    await head.close();
  });

  it('acknowledges nothing that the ledger refused, and takes it when it comes again', async () => {
    await using dir = await tempDir();
    const gate = gated();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { through: gate.through });
    gate.fail(true);
    const { topic, payload } = head.gateway.signs('birth', birth());
    await head.broker.deliver(topic, payload);
    head.clock.advance(1000);
    expect(head.broker.published).to.deep.equal([]);
    expect([...head.nms.refusals()]).to.deep.equal([['storage', 1]]);
    gate.fail(false);
    await head.broker.deliver(topic, payload);
    const ack = head.broker.next('/ack');
    head.clock.advance(20);
    expect(head.opens(await ack).body).to.deep.equal({ kind: 'ack', through: { birth: 1 } });
    await head.close();
  });

  it('takes several records of one message each once, tells them in order, and knows those it holds', async () => {
    await using dir = await tempDir();
    const told: number[] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      events: { onRecord: (_, { sequence }) => void told.push(sequence) },
    });
    const second = head.gateway.signs('status', birth(2), 2);
    await head.broker.deliver(second.topic, second.payload);
    const three = head.gateway.signsSeveral('status', [birth(1), birth(2), birth(3)], 1);
    await head.broker.deliver(three.topic, three.payload);
    await head.broker.deliver(three.topic, three.payload);
    expect(told).to.deep.equal([2, 1, 3]);
    const held = await head.ledger.records(head.gateway.id, 'status', 0, 9);
    expect(held.map(({ sequence }) => sequence)).to.deep.equal([1, 2, 3]);
    const ack = head.broker.next('/ack');
    head.clock.advance(20);
    expect(head.opens(await ack).body).to.deep.equal({ kind: 'ack', through: { status: 3 } });
    await head.close();
  });

  it('puts up to 20 records of 20 ms in one acknowledgement', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const batch = (): Promise<void[]> =>
      Promise.all(
        Array.from({ length: 20 }, () => {
          const { topic, payload } = head.gateway.signs('birth', birth());
          return head.broker.deliver(topic, payload);
        }),
      );
    const full = head.broker.next('/ack');
    await batch();
    expect(head.opens(await full).body).to.deep.equal({ kind: 'ack', through: { birth: 20 } });
    const { topic, payload } = head.gateway.signs('birth', birth());
    await head.broker.deliver(topic, payload);
    head.clock.advance(19);
    await new Promise(setImmediate);
    expect(head.broker.on('/ack')).to.have.length(1);
    const late = head.broker.next('/ack');
    head.clock.advance(1);
    expect(head.opens(await late).body).to.deep.equal({ kind: 'ack', through: { birth: 21 } });
    await head.close();
  });

  it('answers a record that comes again with its acknowledgement, and tells it nobody twice', async () => {
    await using dir = await tempDir();
    let told = 0;
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      events: { onRecord: () => void told++ },
    });
    const { topic, payload } = head.gateway.signs('birth', birth());
    // Twice in one turn, so that the second comes before the first is durable.
    await Promise.all([head.broker.deliver(topic, payload), head.broker.deliver(topic, payload)]);
    const first = head.broker.next('/ack');
    head.clock.advance(20);
    await first;
    await head.broker.deliver(topic, payload);
    const second = head.broker.next('/ack');
    head.clock.advance(20);
    expect(head.opens(await second).body).to.deep.equal({ kind: 'ack', through: { birth: 1 } });
    expect(head.opens(await second).sequence).to.equal(head.opens(await first).sequence + 1);
    expect(told).to.equal(1);
    await head.close();
  });

  it('notices a gap, acknowledges up to it, and beyond it when it is filled', async () => {
    await using dir = await tempDir();
    const gaps: (Gap & { lost: boolean })[] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      events: { onGap: (_gateway, _stream, gap) => void gaps.push(gap) },
    });
    for (const number of [1, 5, 6, 2, 3]) {
      const { topic, payload } = head.gateway.signs('birth', birth(), number);
      await head.broker.deliver(topic, payload);
    }
    expect(gaps).to.deep.equal([{ first: 2, last: 4, lost: false }]);
    const upToGap = head.broker.next('/ack');
    head.clock.advance(20);
    expect(head.opens(await upToGap).body).to.deep.equal({ kind: 'ack', through: { birth: 3 } });
    const { topic, payload } = head.gateway.signs('birth', birth(), 4);
    await head.broker.deliver(topic, payload);
    const beyond = head.broker.next('/ack');
    head.clock.advance(20);
    expect(head.opens(await beyond).body).to.deep.equal({ kind: 'ack', through: { birth: 6 } });
    await head.close();
  });

  it('writes a gap off that its gateway passed over again and again, restarts or not', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const gaps: (Gap & { lost: boolean })[] = [];
    const events = {
      onGap: (_g: GatewayId, _s: string, gap: Gap & { lost: boolean }) => void gaps.push(gap),
    };
    const before = await TestHeadEnd.start(path, { events });
    const third = before.gateway.signs('birth', birth(), 3);
    const fourth = before.gateway.signs('birth', birth(), 4);
    const first = before.gateway.signs('birth', birth(), 1);
    for (const { topic, payload } of [first, third, fourth]) await before.broker.deliver(topic, payload);
    await before.close();
    const head = await TestHeadEnd.start(path, { before, events });
    for (let pass = 1; pass <= PASSES_BEFORE_LOST; pass++) {
      expect(gaps.filter(({ lost }) => lost)).to.deep.equal([]);
      const again = before.gateway.signs('birth', birth(), 3, after(START, seconds(30 * pass)));
      for (const { topic, payload } of [again, again, fourth]) await head.broker.deliver(topic, payload);
    }
    expect(gaps).to.deep.equal([
      { first: 2, last: 2, lost: false },
      { first: 2, last: 2, lost: true },
    ]);
    const ack = head.broker.next('/ack');
    head.clock.advance(20);
    expect(head.opens(await ack).body).to.deep.equal({ kind: 'ack', through: { birth: 4 } });
    await head.close();
  });

  it("accounts at once for records lost on the gateway's disk, acknowledges beyond them, and survives one that comes all the same", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const gaps: (Gap & { lost: boolean })[] = [];
    const told: number[] = [];
    const events = {
      onRecord: (_: GatewayId, { sequence }: { sequence: number }) => void told.push(sequence),
      onGap: (_g: GatewayId, _s: string, gap: Gap & { lost: boolean }) => void gaps.push(gap),
    };
    const before = await TestHeadEnd.start(path, { events });
    const first = before.gateway.signs('birth', birth(), 1);
    const lost = before.gateway.signs('birth', { kind: 'lost', first: 2, last: 4, why: 'disk' }, 2);
    const third = before.gateway.signs('birth', birth(), 3);
    const fifth = before.gateway.signs('birth', birth(), 5);
    const all = [first, lost, third, fifth].map(({ topic, payload }) =>
      before.broker.deliver(topic, payload),
    );
    await Promise.all(all);
    expect(gaps).to.deep.equal([{ first: 2, last: 4, lost: true }]);
    expect(told).to.have.members([1, 2, 3, 5]);
    const ack = before.broker.next('/ack');
    before.clock.advance(20);
    expect(before.opens(await ack).body).to.deep.equal({ kind: 'ack', through: { birth: 5 } });
    await before.close();
    const head = await TestHeadEnd.start(path, { before, events });
    await head.broker.deliver(lost.topic, lost.payload);
    const again = head.broker.next('/ack');
    head.clock.advance(20);
    expect(head.opens(await again).body).to.deep.equal({ kind: 'ack', through: { birth: 5 } });
    expect(gaps).to.have.length(1);
    await head.close();
  });

  it('takes no record that writes off anything before itself', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    for (const [first, last, number] of [
      [1, 9, 5],
      [5, 4, 5],
      [6, 9, 5],
    ] as const) {
      const { topic, payload } = head.gateway.signs('birth', { kind: 'lost', first, last, why: '' }, number);
      await head.broker.deliver(topic, payload);
    }
    expect([...head.nms.refusals()]).to.deep.equal([['body-invalid', 3]]);
    await head.close();
  });

  it('never uses the number of an acknowledgement again after a restart', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    let head: TestHeadEnd | undefined;
    const numbers: number[] = [];
    for (let start = 0; start < 3; start++) {
      head = await TestHeadEnd.start(path, head === undefined ? {} : { before: head });
      const { topic, payload } = head.gateway.signs('birth', birth());
      await head.broker.deliver(topic, payload);
      const ack = head.broker.next('/ack');
      head.clock.advance(20);
      numbers.push(head.opens(await ack).sequence);
      await head.close();
    }
    expect(numbers).to.deep.equal([1, 1001, 2001]);
  });

  it('refuses and counts a forged record, a strange key, another topic and noise', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2'] });
    const { topic, payload } = head.gateway.signs('birth', birth());
    const forged = Uint8Array.from(payload);
    forged[payload.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const stranger = new TestGateway('gw-1').signs('birth', birth());
    await head.broker.deliver(topic, forged);
    await head.broker.deliver(stranger.topic, stranger.payload);
    await head.broker.deliver('ug/1/grid/d/gw-2/up/birth', payload);
    await head.broker.deliver(topic, Buffer.from('noise'));
    await head.broker.deliver('ug/1/grid/d/gw-1/up/nonsense', payload);
    const refusals = Object.fromEntries(head.nms.refusals());
    expect(refusals).to.include({
      'signature-invalid': 1,
      'key-unknown': 1,
      'topic-mismatch': 1,
      'topic-unknown': 1,
    });
    expect(Object.values(refusals).reduce((sum, n) => sum + n, 0)).to.equal(5);
    head.clock.advance(60_000);
    expect(head.broker.published).to.deep.equal([]);
    expect((await head.ledger.snapshot()).marks).to.deep.equal([]);
    await head.close();
  });

  it('reads presence, and nothing else, from the state topic', async () => {
    await using dir = await tempDir();
    const seen: [string, boolean][] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      events: { onPresence: (gateway, online) => void seen.push([gateway, online]) },
    });
    for (const text of ['online', 'online', 'offline', 'x'.repeat(1000), '__proto__'])
      await head.broker.deliver('ug/1/grid/d/gw-1/state', Buffer.from(text));
    expect(seen).to.deep.equal([
      ['gw-1', true],
      ['gw-1', false],
    ]);
    expect(head.nms.isOnline(head.gateway.id)).to.equal(false);
    expect(head.nms.refusals().get('presence-unreadable')).to.equal(2);
    await head.close();
  });
});
