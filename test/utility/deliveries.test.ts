import { expect } from 'chai';
import { join } from 'node:path';
import { minutes } from '../../src/base/time.ts';
import type { Command, Cti, GatewayId, GroupId } from '../../src/model/mod.ts';
import type { Ledger } from '../../src/io/store/mod.ts';
import type { LedgerPort, MemberDelivery } from '../../src/utility/mod.ts';
import { tempDir } from '../support/temp.ts';
import { TestHeadEnd, event } from './support.ts';
import type { Published } from './support.ts';

const GROUP = 'feeder-7' as GroupId;
const HOW = { class: 'dispatch', primacy: 10 } as const;

/** A head end with three members in a group, and an event to it on its way. */
async function withEvent(
  path: string,
  through: (ledger: Ledger) => LedgerPort = ledger => ledger,
): Promise<{ head: TestHeadEnd; cti: Cti; command: Command }> {
  const head = await TestHeadEnd.start(path, { gateways: ['gw-1', 'gw-2', 'gw-3'], through });
  await head.registry.create(GROUP);
  await head.registry.add(
    GROUP,
    head.gateways.map(({ id }) => id),
  );
  const published = head.broker.next('g/feeder-7/cmd');
  const sent = await head.nms.send({ kind: 'group', id: GROUP }, event('ev-1'), HOW);
  if (!sent.ok) throw new Error(sent.refusal);
  return { head, cti: sent.value.cti, command: head.opens(await published) };
}

async function stands(head: TestHeadEnd, cti: Cti): Promise<readonly (readonly [string, string])[]> {
  const { members = [] } = (await head.nms.delivery(cti)) ?? {};
  return members.map(({ gateway, state }: MemberDelivery) => [gateway, state]);
}

async function says(
  head: TestHeadEnd,
  n: number,
  cti: Cti,
  refusal?: string,
  later?: 'later',
): Promise<void> {
  const more = later === undefined ? {} : { retry: later };
  const said = head.gateways[n]?.receipt(cti, refusal, more);
  if (said !== undefined) await head.broker.deliver(said.topic, said.payload);
}

