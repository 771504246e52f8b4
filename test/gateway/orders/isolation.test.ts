/**
 * What must not undo an isolation, nor keep one from working: damage to the store, a weaker key, a device's own
 * fall-back.
 */
import { expect } from 'chai';
import { hours } from '../../../src/base/time.ts';
import type { EventBody, MRID } from '../../../src/model/mod.ts';
import { Bench, PV, eventBody, unix } from '../bench.ts';

const EM = 'em-7' as MRID;

function isolation(): EventBody {
  return { kind: 'event', service: 'direct', mRID: EM, axes: { opModConnect: 0 }, start: unix(-60_000) };
}

function isolated(): Bench {
  const bench = Bench.ready();
  bench.command(isolation(), { class: 'emergency', primacy: 1 });
  bench.answer('implemented', 'opModConnect');
  return bench;
}

/** The process ends, and what damage leaves of the store is all that is found. */
function restartWithout(bench: Bench, kind: string): void {
  bench.store.loseRows(row => row.kind === kind);
  bench.restart();
  bench.link('up');
  bench.device(PV, 'present');
}

describe('an isolation', () => {
  it('OVR-4: outlives the damage of its own row: the order remembers the event, and both sides are told', () => {
    const bench = isolated();
    restartWithout(bench, 'event');
    expect(bench.values('opModConnect')).to.deep.equal([0]);
    expect(bench.receipts().map(r => r.why)).to.include(
      'event em-7 goes on though its row in the store was damaged: the order remembers it',
    );
    expect(bench.store.read().rows.filter(r => r.kind === 'event')).to.have.length(1);
    bench.answer('implemented', 'opModConnect');
    bench.take();
    bench.command({ kind: 'cancel', mRID: EM }, { class: 'emergency', primacy: 1 });
    expect(bench.values('opModConnect')).to.deep.equal([undefined]);
  });

  it('OVR-4: released while its device was away stays released, whatever is damaged afterwards', () => {
    const bench = isolated();
    bench.device(PV, 'lost');
    bench.command({ kind: 'cancel', mRID: EM }, { class: 'emergency', primacy: 1 });
    restartWithout(bench, 'event');
    expect(bench.values('opModConnect')).to.deep.equal([undefined]);
  });

  it('OVR-4: is not kept out by a weaker key that used its mRID before', () => {
    const bench = Bench.ready();
    bench.command(eventBody({ mRID: EM }), {}, bench.aggregator);
    bench.command(isolation(), { class: 'emergency', primacy: 1 });
    expect(bench.values('opModConnect')).to.deep.equal([0]);
    bench.answer('implemented', 'opModConnect');
    bench.command({ kind: 'cancel', mRID: EM }, {}, bench.aggregator);
    expect(bench.values('opModConnect')).to.deep.equal([0]);
    expect(bench.state.schedule.live.size).to.equal(1);
  });

  it('SIWG-3: on a topic that its issuer never put it on is refused without an answer', () => {
    const bench = Bench.ready();
    const { topic, payload, cti } = bench.headEnd.sign(isolation(), bench.now.unix, {
      class: 'emergency',
      primacy: 1,
    });
    bench.deliver({ topic: topic.replace(/cmd$/, 'ack'), payload, cti });
    expect(bench.state.counts.get('refused.kind-on-wrong-topic')).to.equal(1);
    expect(bench.receipts()).to.deep.equal([]);
    bench.deliver({ topic, payload, cti });
    expect(bench.values('opModConnect')).to.deep.equal([0]);
  });
});

describe('a limit', () => {
  const bounds = [{ axis: 'opModMaxLimW', min: 0, max: 6000, rule: 'TAR-1', why: 'tariff' }] as const;

  it('falls back inside the tariff when the gateway dies, however high the default', () => {
    const bench = Bench.ready({ defaults: { opModMaxLimW: 10_000 }, bounds });
    bench.command(eventBody());
    bench.until(0);
    expect(bench.orders().at(-1)?.reversion?.value).to.equal(6000);
  });

  it('that an installer holds lower is left to the installer; one held higher is ordered again', () => {
    const bench = Bench.ready();
    bench.command(eventBody({ duration: hours(2) }));
    bench.until(0);
    bench.answer();
    bench.take();
    bench.until(10_000);
    bench.reading({ WMaxLimPctEna: 1, WMaxLimPct: 30 });
    expect(bench.values()).to.deep.equal([]);
    bench.reading({ WMaxLimPctEna: 1, WMaxLimPct: 50.5 });
    expect(bench.values()).to.deep.equal([5000]);
  });
});
