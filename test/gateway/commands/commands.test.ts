import { eventKey } from '../../../src/model/mod.ts';
import { expect } from 'chai';
import { hours, minutes } from '../../../src/base/time.ts';
import { REFUSALS_PER_MINUTE } from '../../../src/gateway/uplink/reports.ts';
import { schedule } from '../../../src/control/mod.ts';
import type { Cti, GroupId, MRID, UplinkRecord } from '../../../src/model/mod.ts';
import { REPLAY_WINDOW } from '../../../src/wan/envelope/mod.ts';
import { derEvent, keyOf } from '../../support/events.ts';
import { Bench, PV, eventBody, isolation, unix } from '../bench.ts';

const FEEDER = 'feeder-7' as GroupId;
const toFeeder = { audience: { kind: 'group', id: FEEDER } as const };

describe('a message at the gateway', () => {
  it('is on the disk before it is acknowledged, answered or acted on', () => {
    const bench = Bench.ready();
    bench.ms = 0;
    bench.command(eventBody());
    const [first, ...then] = bench.effects.map(e => e.do);
    expect(first).to.equal('persist');
    expect(then).to.include.members(['acknowledge', 'publish', 'actuate']);
    const rows = bench.changes().flatMap(c => (c.op === 'put' ? [c.kind] : []));
    expect(rows).to.include.members(['replay', 'seen', 'event', 'receipt', 'ordered', 'awaiting']);
  });

  it('brings an event: received, then started with what was written and read back', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    expect(bench.story()).to.deep.equal(['received ev-1']);
    expect(bench.receipts()[0]?.why).to.equal('event ev-1 received, starts in 60 s');
    expect(bench.values()).to.deep.equal([]);
    bench.until(0);
    expect(bench.values()).to.deep.equal([5000]);
    expect(bench.story()).to.deep.equal(['received ev-1']);
    bench.answer();
    expect(bench.story()).to.deep.equal(['received ev-1', 'started ev-1']);
    const started = bench.receipts()[1];
    expect(started?.why).to.equal('50 %: dispatch event ev-1 by utility-a until 15:00 UTC; pv implemented');
    expect(started?.applied).to.deep.equal([
      {
        device: 'pv',
        axis: 'opModMaxLimW',
        outcome: 'implemented',
        evidence: [{ point: '704.WMaxLimPct', address: 40_300, wrote: [5000], readBack: [5000] }],
      },
    ]);
  });

  it('again, with the same bytes, changes nothing: its last receipt is sent again, once a second at most', () => {
    const bench = Bench.ready();
    const signed = bench.command(eventBody());
    bench.take();
    const again = (): number[] => {
      const effects = bench.deliver(signed);
      expect(effects.filter(e => e.do === 'persist' || e.do === 'actuate')).to.deep.equal([]);
      return effects.flatMap(e => (e.do === 'publish' ? [e.record.sequence] : []));
    };
    expect(again()).to.deep.equal([1]);
    bench.ms += 999;
    expect(again()).to.deep.equal([]);
    bench.ms += 1;
    expect(again()).to.deep.equal([1]);
    expect(bench.state.counts.get('duplicate')).to.equal(3);
  });

  it('under a used sequence, with other bytes, is refused as a replay, and answered', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    const cti = 'ff'.repeat(16) as never;
    bench.command(eventBody({ mRID: 'ev-2' as MRID }), { sequence: 1, cti });
    expect(bench.story()).to.deep.equal(['received ev-1', 'invalid replay']);
    expect(bench.state.schedule.entries.size).to.equal(1);
  });

  it('that is retained is refused and acknowledged, so that it does not come again', () => {
    const bench = Bench.ready();
    const signed = bench.headEnd.sign(eventBody(), bench.now.unix);
    bench.deliver(signed, 'retained');
    expect(bench.story()).to.deep.equal([]);
    expect(bench.state.counts.get('refused.retained')).to.equal(1);
    bench.deliver(signed);
    expect(bench.story()).to.deep.equal(['received ev-1']);
  });

  it('that is forged is acknowledged, counted and not answered', () => {
    const bench = Bench.ready();
    const signed = bench.headEnd.sign(eventBody(), bench.now.unix);
    const payload = Uint8Array.from(signed.payload);
    payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1;
    bench.take();
    const effects = bench.deliver({ ...signed, payload });
    expect(effects.map(e => e.do)).to.not.include.members(['persist', 'publish']);
    expect(bench.story()).to.deep.equal([]);
  });

  it('above the class of its key is refused by name, with a receipt', () => {
    const bench = Bench.ready();
    bench.command(isolation(), { class: 'emergency' }, bench.aggregator);
    expect(bench.story()).to.deep.equal(['invalid class-exceeded']);
    bench.until(1000);
    expect(bench.values('opModConnect')).to.deep.equal([]);
  });

  it('answers ten refusals a minute for one key, and counts the rest', () => {
    const bench = Bench.ready();
    for (let i = 0; i < 12; i++) bench.command(isolation(), { class: 'emergency' }, bench.aggregator);
    bench.command(eventBody({ start: unix(-7_200_000) }));
    expect(bench.story().filter(s => s === 'invalid class-exceeded')).to.have.length(10);
    expect(bench.story().at(-1)).to.equal('expired event-expired');
    expect(bench.state.counts.get('refusal-receipts-withheld')).to.equal(2);
    bench.ms += 60_000;
    bench.command(isolation(), { class: 'emergency' }, bench.aggregator);
    expect(bench.story().filter(s => s === 'invalid class-exceeded')).to.have.length(11);
  });

  it('GRP-3: a refusal whose receipt was withheld is answered when the same bytes come again', () => {
    const bench = Bench.ready();
    const refused = Array.from({ length: REFUSALS_PER_MINUTE + 1 }, (_, n) =>
      bench.command(eventBody({ mRID: `ev-${n}` as MRID, start: unix(-7_200_000) })),
    );
    const last = refused.at(-1) as (typeof refused)[number];
    const answers = (): number => bench.receipts().filter(({ cti }) => cti === last.cti).length;
    expect(bench.receipts()).to.have.length(REFUSALS_PER_MINUTE);
    expect(answers()).to.equal(0);
    bench.until(bench.ms + minutes(1));
    bench.deliver(last);
    bench.deliver(last);
    expect(answers()).to.equal(1);
  });

  it('brings a grant: the gateway listens to the group and takes its commands of that epoch', () => {
    const bench = Bench.ready();
    bench.command(eventBody(), { ...toFeeder, groupEpoch: 3 });
    expect(bench.story()).to.deep.equal(['notApplicable not-member']);
    bench.command({ kind: 'grant', group: FEEDER, epoch: 3, member: true });
    expect(bench.story().at(-1)).to.equal('completed');
    expect(bench.effects).to.deep.include({ do: 'listen', group: FEEDER, member: true });
    bench.command(eventBody(), { ...toFeeder, groupEpoch: 3 });
    expect(bench.story().at(-1)).to.equal('received ev-1');
  });

  it('of an older group epoch is refused; of a newer one makes the gateway ask for its grant, once a minute', () => {
    const bench = Bench.ready();
    bench.command({ kind: 'grant', group: FEEDER, epoch: 3, member: true });
    bench.command(eventBody(), { ...toFeeder, groupEpoch: 2 });
    expect(bench.story().at(-1)).to.equal('invalid group-epoch-stale');
    for (let i = 0; i < 3; i++) bench.command(eventBody(), { ...toFeeder, groupEpoch: 4 });
    expect(bench.story().at(-1)).to.equal('invalid group-epoch-future');
    expect(bench.reported('request').map(r => r.body)).to.deep.equal([
      {
        kind: 'request',
        wants: 'grant',
        group: FEEDER,
        why: 'a command names a newer epoch of feeder-7',
      },
    ]);
    bench.ms += 60_000;
    bench.command(eventBody(), { ...toFeeder, groupEpoch: 4 });
    expect(bench.reported('request')).to.have.length(2);
  });

  it('that came too early for its grant is taken when its bytes come again after the grant', () => {
    const bench = Bench.ready();
    const signed = bench.command(eventBody(), { ...toFeeder, groupEpoch: 1 });
    bench.command({ kind: 'grant', group: FEEDER, epoch: 1, member: true });
    bench.deliver(signed);
    expect(bench.story()).to.deep.equal(['notApplicable not-member', 'completed', 'received ev-1']);
  });

  it('that finds no room uses up no sequence, says so for later, and is taken as the same bytes when there is room', () => {
    const bench = Bench.ready();
    const { entries, live } = bench.state.schedule;
    for (let n = 0; n < schedule.MAX_EVENTS; n++) {
      const event = derEvent({ mRID: `full-${n}` as MRID, start: unix(hours(2)) });
      entries.set(eventKey(event), { event, status: 'scheduled' });
      live.set(eventKey(event), { event, status: 'scheduled' });
    }
    const signed = bench.command(eventBody());
    bench.deliver(signed);
    expect(bench.story(), 'said once').to.deep.equal(['invalid schedule-full']);
    expect(bench.receipts()[0]).to.include({ retry: 'later', issuer: 'utility-a' });
    expect(bench.store.read().rows.filter(r => r.kind === 'replay' || r.kind === 'seen')).to.deep.equal([]);
    for (const known of [entries, live]) known.delete(keyOf('full-0'));
    bench.deliver(signed);
    expect(bench.story()).to.deep.equal(['invalid schedule-full', 'received ev-1']);
    bench.take();
    bench.ms += 1000;
    bench.deliver(signed);
    expect(bench.state.counts.get('duplicate')).to.equal(1);
    expect(published(bench).map(r => r.body)).to.deep.equal([bench.receipts()[1]]);
  });

  it('that was refused for later and comes back too late is told so, once', () => {
    const bench = Bench.ready();
    bench.command({ kind: 'grant', group: FEEDER, epoch: 1, member: true });
    const early = bench.command(eventBody(), { ...toFeeder, groupEpoch: 2 });
    for (let n = 0; n < REPLAY_WINDOW; n++) bench.command(eventBody({ mRID: `e-${n}` as MRID }));
    bench.deliver(early);
    bench.deliver(early);
    expect(
      bench
        .receipts()
        .filter(r => r.cti === early.cti)
        .map(r => `${r.refusal} ${r.retry}`),
    ).to.deep.equal(['group-epoch-future later', 'sequence-too-old undefined']);
  });

  it('SIWG-3: of two issuers who draw the same cti each is answered by its own receipt, over a restart too', () => {
    const bench = Bench.ready();
    const cti = '00112233445566778899aabbccddeeff' as Cti;
    const ours = bench.command(eventBody(), { cti });
    const theirs = bench.command(isolation(), { cti, class: 'emergency' }, bench.aggregator);
    expect(bench.receipts().map(r => `${r.issuer} ${r.refusal ?? r.response}`)).to.deep.equal([
      'utility-a received',
      'aggregator-b class-exceeded',
    ]);
    for (const life of ['first', 'second']) {
      bench.ms += 1000;
      bench.take();
      bench.deliver(ours);
      bench.deliver(theirs);
      expect(
        published(bench)
          .filter(r => r.stream === 'receipt')
          .map(r => r.sequence),
        life,
      ).to.deep.equal([1]);
      bench.restart();
      bench.link('up');
    }
  });

  it('that ends a membership stops the gateway from listening, and its commands are refused', () => {
    const bench = Bench.ready();
    bench.command({ kind: 'grant', group: FEEDER, epoch: 1, member: true });
    bench.command({ kind: 'grant', group: FEEDER, epoch: 2, member: false });
    expect(bench.effects).to.deep.include({ do: 'listen', group: FEEDER, member: false });
    bench.command(eventBody(), { ...toFeeder, groupEpoch: 2 });
    expect(bench.story().at(-1)).to.equal('notApplicable not-member');
  });

  it("GRP-2: that ends a membership drops the group's events that have not begun, and no other", () => {
    const bench = Bench.ready();
    const elsewhere = { audience: { kind: 'group', id: 'feeder-8' as GroupId } as const, groupEpoch: 1 };
    bench.command({ kind: 'grant', group: FEEDER, epoch: 1, member: true });
    bench.command({ kind: 'grant', group: elsewhere.audience.id, epoch: 1, member: true });
    const ofGroup = { ...toFeeder, groupEpoch: 1 };
    const later = eventBody({ mRID: 'later' as MRID, start: unix(hours(2)) });
    bench.command(eventBody({ mRID: 'running' as MRID }), ofGroup);
    const dropped = bench.command(later, ofGroup);
    bench.command({ ...later, mRID: 'direct' as MRID, axes: { opModConnect: 1 } });
    bench.command({ ...later, mRID: 'other' as MRID, axes: { opModConnect: 1 } }, elsewhere);
    bench.until(0);
    bench.answer();
    bench.command({ kind: 'grant', group: FEEDER, epoch: 2, member: false });
    expect(bench.receipts().at(-1)).to.include({
      cti: dropped.cti,
      response: 'abortedByServer',
      mRID: 'later',
    });
    bench.restart();
    bench.link('up');
    bench.device(PV, 'present');
    bench.answer();
    expect(bench.values(), 'what has begun goes on').to.deep.equal([5000]);
    bench.until(hours(3));
    const of = (mRID: string): readonly string[] =>
      bench
        .story()
        .filter(s => s.endsWith(` ${mRID}`))
        .map(s => s.split(' ')[0] ?? '');
    expect(of('later')).to.deep.equal(['received', 'abortedByServer']);
    expect(of('running')).to.include.members(['started']).and.not.include('abortedByServer');
    expect(of('direct')).to.not.include('abortedByServer');
    expect(of('other')).to.not.include('abortedByServer');
    bench.ms += 1000;
    bench.take();
    bench.deliver(dropped);
    expect(published(bench).map(r => (r.body.kind === 'receipt' ? r.body.response : ''))).to.deep.equal([
      'abortedByServer',
    ]);
  });

  it('brings an acknowledgement: records leave the outbox, and never more than there are', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.command(eventBody({ mRID: 'ev-2' as MRID }));
    bench.command({ kind: 'ack', through: { receipt: 1 } });
    expect(bench.reported('receipt').map(r => r.sequence)).to.deep.equal([2]);
    bench.command({ kind: 'ack', through: { receipt: 99 } });
    expect(bench.reported('receipt').map(r => r.sequence)).to.deep.equal([2]);
  });

  it("cancels an event before it came, of its own issuer's only", () => {
    const bench = Bench.ready();
    bench.command({ kind: 'cancel', mRID: 'ev-1' as MRID }, {}, bench.aggregator);
    bench.command({ kind: 'cancel', mRID: 'ev-1' as MRID });
    bench.restart();
    bench.link('up');
    bench.command(eventBody());
    expect(bench.story()).to.deep.equal(['invalid event-unknown', 'invalid event-unknown', 'cancelled ev-1']);
    bench.command(eventBody({ mRID: 'ev-2' as MRID }));
    expect(
      bench.store
        .read()
        .rows.filter(r => r.kind === 'cancel')
        .map(r => r.key),
    ).to.deep.equal(['aggregator-b/ev-1']);
  });

  it("is refused when it would cancel another issuer's event", () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.command({ kind: 'cancel', mRID: 'ev-1' as MRID }, {}, bench.aggregator);
    expect(bench.story()).to.deep.equal(['received ev-1', 'invalid cancel-issuer']);
  });

  it('SIWG-3: of two issuers on one axis, every reason and receipt names which of them holds it', () => {
    const bench = Bench.ready();
    bench.command(eventBody({ mRID: 'ev-b' as MRID }), { primacy: 20 }, bench.aggregator);
    bench.command(eventBody({ axes: { opModMaxLimW: 3000 } }));
    bench.until(0);
    bench.answer();
    const limit = bench.view().setpoints.find(s => s.axis === 'opModMaxLimW');
    expect(limit?.reasons[0]?.text).to.equal('30 %: dispatch event ev-1 by utility-a until 15:00 UTC');
    const superseded = bench.receipts().find(r => r.response === 'superseded');
    expect(superseded?.why).to.match(/^event ev-b is superseded by utility-a\/ev-1/);
    expect(bench.view().events.map(e => `${e.mRID} ${e.issuer} ${e.status}`)).to.have.members([
      'ev-1 utility-a active',
      'ev-b aggregator-b superseded',
    ]);
  });
});

/** What was handed to the broker since last asked. */
function published(bench: Bench): readonly UplinkRecord[] {
  return bench.take().flatMap(e => (e.do === 'publish' ? [e.record] : []));
}
