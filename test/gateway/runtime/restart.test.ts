import { expect } from 'chai';
import * as fc from 'fast-check';
import { minutes } from '../../../src/base/time.ts';
import { restore } from '../../../src/gateway/mod.ts';
import type { GatewayState } from '../../../src/gateway/mod.ts';
import type { AxisValues, CommandClass, GroupId, MRID } from '../../../src/model/mod.ts';
import { Bench, PV, eventBody, unix } from '../bench.ts';

const EV = 'ev-1' as MRID;

describe('a restart', () => {
  it('at any moment of any life finds in the store all that decides, through JSON', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 25 }), actions => {
        const bench = Bench.ready({ defaults: { opModMaxLimW: 8000 } });
        for (const act of actions) {
          perform(bench, act);
          const restored = restore(bench.settings, bench.store.read());
          expect(whatDecides(restored)).to.deep.equal(whatDecides(bench.state));
          expect(ordered(restored)).to.include.members(ordered(bench.state));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('does not swallow a receipt that was waiting for a device, and says why it has no outcome', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.restart();
    expect(bench.receipts().at(-1)).to.include({
      response: 'started',
      why: '50 %: dispatch event ev-1 by utility-a until 15:00 UTC; the gateway restarted before its devices had answered',
    });
    expect(bench.store.read().rows.filter(r => r.kind === 'awaiting')).to.deep.equal([]);
    bench.device(PV, 'present');
    bench.answer();
    expect(bench.receipts().at(-1)?.why).to.equal('opModMaxLimW is now pv implemented');
  });

  it('tells the start that was waiting for a device before the end that passed meanwhile', () => {
    const bench = Bench.ready();
    bench.command(eventBody({ duration: minutes(1) }));
    bench.until(0);
    bench.ms = 90_000;
    bench.restart();
    expect(bench.story()).to.deep.equal(['received ev-1', 'started ev-1', 'completed ev-1']);
  });

  it('answers a cancel that was waiting for the device, so that its sender need not ask for ever', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    const signed = bench.command({ kind: 'cancel', mRID: EV });
    bench.restart();
    expect(bench.story().slice(2)).to.deep.equal(['cancelled ev-1', 'completed ev-1']);
    bench.link('up');
    bench.ms += 1000;
    const again = bench.deliver(signed);
    expect(again.filter(e => e.do === 'publish')).to.have.length(1);
  });

  it('keeps the replay memory: the same bytes are a duplicate, other bytes under the sequence a replay', () => {
    const bench = Bench.ready();
    const signed = bench.command(eventBody());
    bench.restart();
    bench.deliver(signed);
    expect(bench.state.counts.get('duplicate')).to.equal(1);
    bench.command(eventBody({ mRID: 'ev-2' as MRID }), { sequence: 1, cti: 'ee'.repeat(16) as never });
    expect(bench.story()).to.deep.equal(['received ev-1', 'invalid replay']);
  });

  it('tells of an event nothing twice: no second started, no superseded, when nothing has changed', () => {
    const bench = Bench.ready();
    bench.command(eventBody({ mRID: 'hi' as MRID }), { class: 'reliability' });
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    const told = bench.story();
    bench.restart();
    bench.link('up');
    expect(bench.story()).to.deep.equal(told);
  });

  it('with a damaged outbox tells what was lost, and the stream goes on behind it', () => {
    const bench = Bench.ready();
    bench.link('down');
    for (let n = 1; n <= 5; n++) bench.command(eventBody({ mRID: `e-${n}` as MRID }));
    for (const sequence of [2, 3]) bench.store.lose('receipt', sequence);
    bench.restart();
    bench.link('up');
    const sent = bench
      .take()
      .flatMap(e => (e.do === 'publish' && e.record.stream === 'receipt' ? [e.record] : []));
    expect(sent.map(r => `${r.sequence} ${r.body.kind}`)).to.deep.equal([
      '1 receipt',
      '2 lost',
      '4 receipt',
      '5 receipt',
    ]);
    expect(sent[1]?.body).to.deep.include({ first: 2, last: 3 });
    expect(bench.state.counts.get('lost.receipt')).to.equal(1);
    expect(bench.state.counts.get('lost-records.receipt')).to.equal(2);
    bench.until(bench.ms + 40_000);
    const again = bench.take().flatMap(e => (e.do === 'log' ? [e.entry.event] : []));
    expect(again, 'sent again, and logged once').to.not.include('record.lost');
    bench.command({ kind: 'ack', through: { receipt: 5 } });
    expect(bench.reported('receipt')).to.deep.equal([]);
    bench.command(eventBody());
    expect(bench.reported('receipt').map(r => r.sequence)).to.deep.equal([6]);
  });

  it('ALARM-1: tells upstream what was found damaged, once, and again when there is more', () => {
    const bench = Bench.ready();
    const told = (): readonly string[] =>
      bench.reported('alarm').flatMap(({ body }) => (body.kind === 'alarm' ? [body.why] : []));
    bench.store.damage = { rows: 2, tables: ['row'] };
    bench.restart();
    bench.restart();
    expect(told()).to.deep.equal([
      '2 parts of the store (row) did not prove sound; set aside, and not acted on',
    ]);
    bench.store.damage = { rows: 3, tables: ['row', 'outbox'] };
    bench.restart();
    expect(told()).to.have.length(2);
    expect(told()[1]).to.match(/^1 part of the store/);
  });

  it('is counted and told in the first record, once the link is up', () => {
    const bench = Bench.ready();
    bench.restart();
    bench.device(PV, 'present');
    expect(bench.reported('birth')).to.have.length(1);
    bench.link('up');
    bench.link('down');
    bench.link('up');
    expect(bench.reported('birth').map(r => r.body)).to.deep.equal([
      { kind: 'birth', version: '0.0.0', start: 1, devices: [] },
      { kind: 'birth', version: '0.0.0', start: 2, devices: [{ device: 'pv', model: 'Test 1' }] },
    ]);
  });
});

