import { expect } from 'chai';
import { hours, minutes } from '../../../src/base/time.ts';
import type { CommandBody, Cti, GroupId, MRID, ProbeBody } from '../../../src/model/mod.ts';
import { STRANGER_WAIT, groupsOf, membershipDigest } from '../../../src/wan/groups/mod.ts';
import { Bench, eventBody, unix } from '../bench.ts';

const FEEDER = 'feeder-7' as GroupId;
const OTHER = 'feeder-8' as GroupId;
const TAG = '0102030405060708';
const STRANGERS_TAG = 'ffffffffffffffff';
const to = (group: GroupId, groupEpoch: number) => ({
  audience: { kind: 'group', id: group } as const,
  groupEpoch,
});
const grant = (group: GroupId, epoch: number, tag = TAG): CommandBody => ({
  kind: 'grant',
  group,
  epoch,
  member: true,
  tag,
});
const probe = (from: number, left: readonly string[] = []): ProbeBody => ({ kind: 'probe', from, left });

describe('a gateway in groups', () => {
  it('GRP-2: moves by one grant from one group to another, and answers once, with its digest', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5));
    bench.take();
    bench.command({
      kind: 'grant',
      group: FEEDER,
      epoch: 6,
      member: false,
      also: [{ group: OTHER, epoch: 9, member: true, tag: TAG }],
    });
    expect(bench.effects.filter(e => e.do === 'listen')).to.deep.equal([
      { do: 'listen', group: FEEDER, member: false },
      { do: 'listen', group: OTHER, member: true },
    ]);
    const [, moved, ...more] = bench.receipts();
    expect(more).to.deep.equal([]);
    expect(moved).to.include({
      response: 'completed',
      why: 'no longer member of feeder-7 from epoch 6, member of feeder-8 from epoch 9',
      membershipDigest: membershipDigest(new Map([[OTHER, { epoch: 9, member: true }]])),
    });
    expect(bench.effects.filter(e => e.do === 'publish').map(e => e.record.stream)).to.deep.equal([
      'receipt',
    ]);
    bench.restart();
    bench.command(eventBody(), to(OTHER, 9));
    expect(bench.story().at(-1)).to.equal('received ev-1');
  });

  it('GRP-2: takes a newer epoch on by a probe to all, in silence, and over a restart', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5));
    bench.command(probe(5), to(FEEDER, 5));
    const before = bench.receipts().length;
    bench.command(probe(5, [STRANGERS_TAG]), to(FEEDER, 7));
    expect(bench.receipts()).to.have.length(before);
    bench.restart();
    bench.command(eventBody(), to(FEEDER, 7));
    expect(bench.story().at(-1)).to.equal('received ev-1');
    bench.command(eventBody({ mRID: 'old' as MRID }), to(FEEDER, 5));
    expect(bench.story().at(-1)).to.equal('invalid group-epoch-stale');
  });

  it('GRP-2, DR-1: learns from a probe that it has left by its own tag alone; what had not begun is dropped', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5));
    bench.command(eventBody({ start: unix(hours(2)) }), to(FEEDER, 5));
    bench.command(probe(5, [STRANGERS_TAG, TAG]), to(FEEDER, 6));
    expect(bench.effects).to.deep.include({ do: 'listen', group: FEEDER, member: false });
    expect(bench.story().slice(-2)).to.deep.equal(['completed', 'abortedByServer ev-1']);
    bench.command(eventBody({ mRID: 'next' as MRID }), to(FEEDER, 6));
    expect(bench.story().at(-1)).to.equal('notApplicable not-member');
    bench.command({ kind: 'grant', group: FEEDER, epoch: 6, member: false });
    expect(bench.story().at(-1), 'told again by its own grant').to.equal('completed');
  });

  it('GRP-1: proves by a receipt that it hears the group, once after each grant, or whenever all are asked', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5));
    const asked = bench.command(probe(4), to(FEEDER, 5));
    expect(bench.receipts().at(-1)).to.include({ cti: asked.cti, why: 'hears feeder-7 at epoch 5' });
    const answers = (): number => bench.receipts().filter(r => r.why.startsWith('hears')).length;
    bench.ms += 5000;
    bench.take();
    bench.deliver(asked);
    expect(bench.effects.filter(e => e.do === 'publish' && e.record.stream === 'receipt')).to.deep.equal([]);
    bench.restart();
    bench.link('up');
    bench.command(probe(5), to(FEEDER, 6));
    bench.command(probe(6), to(FEEDER, 6));
    expect(answers()).to.equal(1);
    bench.command({ ...probe(6), all: true }, to(FEEDER, 6));
    expect(answers()).to.equal(2);
    bench.command(grant(FEEDER, 6));
    bench.command(probe(6), to(FEEDER, 6));
    expect(answers(), 'the same grant again wants the proof again').to.equal(3);
  });

  it("SIWG-3: an issuer neither ends nor numbers another's group, until nobody is there to speak for it", () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5));
    const end = { kind: 'grant', group: FEEDER, epoch: 2 ** 50, member: false } as const;
    const before = new Map(bench.state.memberships);
    bench.command(end, {}, bench.aggregator);
    expect(bench.story().at(-1)).to.equal('invalid group-of-another');
    bench.command(grant(FEEDER, 2 ** 50), {}, bench.aggregator);
    expect(bench.story().at(-1)).to.equal('invalid group-of-another');
    bench.command(probe(5, [TAG]), to(FEEDER, 2 ** 50), bench.aggregator);
    expect(bench.state.memberships).to.deep.equal(before);
    bench.command(grant(FEEDER, 6));
    expect(bench.story().at(-1), 'its own issuer goes on').to.equal('completed');
    const { aggregator } = bench;
    const alone = Bench.ready({ keys: new Map([[aggregator.key.kid, aggregator.key]]) });
    alone.state.memberships.set(FEEDER, { epoch: 5, member: true, issuer: 'gone' });
    alone.command(grant(FEEDER, 6), {}, alone.aggregator);
    expect(alone.story().at(-1), 'who granted it has no key here any more').to.equal('completed');
  });

  it('SIWG-3: shows the groups of each issuer apart in its status, and nothing of it where one alone may grant', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5));
    bench.command(grant(OTHER, 9), {}, bench.aggregator);
    bench.until(bench.ms + minutes(6));
    const digestOf = (group: GroupId, epoch: number) =>
      membershipDigest(new Map([[group, { epoch, member: true }]]));
    expect(bench.reported('status').at(-1)?.body).to.deep.include({
      membershipDigests: [
        { issuer: 'aggregator-b', digest: digestOf(OTHER, 9) },
        { issuer: 'utility-a', digest: digestOf(FEEDER, 5) },
      ],
    });
    const { headEnd } = bench;
    const alone = Bench.ready({ keys: new Map([[headEnd.key.kid, headEnd.key]]) });
    alone.command(grant(FEEDER, 5));
    alone.until(alone.ms + minutes(6));
    expect(alone.reported('status').at(-1)?.body).to.not.have.property('membershipDigests');
  });

  it('GRP-2: tells a head end that has forgotten it what it holds, and how far it has taken a stream', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5), { sequence: 30 });
    bench.command({ kind: 'grant', group: FEEDER, epoch: 5, member: false }, { sequence: 31 });
    const held = [{ group: FEEDER, epoch: 5, member: true }];
    expect(bench.receipts().at(-1)).to.deep.include({ refusal: 'grant-stale', held });
    const also = [{ group: OTHER, epoch: 1, member: true }];
    bench.command({ kind: 'grant', group: FEEDER, epoch: 4, member: true, also }, { sequence: 32 });
    expect(bench.receipts().at(-1), 'in part').to.deep.include({ response: 'completed', held });
    bench.command(grant(FEEDER, 6), { sequence: 31, cti: 'ab'.repeat(16) as Cti });
    expect(bench.receipts().at(-1)).to.include({ refusal: 'replay', taken: 32 });
    bench.command(grant(FEEDER, 6), { sequence: 33 });
    expect(bench.receipts().at(-1))
      .to.include({ response: 'completed' })
      .and.not.have.any.keys('held', 'taken');
  });

  it('GRP-2: who left and was taken in again between two probes is a member, whichever of the two it hears first', () => {
    const again = 'aaaaaaaaaaaaaaaa';
    const told = [grant(FEEDER, 7, again), probe(5, [TAG])];
    for (const order of [told, [...told].reverse()]) {
      const bench = Bench.ready();
      bench.command(grant(FEEDER, 5));
      for (const body of order) bench.command(body, body.kind === 'probe' ? to(FEEDER, 7) : {});
      bench.command(eventBody(), to(FEEDER, 7));
      expect(bench.story().at(-1)).to.equal('received ev-1');
    }
  });

  it('GRP-2: asks for its grant when a probe goes from an epoch it does not hold, and takes the same bytes then', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 3));
    const early = bench.command(probe(5), to(FEEDER, 6));
    expect(bench.reported('request')).to.have.length(1);
    expect(bench.receipts(), 'a probe is not refused by receipt').to.have.length(1);
    bench.command(grant(FEEDER, 6));
    bench.deliver(early);
    expect(bench.receipts().at(-1)).to.include({ cti: early.cti, response: 'completed' });
  });

  it('GRP-2: takes the whole list: what its issuer does not name is over, what another granted is not', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5));
    bench.command(grant('theirs' as GroupId, 1), {}, bench.aggregator);
    bench.command({ ...grant(OTHER, 2), only: true } as CommandBody);
    const own = membershipDigest(new Map([[OTHER, { epoch: 2, member: true }]]));
    expect(bench.receipts().at(-1)).to.include({ membershipDigest: own });
    expect(groupsOf(bench.state.memberships)).to.deep.equal([OTHER, 'theirs']);
    expect(bench.effects).to.deep.include({ do: 'listen', group: OTHER, member: true });
  });

  it('CS-3: shows the customer an event, and nothing of the group it came by', () => {
    const bench = Bench.ready();
    bench.command(grant(FEEDER, 5));
    bench.command(eventBody(), to(FEEDER, 5));
    bench.until(1000);
    expect(bench.view().events.map(({ mRID }) => mRID)).to.deep.equal(['ev-1']);
    expect(JSON.stringify(bench.view())).to.not.contain(FEEDER);
  });

  it('GRP-2: asks for the grant of a group it never heard of, waits for it for ten minutes, and then refuses', () => {
    const bench = Bench.ready();
    const signed = bench.command(eventBody(), to(FEEDER, 3));
    expect(bench.receipts().at(-1)).to.include({ refusal: 'not-member', retry: 'later' });
    expect(bench.reported('request')).to.have.length(1);
    bench.ms += STRANGER_WAIT - 1;
    bench.deliver(signed);
    expect(bench.receipts().at(-1)).to.include({ retry: 'later' });
    bench.ms += 1;
    bench.deliver(signed);
    expect(bench.receipts().at(-1)).to.include({ refusal: 'not-member' }).and.not.have.property('retry');
    expect(minutes(10)).to.equal(STRANGER_WAIT);
  });
});
