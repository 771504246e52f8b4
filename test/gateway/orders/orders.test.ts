import { expect } from 'chai';
import { hours, minutes, seconds } from '../../../src/base/time.ts';
import type { Settings } from '../../../src/gateway/mod.ts';
import type { Held, MRID } from '../../../src/model/mod.ts';
import { Bench, PV, eventBody, isolation, unix } from '../bench.ts';

const DEFAULTS: Partial<Settings> = { defaults: { opModMaxLimW: 6000 }, reversion: seconds(60) };

describe('orders to devices', () => {
  it('carry the default as reversion where there is one, and are refreshed before it would run out', () => {
    const bench = Bench.ready(DEFAULTS);
    bench.command(eventBody());
    bench.until(0);
    expect(bench.orders().at(-1)?.reversion).to.deep.equal({ afterS: 60, value: 6000 });
    bench.answer();
    bench.until(29_999);
    expect(bench.values()).to.deep.equal([5000]);
    bench.until(30_000);
    expect(bench.values()).to.deep.equal([5000, 5000]);
    bench.answer();
    expect(bench.story(), 'a refresh is no news').to.deep.equal(['received ev-1', 'started ev-1']);
    bench.until(60_000);
    expect(bench.values()).to.deep.equal([5000, 5000, 5000]);
  });

  it('do not write to the card to refresh what stands there', () => {
    const bench = Bench.ready(DEFAULTS);
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    bench.link('down');
    bench.take();
    bench.until(30_000);
    expect(bench.values()).to.deep.equal([5000]);
    expect(bench.changes()).to.deep.equal([]);
  });

  it('carry no reversion without a default: the device holds, and is never let go to "unlimited"', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    expect(bench.orders().at(-1)).to.not.have.property('reversion');
    bench.answer();
    bench.until(minutes(30));
    expect(bench.values()).to.deep.equal([5000]);
  });

  it('OVR-4: carry no reversion for an emergency, nor for the connection, whatever the default', () => {
    const bench = Bench.ready({ ...DEFAULTS, defaults: { opModMaxLimW: 6000, opModConnect: 1 } });
    bench.command(isolation({ axes: { opModConnect: 0, opModMaxLimW: 0 } }), { class: 'emergency' });
    bench.until(0);
    for (const axis of ['opModConnect', 'opModMaxLimW'] as const) {
      expect(bench.orders(axis).at(-1)).to.include({ value: 0 });
      expect(bench.orders(axis).at(-1)).to.not.have.property('reversion');
    }
  });

  it('OVR-4: take the reversion timer off at once when an emergency asks for the value that a dispatch had', () => {
    const bench = Bench.ready(DEFAULTS);
    bench.command(eventBody({ axes: { opModMaxLimW: 0 } }));
    bench.until(0);
    expect(bench.orders().at(-1)).to.have.property('reversion');
    bench.answer();
    bench.command(isolation({ axes: { opModMaxLimW: 0 } }), { class: 'emergency' });
    expect(bench.orders().at(-1)).to.include({ value: 0 }).and.not.have.property('reversion');
  });

  it('arm the reversion timer again when an emergency leaves the value to a dispatch', () => {
    const bench = Bench.ready(DEFAULTS);
    bench.command(eventBody({ axes: { opModMaxLimW: 0 } }));
    bench.command(isolation({ axes: { opModMaxLimW: 0 } }), { class: 'emergency' });
    bench.until(0);
    bench.answer();
    bench.command({ kind: 'cancel', mRID: 'em-7' as MRID }, { class: 'emergency' });
    expect(bench.orders().at(-1)?.reversion).to.deep.equal({ afterS: 60, value: 6000 });
  });

  it('that are not answered are given again after 5 s, and the outcome is reported when it changes', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer('unknown');
    expect(bench.receipts().at(-1)?.why).to.match(/pv unknown \(the device is unknown\)$/);
    bench.until(4999);
    expect(bench.values()).to.deep.equal([5000]);
    bench.until(5000);
    expect(bench.values()).to.deep.equal([5000, 5000]);
    bench.answer('unknown');
    expect(bench.story(), 'no news').to.have.length(2);
    bench.until(10_000);
    bench.answer();
    expect(bench.receipts().at(-1)).to.include({
      response: 'started',
      why: 'opModMaxLimW is now pv implemented',
    });
  });

  it('that stood and lapse are told to their issuer at once, and given again', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    bench.until(30_000);
    bench.answer('refused');
    expect(bench.receipts().at(-1)).to.include({
      response: 'started',
      why: 'opModMaxLimW is now pv refused (the device is refused)',
    });
    expect(bench.values()).to.deep.equal([5000]);
    bench.until(90_000);
    expect(bench.values()).to.deep.equal([5000, 5000]);
  });

  it('that are refused are given again after a minute', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer('refused');
    bench.until(59_999);
    expect(bench.values()).to.deep.equal([5000]);
    bench.until(60_000);
    expect(bench.values()).to.deep.equal([5000, 5000]);
  });

  it('that a newer one has replaced change nothing when they end', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    const [first] = bench.orders();
    bench.command(eventBody({ mRID: 'ev-2' as MRID, axes: { opModMaxLimW: 3000 }, start: unix(0) }), {
      primacy: 1,
    });
    expect(bench.values()).to.deep.equal([5000, 3000]);
    if (first !== undefined) bench.answerOrder(first, 'implemented');
    expect(bench.effects).to.deep.include({
      do: 'log',
      entry: {
        level: 'info',
        event: 'order.overtaken',
        text: 'opModMaxLimW on pv: an older order ended implemented',
        device: 'pv',
      },
    });
    expect(bench.receipts().find(r => r.response === 'started')?.why).to.match(
      /; a newer order replaced this one before it was carried out$/,
    );
    bench.answer();
    expect(bench.story().at(-1)).to.equal('started ev-2');
  });

  it('of an event that asks for what is already under way are waited for all the same', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.command(eventBody({ mRID: 'ev-2' as MRID }), { primacy: 1 });
    expect(bench.values()).to.deep.equal([5000]);
    expect(bench.story()).to.not.include('started ev-2');
    bench.answer();
    expect(bench.receipts().find(r => r.mRID === 'ev-2' && r.response === 'started')?.applied).to.have.length(
      1,
    );
  });

  it('wait for a device that is lost, without the gateway waking for them, and are given when it is found', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.device(PV, 'lost');
    bench.answer('unknown');
    bench.until(minutes(10));
    expect(bench.values()).to.deep.equal([5000]);
    bench.device(PV, 'present');
    expect(bench.values()).to.deep.equal([5000, 5000]);
  });

  it('are given again to a device that was lost and found, for it may have lost what it was told', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    bench.device(PV, 'lost');
    bench.device(PV, 'present');
    expect(bench.values()).to.deep.equal([5000, 5000]);
  });

  it('for a device that is lost are reported as unknown by an event that starts meanwhile', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.device(PV, 'lost');
    bench.until(0);
    expect(bench.values()).to.deep.equal([]);
    expect(bench.receipts().at(-1)?.applied).to.deep.equal([
      {
        device: 'pv',
        axis: 'opModMaxLimW',
        outcome: 'unknown',
        why: 'the device does not answer; it is ordered when it does',
        evidence: [],
      },
    ]);
    bench.device(PV, 'present');
    bench.answer();
    expect(bench.receipts().at(-1)?.why).to.equal('opModMaxLimW is now pv implemented');
  });

  it('are given again when the device is seen to hold another value, but not on a reading too young to tell', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    bench.ms = 2999;
    bench.reading({ WMaxLimPct: 100 });
    expect(bench.values()).to.deep.equal([5000]);
    bench.ms = 3000;
    bench.reading({ WMaxLimPct: 49.2 });
    expect(bench.values(), 'rounded down by the device').to.deep.equal([5000]);
    bench.reading({ WMaxLimPct: 100 });
    expect(bench.values()).to.deep.equal([5000, 5000]);
    bench.reading({ WMaxLimPct: 100 });
    expect(bench.values(), 'not again while it is under way').to.deep.equal([5000, 5000]);
  });

  it('are given again when the limit is seen to be switched off, and the issuer hears once that it stands again', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    for (const ms of [5000, 10_000, 15_000]) {
      bench.ms = ms;
      bench.reading({ WMaxLimPctEna: 0 });
      bench.answer();
    }
    expect(bench.values(), 'as often as it is seen').to.deep.equal([5000, 5000, 5000, 5000]);
    expect(bench.story()).to.deep.equal(['received ev-1', 'started ev-1', 'started ev-1']);
    bench.ms = 20_000;
    bench.reading({ WMaxLimPctEna: 1, WMaxLimPct: 50 });
    bench.reading({ WMaxLimPctEna: 0 });
    bench.answer();
    expect(bench.story(), 'news again after it had been well').to.have.length(4);
  });

  it('are given again on any axis where the device is seen to hold another value, or none, and only then', () => {
    const bench = Bench.ready();
    const axes = { opModFixedVar: -2500, opModFixedPFInjectW: 9500, opModTargetW: 3000 } as const;
    const names = ['opModFixedVar', 'opModFixedPFInjectW', 'opModTargetW'] as const;
    bench.device(PV, 'present', names);
    bench.command(eventBody({ axes }));
    bench.until(0);
    for (const axis of names) bench.answer('implemented', axis);
    const times = (): readonly number[] => names.map(axis => bench.values(axis).length);
    const see = (ms: number, held?: Held): readonly number[] => {
      bench.ms = ms;
      bench.reading({ W: 1000 }, PV, held);
      for (const axis of names) bench.answer('implemented', axis);
      return times();
    };
    const well: Held = {
      opModFixedVar: { value: -2401, step: 100 },
      opModFixedPFInjectW: { value: 9499, step: 1 },
      opModTargetW: { value: 3000, step: 10 },
    };
    expect(see(2999, { opModFixedVar: 'none' }), 'too young to tell').to.deep.equal([1, 1, 1]);
    expect(see(5000, well), 'rounded').to.deep.equal([1, 1, 1]);
    expect(see(10_000), 'not looked at').to.deep.equal([1, 1, 1]);
    expect(see(15_000, { ...well, opModFixedVar: 'none' })).to.deep.equal([2, 1, 1]);
    expect(see(20_000, { ...well, opModFixedPFInjectW: { value: -9500, step: 1 } })).to.deep.equal([2, 2, 1]);
    expect(see(40_000, { ...well, opModTargetW: { value: 2990, step: 10 } })).to.deep.equal([2, 2, 2]);
    expect(see(60_000, well)).to.deep.equal([2, 2, 2]);
  });

  it('do not put into a record what was looked at for their sake', () => {
    const bench = Bench.ready();
    bench.reading({ W: 1000 }, PV, { opModFixedVar: 'none' });
    expect([...bench.state.readings.values()]).to.have.length(1);
    for (const reading of bench.state.readings.values()) expect(reading).to.not.have.property('held');
  });

  it('OVR-4: isolate again a device that is seen to be connected', () => {
    const bench = Bench.ready();
    bench.command(isolation(), { class: 'emergency' });
    bench.until(0);
    bench.answer('implemented', 'opModConnect');
    bench.ms = 5000;
    bench.reading({ Conn: 1 });
    expect(bench.values('opModConnect')).to.deep.equal([0, 0]);
  });

  it('release what an earlier run of the gateway had ordered and nobody asks for any more', () => {
    const bench = Bench.ready();
    bench.command(eventBody());
    bench.until(0);
    bench.answer();
    bench.ms = hours(2);
    bench.restart();
    bench.device(PV, 'present');
    expect(bench.values()).to.deep.equal([undefined]);
    bench.answer('unknown');
    bench.restart();
    bench.device(PV, 'present');
    expect(bench.values(), 'until it is done').to.deep.equal([undefined]);
    bench.answer();
    bench.restart();
    bench.device(PV, 'present');
    expect(bench.values()).to.deep.equal([]);
  });
});
