import { keyOf } from '../../support/events.ts';
import { expect } from 'chai';
import { hours, minutes } from '../../../src/base/time.ts';
import type { Effect } from '../../../src/gateway/mod.ts';
import type { GroupId, MRID, PremiseReply } from '../../../src/model/mod.ts';
import { Bench, PV, eventBody, unix } from '../bench.ts';

const EV = 'ev-1' as MRID;

describe('a request from the premise', () => {
  it('OVR-1: acknowledge, then the right code, lifts the event and reports it as opted out', () => {
    const bench = started();
    expect(reply(bench.request({ kind: 'acknowledge', mRID: EV }))).to.include({ ok: true });
    const asked = bench.request({ kind: 'override', mRID: EV, code: '1234' }, 2);
    expect(asked).to.deep.include({ do: 'check', request: 2, code: '1234' });
    expect(reply(asked)).to.equal(undefined);
    const answered = bench.step({ on: 'codeChecked', request: 2, right: true });
    expect(reply(answered)).to.include({ ok: true });
    expect(answered[0]?.do, 'the reply waits for the disk').to.equal('persist');
    expect(bench.values()).to.deep.equal([5000, undefined]);
    bench.answer();
    expect(bench.story()).to.deep.equal(['received ev-1', 'started ev-1', 'optOut ev-1']);
  });

  it('OVR-1: without Acknowledge no code is looked at', () => {
    const bench = started();
    const effects = bench.request({ kind: 'override', mRID: EV, code: '1234' });
    expect(effects.filter(e => e.do === 'check')).to.deep.equal([]);
    expect(reply(effects)).to.include({ ok: false, refusal: 'not-acknowledged' });
  });

  it('OVR-1: an override lifts its event only; what another event asks then holds', () => {
    const bench = started();
    bench.command(eventBody({ mRID: 'ev-2' as MRID, axes: { opModMaxLimW: 8000 } }), { class: 'market' });
    bench.override(EV);
    expect(bench.values().at(-1)).to.equal(8000);
    bench.answer();
    expect(bench.story()).to.include('started ev-2');
  });

  it('OVR-2: a wrong code is recorded upstream and never overrides; five lock, and the lock survives a restart', () => {
    const bench = started();
    bench.request({ kind: 'acknowledge', mRID: EV });
    for (let i = 0; i < 5; i++) {
      bench.request({ kind: 'override', mRID: EV, code: '0000' }, 2);
      const answered = bench.step({ on: 'codeChecked', request: 2, right: false });
      expect(reply(answered)).to.include({ ok: false, refusal: 'code-wrong' });
    }
    bench.restart();
    const locked = bench.request({ kind: 'override', mRID: EV, code: '1234' }, 3);
    expect(reply(locked)).to.include({ ok: false, refusal: 'code-locked' });
    expect(locked.filter(e => e.do === 'check')).to.deep.equal([]);
    expect(bench.customer().map(c => c.action)).to.deep.equal([
      'acknowledged',
      ...Array.from({ length: 6 }, () => 'code-refused'),
    ]);
    bench.ms += minutes(1);
    expect(bench.request({ kind: 'override', mRID: EV, code: '1234' }, 4)).to.deep.include({
      do: 'check',
      request: 4,
      code: '1234',
    });
  });

  it('OVR-2: refused attempts are told at once, then by their number once a minute, and fill nothing', () => {
    const bench = started();
    bench.request({ kind: 'acknowledge', mRID: EV });
    for (let i = 0; i < 5; i++) {
      bench.request({ kind: 'override', mRID: EV, code: '0000' }, 2);
      bench.step({ on: 'codeChecked', request: 2, right: false });
    }
    const told = (): readonly string[] =>
      bench
        .customer()
        .slice(6)
        .map(({ why, count: times }) => `${times ?? 1} ${/\((.*?)\)/.exec(why)?.[1]}`);
    bench.take();
    for (let i = 0; i < 1000; i++) bench.request({ kind: 'override', mRID: EV, code: '0000' });
    expect(told()).to.deep.equal(['1 code-locked']);
    expect(
      bench.take().filter(e => e.do === 'persist'),
      'one record, one write',
    ).to.have.length(1);
    bench.until(minutes(1) - 1);
    expect(told()).to.have.length(1);
    bench.until(minutes(1));
    expect(told()).to.deep.equal(['1 code-locked', '999 code-locked']);
    bench.request({ kind: 'override', mRID: EV, code: '0000' }, 2);
    bench.request({ kind: 'override', mRID: EV, code: '0000' }, 3);
    bench.until(minutes(2));
    expect(told().slice(2), 'one that came while another was checked').to.deep.equal(['1 code-busy']);
    bench.until(minutes(4));
    expect(told()).to.have.length(3);
    expect(bench.state.attemptsRefused.size).to.equal(0);
  });

  it('OVR-2: attempts at each event are counted apart, and at none that is not known', () => {
    const bench = started();
    bench.command(eventBody({ mRID: 'tx-1' as MRID }), { class: 'transmission' });
    for (const mRID of ['ev-1', 'tx-1', 'ev-1', 'no-such'])
      bench.request({ kind: 'override', mRID: mRID as MRID, code: '0000' });
    bench.until(minutes(1));
    expect(bench.customer().map(c => `${c.mRID} ${c.count ?? 1}`)).to.deep.equal([
      'ev-1 1',
      'tx-1 1',
      'ev-1 1',
    ]);
    expect(bench.state.counts.get('attempt.override-not-allowed')).to.equal(1);
  });

  it('OVR-2: only one code is checked at a time', () => {
    const bench = started();
    bench.request({ kind: 'acknowledge', mRID: EV });
    bench.request({ kind: 'override', mRID: EV, code: '0001' }, 2);
    expect(reply(bench.request({ kind: 'override', mRID: EV, code: '0002' }, 3))).to.include({
      refusal: 'code-busy',
    });
    expect(bench.step({ on: 'codeChecked', request: 3, right: true }).map(e => e.do)).to.not.include('reply');
    expect(bench.state.schedule.entries.get(keyOf(EV))?.overriddenAt).to.equal(undefined);
  });

  it('OVR-3: an override of a transmission constraint is refused, says so, and is reported', () => {
    const bench = Bench.ready();
    bench.command(eventBody(), { class: 'transmission' });
    bench.until(0);
    bench.request({ kind: 'acknowledge', mRID: EV });
    expect(reply(bench.request({ kind: 'override', mRID: EV, code: '1234' }))).to.deep.equal({
      ok: false,
      refusal: 'override-not-allowed',
      why: 'A transmission constraint cannot be overridden.',
    });
    expect(bench.customer().at(-1)).to.include({ mRID: 'ev-1', action: 'code-refused' });
    expect(bench.view().events[0]).to.include({
      mayOverride: false,
      why: 'A transmission constraint cannot be overridden.',
    });
    expect(bench.values()).to.deep.equal([5000]);
  });

  it('OVR-5: an override is reported at once with its event, and with its total when the customer ends it', () => {
    const bench = started();
    bench.ms = 1000;
    bench.override(EV);
    expect(bench.customer().at(-1)).to.include({ mRID: 'ev-1', action: 'override' });
    bench.answer();
    bench.ms = 91_999;
    expect(reply(bench.request({ kind: 'end-override', mRID: EV }, 3))).to.include({ ok: true });
    expect(bench.customer().at(-1)).to.include({ mRID: 'ev-1', action: 'override-ended', totalS: 90 });
    bench.answer();
    expect(bench.story()).to.include('optIn ev-1');
    expect(bench.values()).to.deep.equal([5000, undefined, 5000]);
  });

  it('OVR-5: an override is reported with its total when its event runs out', () => {
    const bench = started();
    bench.ms = 60_000;
    bench.override(EV);
    bench.answer();
    bench.until(hours(1));
    expect(bench.customer().at(-1)).to.include({ action: 'override-ended', totalS: 3540 });
    expect(bench.receipts().at(-1)).to.include({ response: 'partialOptOut', mRID: 'ev-1' });
  });

  it('OVR-5: the last receipt of an event tells the total over all its overrides, and over a restart', () => {
    const bench = started();
    bench.override(EV);
    bench.answer();
    bench.ms = 90_500;
    bench.request({ kind: 'end-override', mRID: EV });
    bench.answer();
    bench.restart();
    bench.device(PV, 'present');
    bench.until(hours(1) - 60_000);
    bench.override(EV);
    bench.until(hours(1));
    bench.answer();
    expect(
      bench
        .customer()
        .filter(c => c.action === 'override-ended')
        .map(c => c.totalS),
    ).to.deep.equal([90, 60]);
    const last = bench.receipts().at(-1);
    expect(last).to.include({ response: 'partialOptOut', mRID: 'ev-1' });
    expect(last?.why).to.match(/^event ev-1 completed, overridden for 150 s/);
  });

  it('OVR-5: an event the customer opted into again ends as a partial opt-out, not as completed', () => {
    const bench = started();
    bench.override(EV);
    bench.ms = 30_000;
    bench.request({ kind: 'end-override', mRID: EV });
    bench.answer();
    bench.until(hours(1));
    bench.answer();
    expect(bench.receipts().at(-1)).to.include({ response: 'partialOptOut' });
  });

  it('OVR-5: an override is reported with its total when its event is cancelled', () => {
    const bench = started();
    bench.override(EV);
    bench.ms = 30_000;
    bench.command({ kind: 'cancel', mRID: EV });
    expect(bench.customer().at(-1)).to.include({ action: 'override-ended', totalS: 30 });
    expect(reply(bench.request({ kind: 'end-override', mRID: EV }))).to.include({
      refusal: 'not-overridden',
    });
  });

  it('OVR-5: an override goes on over a restart, and its total counts from its beginning', () => {
    const bench = started();
    bench.override(EV);
    bench.answer();
    bench.restart();
    bench.device(PV, 'present');
    expect(bench.values()).to.deep.equal([]);
    bench.until(hours(1));
    expect(bench.customer().at(-1)).to.include({ action: 'override-ended', totalS: 3600 });
  });

  it('to acknowledge twice is reported once', () => {
    const bench = started();
    bench.request({ kind: 'acknowledge', mRID: EV });
    const again = bench.request({ kind: 'acknowledge', mRID: EV });
    expect(reply(again)).to.include({ ok: true });
    expect(bench.customer()).to.have.length(1);
    expect(again.filter(e => e.do === 'persist')).to.deep.equal([]);
  });

  it('is refused by name when it is about nothing, or is none', () => {
    const bench = started();
    const mRID = 'ev-9' as MRID;
    expect(reply(bench.request({ kind: 'acknowledge', mRID }))).to.include({ refusal: 'event-unknown' });
    expect(reply(bench.request({ kind: 'override', mRID, code: '1' }))).to.include({
      refusal: 'event-unknown',
    });
    expect(reply(bench.request({ kind: 'end-override', mRID }))).to.include({ refusal: 'event-unknown' });
    const none = { kind: 'reboot', mRID } as never;
    expect(reply(bench.request(none))).to.include({ refusal: 'request-unknown' });
  });

  it('DR-1: sees its own events and nothing of groups, keys, topics or other members', () => {
    const bench = Bench.ready();
    const group = 'medically-critical' as GroupId;
    bench.command({ kind: 'grant', group, epoch: 1, member: true });
    bench.command(eventBody({ note: 'Thank you.' }), {
      audience: { kind: 'group', id: group },
      groupEpoch: 1,
    });
    bench.until(0);
    bench.answer();
    bench.reading({ W: 2500 });
    const shown = JSON.stringify(bench.view());
    for (const secret of [group, bench.headEnd.key.kid, 'ug/1/', bench.receipts()[0]?.cti ?? 'cti'])
      expect(shown).to.not.include(secret);
    const view = bench.view();
    expect(Object.keys(view).sort()).to.deep.equal([
      'at',
      'clock',
      'events',
      'gateway',
      'online',
      'readings',
      'setpoints',
    ]);
    expect(view.events).to.deep.equal([
      {
        mRID: 'ev-1',
        class: 'dispatch',
        issuer: 'utility-a',
        status: 'active',
        start: unix(0),
        end: unix(hours(1)),
        asks: 'limit of real power: 50 %',
        acknowledged: false,
        overridden: false,
        mayOverride: true,
        why: 'You may override this event with your code.',
        note: 'Thank you.',
      },
    ]);
  });
});

function started(): Bench {
  const bench = Bench.ready();
  bench.command(eventBody());
  bench.until(0);
  bench.answer();
  return bench;
}

function reply(effects: readonly Effect[]): PremiseReply | undefined {
  return effects.flatMap(e => (e.do === 'reply' ? [e.reply] : []))[0];
}
