import { expect } from 'chai';
import { join } from 'node:path';
import { minutes } from '../../src/base/time.ts';
import type { Command, Cti, GatewayId, GroupId, IssuerDigest } from '../../src/model/mod.ts';
import { membershipDigest } from '../../src/wan/groups/mod.ts';
import { tempDir } from '../support/temp.ts';
import { TestHeadEnd, event } from './support.ts';
import type { TestGateway } from './support.ts';

const GROUP = 'feeder-7' as GroupId;

describe('utility/ami-nms enrolling', () => {
  it('GRP-1, GRP-2: a member is granted, signs, answers the probe on its topic, and is active then; each with its cause', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2'] });
    await head.registry.create(GROUP);
    const granted = [head.broker.next('d/gw-1/cmd'), head.broker.next('d/gw-2/cmd')];
    await head.registry.add(
      GROUP,
      head.gateways.map(g => g.id),
    );
    const [one, two] = (await Promise.all(granted)).map(p => head.opens(p));
    const tag = head.registry.member(GROUP, head.gateway.id)?.tag;
    expect(one?.body).to.deep.equal({ kind: 'grant', group: GROUP, epoch: 2, member: true, tag });
    expect(two?.body, 'its own tag').to.not.have.property('tag', tag);
    await until(() => states(head), ['delivered', 'delivered']);
    await answers(head, head.gateway, one);
    await until(() => states(head), ['acknowledged', 'delivered']);

    // The other's grant is waited for, but not for ever.
    const probed = head.broker.next('g/feeder-7/cmd');
    head.clock.advance(29_000);
    await turns();
    expect(head.broker.on('g/feeder-7/cmd')).to.deep.equal([]);
    head.clock.advance(3000);
    const probe = head.opens(await probed);
    expect(probe).to.deep.include({ groupEpoch: 2, body: { kind: 'probe', from: 1, left: [] } });
    // printf 'feeder-7 2\n' | sha256sum | cut -c1-16
    await answers(head, head.gateway, probe, 'bd439c128008a73b');
    await until(() => states(head), ['active', 'delivered']);
    const causes = head.registry.get(GROUP)?.members.map(({ cause }) => cause);
    expect(causes).to.deep.equal(['it holds what the record says', 'the broker has its grant']);
    await head.close();
  });

  it('GRP-2: whoever stays hears of a new epoch by the probe alone, which names who left by its tag', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2'] });
    await enrolAll(head);
    const [one, two] = head.gateways as [TestGateway, TestGateway];
    const { tag } = head.registry.member(GROUP, two.id) ?? {};
    const before = head.broker.on('d/gw-1/cmd').length;
    const told = nextGrant(head, two, 3);
    await head.registry.remove(GROUP, [two.id]);
    const probed = head.broker.next('g/feeder-7/cmd');
    head.clock.advance(1000);
    const probe = head.opens(await probed);
    expect(probe).to.deep.include({ groupEpoch: 3, body: { kind: 'probe', from: 1, left: [tag] } });
    await answers(head, two, await told);
    await until(() => states(head), ['active']);
    const length = head.broker.on('g/feeder-7/cmd').length;
    head.clock.advance(31_000);
    const repeated = head.broker.on('g/feeder-7/cmd').length;
    expect(repeated, 'repeated for who may have missed it').to.be.above(length);
    head.clock.advance(minutes(10));
    expect(head.broker.on('g/feeder-7/cmd'), 'and then no more').to.have.length(repeated);
    expect(head.broker.on('d/gw-1/cmd').length, 'no grant to who stays').to.equal(before);
    expect(head.registry.member(GROUP, one.id)).to.include({ state: 'active', epoch: 2 });
    await head.close();
  });

  it('GRP-2: a probe that is due goes ahead of a command to the group', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2'] });
    await enrolAll(head);
    const before = head.broker.on('g/feeder-7/cmd').length;
    await head.registry.remove(GROUP, ['gw-2' as GatewayId]);
    const sent = await head.nms.send({ kind: 'group', id: GROUP }, event('ev-1'), DISPATCH);
    expect(sent.ok && sent.value.awaits).to.deep.equal(['gw-1']);
    const said = head.broker.on('g/feeder-7/cmd').slice(before);
    expect(said.map(p => head.opens(p)).map(c => [c.body.kind, c.groupEpoch])).to.deep.equal([
      ['probe', 3],
      ['event', 3],
    ]);
    await head.close();
  });

  it('GRP-1: a group is sent only what it is for', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    await head.registry.create(GROUP, { purposes: ['delivery'] });
    await head.registry.add(GROUP, [head.gateway.id]);
    const sent = await head.nms.send({ kind: 'group', id: GROUP }, event('ev-1'), DISPATCH);
    expect(sent).to.deep.include({ refusal: 'wrong-purpose' });
    await head.close();
  });

  it('GRP-2: after a restart, whoever has not acknowledged still gets its grant, and who has not proven it a probe', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const before = await TestHeadEnd.start(path, { gateways: ['gw-1', 'gw-2'] });
    await before.registry.create(GROUP);
    const granted = before.gateways.map(g => before.broker.next(`d/${g.id}/cmd`));
    await before.registry.add(
      GROUP,
      before.gateways.map(g => g.id),
    );
    const [one] = await Promise.all(granted);
    await answers(before, before.gateway, one && before.opens(one));
    await until(() => states(before), ['acknowledged', 'delivered']);
    await before.close();
    const head = await TestHeadEnd.start(path, { before });
    const [, two] = head.gateways as [TestGateway, TestGateway];
    await answers(head, two, await nextGrant(head, two, 2));
    await until(() => states(head), ['acknowledged', 'acknowledged']);
    const probed = head.broker.next('g/feeder-7/cmd');
    head.clock.advance(2000);
    for (const gateway of head.gateways) await answers(head, gateway, head.opens(await probed));
    await until(() => states(head), ['verified', 'verified']);
    expect(head.broker.on('d/gw-1/cmd'), 'what is acknowledged is not sent again').to.deep.equal([]);
    await head.close();
  });

  it('GRP-2: an answer to a probe that was replaced since, or of before a restart, is a proof all the same', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const before = await TestHeadEnd.start(path);
    await before.registry.create(GROUP);
    const grant = nextGrant(before, before.gateway, 2);
    await before.registry.add(GROUP, [before.gateway.id]);
    await answers(before, before.gateway, await grant);
    await until(() => states(before), ['acknowledged']);
    const probed = before.broker.next('g/feeder-7/cmd');
    before.clock.advance(1000);
    const probe = before.opens(await probed);
    await before.close();
    const head = await TestHeadEnd.start(path, { before });
    await answers(head, head.gateway, probe);
    await until(() => states(head), ['verified']);
    await head.close();
  });

  it('GRP-2: tells a removed member so, and forgets it when it knows', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    await head.registry.create(GROUP);
    await head.registry.add(GROUP, [head.gateway.id]);
    const told = nextGrant(head, head.gateway, 3);
    await head.registry.remove(GROUP, [head.gateway.id]);
    const command = await told;
    expect(command.body).to.deep.equal({ kind: 'grant', group: GROUP, epoch: 3, member: false });
    expect(head.registry.get(GROUP)?.members[0]).to.include({ member: false });
    await answers(head, head.gateway, command);
    await until(() => states(head), []);
    await head.close();
  });

  it('GRP-2: who does not answer the probe has lapsed, and is granted anew when it is heard of again', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    await head.registry.create(GROUP);
    const grant = nextGrant(head, head.gateway, 2);
    await head.registry.add(GROUP, [head.gateway.id]);
    await answers(head, head.gateway, await grant);
    await until(() => states(head), ['acknowledged']);
    const probed = head.broker.next('g/feeder-7/cmd');
    head.clock.advance(1000);
    await probed;
    head.clock.advance(minutes(10) - 1);
    expect(states(head)).to.deep.equal(['acknowledged']);
    head.clock.advance(1);
    await until(() => states(head), ['lapsed']);
    expect(head.registry.member(GROUP, head.gateway.id)?.cause).to.contain('did not answer');
    head.clock.advance(minutes(3));
    const again = nextGrant(head, head.gateway, 2);
    await says(head, digestOf(2));
    expect((await again).body).to.include({ kind: 'grant', group: GROUP, only: true });
    await answers(head, head.gateway, await again);
    await until(() => states(head), ['acknowledged']);
    await head.close();
  });

  it('GRP-2: a status that differs from a record at rest brings the whole list, once', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2'] });
    await enrolAll(head);
    const { length } = head.broker.on('d/gw-1/cmd');
    await says(head, digestOf(1));
    await turns();
    expect(states(head), 'it may have been made before the change').to.deep.equal(['active', 'active']);
    head.clock.advance(minutes(2));
    const whole = nextGrant(head, head.gateway, 2);
    await says(head, digestOf(1));
    await until(() => states(head), ['delivered', 'active']);
    const told = await whole;
    expect(told.body).to.include({ kind: 'grant', group: GROUP, epoch: 2, member: true, only: true });
    await answers(head, head.gateway, told, digestOf(2));
    await until(() => states(head), ['acknowledged', 'active']);
    const probed = head.broker.next('g/feeder-7/cmd');
    head.clock.advance(2000);
    await answers(head, head.gateway, head.opens(await probed), digestOf(2));
    await until(() => states(head), ['active', 'active']);
    // What it showed was of its other issuer's groups as well: it goes on showing that, and nothing is wrong.
    head.clock.advance(minutes(30));
    await says(head, digestOf(1));
    await turns();
    expect(states(head)).to.deep.equal(['active', 'active']);
    const grants = head.broker.on('d/gw-1/cmd').slice(length);
    expect(new Set(grants.map(p => head.opens(p).cti)).size).to.equal(1);
    await head.close();
  });

  it('SIWG-3: the groups of another issuer in a status are no drift of ours, and ours beside them are', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { gateways: ['gw-1', 'gw-2'] });
    await enrolAll(head);
    const { length } = head.broker.on('d/gw-1/cmd');
    const other = { issuer: 'aggregator', digest: digestOf(9) };
    head.clock.advance(minutes(30));
    await says(head, digestOf(7), [other, { issuer: 'ops', digest: digestOf(2) }]);
    await turns();
    expect(states(head)).to.deep.equal(['active', 'active']);
    expect(head.broker.on('d/gw-1/cmd')).to.have.length(length);
    const whole = nextGrant(head, head.gateway, 2);
    await says(head, digestOf(2), [other, { issuer: 'ops', digest: digestOf(1) }]);
    expect((await whole).body).to.include({ group: GROUP, only: true });
    await head.close();
  });

  it('GRP-2: who asks for a group it is not in is told that it is not', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    await head.registry.create(GROUP);
    const told = head.broker.next('d/gw-1/cmd');
    for (const group of ['never-made', GROUP]) {
      const why = 'a newer epoch';
      const ask = head.gateway.signs('request', { kind: 'request', wants: 'grant', group, why });
      await head.broker.deliver(ask.topic, ask.payload);
    }
    expect(head.opens(await told).body).to.deep.equal({
      kind: 'grant',
      group: GROUP,
      epoch: 1,
      member: false,
    });
    await head.close();
  });

  it('sends a grant that was refused again only when its gateway asks for it', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    await head.registry.create(GROUP);
    const granted = nextGrant(head, head.gateway, 2);
    await head.registry.add(GROUP, [head.gateway.id]);
    const refusal = head.gateway.receipt((await granted).cti, 'too-many-groups');
    await head.broker.deliver(refusal.topic, refusal.payload);
    await until(() => states(head), ['lapsed']);
    await until(() => head.nms.open().map(({ command }) => command.cti), []);
    const { length } = head.broker.on('d/gw-1/cmd');
    head.clock.advance(3_600_000);
    await says(head, digestOf(1));
    await turns();
    expect(head.broker.on('d/gw-1/cmd')).to.have.length(length);
    const again = head.broker.next('d/gw-1/cmd');
    const ask = head.gateway.signs('request', {
      kind: 'request',
      wants: 'grant',
      group: GROUP,
      why: 'a newer epoch',
    });
    await head.broker.deliver(ask.topic, ask.payload);
    expect(head.opens(await again).body).to.include({ kind: 'grant', epoch: 2 });
    await head.close();
  });
});

