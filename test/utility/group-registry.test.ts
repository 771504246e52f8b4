import { expect } from 'chai';
import { join } from 'node:path';
import { openLedger } from '../../src/io/store/mod.ts';
import type { Ledger } from '../../src/io/store/mod.ts';
import type { GatewayId, GroupId } from '../../src/model/mod.ts';
import { GroupRegistry } from '../../src/utility/mod.ts';
import type { LedgerPort } from '../../src/utility/mod.ts';
import { tempDir } from '../support/temp.ts';
import { START, TestClock } from './support.ts';

const FEEDER = 'feeder-7' as GroupId;
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

describe('utility/group-registry', () => {
  it('GRP-1: makes a new epoch for every change, and holds it over a restart', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const ledger = ledgerAt(path);
    const registry = await GroupRegistry.open(ledger, new TestClock());
    expect(await registry.create(FEEDER)).to.deep.include({ ok: true });
    await registry.add(FEEDER, [ONE, TWO]);
    await registry.remove(FEEDER, [ONE]);
    const expected = {
      group: FEEDER,
      epoch: 3,
      members: [
        { gateway: ONE, member: false, state: 'requested', since: START },
        { gateway: TWO, member: true, state: 'requested', since: START },
      ],
    };
    expect(registry.get(FEEDER)).to.deep.equal(expected);
    await ledger.close();
    const again = ledgerAt(path);
    expect((await GroupRegistry.open(again, new TestClock())).list()).to.deep.equal([expected]);
    await again.close();
  });

  it('GRP-2: goes forward only, and only in the epoch that is reported', async () => {
    await using dir = await tempDir();
    const ledger = ledgerAt(join(dir.path, 'ledger.db'));
    const registry = await GroupRegistry.open(ledger, new TestClock());
    await registry.create(FEEDER);
    await registry.add(FEEDER, [ONE]);
    const state = (): string | undefined => registry.get(FEEDER)?.members[0]?.state;
    await registry.advance(FEEDER, { gateway: ONE, epoch: 2, state: 'acknowledged' });
    await registry.advance(FEEDER, { gateway: ONE, epoch: 2, state: 'delivered' });
    expect(state()).to.equal('acknowledged');
    await registry.add(FEEDER, [TWO]);
    expect(state()).to.equal('requested');
    await registry.advance(FEEDER, { gateway: ONE, epoch: 2, state: 'active' });
    expect(state()).to.equal('requested');
    await registry.advance(FEEDER, { gateway: 'gw-9' as GatewayId, epoch: 3, state: 'active' });
    expect(registry.get(FEEDER)?.members).to.have.length(2);
    await ledger.close();
  });

  it('refuses by name what the record cannot hold', async () => {
    await using dir = await tempDir();
    const ledger = ledgerAt(join(dir.path, 'ledger.db'));
    const registry = await GroupRegistry.open(ledger, new TestClock());
    await registry.create(FEEDER);
    await registry.add(FEEDER, [ONE]);
    expect(await registry.create(FEEDER)).to.include({ refusal: 'exists' });
    expect(await registry.create('x'.repeat(63) as GroupId)).to.include({ refusal: 'invalid-id' });
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
    const registry = await GroupRegistry.open(ledger, new TestClock());
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
