/** Head end and gateways together: whatever the network does to them, they come to hold what the record says. */
import { expect } from 'chai';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nextUnit, seeded } from '../../src/base/random.ts';
import { hours, minutes, seconds } from '../../src/base/time.ts';
import type { GatewayId, GroupId } from '../../src/model/mod.ts';
import type { Change } from '../../src/utility/mod.ts';
import { tempDir } from '../support/temp.ts';
import { CALM, Fleet, ROUGH } from './fleet.ts';

type Gateway = Fleet['gateways'][number];

const GROUPS = ['feeder-1', 'feeder-2', 'feeder-3'] as GroupId[];

describe('utility and gateways, enrolling', function () {
  // Thousands of signatures and commits, on a machine that may be busy.
  this.timeout(60_000);

  it('GRP-2: a member that moves costs two messages each way, and who stays one or none', async () => {
    await using dir = await tempDir();
    const fleet = await Fleet.start(join(dir.path, 'ledger.db'), { size: 60, seed: 1, network: CALM });
    const [from, to] = GROUPS as [GroupId, GroupId];
    await fleet.registry.create(from);
    await fleet.registry.create(to);
    const ids = fleet.gateways.map(({ id }) => id);
    await fleet.registry.add(from, ids.slice(0, 40));
    await fleet.registry.add(to, ids.slice(40));
    const enrolled = await fleet.pass(minutes(2), () => fleet.isConverged());
    expect(enrolled, 'enrolled').to.be.below(seconds(10));
    const before = fleet.gateways.map(({ traffic }) => ({ ...traffic }));
    const moved = await fleet.registry.change(move(ids.slice(0, 20), from, to));
    expect(moved.ok).to.equal(true);
    expect(await fleet.pass(minutes(2), () => fleet.isConverged())).to.be.below(seconds(10));
    const cost = fleet.gateways.map(({ traffic }, n) => [
      traffic.down - (before[n]?.down ?? 0),
      traffic.up - (before[n]?.up ?? 0),
    ]);
    for (const each of cost.slice(0, 20)) expect(each, 'who moved').to.deep.equal([2, 2]);
    for (const [down, up] of cost.slice(20)) {
      expect(down, 'who stays hears a probe, and its repetitions while it is open').to.be.below(4);
      expect(up).to.equal(0);
    }
    await fleet.stopHeadEnd();
  });

  for (const seed of [1, 2, 3, 4]) {
    it(`GRP-2: converges after loss, reorder, duplicates and restarts of either side (seed ${seed})`, async () => {
      await using dir = await tempDir();
      const fleet = await Fleet.start(join(dir.path, 'ledger.db'), { size: 24, seed, network: ROUGH });
      const random = seeded(seed * 977);
      const unit = (): number => nextUnit(random);
      for (const group of GROUPS) await fleet.registry.create(group);
      for (let round = 0; round < 8; round++) {
        const changes = fleet.gateways.flatMap(({ id }) => (unit() < 0.4 ? anyChange(fleet, id, unit) : []));
        expect((await fleet.registry.change(changes)).ok, 'changed').to.equal(true);
        await fleet.pass(Math.ceil(unit() * seconds(20)));
        for (const gateway of fleet.gateways) if (unit() < 0.1) gateway.boot();
        if (unit() < 0.4) {
          await fleet.stopHeadEnd();
          await fleet.pass(Math.ceil(unit() * seconds(30)));
          await fleet.startHeadEnd();
        }
      }
      const tookMs = await fleet.pass(hours(3), () => fleet.isConverged());
      expect(tookMs, fleet.story()).to.be.a('number');
      await fleet.stopHeadEnd();
    });
  }

  it('GRP-2: a gateway whose store is lost, or old, or holds a group that nobody put it into, is brought back', async () => {
    await using dir = await tempDir();
    const fleet = await Fleet.start(join(dir.path, 'ledger.db'), { size: 4, seed: 5, network: CALM });
    const [group, other] = GROUPS as [GroupId, GroupId];
    await fleet.registry.create(group);
    await fleet.registry.create(other);
    const [lost, strange, old, loose] = fleet.gateways as [Gateway, Gateway, Gateway, Gateway];
    await fleet.registry.add(group, [lost.id, strange.id, old.id]);
    expect(await fleet.pass(minutes(2), () => fleet.isConverged())).to.be.a('number');
    const before = old.state.memberships.get(group);
    await fleet.registry.remove(group, [old.id]);
    expect(await fleet.pass(minutes(2), () => fleet.isConverged())).to.be.a('number');
    lost.store.loseRows(({ kind }) => kind === 'membership');
    lost.boot();
    strange.state.memberships.set(other, { epoch: 9, member: true, issuer: 'ops' });
    loose.state.memberships.set(other, { epoch: 9, member: true, issuer: 'ops' });
    if (before !== undefined) old.state.memberships.set(group, before);
    expect(fleet.isConverged()).to.equal(false);
    expect(await fleet.pass(hours(1), () => fleet.isConverged()), fleet.story()).to.be.a('number');
    await fleet.stopHeadEnd();
  });

  it('GRP-2: a head end whose ledger is restored from an old copy goes on above what its gateways hold', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const fleet = await Fleet.start(path, { size: 6, seed: 11, network: CALM });
    const [group, other] = GROUPS as [GroupId, GroupId];
    const ids = fleet.gateways.map(({ id }) => id);
    const [first, second, third, fourth, fifth] = ids as [
      GatewayId,
      GatewayId,
      GatewayId,
      GatewayId,
      GatewayId,
    ];
    await fleet.registry.create(group);
    await fleet.registry.create(other);
    await fleet.registry.change([first, second, third].map(gateway => on(group, gateway)));
    await fleet.registry.change([on(other, first), on(other, fifth)]);
    expect(await fleet.pass(minutes(2), () => fleet.isConverged())).to.be.a('number');
    await fleet.stopHeadEnd();
    const copy = join(dir.path, 'copy.db');
    await copyFile(path, copy);
    await fleet.startHeadEnd();
    // In the life that is forgotten: one leaves, one joins, the same epoch comes to mean something else, many numbers.
    await fleet.registry.remove(group, [third]);
    await fleet.registry.add(group, [fourth]);
    for (let n = 0; n < 4; n++) {
      await fleet.registry.remove(other, [fifth]);
      await fleet.registry.add(other, [fifth]);
      expect(await fleet.pass(minutes(2), () => fleet.isConverged())).to.be.a('number');
    }
    await fleet.stopHeadEnd();
    for (const end of ['', '-wal', '-shm']) await rm(`${path}${end}`, { force: true });
    await copyFile(copy, path);
    await fleet.startHeadEnd();
    await fleet.registry.add(group, [fifth]);
    const members = (id: GroupId) => fleet.registry.get(id)?.members.map(({ gateway }) => gateway);
    expect(await fleet.pass(hours(2), () => fleet.isConverged()), fleet.story()).to.be.a('number');
    expect(members(group)?.sort()).to.deep.equal([first, second, third, fifth]);
    expect(members(other)?.sort()).to.deep.equal([first, fifth]);
    await fleet.stopHeadEnd();
  });
});

const on = (group: GroupId, gateway: GatewayId): Change => ({ group, gateway, member: true });

function move(gateways: readonly GatewayId[], from: GroupId, to: GroupId): readonly Change[] {
  return gateways.flatMap(gateway => [
    { group: from, gateway, member: false },
    { group: to, gateway, member: true },
  ]);
}

/** One gateway joins or leaves a group, or moves. */
function anyChange(fleet: Fleet, gateway: GatewayId, unit: () => number): readonly Change[] {
  const held = fleet.registry.membershipsOf(gateway);
  const group = GROUPS[Math.floor(unit() * GROUPS.length)] ?? GROUPS[0];
  const other = GROUPS.find(each => each !== group && !held.has(each));
  if (group === undefined) return [];
  if (!held.has(group)) return [{ group, gateway, member: true }];
  return other !== undefined && unit() < 0.5
    ? move([gateway], group, other)
    : [{ group, gateway, member: false }];
}
