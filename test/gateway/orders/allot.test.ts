/** What of a decision for the site goes to which device: percentages to each, watts divided, one setpoint to one axis. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Able } from '../../../src/gateway/orders/allot.ts';
import { shareOf } from '../../../src/gateway/orders/allot.ts';
import type { Axis, AxisValues, DeviceId, DeviceRole, MRID } from '../../../src/model/mod.ts';
import { hours, seconds } from '../../../src/base/time.ts';
import { AXES, isSiteTotal } from '../../../src/model/mod.ts';
import { BATTERY, Bench, PV, eventBody, unix } from '../bench.ts';

const INVERTER_AXES: readonly Axis[] = ['opModConnect', 'opModMaxLimW', 'opModFixedW', 'opModTargetW'];
const BATTERY_AXES: readonly Axis[] = [...INVERTER_AXES, 'opModStorageTargetW'];

const pv: Able = { device: PV, role: 'inverter', ratedW: 8000 };
const battery: Able = { device: BATTERY, role: 'storage', ratedW: 5000 };
const id = (text: string): DeviceId => text as DeviceId;

/** An inverter of 8 kW and a battery of 5 kW, both found and read. */
function house(more: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench(more);
  bench.link('up');
  bench.device(PV, 'present', INVERTER_AXES);
  bench.device(BATTERY, 'present', BATTERY_AXES);
  read(bench, PV, 'inverter', 8000);
  read(bench, BATTERY, 'storage', 5000);
  bench.effects = [];
  return bench;
}

function read(bench: Bench, device: DeviceId, role: DeviceRole, ratedW: number): void {
  bench.step({ on: 'reading', reading: { device, role, at: bench.now.unix, points: { WMax: ratedW } } });
}

/** All orders since last asked, as `pv opModTargetW 2461`. */
function orders(bench: Bench): readonly string[] {
  return bench
    .take()
    .flatMap(effect =>
      effect.do === 'actuate'
        ? [`${effect.order.device} ${effect.order.axis} ${effect.order.value ?? 'released'}`]
        : [],
    );
}

function event(bench: Bench, mRID: string, axes: AxisValues, primacy = 10): void {
  bench.command(eventBody({ mRID: mRID as MRID, axes }), { primacy });
}

