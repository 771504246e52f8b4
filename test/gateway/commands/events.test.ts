import { expect } from 'chai';
import { hours, minutes } from '../../../src/base/time.ts';
import type { Cti, GroupId, MRID } from '../../../src/model/mod.ts';
import { HeadEnd } from '../../support/head-end.ts';
import { BATTERY, Bench, PV, eventBody, isolation, unix } from '../bench.ts';

const HOUR = hours(1);

describe('the life of an event at the gateway', () => {
  it('starts and ends to the millisecond, releases the device, and says completed', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(-1);
    expect(bench.values()).to.deep.equal([]);
    bench.until(0);
    bench.answer();
    bench.until(HOUR - 1);
    expect(bench.values()).to.deep.equal([5000]);
    bench.until(HOUR);
    expect(bench.values()).to.deep.equal([5000, undefined]);
    bench.answer();
    expect(bench.story()).to.deep.equal(['received ev-1', 'started ev-1', 'completed ev-1']);
    expect(bench.store.read().rows.filter(r => r.kind === 'ordered')).to.deep.equal([]);
  });

  it('starts at once when its start is past', () => {
    const bench = Bench.ready();
    bench.ms = 60_000;
    bench.command(eventBody());
    bench.answer();
    expect(bench.story()).to.deep.equal(['received ev-1', 'started ev-1']);
  });

  it('is answered as expired when its end is past', () => {
    const bench = Bench.ready();
    bench.ms = HOUR;
    bench.command(eventBody());
    expect(bench.story()).to.deep.equal(['expired event-expired']);
  });

  it('SIWG-3: a key ends no event of its issuer for a group that it may not command, before or after it came', () => {
    const groups = ['feeder-7', 'feeder-8'] as [GroupId, GroupId];
    const [whole, part] = [
      new HeadEnd(),
      new HeadEnd('utility-a', { groups: [groups[1]] }, { fill: 88, epoch: 2 }),
    ];
    const bench = Bench.ready({ keys: new Map([whole, part].map(({ key }) => [key.kid, key])) });
    const of = (group: GroupId) => ({ audience: { kind: 'group', id: group } as const, groupEpoch: 5 });
    for (const group of groups) bench.command({ kind: 'grant', group, epoch: 5, member: true });
    const cti = (mRID: string) => Buffer.from(mRID.padEnd(16)).toString('hex') as Cti;
    const ends = (mRID: string) =>
      bench.command(
        { kind: 'cancel', mRID: mRID as MRID },
        { keyEpoch: 2, stream: 'part', cti: cti(mRID) },
        part,
      );
    bench.command(eventBody(), of(groups[0]));
    bench.command(eventBody({ mRID: 'ev-2' as MRID, axes: { opModConnect: 1 } }), of(groups[1]));
    ends('ev-1');
    expect(bench.story().at(-1)).to.equal('invalid group-out-of-scope');
    ends('ev-2');
    expect(bench.story().slice(-2)).to.deep.equal(['cancelled ev-2', 'completed ev-2']);
    ends('ev-3');
    bench.restart();
    bench.link('up');
    bench.command(eventBody({ mRID: 'ev-3' as MRID, axes: { opModConnect: 1 } }), of(groups[0]));
    expect(bench.story().at(-1)).to.equal('received ev-3');
    ends('ev-4');
    bench.command(eventBody({ mRID: 'ev-4' as MRID }), of(groups[1]));
    expect(bench.story().at(-1)).to.equal('cancelled ev-4');
  });

  it('meets the next event without a gap: one order changes the value, no release between', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.command(eventBody({ mRID: 'ev-2' as MRID, start: unix(HOUR), axes: { opModMaxLimW: 3000 } }));
    bench.until(0);
    bench.answer();
    bench.until(HOUR);
    bench.answer();
    expect(bench.values()).to.deep.equal([5000, 3000]);
    expect(bench.story().slice(2)).to.deep.equal(['started ev-1', 'completed ev-1', 'started ev-2']);
  });

  it('is cancelled while it holds: released, with a receipt for event and cancel when the device answered', () => {
    const bench = Bench.ready();
    const event = bench.command(eventBody());
    bench.until(0);
    bench.answer();
    const cancel = bench.command({ kind: 'cancel', mRID: 'ev-1' as MRID });
    expect(bench.values()).to.deep.equal([5000, undefined]);
    expect(bench.story()).to.have.length(2);
    bench.answer();
    const [, , cancelled, done] = bench.receipts();
    expect(cancelled).to.include({ cti: event.cti, response: 'cancelled', mRID: 'ev-1' });
    expect(done).to.include({ cti: cancel.cti, response: 'completed', mRID: 'ev-1' });
    expect(done?.applied).to.have.length(1);
  });

  it('is cancelled before it starts: nothing was written, nothing is, and the answer comes at once', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.command({ kind: 'cancel', mRID: 'ev-1' as MRID });
    expect(bench.story()).to.deep.equal(['received ev-1', 'cancelled ev-1', 'completed ev-1']);
    bench.until(HOUR);
    expect(bench.values()).to.deep.equal([]);
  });

  it('is superseded by one of higher class, resumes when that one ends, and says so each time', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    const above = eventBody({
      mRID: 'tx-1' as MRID,
      axes: { opModMaxLimW: 1000 },
      duration: minutes(5),
      start: unix(1000),
    });
    bench.command(above, { class: 'transmission' });
    bench.until(1000);
    bench.answer();
    bench.until(1000 + minutes(5));
    bench.answer();
    expect(bench.story().filter(s => s.endsWith('ev-1'))).to.deep.equal([
      'received ev-1',
      'started ev-1',
      'superseded ev-1',
      'started ev-1',
    ]);
    expect(bench.receipts().findLast(r => r.mRID === 'ev-1')?.why).to.match(/^resumed: 50 %/);
    expect(bench.values()).to.deep.equal([5000, 1000, 5000]);
  });

  it('is superseded only when it has no axis left', () => {
    const bench = Bench.ready();
    bench.command(eventBody({ axes: { opModMaxLimW: 5000, opModConnect: 1 } }));
    bench.command(eventBody({ mRID: 'ev-2' as MRID, axes: { opModMaxLimW: 4000 } }), { primacy: 5 });
    bench.until(0);
    bench.answer();
    bench.answer('implemented', 'opModConnect');
    expect(bench.story()).to.not.include('superseded ev-1');
    expect(bench.story()).to.include.members(['started ev-1', 'started ev-2']);
  });

  it('that began superseded says received and superseded, and started only when it takes effect', () => {
    const bench = Bench.ready();
    bench.command(eventBody({ mRID: 'hi' as MRID, duration: minutes(5) }), { class: 'reliability' });
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    expect(bench.story()).to.include('superseded ev-1').and.not.include('started ev-1');
    bench.until(minutes(5));
    bench.answer();
    expect(bench.story().at(-1)).to.equal('started ev-1');
  });

  it('that passed while the gateway was down is not called completed', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.ms = 2 * HOUR;
    bench.restart();
    expect(bench.story()).to.deep.equal(['received ev-1', 'completedNoParticipation ev-1']);
  });

  it('is forgotten a day after its end, in the store too, and so is a cancel whose event never came', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.command({ kind: 'cancel', mRID: 'never' as MRID });
    const rows = (): string[] =>
      bench.store.read().rows.flatMap(r => (r.kind === 'event' || r.kind === 'cancel' ? [r.key] : []));
    expect(rows()).to.have.members(['utility-a/ev-1', 'utility-a/never']);
    bench.link('down');
    bench.until(hours(25) - 1);
    bench.step({ on: 'tick' });
    expect(rows()).to.deep.equal(['utility-a/ev-1']);
    bench.until(hours(25));
    bench.step({ on: 'tick' });
    expect(rows()).to.deep.equal([]);
  });

  it('OVR-4: isolates in an emergency whatever key and tariff say of the connection, and in nothing less', () => {
    const bounds = { opModConnect: { min: 1, max: 1 } };
    const bound = { axis: 'opModConnect', ...bounds.opModConnect, rule: 'TAR-1', why: 'tariff' } as const;
    const ops = new HeadEnd('grid-ops-x', { bounds });
    const bench = Bench.ready({ keys: new Map([[ops.key.kid, ops.key]]), bounds: [bound] });
    bench.command(isolation({ duration: HOUR }), { class: 'transmission' }, ops);
    expect(bench.story()).to.deep.equal(['invalid bounds-exceeded']);
    bench.command(isolation(), { class: 'emergency' }, ops);
    bench.until(0);
    expect(bench.values('opModConnect')).to.deep.equal([0]);
  });

  it('OVR-4: an isolation holds against every other event and the customer, until its signed release', () => {
    const bench = Bench.ready({
      defaults: { opModConnect: 1 },
      terms: { directMayBeOverridden: ['dispatch'] },
    });
    bench.command(isolation(), { class: 'emergency', primacy: 255 });
    bench.until(0);
    bench.answer('implemented', 'opModConnect');
    const reconnect = eventBody({ mRID: 're' as MRID, axes: { opModConnect: 1 }, start: unix(0) });
    for (const commandClass of ['transmission', 'reliability', 'dispatch', 'market'] as const)
      bench.command(
        { ...reconnect, mRID: `re-${commandClass}` as MRID },
        { class: commandClass, primacy: 1 },
      );
    bench.request({ kind: 'acknowledge', mRID: 'em-7' as MRID });
    const replies = bench.request({ kind: 'override', mRID: 'em-7' as MRID, code: '1234' });
    expect(replies).to.deep.include({
      do: 'reply',
      request: 1,
      reply: {
        ok: false,
        refusal: 'override-not-allowed',
        why: 'An emergency of the grid cannot be overridden.',
      },
    });
    bench.command({ kind: 'cancel', mRID: 'em-7' as MRID }, { class: 'dispatch' });
    bench.command({ kind: 'cancel', mRID: 'em-7' as MRID }, {}, bench.aggregator);
    bench.link('down');
    bench.until(10 * HOUR);
    expect(bench.values('opModConnect')).to.deep.equal([0]);
    bench.command({ kind: 'cancel', mRID: 'em-7' as MRID }, { class: 'emergency' });
    expect(bench.values('opModConnect')).to.deep.equal([0, 1]);
  });

  it('OVR-4: an isolation carries no reversion timer, is written first to a device found, and outlives a restart', () => {
    const bench = Bench.ready({ defaults: { opModConnect: 1 } });
    bench.command(isolation(), { class: 'emergency' });
    bench.until(0);
    expect(bench.orders('opModConnect').at(-1)).to.not.have.property('reversion');
    bench.answer('implemented', 'opModConnect');
    bench.restart();
    bench.device(PV, 'present');
    expect(bench.values('opModConnect')).to.deep.equal([0]);
    bench.answer('implemented', 'opModConnect');
    bench.until(hours(1000));
    expect(bench.values('opModConnect')).to.deep.equal([0]);
    expect(bench.story().filter(s => s.startsWith('completed'))).to.deep.equal([]);
  });

  it('says which axes no device here can be ordered on', () => {
    const bench = Bench.ready();
    bench.command(eventBody({ axes: { opModFixedVar: 100 } }));
    bench.until(0);
    expect(bench.receipts().at(-1)).to.include({
      response: 'notApplicable',
      refusal: 'no-device',
      why: 'no device here can do opModFixedVar, reactive power; nothing had to be written',
    });
    bench.until(HOUR);
    expect(bench.story().at(-1)).to.equal('completedNoParticipation ev-1');
  });

  it('gives PV and battery the same order, and its receipt waits for both', () => {
    const bench = Bench.ready();
    bench.device(BATTERY, 'present');
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    expect(bench.story()).to.deep.equal(['received ev-1']);
    bench.answer('refused', 'opModMaxLimW', BATTERY);
    expect(
      bench
        .receipts()
        .at(-1)
        ?.applied?.map(a => `${a.device} ${a.outcome}`),
    ).to.deep.equal(['pv implemented', 'battery refused']);
  });
});
