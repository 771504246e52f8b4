import { expect } from 'chai';
import { MAX_UNACKNOWLEDGED } from '../../../src/gateway/mod.ts';
import type { GroupId, MRID } from '../../../src/model/mod.ts';
import { eventBody } from '../bench.ts';
import { World } from '../ports.ts';

const EV = 'ev-1' as MRID;

describe('the interpreter', () => {
  it('acknowledges, answers and acts only when what it stored is on the disk', async () => {
    const world = await World.running();
    world.store.held = true;
    world.command(eventBody());
    await world.settled();
    expect(world.log).to.deep.equal([]);
    world.store.waiting.shift()?.commit();
    await world.settled();
    expect(world.log).to.have.members(['puback', 'apply 5000', 'publish receipt 1']);
  });

  it('carries effects out in the order of their steps, though a later batch is durable first', async () => {
    const world = await World.running();
    world.store.held = true;
    world.command({ kind: 'grant', group: 'g-1' as GroupId, epoch: 1, member: true });
    world.command({ kind: 'grant', group: 'g-2' as GroupId, epoch: 1, member: true });
    // A refused message stores nothing, and waits its turn all the same.
    world.broker?.message({
      topic: 'ug/1/x',
      payload: new Uint8Array(),
      retained: true,
      acknowledge: () => world.log.push('refused'),
    });
    const [first, second] = world.store.waiting;
    const batches = [first?.changes ?? [], second?.changes ?? []];
    for (const changes of batches) world.store.apply(changes);
    second?.settle();
    await world.settled();
    expect(world.log).to.deep.equal([]);
    first?.settle();
    await world.settled();
    expect(world.log.filter(l => l === 'puback' || l === 'refused')).to.deep.equal([
      'puback',
      'puback',
      'refused',
    ]);
  });

  it('drops a step whose batch failed and all that waited on it, reads the state anew, and asks for what it owes', async () => {
    const world = await World.running();
    world.store.held = true;
    const signed = world.command(eventBody());
    world.command({ kind: 'grant', group: 'g-1' as GroupId, epoch: 1, member: true });
    const asked = world.gateway?.request({ kind: 'acknowledge', mRID: EV });
    const [first, second, third] = world.store.waiting;
    first?.fail('disk');
    second?.fail('disk');
    third?.fail('disk');
    world.store.held = false;
    await world.settled();
    expect(await asked).to.include({ ok: false, refusal: 'storage' });
    expect(world.log).to.include('renew');
    expect(world.log.filter(l => l === 'puback' || l === 'apply 5000')).to.deep.equal([]);
    expect(world.logged).to.include.members(['store.failed', 'store.restored']);
    world.deliver(signed);
    await world.settled();
    expect(world.log).to.include.members(['puback', 'apply 5000', 'publish receipt 1']);
  });

  it('carries out nothing of a step that came after the failed one, though its own batch became durable', async () => {
    const world = await World.running();
    world.store.held = true;
    world.command(eventBody());
    world.command({ kind: 'grant', group: 'g-1' as GroupId, epoch: 1, member: true });
    const [first, second] = world.store.waiting;
    first?.fail('disk');
    await world.settled();
    expect(world.logged).to.include('store.failed').and.not.include('store.restored');
    world.store.held = false;
    second?.settle();
    await world.settled();
    expect(world.logged, 'once the last batch under way has settled').to.include('store.restored');
    expect(world.log.filter(l => l === 'puback' || l.startsWith('subscribe'))).to.deep.equal([]);
  });

  it('keeps no place for messages that were dropped: they come again and are taken', async () => {
    const world = await World.running();
    world.store.held = true;
    const signed = world.headEnd.sign(eventBody(), world.now.unix);
    for (let i = 0; i < MAX_UNACKNOWLEDGED; i++) world.deliver(signed);
    world.store.held = false;
    world.store.waiting.shift()?.fail('disk');
    await world.settled();
    world.deliver(signed);
    await world.settled();
    expect(world.log.filter(l => l === 'puback')).to.have.length(1);
  });

  it('reads the state anew only when an earlier batch, still under way, is settled too', async () => {
    const world = await World.running();
    world.store.held = true;
    world.command(eventBody());
    world.command(eventBody({ mRID: 'ev-2' as MRID }));
    const [first, second] = world.store.waiting;
    second?.fail('disk');
    await world.settled();
    expect(world.logged).to.not.include('store.restored');
    world.store.held = false;
    first?.commit();
    await world.settled();
    expect(world.logged).to.include('store.restored');
    world.log.length = 0;
    world.command(eventBody({ mRID: 'ev-3' as MRID }));
    await world.settled();
    expect(world.log).to.include('puback');
    const events = world.store.read().rows.filter(row => row.kind === 'event');
    expect(events.map(row => row.key)).to.have.members(['utility-a/ev-1', 'utility-a/ev-3']);
  });

  it('takes and acknowledges nothing while the store cannot be read, and goes on when it can', async () => {
    const world = await World.running();
    world.store.held = true;
    world.command(eventBody());
    world.store.unreadable = 'disk';
    world.store.waiting.shift()?.fail('disk');
    await world.settled();
    world.log.length = 0;
    world.command(eventBody({ mRID: 'ev-2' as MRID }));
    expect(await world.gateway?.request({ kind: 'acknowledge', mRID: EV })).to.include({
      refusal: 'storage',
    });
    await world.turn(999);
    world.store.held = false;
    world.store.unreadable = undefined;
    expect(world.log).to.deep.equal([]);
    await world.turn(1);
    expect(world.log).to.include('renew');
    world.command(eventBody({ mRID: 'ev-3' as MRID }));
    await world.settled();
    expect(world.log).to.include('puback');
  });

  it('does not count a PUBACK of before the failure against records sent after it', async () => {
    const world = await World.running();
    const before = world.publishes;
    world.publishes = [];
    world.store.held = true;
    world.command(eventBody());
    world.store.held = false;
    world.store.waiting.shift()?.fail('disk');
    await world.settled();
    for (let i = 0; i < 40; i++) world.command(eventBody({ mRID: `e-${i}` as MRID }));
    await world.settled();
    const flying = world.publishes.length;
    for (const publish of before) publish.settle();
    await world.settled();
    expect(world.publishes.length, 'no place was freed').to.equal(flying);
  });

  it('keeps one order under way for a device and axis, and of those that wait the newest', async () => {
    const world = await World.running();
    world.command(eventBody({ axes: { opModMaxLimW: 9000 } }));
    await world.settled();
    for (const n of [1, 2, 3]) {
      world.command(eventBody({ mRID: `e-${n}` as MRID, axes: { opModMaxLimW: n * 1000 } }), {
        primacy: 9 - n,
      });
      await world.settled();
    }
    const applied = (): string[] => world.log.filter(l => l.startsWith('apply'));
    expect(applied()).to.deep.equal(['apply 9000']);
    world.applies[0]?.finish();
    await world.settled();
    expect(applied()).to.deep.equal(['apply 9000', 'apply 3000']);
    world.applies[1]?.finish();
    await world.settled();
    expect(applied()).to.have.length(2);
    const told = world.store.records('receipt').flatMap(r => (r.body.kind === 'receipt' ? [r.body] : []));
    expect(told.at(-1)).to.include({ response: 'started', mRID: 'e-3' });
  });

  it('wakes itself for the next event, and for no other reason before', async () => {
    const world = await World.running();
    world.command(eventBody({ start: (world.now.unix + 90_000) as typeof world.now.unix }));
    await world.settled();
    await world.turn(89_999);
    expect(world.log.filter(l => l.startsWith('apply'))).to.deep.equal([]);
    await world.turn(1);
    expect(world.log).to.include('apply 5000');
  });

  it('shows the display what changed, at most ten times a second', async () => {
    const world = await World.running();
    await world.turn(100);
    const { length } = world.views;
    for (let i = 0; i < 50; i++) world.command(eventBody({ mRID: `e-${i}` as MRID }));
    await world.settled();
    await world.turn(99);
    expect(world.views.length).to.equal(length);
    await world.turn(1);
    expect(world.views.length).to.equal(length + 1);
    expect(world.views.at(-1)?.events).to.have.length(50);
  });

  it('OVR-2: takes a check of the code that fails to end as a wrong code', async () => {
    const world = await World.running();
    world.command(eventBody());
    await world.settled();
    await world.gateway?.request({ kind: 'acknowledge', mRID: EV });
    const asked = world.gateway?.request({ kind: 'override', mRID: EV, code: '1234' });
    await world.settled();
    world.checks[0]?.resolve(false);
    expect(await asked).to.include({ ok: false, refusal: 'code-wrong' });
  });

  it('OVR-2: shows an observer every request and check, and never the code', async () => {
    const world = new World();
    const seen: string[] = [];
    await world.start({ observe: what => void seen.push(JSON.stringify(what)) });
    world.command(eventBody());
    await world.settled();
    await world.gateway?.request({ kind: 'acknowledge', mRID: EV });
    const asked = world.gateway?.request({ kind: 'override', mRID: EV, code: '4711' });
    await world.settled();
    expect(world.codes, 'the check is given the code itself').to.deep.equal(['4711']);
    world.checks[0]?.resolve(true);
    await asked;
    const hidden = seen.filter(text => text.includes('••••'));
    expect(hidden.map(text => Object.keys(JSON.parse(text) as object)[0])).to.deep.equal([
      'input',
      'stepped',
      'effect',
    ]);
    expect(seen.filter(text => text.includes('4711'))).to.deep.equal([]);
  });

  it('leaves messages with the broker when too many wait for the disk, and asks for them when those are done', async () => {
    const world = await World.running();
    world.store.held = true;
    const signed = world.headEnd.sign(eventBody(), world.now.unix);
    for (let i = 0; i <= MAX_UNACKNOWLEDGED; i++) world.deliver(signed);
    world.store.held = false;
    world.store.waiting.shift()?.commit();
    await world.settled();
    expect(world.log.filter(l => l === 'puback')).to.have.length(MAX_UNACKNOWLEDGED);
    expect(world.log.filter(l => l === 'renew')).to.have.length(1);
  });

  it('stops when what is being stored is stored, answers every request, and closes its links', async () => {
    const world = await World.running();
    world.store.held = true;
    world.command(eventBody());
    const asked = world.gateway?.request({ kind: 'override', mRID: EV, code: '1234' });
    const stopping = world.gateway?.stop();
    await world.settled();
    expect(world.closed).to.deep.equal([]);
    for (const write of world.store.waiting) write.commit();
    await stopping;
    expect(world.log).to.include('puback');
    expect(world.closed).to.deep.equal(['broker', 'devices']);
    expect(await asked).to.include({ ok: false });
    expect(await world.gateway?.request({ kind: 'acknowledge', mRID: EV })).to.include({
      refusal: 'stopping',
    });
    expect(world.timers).to.equal(0);
  });

  it('leaves no timer and reads no store when it is stopped while the store is down', async () => {
    const world = await World.running();
    world.store.held = true;
    world.command(eventBody());
    world.store.unreadable = 'disk';
    world.store.waiting.shift()?.fail('disk');
    await world.settled();
    await world.gateway?.stop();
    expect(world.timers).to.equal(0);
  });

  it('goes on after a restart where the store stands', async () => {
    const world = await World.running();
    world.command(eventBody());
    await world.settled();
    await world.gateway?.stop();
    world.log.length = 0;
    await world.start();
    world.broker?.link({ up: true, why: 'test' });
    world.present();
    await world.settled();
    expect(world.log).to.include.members([
      'subscribe 2',
      'publish receipt 1',
      'apply 5000',
      'publish birth 2',
    ]);
    expect(world.log).to.not.include('puback');
  });
});
