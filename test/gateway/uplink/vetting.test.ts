import { eventKey } from '../../../src/model/mod.ts';
import { expect } from 'chai';
import { hours } from '../../../src/base/time.ts';
import { fit } from '../../../src/gateway/uplink/vetting.ts';
import type { MRID, RecordBody } from '../../../src/model/mod.ts';
import { vetRecord } from '../../../src/wan/envelope/mod.ts';
import { derEvent } from '../../support/events.ts';
import { BATTERY, Bench, PV, eventBody, unix } from '../bench.ts';

/** More than the 63 KiB a body may have. */
const LONG = 'x'.repeat(64 * 1024);

describe('what does not fit into a record', () => {
  it('TIME-1: a point that is no number is left out of status and display, named once, and counted', () => {
    const bench = Bench.ready();
    bench.take();
    bench.reading({ W: 2500, VAr: Number.NaN, Hz: Number.POSITIVE_INFINITY });
    bench.ms += 2000;
    bench.reading({ W: 2500, VAr: Number.NaN, Hz: Number.POSITIVE_INFINITY });
    const points = { W: 2500 };
    expect(
      bench
        .statuses()
        .at(-1)
        ?.readings.map(r => r.points),
    ).to.deep.equal([points]);
    expect(bench.view().readings.map(r => r.points)).to.deep.equal([points]);
    expect(logged(bench)).to.deep.equal([
      'reading of pv does not fit into a record; left out: VAr is NaN, Hz is Infinity',
    ]);
    expect(bench.state.counts.get('misfit.reading of pv')).to.equal(2);
  });

  it('a null in a reading that came as JSON is no number either', () => {
    const bench = Bench.ready();
    bench.reading({ W: null as unknown as number, Hz: 50 });
    bench.until(5 * 60_000);
    expect(
      bench
        .statuses()
        .at(-1)
        ?.readings.map(r => r.points),
    ).to.deep.equal([{ Hz: 50 }]);
  });

  it('a status of 63 KiB goes without its further reasons, then without its readings, and its stream goes on', () => {
    const bench = Bench.ready();
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`Point${n}`, n + 0.5]));
    bench.reading(many, BATTERY);
    bench.until(5 * 60_000);
    const last = bench.statuses().at(-1);
    expect(last?.readings).to.deep.equal([]);
    expect(last?.membershipDigest).to.match(/^[0-9a-f]{16}$/);
    expect(logged(bench)).to.deep.equal([
      'status does not fit into a record; left out: all reasons but the first, readings of battery',
    ]);
    expectAllFit(bench);
  });

  it('OVR-5: a receipt is sent whatever a device says, without what could not be written down', () => {
    for (const [why, evidence, misses] of [
      ['no', [Number.NaN], 'evidence'],
      [LONG, [1], 'evidence, what was applied, why'],
    ] as const) {
      const bench = Bench.ready();
      bench.command(eventBody());
      bench.until(0);
      const order = bench.orders().at(-1)?.order ?? 0;
      const proof = { point: '704.WMaxLimPct', address: 1, wrote: evidence };
      const applied = {
        device: PV,
        axis: 'opModMaxLimW',
        outcome: 'refused',
        why,
        evidence: [proof],
      } as const;
      bench.step({ on: 'applied', order, applied });
      expect(bench.story()).to.deep.equal(['received ev-1', 'started ev-1']);
      expect(logged(bench)).to.deep.equal([`receipt does not fit into a record; left out: ${misses}`]);
      expectAllFit(bench);
    }
  });

  it('what cannot be relieved is not stored, takes no number, and is said to be dropped', () => {
    const bench = Bench.ready();
    const event = derEvent({ mRID: LONG as MRID, start: unix(0), duration: hours(1) });
    bench.state.schedule.entries.set(eventKey(event), { event, status: 'active' });
    bench.request({ kind: 'acknowledge', mRID: event.mRID });
    expect(bench.customer()).to.deep.equal([]);
    bench.command(eventBody());
    bench.request({ kind: 'acknowledge', mRID: 'ev-1' as MRID });
    expect(bench.reported('customer').map(r => r.sequence)).to.deep.equal([1]);
    expect(bench.state.counts.get('misfit.customer')).to.equal(1);
  });

  it('every kind of body is either made to fit or dropped, and one that fits stays as it is', () => {
    const bodies: readonly RecordBody[] = [
      { kind: 'birth', version: '1', start: 1, devices: [{ device: PV, model: LONG }] },
      { kind: 'request', wants: 'grant', group: LONG, why: '' },
      { kind: 'request', wants: 'grant', group: 'feeder-7', why: '' },
    ];
    const [birth, request, good] = bodies.map(fit);
    expect(birth).to.deep.equal({ left: { ...bodies[0], devices: [] }, without: ['devices'] });
    expect(request).to.deep.equal({ without: [] });
    expect(good?.left).to.equal(bodies[2]);
  });
});

function expectAllFit(bench: Bench): void {
  for (const stream of ['receipt', 'status', 'customer', 'birth'] as const)
    for (const { body } of bench.reported(stream)) expect(vetRecord(body)).to.equal(undefined);
}

function logged(bench: Bench): readonly string[] {
  return bench.effects.flatMap(e =>
    e.do === 'log' && e.entry.event === 'record.misfit' ? [e.entry.text] : [],
  );
}
