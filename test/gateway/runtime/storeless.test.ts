import { expect } from 'chai';
import { milliseconds, minutes } from '../../../src/base/time.ts';
import type { DeviceId, MRID, ReceiptBody } from '../../../src/model/mod.ts';
import { HeadEnd } from '../../support/head-end.ts';
import type { Signed } from '../../support/head-end.ts';
import { eventBody } from '../bench.ts';
import { World } from '../ports.ts';

/** A device with a limit of 5000 by an event of an hour, 8000 by default, and a store that has become full. */
async function withoutRoom(full: World['store']['full']): Promise<World & { readonly late: Signed }> {
  const world = new World();
  await world.start({}, { defaults: { opModMaxLimW: 8000 } });
  world.broker?.link({ up: true, why: 'test' });
  world.present();
  await world.settled();
  world.applies.shift()?.finish();
  await world.settled();
  world.command(eventBody({ duration: minutes(60) }));
  await world.settled();
  world.applies.shift()?.finish();
  await world.settled();
  world.log.length = 0;
  world.store.full = full;
  const emergency = eventBody({ mRID: 'late' as MRID, axes: { opModMaxLimW: 1000 } });
  const late = world.command(emergency, { class: 'emergency' });
  await world.settled();
  return Object.assign(world, { late });
}

function receipts(world: World): readonly ReceiptBody[] {
  return world.store.records('receipt').flatMap(r => (r.body.kind === 'receipt' ? [r.body] : []));
}

function applied(world: World): readonly string[] {
  return world.log.filter(line => line.startsWith('apply'));
}

