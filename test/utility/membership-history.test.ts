import { expect } from 'chai';
import { join } from 'node:path';
import { openLedger } from '../../src/io/store/mod.ts';
import type { GatewayId, GroupId } from '../../src/model/mod.ts';
import { unixTime } from '../../src/base/time.ts';
import { GroupRegistry, changesOf, countsWithheld, spells, spellsAt } from '../../src/utility/mod.ts';
import { tempDir } from '../support/temp.ts';
import { START, TestClock } from './support.ts';

const FEEDER = 'feeder-7' as GroupId;
const THEIRS = 'vpp-1' as GroupId;
const [ONE, TWO] = ['gw-1', 'gw-2'] as [GatewayId, GatewayId];

describe('utility/membership-history', () => {
  it('CS-3: tells each membership from its first millisecond to its end, by whom, also of one who came back', async () => {
    await using dir = await tempDir();
    const opened = openLedger(join(dir.path, 'ledger.db'));
    if (!opened.ok) throw new Error(opened.detail);
    const ledger = opened.value;
    const clock = new TestClock();
    const registry = await GroupRegistry.open(ledger, clock, length => new Uint8Array(length));
    await registry.create(FEEDER);
    // More epochs than one digit: they come in the order of their numbers.
    for (let n = 0; n < 6; n++) {
      clock.advance(1000);
      await registry.add(FEEDER, [ONE], { by: 'ann', why: 'summer' });
      clock.advance(1000);
      await registry.remove(FEEDER, [ONE], { by: 'ben' });
      await registry.advance(FEEDER, { gateway: ONE, epoch: 99, state: 'acknowledged', cause: 'signed' });
    }
    clock.advance(1000);
    await registry.add(FEEDER, [ONE, TWO], { by: 'eve' });
    const changes = await changesOf(ledger, FEEDER);
    expect(changes.map(({ epoch }) => epoch)).to.deep.equal(Array.from({ length: 14 }, (_, n) => n + 1));
    expect(changes[1]).to.deep.include({
      by: 'ann',
      why: 'summer',
      changes: [{ gateway: ONE, member: true }],
    });
    const all = spells(changes);
    expect(all.filter(({ gateway }) => gateway === ONE)).to.have.length(7);
    expect(all[0]).to.deep.equal({
      group: FEEDER,
      gateway: ONE,
      from: START + 1000,
      addedBy: 'ann',
      until: START + 2000,
      removedBy: 'ben',
    });
    const inAt = (ms: number): unknown => spellsAt(all, unixTime(START + ms)).map(({ gateway }) => gateway);
    expect(inAt(999)).to.deep.equal([]);
    expect(inAt(1000)).to.deep.equal([ONE]);
    expect(inAt(1999)).to.deep.equal([ONE]);
    expect(inAt(2000)).to.deep.equal([]);
    expect(inAt(13_000)).to.deep.equal([ONE, TWO]);
    await ledger.close();
  });

  it('CS-3: of an opaque group its owner sees the members, and everyone else their number at the time', async () => {
    await using dir = await tempDir();
    const opened = openLedger(join(dir.path, 'ledger.db'));
    if (!opened.ok) throw new Error(opened.detail);
    const ledger = opened.value;
    const clock = new TestClock();
    const registry = await GroupRegistry.open(ledger, clock, length => new Uint8Array(length));
    await registry.create(THEIRS, { owner: 'aggregator-b', opaque: true });
    await registry.add(THEIRS, [ONE, TWO]);
    clock.advance(1000);
    await registry.remove(THEIRS, [ONE]);
    const changes = await changesOf(ledger);
    expect(spells(changes)).to.deep.equal([]);
    expect(spells(changes, { asker: 'aggregator-c' })).to.deep.equal([]);
    expect(spells(changes, { asker: 'aggregator-b' })).to.have.length(2);
    expect([...countsWithheld(changes, unixTime(START + 999))]).to.deep.equal([[THEIRS, 2]]);
    expect([...countsWithheld(changes, unixTime(START + 1000))]).to.deep.equal([[THEIRS, 1]]);
    expect([...countsWithheld(changes, START, { asker: 'aggregator-b' })]).to.deep.equal([]);
    await ledger.close();
  });
});