describe('what goes to which device', () => {
  const shares: readonly (readonly [string, Axis, number, readonly Able[], readonly (number | string)[]])[] =
    [
      ['a percentage, to each the same', 'opModMaxLimW', 5000, [pv, battery], [5000, 5000]],
      ['watts, to the only one whole', 'opModTargetW', 4000, [pv], [4000]],
      [
        'watts, to the only one whole though its size is unknown',
        'opModTargetW',
        4000,
        [{ device: PV }],
        [4000],
      ],
      ['watts, in proportion to WMax', 'opModTargetW', 13_000, [pv, battery], [8000, 5000]],
      ['a rest that no device can hold, to nobody', 'opModTargetW', 1000, [pv, battery], [615, 384]],
      ['watts to be taken in, to storage alone', 'opModTargetW', -2000, [pv, battery], [0, -2000]],
      ['nothing, to all', 'opModTargetW', 0, [pv, battery], [0, 0]],
      [
        'a charge, in proportion among storage',
        'opModStorageTargetW',
        3000,
        [battery, { ...battery, device: id('b2'), ratedW: 10_000 }],
        [1000, 2000],
      ],
      [
        'watts while a size is unknown, to nobody',
        'opModTargetW',
        4000,
        [pv, { device: BATTERY, role: 'storage' }],
        ['waits', 'waits'],
      ],
      [
        'watts to be taken in where only arrays are, to nobody',
        'opModTargetW',
        -1,
        [pv, { ...pv, device: id('p2') }],
        ['waits', 'waits'],
      ],
    ];
  for (const [what, axis, value, able, expected] of shares)
    it(`gives ${what}`, () => {
      const got = able.map(({ device }) => shareOf(value, device, { axis, able }));
      expect(got.map(each => (each.kind === 'order' ? each.value : each.kind))).to.deep.equal(expected);
    });

  it('never gives more in sum than was ordered, nor the other way, and misses it by less than 1 W a device', () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 1_000_000 }), fc.boolean()), {
      minLength: 2,
      maxLength: 8,
    });
    fc.assert(
      fc.property(sizes, fc.integer({ min: -1e12, max: 1e12 }), (them, value) => {
        const able = them.map(([ratedW, isStorage], at): Able => {
          const role = isStorage || at === 0 ? 'storage' : 'inverter';
          return { device: id(`d${at}`), role, ratedW };
        });
        const got = able.map(({ device }) => shareOf(value, device, { axis: 'opModTargetW', able }));
        const values = got.map(each => (each.kind === 'order' ? each.value : Number.NaN));
        const sum = values.reduce((total, each) => total + each, 0);
        expect(values.every(each => Number.isInteger(each) && each * value >= 0)).to.equal(true);
        expect(Math.abs(sum)).to.be.at.most(Math.abs(value));
        expect(Math.abs(sum - value)).to.be.below(able.length);
      }),
    );
  });

  it('is divided exactly where the number is in W', () => {
    const totals = AXES.filter(({ axis }) => isSiteTotal(axis)).map(({ axis }) => axis);
    expect(totals).to.deep.equal([
      'opModTargetW',
      'opModExpLimW',
      'opModImpLimW',
      'opModGenLimW',
      'opModLoadLimW',
      'opModStorageTargetW',
    ]);
  });

  it('a target for the site is divided between PV and battery, and its default with it', () => {
    const bench = house({ defaults: { opModTargetW: 1300 }, reversion: seconds(60) });
    event(bench, 'ev-1', { opModTargetW: 13_000 });
    bench.until(0);
    expect(bench.orders('opModTargetW').at(-1)).to.include({ value: 8000 });
    expect(bench.orders('opModTargetW', BATTERY).at(-1)?.value).to.equal(5000);
    expect(bench.orders('opModTargetW', BATTERY).at(-1)?.reversion).to.deep.equal({ afterS: 60, value: 500 });
  });

  it('waits for the size of a device that was just found, and says so', () => {
    const bench = new Bench();
    bench.link('up');
    bench.device(PV, 'present', INVERTER_AXES);
    bench.device(BATTERY, 'present', BATTERY_AXES);
    event(bench, 'ev-1', { opModTargetW: 13_000 });
    bench.until(0);
    expect(orders(bench)).to.deep.equal([]);
    expect(bench.receipts().at(-1)?.why).to.include(
      'opModTargetW waits to be divided: the size of pv, battery is not known yet',
    );
    read(bench, PV, 'inverter', 8000);
    read(bench, BATTERY, 'storage', 5000);
    expect(orders(bench)).to.deep.equal(['pv opModTargetW 8000', 'battery opModTargetW 5000']);
  });

  it('a device that is lost keeps its share: the other does not take it over', () => {
    const bench = house();
    bench.device(BATTERY, 'lost', BATTERY_AXES);
    event(bench, 'ev-1', { opModTargetW: 13_000 });
    bench.until(0);
    expect(orders(bench)).to.deep.equal(['pv opModTargetW 8000']);
    bench.device(BATTERY, 'present', BATTERY_AXES);
    expect(orders(bench)).to.deep.equal(['battery opModTargetW 5000']);
  });

  for (const [axis, why] of [
    ['opModExpLimW', 'limit of export at the site: it is a matter of the meter'],
    ['opModImpLimW', 'limit of import at the site: it is a matter of the meter'],
    ['opModGenLimW', 'limit of generation: no SunSpec model limits generation in W'],
    ['opModLoadLimW', 'limit of load: no device here limits loads'],
  ] as const)
    it(`refuses ${axis} by name, at once and at its start, and does not call it completed`, () => {
      const bench = house();
      event(bench, 'ev-1', { [axis]: 1000 });
      expect(bench.receipts().at(-1)?.why).to.include(`no device here can do ${axis}, ${why}`);
      bench.until(0);
      expect(bench.receipts().at(-1)).to.include({ response: 'notApplicable', refusal: 'no-device' });
      expect(bench.receipts().at(-1)?.why).to.include(`no device here can do ${axis}, ${why}`);
      bench.until(hours(1));
      expect(bench.story().at(-1)).to.equal('completedNoParticipation ev-1');
      expect(orders(bench)).to.deep.equal([]);
    });

  it('tells which device is missing before it says that none can', () => {
    const bench = house();
    bench.device(BATTERY, 'lost', []);
    event(bench, 'ev-1', { opModStorageTargetW: 1000 });
    bench.until(0);
    expect(bench.receipts().at(-1)).to.include({ response: 'started' });
    expect(bench.receipts().at(-1)?.why).to.include(
      'no device here can do opModStorageTargetW, target of storage (battery not found)',
    );
  });

  it('carries out what can be and says what cannot, of one event', () => {
    const bench = house();
    event(bench, 'ev-1', { opModMaxLimW: 5000, opModExpLimW: 0 });
    bench.until(0);
    bench.answer();
    bench.answer('implemented', 'opModMaxLimW', BATTERY);
    expect(bench.receipts().at(-1)).to.include({ response: 'started' });
    expect(bench.receipts().at(-1)?.why).to.include('no device here can do opModExpLimW');
  });
});