describe('a gateway whose store is full', () => {
  it('refuses new commands as storage, by receipts with promised numbers, and takes none of them', async () => {
    const world = await withoutRoom('promised');
    expect(world.logged).to.include('store.failed').and.not.include('store.restored');
    expect(world.store.records('alarm').map(r => r.body)).to.deep.equal([
      {
        kind: 'alarm',
        alarm: 'store-failed',
        why: 'the store failed: the disk is full; what is stored goes on, new commands are refused',
      },
    ]);
    const again = world.command(eventBody({ mRID: 'ev-2' as MRID, axes: { opModMaxLimW: 1000 } }));
    world.deliver(again);
    await world.settled();
    const refused = receipts(world).filter(r => r.refusal === 'storage');
    expect(refused.map(r => [r.cti, r.retry])).to.deep.equal([
      [world.late.cti, 'later'],
      [again.cti, 'later'],
    ]);
    expect(world.log).to.include('publish alarm 1').and.include('publish receipt 3');
    expect(world.log).to.not.include('puback');
    expect(applied(world), 'what is stored is ordered again').to.deep.equal(['apply 5000']);
    expect(await world.gateway?.request({ kind: 'acknowledge', mRID: 'ev-1' as MRID })).to.include({
      refusal: 'storage',
    });
  });

  it('ALARM-1: says all the same that a voltage left its range and came back', async () => {
    const world = new World();
    const meter = 'meter' as DeviceId;
    const terms = { service: 'net-billing', nominalV: 120, dwell: milliseconds(0) } as const;
    await world.start({}, { meters: new Map([[meter, terms]]) });
    world.broker?.link({ up: true, why: 'test' });
    await world.settled();
    world.store.full = 'promised';
    world.command(eventBody());
    await world.settled();
    for (const PhVphA of [100, 100, 120]) {
      world.devices?.reading({ device: meter, role: 'meter', at: world.now.unix, points: { PhVphA } });
      await world.settled();
    }
    const alarms = world.store.records('alarm').map(({ body }) => (body.kind === 'alarm' ? body : undefined));
    expect(alarms.map(alarm => alarm?.voltage?.change ?? alarm?.alarm)).to.deep.equal([
      'store-failed',
      'raised',
      'cleared',
    ]);
    expect(world.log).to.include.members(['publish alarm 2', 'publish alarm 3']);
  });

  it('keeps what is stored in force, and falls to the default control when it ends', async () => {
    const world = await withoutRoom('promised');
    world.present();
    await world.settled();
    expect(applied(world), 'a device that comes back is told again').to.deep.equal(['apply 5000']);
    world.applies.shift()?.finish();
    await world.turn(59 * 60_000);
    expect(applied(world).every(line => line === 'apply 5000')).to.equal(true);
    expect(applied(world).length, 'the timer of the device is refreshed').to.be.above(1);
    while (world.applies.length > 0) {
      world.applies.shift()?.finish();
      await world.turn(1000);
    }
    await world.turn(2 * 60_000);
    expect(applied(world).at(-1)).to.equal('apply 8000');
  });

  it('recovers by itself: asks for what it refused, and takes it then', async () => {
    const world = await withoutRoom('promised');
    const late = world.command(eventBody({ mRID: 'ev-2' as MRID, axes: { opModMaxLimW: 1000 } }), {
      class: 'emergency',
    });
    await world.settled();
    world.store.full = undefined;
    await world.turn(1000);
    expect(world.logged).to.include('store.restored');
    expect(world.log).to.include('renew');
    world.log.length = 0;
    world.deliver(late);
    await world.settled();
    expect(world.log).to.include('puback');
    for (let apply = world.applies.shift(); apply !== undefined; apply = world.applies.shift()) {
      apply.finish();
      await world.settled();
    }
    expect(world.log).to.include('apply 1000');
    const answers = receipts(world).filter(r => r.cti === late.cti);
    expect(answers.map(r => r.refusal ?? r.response)).to.deep.equal(['storage', 'received', 'started']);
  });

  it('gives no number twice when a command comes while the store is tried', async () => {
    const world = await withoutRoom('promised');
    world.store.full = undefined;
    world.store.held = true;
    await world.turn(1000);
    const ask = (name: string): Signed => world.command(eventBody({ mRID: name as MRID }));
    const meanwhile = ask('ev-2');
    await world.settled();
    const [trial, refusal, ...more] = world.store.waiting.splice(0);
    expect(more).to.deep.equal([]);
    trial?.commit();
    await world.settled();
    expect(world.logged, 'a number is not settled').to.not.include('store.restored');
    ask('ev-3');
    expect(world.store.waiting, 'nothing more is said').to.deep.equal([]);
    refusal?.commit();
    world.store.held = false;
    await world.settled();
    expect(world.logged).to.include('store.restored');
    world.deliver(meanwhile);
    await world.settled();
    const answers = receipts(world).filter(r => r.cti === meanwhile.cti);
    expect(answers.map(r => r.refusal ?? r.response)).to.deep.equal(['storage', 'received']);
    const numbers = world.store.records('receipt').map(({ sequence }) => sequence);
    expect(numbers).to.deep.equal(numbers.map((_, n) => n + 1));
  });

  it('tells when it has room again how events ended meanwhile', async () => {
    const world = await withoutRoom('promised');
    await world.turn(61 * 60_000);
    while (world.applies.length > 0) {
      world.applies.shift()?.finish();
      await world.turn(1000);
    }
    expect(applied(world).at(-1)).to.equal('apply 8000');
    const told = (): readonly string[] => receipts(world).map(r => `${r.response} ${r.mRID}`);
    expect(told()).to.not.include('completed ev-1');
    world.store.full = undefined;
    await world.turn(1000);
    while (world.applies.length > 0) {
      world.applies.shift()?.finish();
      await world.turn(1000);
    }
    expect(told()).to.include('completed ev-1');
  });

  it('takes what it said before the head end answered its start for no lost memory', async () => {
    const utility = new HeadEnd('utility-w', { operations: ['event', 'ack', 'welcome', 'time'] });
    const world = new World();
    world.store.full = 'promised';
    await world.start({}, { keys: new Map([[utility.key.kid, utility.key]]) });
    world.broker?.link({ up: true, why: 'test' });
    await world.settled();
    expect(world.log).to.include('publish alarm 1');
    world.store.full = undefined;
    await world.turn(1000);
    const birth = world.store.records('birth').at(-1)?.body;
    if (birth?.kind !== 'birth' || birth.nonce === undefined) throw new Error('a birth record has a nonce');
    const { nonce } = birth;
    const held = { alarm: 1 };
    const welcome = { kind: 'welcome', nonce, time: world.now.unix, marks: [], held } as const;
    world.deliver(utility.sign(welcome, world.now.unix, { stream: 'welcome', class: 'market' }));
    await world.settled();
    expect(world.logged).to.include('start.welcomed').and.not.include('store.memory-lost');
  });

  it('says nothing upstream where no number is promised, rather than use one twice', async () => {
    const world = await withoutRoom('nothing promised');
    world.command(eventBody({ mRID: 'ev-2' as MRID }));
    await world.settled();
    expect(world.log.filter(line => line.startsWith('publish') || line === 'puback')).to.deep.equal([]);
    world.present();
    await world.settled();
    expect(applied(world)).to.deep.equal(['apply 5000']);
  });
});
