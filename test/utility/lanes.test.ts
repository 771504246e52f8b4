import { expect } from 'chai';
import { join } from 'node:path';
import type { Cti, GroupId } from '../../src/model/mod.ts';
import { Lanes } from '../../src/utility/lanes.ts';
import { readCommand, REPLAY_WINDOW } from '../../src/wan/envelope/mod.ts';
import { tempDir } from '../support/temp.ts';
import { event, TestHeadEnd } from './support.ts';

const place = (sequence: number, audience = 'd/gw-1') => ({
  cti: `${audience} ${sequence}` as Cti,
  audience,
  stream: 'd',
  sequence,
});

/** Of every command that was handed to the broker on a topic that ends so, repetitions too. */
function sequencesOn(head: TestHeadEnd, end: string): readonly number[] {
  return head.broker.on(end).map(({ payload }) => {
    const claims = readCommand(payload);
    if (!claims.ok) throw new Error(claims.refusal);
    return claims.value.sequence;
  });
}

describe('utility/lanes', () => {
  it('lets as many go as a gateway can tell apart, and one more for each at the front that is through', () => {
    const lanes = new Lanes();
    const all = Array.from({ length: 200 }, (_, n) => place(n + 1));
    for (const each of all) lanes.enter(each);
    expect(all.filter(each => lanes.mayGo(each))).to.have.length(REPLAY_WINDOW);
    expect(lanes.leave(place(3))).to.deep.equal([]);
    expect(lanes.leave(place(1))).to.deep.equal([place(REPLAY_WINDOW + 1).cti]);
    expect(lanes.leave(place(1)), 'once').to.deep.equal([]);
    expect(lanes.leave(place(2)), '3 was through already').to.deep.equal([
      place(REPLAY_WINDOW + 2).cti,
      place(REPLAY_WINDOW + 3).cti,
    ]);
    expect(all.filter(each => lanes.mayGo(each)).at(-1)).to.deep.equal(place(REPLAY_WINDOW + 3));
  });

  it('holds in whatever order they came, with gaps, and for each audience apart', () => {
    const lanes = new Lanes();
    for (const n of [500, 70, 7, 69]) lanes.enter(place(n));
    lanes.enter(place(500, 'd/gw-2'));
    expect([7, 69, 70, 500].map(n => lanes.mayGo(place(n)))).to.deep.equal([true, true, true, false]);
    expect(lanes.mayGo(place(500, 'd/gw-2'))).to.equal(true);
    expect(lanes.leave(place(500))).to.deep.equal([]);
    for (const n of [7, 69, 70]) lanes.leave(place(n));
    expect(lanes.mayGo(place(1_000_000)), 'nothing is before it').to.equal(true);
  });
});

describe('utility/ami-nms with many commands to one gateway', () => {
  const DISPATCH = { class: 'dispatch', primacy: 10 } as const;

  it('GRP-3: never runs further ahead of an unanswered one than the gateway remembers, but for an emergency', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const to = { kind: 'device', id: head.gateway.id } as const;
    for (let n = 0; n < REPLAY_WINDOW + 10; n++) await head.nms.send(to, event(`ev-${n}`), DISPATCH);
    const sequences = (): readonly number[] => sequencesOn(head, 'd/gw-1/cmd');
    head.clock.advance(10_000);
    expect(Math.max(...sequences())).to.equal(REPLAY_WINDOW);
    await head.nms.send(to, event('now'), { class: 'emergency', primacy: 1 });
    expect(sequences()).to.include(REPLAY_WINDOW + 11);
    const first = head.nms.open()[0]?.command.cti;
    if (first === undefined) throw new Error('the first is open');
    const { topic, payload } = head.gateway.receipt(first);
    await head.broker.deliver(topic, payload);
    head.clock.advance(0);
    expect(sequences()).to.include(REPLAY_WINDOW + 1);
    expect(sequences()).not.to.include(REPLAY_WINDOW + 2);
    await head.close();
  });

  it('GRP-3: a member that is away holds nothing of its group back, a broker that takes nothing does', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const group = 'feeder-7' as GroupId;
    await head.registry.create(group);
    await head.registry.add(group, [head.gateway.id]);
    const to = { kind: 'group', id: group } as const;
    const sequences = (): readonly number[] => sequencesOn(head, 'g/feeder-7/cmd');
    for (let n = 0; n < REPLAY_WINDOW * 2; n++) await head.nms.send(to, event(`ev-${n}`), DISPATCH);
    const events = head.nms.open().filter(({ command: { kind } }) => kind === 'event');
    expect(events.every(({ delivered }) => delivered)).to.equal(true);
    const highest = Math.max(...sequences());
    head.broker.link(false);
    for (let n = 0; n < REPLAY_WINDOW * 2; n++) await head.nms.send(to, event(`late-${n}`), DISPATCH);
    const before = sequences().length;
    head.broker.link(true);
    const now = new Set(sequences().slice(before));
    expect(now.size).to.be.at.most(REPLAY_WINDOW);
    expect([...now].every(n => n <= highest + REPLAY_WINDOW)).to.equal(true);
    for (let turn = 0; turn < 10; turn++) {
      await new Promise(setImmediate);
      head.clock.advance(0);
    }
    expect(new Set(sequences()).size).to.be.at.least(REPLAY_WINDOW * 4);
    await head.close();
  });
});
