import { expect } from 'chai';
import { join } from 'node:path';
import { openLedger } from '../../src/io/store/mod.ts';
import type { Ledger } from '../../src/io/store/mod.ts';
import type { GatewayId, GroupId } from '../../src/model/mod.ts';
import { GroupRegistry, stepsOf } from '../../src/utility/mod.ts';
import type { LedgerPort, MemberState } from '../../src/utility/mod.ts';
import { tempDir } from '../support/temp.ts';
import { START, TestClock } from './support.ts';

const FEEDER = 'feeder-7' as GroupId;
const OTHER = 'feeder-8' as GroupId;
const ONE = 'gw-1' as GatewayId;
const TWO = 'gw-2' as GatewayId;

function ledgerAt(path: string): Ledger {
  const ledger = openLedger(path);
  if (!ledger.ok) throw new Error(ledger.detail);
  // The ledger of io has the shape of the port that the utility declares, both ways.
  const port: LedgerPort = ledger.value;
  return { ...bound(port), damage: () => ledger.value.damage(), close: () => ledger.value.close() };
}

function bound(port: LedgerPort): Omit<Ledger, 'damage' | 'close'> {
  return {
    snapshot: () => port.snapshot(),
    rows: (...args) => port.rows(...args),
    commit: changes => port.commit(changes),
    records: (...args) => port.records(...args),
    answers: cti => port.answers(cti),
    command: cti => port.command(cti),
    commands: (...args) => port.commands(...args),
  };
}

/** Tags 1, 2, 3 … */
function tags(): (length: number) => Uint8Array {
  let n = 0;
  return length => new Uint8Array(length).fill(++n);
}

