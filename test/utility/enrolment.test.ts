import { expect } from 'chai';
import { join } from 'node:path';
import type { Cti, GatewayId, GroupId } from '../../src/model/mod.ts';
import { tempDir } from '../support/temp.ts';
import { TestHeadEnd } from './support.ts';

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