describe('utility/deliveries', () => {
  it('GRP-3: says how delivery to each member is ensured, and how far it has come with each', async () => {
    await using dir = await tempDir();
    const { head, cti } = await withEvent(join(dir.path, 'ledger.db'));
    await says(head, 0, cti);
    await says(head, 1, cti, 'not-member', 'later');
    const delivery = await head.nms.delivery(cti);
    expect(delivery).to.deep.include({ attempts: 1 });
    expect(delivery?.means).to.contain('repeated').and.to.contain('until the receipt of each member');
    expect(await stands(head, cti)).to.deep.equal([
      ['gw-1', 'answered'],
      ['gw-2', 'later'],
      ['gw-3', 'sent'],
    ]);
    await says(head, 1, cti, 'event-expired');
    head.clock.advance(minutes(61));
    await turns();
    expect(await stands(head, cti)).to.deep.equal([
      ['gw-1', 'answered'],
      ['gw-2', 'refused'],
      ['gw-3', 'unanswered'],
    ]);
    expect(await head.nms.delivery(cti)).to.include({ settled: 'expired' });
    expect(await head.nms.delivery('00'.repeat(16) as Cti)).to.equal(undefined);
    await head.close();
  });

  it('GRP-3: a member that holds a newer epoch than the command is sent it alone, once, with the same end', async () => {
    await using dir = await tempDir();
    const { head, cti, command } = await withEvent(join(dir.path, 'ledger.db'));
    const alone = next(head, 'd/gw-1/cmd');
    await says(head, 0, cti, 'group-epoch-stale');
    const again = await alone;
    expect(again.body).to.deep.equal(command.body);
    expect(again).to.deep.include({ class: 'dispatch', primacy: 10, expires: command.expires });
    expect(again.audience).to.deep.equal({ kind: 'device', id: 'gw-1' });
    // The same receipt again, and that of one who has left: nobody is sent anything.
    await head.registry.remove(GROUP, ['gw-2' as GatewayId]);
    await says(head, 0, cti, 'group-epoch-stale');
    await says(head, 1, cti, 'group-epoch-stale');
    await turns();
    const events = head.broker.published.filter(
      p => /\/d\/gw-[12]\/cmd$/.test(p.topic) && head.opens(p).body.kind === 'event',
    );
    expect(new Set(events.map(p => head.opens(p).cti)).size).to.equal(1);
    await head.close();
  });

  it('GRP-3: a head end that dies before it has sent it alone does so when it is back, and not once more', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const { head, cti, command } = await withEvent(path, withoutCommandsTo('d/gw-1'));
    await says(head, 0, cti, 'group-epoch-stale');
    await turns();
    expect(await stands(head, cti)).to.deep.include(['gw-1', 'refused']);
    await head.close();
    const back = await TestHeadEnd.start(path, { before: head });
    await turns();
    const [again, ...more] = eventsTo(back, 'd/gw-1/cmd');
    expect(again?.body).to.deep.equal(command.body);
    expect(more).to.deep.equal([]);
    await back.close();
    const once = await TestHeadEnd.start(path, { before: back });
    once.clock.advance(minutes(5));
    await turns();
    expect(new Set(eventsTo(once, 'd/gw-1/cmd').map(each => each.cti))).to.deep.equal(new Set([again?.cti]));
    expect(once.nms.open().find(each => each.command.cti === cti)?.missing).to.deep.equal(
      new Set(['gw-2', 'gw-3']),
    );
    await once.close();
  });

  it('GRP-3: a command whose number was used before the ledger was restored is sent again above it', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const sent = await head.nms.send({ kind: 'device', id: 'gw-1' as GatewayId }, event('ev-1'), HOW);
    if (!sent.ok) throw new Error(sent.refusal);
    let { cti } = sent.value;
    const numbers: number[] = [];
    // The gateway takes none of them, and says of each that it took later ones: it is not believed without end.
    for (let taken = 40; taken <= 90; taken += 10) {
      const said = head.gateway.receipt(cti, 'replay', { taken });
      await head.broker.deliver(said.topic, said.payload);
      await turns();
      const last = eventsTo(head, 'd/gw-1/cmd').at(-1);
      cti = last?.cti ?? cti;
      numbers.push(last?.sequence ?? 0);
    }
    expect(numbers).to.deep.equal([41, 51, 61, 61, 61, 61]);
    expect(head.nms.open()).to.deep.equal([]);
    const more = await head.nms.send({ kind: 'device', id: 'gw-1' as GatewayId }, event('ev-2'), HOW);
    const lie = head.gateway.receipt(more.ok ? more.value.cti : cti, 'replay', { taken: 2 ** 40 });
    await head.broker.deliver(lie.topic, lie.payload);
    await turns();
    expect(eventsTo(head, 'd/gw-1/cmd').at(-1)?.sequence).to.be.below(100);
    await head.close();
  });

  it('GRP-3: what the ledger could not take when it was to be sent alone is tried again', async () => {
    await using dir = await tempDir();
    let full = true;
    const path = join(dir.path, 'ledger.db');
    const { head, cti } = await withEvent(
      path,
      withoutCommandsTo('d/gw-1', () => full),
    );
    await says(head, 0, cti, 'group-epoch-stale');
    await turns();
    expect(head.nms.open().find(each => each.command.cti === cti)?.missing).to.include('gw-1');
    full = false;
    const alone = next(head, 'd/gw-1/cmd');
    head.clock.advance(minutes(1));
    expect((await alone).body.kind).to.equal('event');
    await turns();
    expect(head.nms.open().find(each => each.command.cti === cti)?.missing).to.not.include('gw-1');
    await head.close();
  });
});

/** A ledger that does not take events to one audience, as long as `isFull` says so. */
function withoutCommandsTo(audience: string, isFull = (): boolean => true): (ledger: Ledger) => LedgerPort {
  return ledger => ({
    snapshot: () => ledger.snapshot(),
    rows: (...args) => ledger.rows(...args),
    answers: id => ledger.answers(id),
    command: id => ledger.command(id),
    commands: (...args) => ledger.commands(...args),
    records: (...args) => ledger.records(...args),
    commit: async changes => {
      const isHit = changes.some(
        each => each.op === 'command' && each.command.audience === audience && each.command.kind === 'event',
      );
      if (isHit && isFull()) throw new Error('the disk is full');
      await ledger.commit(changes);
    },
  });
}

/** Every event that was published on a topic. */
function eventsTo(head: TestHeadEnd, end: string): readonly Command[] {
  return head.broker
    .on(end)
    .map(each => head.opens(each))
    .filter(({ body }) => body.kind === 'event');
}

/** The next event on a topic. */
async function next(head: TestHeadEnd, end: string): Promise<Command> {
  for (;;) {
    const published: Published = await head.broker.next(end);
    const command = head.opens(published);
    if (command.body.kind === 'event') return command;
  }
}

async function turns(): Promise<void> {
  for (let n = 0; n < 50; n++) await new Promise(setImmediate);
}