describe('utility/group-registry', () => {
  it('GRP-2: goes on above an epoch that a member holds from an earlier life, and believes no leap', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const ledger = ledgerAt(path);
    const registry = await GroupRegistry.open(ledger, new TestClock(), tags());
    await registry.create(FEEDER);
    await registry.add(FEEDER, [ONE]);
    const rows: [string, number, boolean, 'lifted' | 'nothing'][] = [
      ['what the record says', 2, true, 'nothing'],
      ['an older epoch', 1, false, 'nothing'],
      ['the same epoch, otherwise', 2, false, 'lifted'],
      ['a later epoch', 9, true, 'lifted'],
      ['a leap', 2 ** 40, true, 'nothing'],
    ];
    for (const [name, epoch, member, expected] of rows)
      expect(await registry.lift(FEEDER, { gateway: ONE, epoch, member }), name).to.equal(expected);
    expect(await registry.lift(OTHER, { gateway: ONE, epoch: 9, member: true })).to.equal('nothing');
    expect(registry.get(FEEDER)?.epoch).to.equal(10);
    expect(registry.leaversOf(FEEDER)).to.deep.equal({ epoch: 10, from: 10, left: [], probed: 10 });
    expect(registry.member(FEEDER, ONE)).to.include({ state: 'requested', epoch: 10 });
    await ledger.close();
    const after = ledgerAt(path);
    const again = await GroupRegistry.open(after, new TestClock(), tags());
    expect(again.get(FEEDER)).to.deep.equal(registry.get(FEEDER));
    await after.close();
  });

  it('GRP-1: makes a new epoch for every change, and holds it over a restart', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const ledger = ledgerAt(path);
    const registry = await GroupRegistry.open(ledger, new TestClock(), tags());
    expect(await registry.create(FEEDER)).to.deep.include({ ok: true });
    await registry.add(FEEDER, [ONE, TWO]);
    await registry.remove(FEEDER, [ONE]);
    const since = { state: 'requested', since: START };
    const expected = {
      group: FEEDER,
      epoch: 3,
      changedAt: START,
      purposes: ['load-control', 'meter-reading', 'delivery'],
      members: [
        { gateway: ONE, member: false, ...since, cause: 'removed by utility', epoch: 3, tag: '01'.repeat(8) },
        { gateway: TWO, member: true, ...since, cause: 'added by utility', epoch: 2, tag: '02'.repeat(8) },
      ],
    };
    expect(registry.get(FEEDER)).to.deep.equal(expected);
    await ledger.close();
    const again = ledgerAt(path);
    expect((await GroupRegistry.open(again, new TestClock(), tags())).list()).to.deep.equal([expected]);
    await again.close();
  });

  it('GRP-2: goes forward only, or lapses, each with its time and cause, and is active only when proven', async () => {
    await using dir = await tempDir();
    const ledger = ledgerAt(join(dir.path, 'ledger.db'));
    const clock = new TestClock();
    const registry = await GroupRegistry.open(ledger, clock, tags());
    await registry.create(FEEDER);
    await registry.add(FEEDER, [ONE], { by: 'ann', why: 'feeder 7 was extended' });
    const report = async (state: MemberState, epoch = 2): Promise<unknown> => {
      clock.advance(1000);
      await registry.advance(FEEDER, { gateway: ONE, epoch, state, cause: `so: ${state}` });
      const { state: is, since, cause } = registry.member(FEEDER, ONE) ?? {};
      return [is, Number(since) - START, cause];
    };
    expect(await report('acknowledged')).to.deep.equal(['acknowledged', 1000, 'so: acknowledged']);
    expect(await report('delivered'), 'no step back').to.deep.include('acknowledged');
    expect(await report('active'), 'not proven').to.deep.include('acknowledged');
    expect(await report('verified')).to.deep.equal(['verified', 4000, 'so: verified']);
    expect(await report('active', 1), 'of an older epoch').to.deep.include('verified');
    expect(await report('active', 7)).to.deep.equal(['active', 6000, 'so: active']);
    await registry.add(FEEDER, [TWO]);
    expect(registry.member(FEEDER, ONE), 'who stays is not moved').to.include({ state: 'active', epoch: 2 });
    expect(await report('lapsed')).to.deep.equal(['lapsed', 7000, 'so: lapsed']);
    expect(await report('acknowledged')).to.deep.include('acknowledged');
    expect(await report('active'), 'to be proven anew').to.deep.include('acknowledged');
    const steps = (await stepsOf(ledger, ONE)).map(step => [step.state, step.at - START, step.cause]);
    expect(steps).to.deep.equal([
      ['requested', 0, 'added by ann'],
      ['acknowledged', 1000, 'so: acknowledged'],
      ['verified', 4000, 'so: verified'],
      ['active', 6000, 'so: active'],
      ['lapsed', 7000, 'so: lapsed'],
      ['acknowledged', 8000, 'so: acknowledged'],
    ]);
    await registry.advance(FEEDER, { gateway: 'gw-9' as GatewayId, epoch: 3, state: 'active', cause: '' });
    expect(registry.get(FEEDER)?.members).to.have.length(2);
    await ledger.close();
  });

  it('GRP-2: moves between groups as one change, one epoch each, durable together or not at all', async () => {
    await using dir = await tempDir();
    const ledger = ledgerAt(join(dir.path, 'ledger.db'));
    const registry = await GroupRegistry.open(ledger, new TestClock(), tags());
    await registry.create(FEEDER);
    await registry.create(OTHER);
    await registry.add(FEEDER, [ONE, TWO]);
    const heard: unknown[] = [];
    registry.onChange(changed => heard.push(changed.map(({ group, gateways }) => [group, ...gateways])));
    const half = await registry.change([
      { group: FEEDER, gateway: ONE, member: false },
      { group: OTHER, gateway: ONE, member: false },
    ]);
    expect(half).to.include({ refusal: 'not-a-member' });
    expect(registry.get(FEEDER)).to.include({ epoch: 2 });
    const moved = [ONE, TWO].flatMap(gateway => [
      { group: FEEDER, gateway, member: false },
      { group: OTHER, gateway, member: true },
    ]);
    expect(await registry.change(moved)).to.deep.include({ ok: true });
    const all = [FEEDER, OTHER].map(group => [group, ONE, TWO]);
    expect(heard, 'told once').to.deep.equal([all]);
    expect([...registry.membershipsOf(ONE)]).to.deep.equal([[OTHER, 2]]);
    expect(registry.rowsOf(ONE).map(({ group, epoch }) => [group, epoch])).to.deep.equal([
      [FEEDER, 3],
      [OTHER, 2],
    ]);
    expect(registry.leaversOf(FEEDER)).to.deep.include({ from: 1, left: ['01', '02'].map(b => b.repeat(8)) });
    await registry.advance(FEEDER, { gateway: ONE, epoch: 3, state: 'acknowledged', cause: 'signed' });
    expect(registry.rowsOf(ONE).map(({ group }) => group)).to.deep.equal([OTHER]);
    await ledger.close();
  });

  it('GRP-2: names no more leavers than a probe holds, whole epochs at a time, and from where they are complete', async () => {
    await using dir = await tempDir();
    const ledger = ledgerAt(join(dir.path, 'ledger.db'));
    const registry = await GroupRegistry.open(ledger, new TestClock(), tags());
    await registry.create(FEEDER);
    const all = Array.from({ length: 1026 }, (_, n) => `gw-${n}` as GatewayId);
    await registry.add(FEEDER, all);
    expect(await registry.remove(FEEDER, all.slice(1))).to.include({ refusal: 'too-many' });
    await registry.remove(FEEDER, all.slice(0, 2));
    await registry.remove(FEEDER, all.slice(2, 1024));
    expect(registry.leaversOf(FEEDER)).to.include({ epoch: 4, from: 1 }).and.property('left').length(1024);
    await registry.remove(FEEDER, all.slice(1024, 1025));
    expect(registry.leaversOf(FEEDER)).to.include({ epoch: 5, from: 3 }).and.property('left').length(1023);
    await ledger.close();
  });

  it('refuses by name what the record cannot hold', async () => {
    await using dir = await tempDir();
    const ledger = ledgerAt(join(dir.path, 'ledger.db'));
    const registry = await GroupRegistry.open(ledger, new TestClock(), tags());
    await registry.create(FEEDER);
    await registry.add(FEEDER, [ONE]);
    expect(await registry.create(FEEDER)).to.include({ refusal: 'exists' });
    expect(await registry.create('x'.repeat(63) as GroupId)).to.include({ refusal: 'invalid-id' });
    expect(await registry.create('of-nothing' as GroupId, { purposes: [] })).to.include({
      refusal: 'no-purpose',
    });
    expect(await registry.create('Feeder 7' as GroupId)).to.include({ refusal: 'invalid-id' });
    expect(await registry.add(FEEDER, [TWO, ONE])).to.include({ refusal: 'already-member' });
    expect(await registry.add(FEEDER, ['a/b' as GatewayId])).to.include({ refusal: 'invalid-id' });
    expect(await registry.add('none' as GroupId, [ONE])).to.include({ refusal: 'no-such-group' });
    expect(await registry.remove(FEEDER, [TWO])).to.include({ refusal: 'not-a-member' });
    expect(registry.get(FEEDER)).to.include({ epoch: 2 });
    await ledger.close();
  });

  it('changes made at once follow one another', async () => {
    await using dir = await tempDir();
    const ledger = ledgerAt(join(dir.path, 'ledger.db'));
    const registry = await GroupRegistry.open(ledger, new TestClock(), tags());
    const done = await Promise.all([
      registry.create(FEEDER),
      registry.add(FEEDER, [ONE]),
      registry.add(FEEDER, [TWO]),
      registry.add(FEEDER, [ONE]),
    ]);
    expect(done.map(d => (d.ok ? d.value.epoch : d.refusal))).to.deep.equal([1, 2, 3, 'already-member']);
    await ledger.close();
  });
});
