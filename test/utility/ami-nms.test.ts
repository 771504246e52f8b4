import { expect } from 'chai';
import { join } from 'node:path';
import type { Ledger } from '../../src/io/store/mod.ts';
import type { Cti, GatewayId, GroupId } from '../../src/model/mod.ts';
import type { Gap, LedgerPort, Sent } from '../../src/utility/mod.ts';
import { tempDir } from '../support/temp.ts';
import { birth, END_OF_EVENT, event, START, TestGateway, TestHeadEnd } from './support.ts';

const DISPATCH = { class: 'dispatch', primacy: 10 } as const;

async function send(head: TestHeadEnd, mRID: string): Promise<Sent> {
  const sent = await head.nms.send({ kind: 'device', id: head.gateway.id }, event(mRID), DISPATCH);
  if (!sent.ok) throw new Error(`${sent.refusal} ${sent.detail}`);
  return sent.value;
}

/** A ledger whose commits a test can hold back or fail. */
function gated(): {
  through: (ledger: Ledger) => LedgerPort;
  hold: () => () => void;
  fail: (on: boolean) => void;
} {
  let gate = Promise.resolve();
  let failing = false;
  return {
    through: ledger => ({
      snapshot: () => ledger.snapshot(),
      rows: actor => ledger.rows(actor),
      answers: cti => ledger.answers(cti),
      records: (...args) => ledger.records(...args),
      commit: async changes => {
        await gate;
        if (failing) throw new Error('the disk is full');
        await ledger.commit(changes);
      },
    }),
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    fail: on => (failing = on),
  };
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
    // Full jitter: below 2 s, 4 s, 8 s … 60 s, and somewhere near the middle of them on average.
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

  it('goes on repeating when a gateway says that it waits for its grant', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const sent = await send(head, 'ev-1');
    const { topic, payload } = head.gateway.receipt(sent.cti, 'group-epoch-future');
    await head.broker.deliver(topic, payload);
    expect(head.nms.open()).to.have.length(1);
    await head.close();
    expect(await sent.settled).to.equal('closed');
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

  it('writes a gap off that its gateway passed over three times, restarts or not', async () => {
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
    for (const { topic, payload } of [third, fourth, third, fourth, third])
      await head.broker.deliver(topic, payload);
    expect(gaps).to.deep.equal([
      { first: 2, last: 2, lost: false },
      { first: 2, last: 2, lost: true },
    ]);
    const ack = head.broker.next('/ack');
    head.clock.advance(20);
    expect(head.opens(await ack).body).to.deep.equal({ kind: 'ack', through: { birth: 4 } });
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

describe('utility/ami-nms enrolling', () => {
  it('GRP-1, GRP-2: grants are sent, acknowledged and shown per member, and a status makes them active', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2'] });
    const group = 'feeder-7' as GroupId;
    await head.registry.create(group);
    const granted = [head.broker.next('d/gw-1/cmd'), head.broker.next('d/gw-2/cmd')];
    await head.registry.add(
      group,
      head.gateways.map(g => g.id),
    );
    const [one] = (await Promise.all(granted)).map(p => head.opens(p));
    expect(one?.body).to.deep.equal({ kind: 'grant', group, epoch: 2, member: true });
    await until(() => states(head, group), ['delivered', 'delivered']);

    const receipt = head.gateway.receipt(one?.cti as Cti);
    await head.broker.deliver(receipt.topic, receipt.payload);
    await until(() => states(head, group), ['acknowledged', 'delivered']);

    // printf 'feeder-7 2\n' | sha256sum | cut -c1-16
    const digest = 'bd439c128008a73b';
    const status = head.gateway.signs('status', {
      kind: 'status',
      readings: [],
      setpoints: [],
      membershipDigest: digest,
    });
    await head.broker.deliver(status.topic, status.payload);
    await until(() => states(head, group), ['active', 'delivered']);
    await head.close();
  });

  it('GRP-2: after a restart, whoever has not acknowledged the newest epoch still gets its grant', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const before = await TestHeadEnd.start(path, { gateways: ['gw-1', 'gw-2'] });
    const group = 'feeder-7' as GroupId;
    await before.registry.create(group);
    const granted = before.broker.next('d/gw-1/cmd');
    await before.registry.add(group, [before.gateway.id]);
    await granted;
    await before.close();
    // A change while the executor is away.
    const head = await TestHeadEnd.start(path, { before });
    head.clock.advance(2000);
    expect(head.broker.on('d/gw-1/cmd').map(p => head.opens(p).body)).to.deep.include({
      kind: 'grant',
      group,
      epoch: 2,
      member: true,
    });
    const newer = [head.broker.next('d/gw-2/cmd'), head.broker.next('d/gw-1/cmd')];
    await head.registry.add(group, ['gw-2' as GatewayId]);
    for (const message of await Promise.all(newer)) expect(head.opens(message).body).to.include({ epoch: 3 });
    head.clock.advance(600_000);
    const afterwards = head.broker
      .on('d/gw-1/cmd')
      .slice(-3)
      .map(p => head.opens(p).body);
    for (const body of afterwards) expect(body).to.include({ epoch: 3 });
    await head.close();
  });

  it('GRP-2: tells a removed member so, and forgets it when it knows', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const group = 'feeder-7' as GroupId;
    await head.registry.create(group);
    await head.registry.add(group, [head.gateway.id]);
    const told = nextBody(head, 3);
    await head.registry.remove(group, [head.gateway.id]);
    const command = await told;
    expect(command.body).to.deep.equal({ kind: 'grant', group, epoch: 3, member: false });
    expect(head.registry.get(group)?.members[0]).to.include({ member: false });
    const { topic, payload } = head.gateway.receipt(command.cti);
    await head.broker.deliver(topic, payload);
    await until(() => states(head, group), []);
    await head.close();
  });

  it('sends a grant that was refused again only when its gateway asks for it', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const group = 'feeder-7' as GroupId;
    await head.registry.create(group);
    const granted = head.broker.next('d/gw-1/cmd');
    await head.registry.add(group, [head.gateway.id]);
    const refusal = head.gateway.receipt(head.opens(await granted).cti, 'grant-stale');
    await head.broker.deliver(refusal.topic, refusal.payload);
    await until(() => head.nms.open().map(({ command }) => command.cti), []);
    const { length } = head.broker.on('d/gw-1/cmd');
    // What is put in line behind the settlement has been done when a commit made later is.
    for (let n = 0; n < 5; n++) await head.ledger.commit([{ op: 'put', actor: 'test', key: 'k', value: n }]);
    head.clock.advance(3_600_000);
    expect(head.broker.on('d/gw-1/cmd')).to.have.length(length);
    const again = head.broker.next('d/gw-1/cmd');
    const ask = head.gateway.signs('request', {
      kind: 'request',
      wants: 'grant',
      group,
      why: 'a newer epoch',
    });
    await head.broker.deliver(ask.topic, ask.payload);
    expect(head.opens(await again).body).to.include({ kind: 'grant', epoch: 2 });
    await head.close();
  });
});

function states(head: TestHeadEnd, group: GroupId): readonly string[] {
  return (head.registry.get(group)?.members ?? []).map(({ state }) => state);
}

/** Turns of the loop until `what` is so; mocha's own limit ends a wait for what never comes. */
async function until(what: () => readonly string[], wanted: readonly string[]): Promise<void> {
  while (JSON.stringify(what()) !== JSON.stringify(wanted)) await new Promise(setImmediate);
}

async function nextBody(head: TestHeadEnd, epoch: number): Promise<ReturnType<TestHeadEnd['opens']>> {
  for (;;) {
    const command = head.opens(await head.broker.next('d/gw-1/cmd'));
    if (command.body.kind === 'grant' && command.body.epoch === epoch) return command;
  }
}