type Act =
  | { readonly do: 'event'; readonly n: number; readonly class: CommandClass; readonly axes: AxisValues }
  | {
      readonly do: 'cancel' | 'early cancel' | 'override' | 'wrong code' | 'grant' | 'ack';
      readonly n: number;
    }
  | { readonly do: 'time' | 'answer' | 'device'; readonly n: number };

const axes: fc.Arbitrary<AxisValues> = fc.constantFrom(
  { opModMaxLimW: 5000 },
  { opModConnect: 0 },
  { opModMaxLimW: 0, opModConnect: 1 },
);

const action: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    do: fc.constant('event' as const),
    n: fc.nat(5),
    class: fc.constantFrom<CommandClass>('emergency', 'transmission', 'dispatch', 'market'),
    axes,
  }),
  fc.record({
    do: fc.constantFrom('cancel', 'early cancel', 'override', 'wrong code', 'grant', 'ack'),
    n: fc.nat(5),
  }),
  fc.record({ do: fc.constantFrom('time', 'answer', 'device'), n: fc.nat(5) }),
);

function perform(bench: Bench, act: Act): void {
  const mRID = `ev-${act.n}` as MRID;
  switch (act.do) {
    case 'event': {
      const start = unix(bench.ms - (bench.ms % 1000) + act.n * 1000);
      bench.command(eventBody({ mRID, start, duration: minutes(act.n + 1), axes: act.axes }), {
        class: act.class,
      });
      return;
    }
    case 'cancel':
      return void bench.command({ kind: 'cancel', mRID }, { class: 'emergency' });
    case 'early cancel':
      return void bench.command({ kind: 'cancel', mRID }, {}, bench.aggregator);
    case 'override':
      return bench.override(mRID);
    case 'wrong code':
      bench.request({ kind: 'override', mRID, code: '0' }, 9);
      return void bench.step({ on: 'codeChecked', request: 9, right: false });
    case 'grant':
      return void bench.command({
        kind: 'grant',
        group: `g-${act.n % 2}` as GroupId,
        epoch: 1 + act.n,
        member: act.n < 4,
      });
    case 'ack':
      return void bench.command({
        kind: 'ack',
        through: { receipt: Math.max(0, bench.store.last('receipt') - act.n) },
      });
    case 'time':
      return bench.until(bench.ms + act.n * 20_000);
    case 'answer':
      if (bench.orders().length > 0) bench.answer(act.n < 4 ? 'implemented' : 'unknown');
      return;
    case 'device':
      return bench.device(PV, act.n < 4 ? 'present' : 'lost');
  }
}

/** The part of a state that a restart must not change. The devices are asked again, the link is made again. */
function whatDecides(state: GatewayState): object {
  const { schedule, replay, memberships, attempts, receipts, decisions, holding, uplink, starts } = state;
  const streams = Object.entries(uplink.streams).map(([name, s]) => [name, s.acknowledged, s.last]);
  const awaiting = state.awaiting.map(a => a.receipt);
  const entries = byKey(schedule.entries);
  return {
    entries,
    early: byKey(schedule.early),
    replay: byKey(replay),
    memberships: byKey(memberships),
    attempts,
    receipts: byKey(receipts),
    decisions: byKey(decisions),
    holding: [...holding].sort(),
    streams,
    awaiting,
    starts,
  };
}

/** What devices were told; one that is being released still holds the value until it says otherwise. */
function ordered(state: GatewayState): readonly string[] {
  const held = [...state.standing.values()].filter(s => s.value !== undefined);
  return held.map(s => `${s.device}/${s.axis} ${s.value}`);
}

function byKey<K extends string, V>(map: ReadonlyMap<K, V>): readonly (readonly [K, V])[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}
