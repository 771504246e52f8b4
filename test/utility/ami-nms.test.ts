import { expect } from 'chai';
import { join } from 'node:path';
import type { GroupId } from '../../src/model/mod.ts';
import type { Sent } from '../../src/utility/mod.ts';
import { tempDir } from '../support/temp.ts';
import { END_OF_EVENT, event, gated, START, TestHeadEnd } from './support.ts';

const DISPATCH = { class: 'dispatch', primacy: 10 } as const;

async function send(head: TestHeadEnd, mRID: string): Promise<Sent> {
  const sent = await head.nms.send({ kind: 'device', id: head.gateway.id }, event(mRID), DISPATCH);
  if (!sent.ok) throw new Error(`${sent.refusal} ${sent.detail}`);
  return sent.value;
}

describe('utility/ami-nms', () => {
  it('sends a signed command that a gateway opens, with its own number and expiry', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const first = await send(head, 'ev-1');
    await send(head, 'ev-2');
    const [one, two] = head.broker.on('d/gw-1/cmd').map(p => head.opens(p));
    expect(one).to.deep.include({
      cti: first.cti,
      issuer: 'ops',
      sequence: 1,
      stream: 'd',
      class: 'dispatch',
    });
    expect(one).to.deep.include({ primacy: 10, expires: END_OF_EVENT, body: event('ev-1') });
    expect(two).to.deep.include({ sequence: 2, body: event('ev-2') });
    expect([...head.broker.topics]).to.deep.equal(['ug/1/grid/d/+/up/+', 'ug/1/grid/d/+/state']);
    await head.close();
  });

  it('GRP-3: repeats the same bytes with a growing pause until the receipt comes', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const sent = await send(head, 'ev-1');
    head.clock.advance(20 * 60_000);
    const out = head.broker.on('d/gw-1/cmd');
    expect(new Set(out.map(({ payload }) => Buffer.from(payload).toString('hex'))).size).to.equal(1);
    const pauses = out.slice(1).map(({ at }, n) => at - (out[n]?.at ?? 0));
    // Jitter: below 2 s, 4 s, 8 s … 60 s, and somewhere near the middle of them on average; an answer has its time.
    for (const pause of pauses) expect(pause).to.be.at.least(500);
    pauses.forEach((pause, n) => expect(pause, `pause ${n}`).to.be.at.most(Math.min(60_000, 2000 * 2 ** n)));
    const late = pauses.slice(6);
    const mean = late.reduce((sum, pause) => sum + pause, 0) / late.length;
    expect(mean).to.be.within(20_000, 40_000);

    const { topic, payload } = head.gateway.receipt(sent.cti);
    await head.broker.deliver(topic, payload);
    expect(await sent.settled).to.equal('answered');
    head.clock.advance(20 * 60_000);
    expect(head.broker.on('d/gw-1/cmd')).to.have.length(out.length);
    expect((await head.nms.answers(sent.cti)).map(a => a.receipt.response)).to.deep.equal(['completed']);
    await head.close();
  });

  it('gives a command up at its expiry, not a millisecond earlier', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const sent = await send(head, 'ev-1');
    head.clock.advance(END_OF_EVENT - START - 1);
    expect(head.nms.open()).to.have.length(1);
    head.clock.advance(1);
    expect(await sent.settled).to.equal('expired');
    const { length } = head.broker.published;
    head.clock.advance(3_600_000);
    expect(head.broker.published).to.have.length(length);
    await head.close();
  });

  it('GRP-3: a group command waits for the receipt of every member, and names the epoch', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2', 'gw-3'] });
    const group = 'feeder-7' as GroupId;
    await head.registry.create(group);
    await head.registry.add(
      group,
      head.gateways.map(g => g.id),
    );
    const sent = await head.nms.send({ kind: 'group', id: group }, event('ev-1'), DISPATCH);
    if (!sent.ok) throw new Error(sent.refusal);
    const [message] = head.broker.on('g/feeder-7/cmd');
    if (message === undefined) throw new Error('the group command was published');
    expect(head.opens(message)).to.include({ groupEpoch: 2, stream: 'g-feeder-7', sequence: 1 });
    for (const gateway of head.gateways.slice(0, 2)) {
      const { topic, payload } = gateway.receipt(sent.value.cti);
      await head.broker.deliver(topic, payload);
    }
    const open = head.nms.open().find(o => o.command.cti === sent.value.cti);
    expect([...(open?.missing ?? [])]).to.deep.equal(['gw-3']);
    const third = head.gateways[2]?.receipt(sent.value.cti, 'tariff');
    await head.broker.deliver(third?.topic ?? '', third?.payload ?? new Uint8Array());
    expect(await sent.value.settled).to.equal('answered');
    await head.close();
  });

  it('goes on repeating when a gateway refuses for later, whatever the reason, until it has another answer', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const sent = await send(head, 'ev-1');
    for (const refusal of ['group-epoch-future', 'schedule-full']) {
      const { topic, payload } = head.gateway.receipt(sent.cti, refusal, { retry: 'later' });
      await head.broker.deliver(topic, payload);
      expect(head.nms.open(), refusal).to.have.length(1);
    }
    const { topic, payload } = head.gateway.receipt(sent.cti, 'sequence-too-old');
    await head.broker.deliver(topic, payload);
    expect(await sent.settled).to.equal('answered');
    await head.close();
  });

  it('takes no receipt to another issuer for its own answer, though the cti is the same', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const sent = await send(head, 'ev-1');
    const theirs = head.gateway.receipt(sent.cti, 'tariff', { issuer: 'aggregator-b' });
    await head.broker.deliver(theirs.topic, theirs.payload);
    expect(head.nms.open()).to.have.length(1);
    expect(await head.nms.answers(sent.cti)).to.deep.equal([]);
    const ours = head.gateway.receipt(sent.cti, undefined, { issuer: 'ops' });
    await head.broker.deliver(ours.topic, ours.payload);
    expect(await sent.settled).to.equal('answered');
    expect((await head.nms.answers(sent.cti)).map(a => a.receipt.issuer)).to.deep.equal(['ops']);
    await head.close();
  });

  it('publishes nothing before it is durable, and nothing at all when the ledger refuses', async () => {
    await using dir = await tempDir();
    const gate = gated();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { through: gate.through });
    const open = gate.hold();
    const sending = send(head, 'ev-1');
    head.clock.advance(60_000);
    expect(head.broker.published).to.deep.equal([]);
    open();
    await sending;
    expect(head.broker.published).to.have.length(1);
    gate.fail(true);
    const refusal = await head.nms.send({ kind: 'device', id: head.gateway.id }, event('ev-2'), DISPATCH);
    expect(refusal).to.include({ ok: false, refusal: 'storage', retry: 'later' });
    expect(head.broker.published).to.have.length(1);
    gate.fail(false);
    await send(head, 'ev-3');
    await head.close();
  });

  it('sends at once, when the link is back, what the broker never had', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    head.broker.link(false);
    await send(head, 'ev-1');
    head.clock.advance(5 * 60_000);
    expect(head.broker.published).to.deep.equal([]);
    head.broker.link(true);
    expect(head.broker.published).to.have.length(1);
    await head.close();
  });

  it('after a restart, repeats what has no receipt as the same bytes and numbers on', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const before = await TestHeadEnd.start(path);
    const answered = await send(before, 'ev-1');
    const open = await send(before, 'ev-2');
    const { topic, payload } = before.gateway.receipt(answered.cti);
    await before.broker.deliver(topic, payload);
    await answered.settled;
    const bytes = before.broker.on('cmd')[1]?.payload;
    await before.close();

    const head = await TestHeadEnd.start(path, { before });
    expect(head.nms.open().map(o => o.command.cti)).to.deep.equal([open.cti]);
    head.clock.advance(2000);
    const again = head.broker.on('cmd');
    expect(again.length).to.be.greaterThan(0);
    for (const message of again) expect(message.payload).to.deep.equal(Uint8Array.from(bytes ?? []));
    await send(head, 'ev-3');
    const last = head.broker.on('cmd').at(-1);
    if (last === undefined) throw new Error('ev-3 was published');
    expect(head.opens(last).sequence).to.equal(3);
    await head.close();
  });

  it('takes no receipt of one gateway for the answer of another', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2'] });
    const sent = await send(head, 'ev-1');
    const { topic, payload } = head.gateways[1]?.receipt(sent.cti) ?? {
      topic: '',
      payload: new Uint8Array(),
    };
    await head.broker.deliver(topic, payload);
    expect(head.nms.open()).to.have.length(1);
    await head.close();
  });

  it('refuses claims no gateway would understand, a group without members, and no group', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const group = 'empty' as GroupId;
    await head.registry.create(group);
    const bad = { ...event('ev-1'), axes: { opModMaxLimW: 10_001 } };
    const to = { kind: 'device', id: head.gateway.id } as const;
    expect(await head.nms.send(to, bad, DISPATCH)).to.include({ ok: false, refusal: 'axis-range' });
    expect(await head.nms.send({ kind: 'group', id: group }, event('e'), DISPATCH)).to.include({
      refusal: 'no-members',
    });
    const none = { kind: 'group', id: 'none' as GroupId } as const;
    expect(await head.nms.send(none, event('e'), DISPATCH)).to.include({ refusal: 'no-such-group' });
    expect(head.broker.published).to.deep.equal([]);
    await head.close();
  });
});