describe('two axes with one setpoint', () => {
  const rows: readonly (readonly [string, readonly [AxisValues, number][], readonly string[]])[] = [
    [
      'the event that ranks higher',
      [
        [{ opModFixedW: 5000 }, 5],
        [{ opModTargetW: 2000 }, 10],
      ],
      ['pv opModFixedW 5000'],
    ],
    [
      'the other one, when that ranks higher',
      [
        [{ opModFixedW: 5000 }, 10],
        [{ opModTargetW: 2000 }, 5],
      ],
      ['pv opModTargetW 2000'],
    ],
    [
      'within one event the more special axis',
      [[{ opModFixedW: 5000, opModTargetW: 2000 }, 10]],
      ['pv opModTargetW 2000'],
    ],
  ];
  for (const [what, events, expected] of rows)
    it(`serve ${what}`, () => {
      const bench = Bench.ready();
      bench.device(PV, 'present', INVERTER_AXES);
      for (const [at, [axes, primacy]] of events.entries()) event(bench, `ev-${at}`, axes, primacy);
      bench.take();
      bench.until(0);
      expect(orders(bench)).to.deep.equal(expected);
    });

  it('say who gives way to whom', () => {
    const bench = house();
    event(bench, 'ev-1', { opModFixedW: 5000 }, 10);
    event(bench, 'ev-2', { opModStorageTargetW: 2000 }, 5);
    bench.until(0);
    bench.answer('implemented', 'opModFixedW');
    bench.answer('implemented', 'opModStorageTargetW', BATTERY);
    expect(orders(bench)).to.deep.equal(['pv opModFixedW 5000', 'battery opModStorageTargetW 2000']);
    const started = bench.receipts().find(({ response, mRID }) => response === 'started' && mRID === 'ev-1');
    expect(started?.why).to.include(
      'opModFixedW gives way to opModStorageTargetW on battery: one setpoint serves both',
    );
  });

  it('go to the other without a release between, and come back when that one ends', () => {
    const bench = house();
    event(bench, 'ev-1', { opModFixedW: 5000 });
    bench.command(
      eventBody({
        mRID: 'ev-2' as MRID,
        axes: { opModStorageTargetW: 2000 },
        start: unix(10_000),
        duration: seconds(10),
      }),
      { primacy: 5 },
    );
    bench.until(0);
    bench.answer('implemented', 'opModFixedW', BATTERY);
    bench.take();
    bench.until(10_000);
    expect(bench.values('opModStorageTargetW', BATTERY)).to.deep.equal([2000]);
    bench.answer('implemented', 'opModStorageTargetW', BATTERY);
    expect(orders(bench)).to.deep.equal(['battery opModStorageTargetW 2000']);
    bench.until(20_000);
    expect(orders(bench)).to.deep.equal(['battery opModStorageTargetW released', 'battery opModFixedW 5000']);
  });

  it('are released by nobody once they serve the other', () => {
    const bench = house();
    bench.command(eventBody({ axes: { opModTargetW: 1300 }, duration: seconds(10) }));
    bench.command(
      eventBody({ mRID: 'ev-2' as MRID, axes: { opModStorageTargetW: 700 }, start: unix(10_000) }),
    );
    bench.until(0);
    bench.answer('implemented', 'opModTargetW', BATTERY);
    bench.until(10_000);
    const [release, order] = bench
      .orders('opModTargetW', BATTERY)
      .slice(-1)
      .concat(bench.orders('opModStorageTargetW', BATTERY));
    expect([release?.value, order?.value]).to.deep.equal([undefined, 700]);
    // The release is not answered, the order is: 5 s later only a device that still serves it would be asked again.
    if (release !== undefined) bench.answerOrder(release, 'unknown');
    if (order !== undefined) bench.answerOrder(order, 'implemented');
    bench.take();
    bench.until(30_000);
    expect(orders(bench).filter(each => each.startsWith('battery'))).to.deep.equal([]);
  });

  it('are two on a device where each has its own: none gives way, and each is released', () => {
    const bench = house();
    bench.step({
      on: 'device',
      state: {
        device: BATTERY,
        present: true,
        model: 'Hybrid 1',
        axes: BATTERY_AXES,
        setpoints: [['opModTargetW', 'opModFixedW']],
        why: 'test',
      },
    });
    event(bench, 'ev-1', { opModStorageTargetW: 2000 }, 10);
    bench.command(eventBody({ mRID: 'ev-2' as MRID, axes: { opModFixedW: 5000 }, duration: seconds(10) }));
    bench.until(0);
    bench.answer('implemented', 'opModStorageTargetW', BATTERY);
    bench.answer('implemented', 'opModFixedW', BATTERY);
    bench.answer('implemented', 'opModFixedW');
    expect(orders(bench)).to.have.members([
      'pv opModFixedW 5000',
      'battery opModStorageTargetW 2000',
      'battery opModFixedW 5000',
    ]);
    bench.until(10_000);
    expect(orders(bench)).to.have.members(['pv opModFixedW released', 'battery opModFixedW released']);
    bench.until(hours(1));
    expect(orders(bench)).to.include('battery opModStorageTargetW released');
  });

  it('are left to the lower one where the device refuses the higher', () => {
    const bench = house();
    event(bench, 'ev-1', { opModFixedW: 5000 }, 10);
    event(bench, 'ev-2', { opModStorageTargetW: 2000 }, 5);
    bench.until(0);
    expect(bench.values('opModFixedW', BATTERY)).to.deep.equal([]);
    bench.answer('refused', 'opModStorageTargetW', BATTERY);
    expect(bench.values('opModFixedW', BATTERY)).to.deep.equal([5000]);
  });

  it('are remembered over a restart only for the one that holds', () => {
    const bench = house();
    event(bench, 'ev-1', { opModFixedW: 5000 });
    bench.until(0);
    bench.answer('implemented', 'opModFixedW', BATTERY);
    event(bench, 'ev-2', { opModStorageTargetW: 2000 }, 5);
    bench.answer('implemented', 'opModStorageTargetW', BATTERY);
    bench.restart();
    bench.device(BATTERY, 'present', BATTERY_AXES);
    expect(orders(bench)).to.deep.equal(['battery opModStorageTargetW 2000']);
  });
});