const DISPATCH = { class: 'dispatch', primacy: 10 } as const;

function states(head: TestHeadEnd): readonly string[] {
  return (head.registry.get(GROUP)?.members ?? []).map(({ state }) => state);
}

function digestOf(epoch: number): string {
  return membershipDigest(new Map([[GROUP, { epoch, member: true }]]));
}

/** Every gateway is brought into the group, in epoch 2, and is active. */
async function enrolAll(head: TestHeadEnd): Promise<void> {
  await head.registry.create(GROUP);
  const grants = head.gateways.map(g => nextGrant(head, g, 2));
  await head.registry.add(
    GROUP,
    head.gateways.map(g => g.id),
  );
  for (const [n, gateway] of head.gateways.entries()) await answers(head, gateway, await grants[n]);
  await until(
    () => states(head),
    head.gateways.map(() => 'acknowledged'),
  );
  const probed = head.broker.next('g/feeder-7/cmd');
  head.clock.advance(1000);
  const probe = head.opens(await probed);
  for (const gateway of head.gateways) await answers(head, gateway, probe, digestOf(2));
  await until(
    () => states(head),
    head.gateways.map(() => 'active'),
  );
}

async function answers(
  head: TestHeadEnd,
  gateway: TestGateway,
  command: Command | undefined,
  digest = '0000000000000000',
): Promise<void> {
  const more = { membershipDigest: digest };
  const { topic, payload } = gateway.receipt(command?.cti as Cti, undefined, more);
  await head.broker.deliver(topic, payload);
}

/** A status of the first gateway, made now. */
async function says(
  head: TestHeadEnd,
  digest: string,
  membershipDigests?: readonly IssuerDigest[],
): Promise<void> {
  const apart = membershipDigests === undefined ? {} : { membershipDigests };
  const body = { kind: 'status', readings: [], setpoints: [], membershipDigest: digest, ...apart } as const;
  const at = head.clock.now().unix;
  const { topic, payload } = head.gateway.signs('status', body, undefined, at);
  await head.broker.deliver(topic, payload);
}

/** Turns of the loop until `what` is so; mocha's own limit ends a wait for what never comes. */
async function until(what: () => readonly string[], wanted: readonly string[]): Promise<void> {
  while (JSON.stringify(what()) !== JSON.stringify(wanted)) await new Promise(setImmediate);
}

/** As many turns of the loop as anything under way takes. */
async function turns(): Promise<void> {
  for (let n = 0; n < 50; n++) await new Promise(setImmediate);
}

async function nextGrant(head: TestHeadEnd, gateway: TestGateway, epoch: number): Promise<Command> {
  for (;;) {
    const command = head.opens(await head.broker.next(`d/${gateway.id}/cmd`));
    if (command.body.kind === 'grant' && command.body.epoch === epoch) return command;
  }
}
