/** The simulated battery, meter and home in virtual time. */
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import type { Home, HomeOptions } from '../../src/sim/mod.ts';
import { Battery, HOME_START, makeHome } from '../../src/sim/mod.ts';
import { point } from './points.ts';

const GRID = { voltageV: 230, frequencyHz: 50 };

describe('sim battery', () => {
  function scene(startPct = 50) {
    const battery = new Battery(instant(0), { startPct, serviceDelayS: 1, serviceRampS: 1 });
    const write = (name: string, ...words: number[]) => battery.wire.write(point(name, battery.image), words);
    return { battery, image: battery.image, write };
  }

  it('follows the wish of the house within its rate, and its charge follows the energy', () => {
    const { battery, image } = scene();
    battery.advance(instant(2000), -9000, GRID);
    expect([image.get('701.W'), image.get('802.W'), image.get('802.ChaSt')]).to.deep.equal([-5000, -5000, 4]);
    battery.advance(instant(1_802_000), -9000, GRID);
    // Half an hour at 5 kW is 2500 Wh, of which 0.96 arrives: 24 % of 10 kWh.
    expect(image.get('713.SoC')).to.be.closeTo(74, 0.1);
    expect(image.get('713.WHAvail')).to.be.closeTo(7400, 10);
    expect(image.get('124.ChaState')).to.equal(image.get('802.SoC'));
  });

  it('stops at its lowest charge, and when it is full', () => {
    const [empty, full] = [scene(6), scene(99.5)];
    empty.battery.advance(instant(3_600_000), 5000, GRID);
    expect([
      empty.image.get('701.W'),
      empty.image.get('802.ChaSt'),
      empty.image.get('713.SoC'),
    ]).to.deep.equal([0, 2, 5]);
    full.battery.advance(instant(3_600_000), -5000, GRID);
    expect([full.image.get('701.W'), full.image.get('802.ChaSt'), full.image.get('713.SoC')]).to.deep.equal([
      0, 5, 100,
    ]);
  });

  it('obeys a target of 704 before the wish, in both directions, and a limit before the target', () => {
    const { battery, image, write } = scene();
    write('704.WSet', 0xffff, 0xf448); // −3000 W
    write('704.WSetEna', 1);
    battery.advance(instant(2000), 1000, GRID);
    expect(image.get('701.W')).to.equal(-3000);
    write('704.WSet', 0, 3000);
    battery.advance(instant(5000), 1000, GRID);
    expect(image.get('701.W')).to.equal(3000);
    write('704.WMaxLimPct', 2000);
    write('704.WMaxLimPctEna', 1);
    battery.advance(instant(8000), 1000, GRID);
    expect(image.get('701.W')).to.equal(1000);
  });

  it('keeps inside the window of 124 and falls back when nobody renews it', () => {
    const { battery, image, write } = scene();
    write('124.InWRte', 2000);
    write('124.InOutWRte_RvrtTms', 60);
    write('124.StorCtl_Mod', 1);
    battery.advance(instant(3000), -9000, GRID);
    expect(image.get('701.W')).to.equal(-1000);
    battery.advance(instant(59_999), -9000, GRID);
    expect(image.get('124.StorCtl_Mod')).to.equal(1);
    battery.advance(instant(62_000), -9000, GRID);
    expect([image.get('124.StorCtl_Mod'), image.get('701.W')]).to.deep.equal([0, -5000]);
  });

  it('discharges at once when OutWRte and InWRte command it, as Fronius has it', () => {
    const { battery, image, write } = scene();
    write('124.InWRte', 0x10000 - 4000); // −40 %
    write('124.StorCtl_Mod', 1);
    battery.advance(instant(3000), 0, GRID);
    expect(image.get('701.W')).to.equal(2000);
  });

  it('OVR-4: ceases to energise with ES 0', () => {
    const { battery, image, write } = scene();
    battery.advance(instant(2000), 3000, GRID);
    write('703.ES', 0);
    battery.advance(instant(2001), 3000, GRID);
    expect([
      image.get('701.W'),
      image.get('802.W'),
      image.get('802.State'),
      image.get('701.ConnSt'),
    ]).to.deep.equal([0, 0, 1, 0]);
  });
});

describe('sim home', () => {
  function run(options: HomeOptions, untilMs: number, stepMs = 100): Home {
    const home = makeHome(HOME_START, options);
    for (let at = stepMs; at <= untilMs; at += stepMs) home.advance(instant(at));
    return home;
  }

  it('shows at the meter what the load draws less what the sources give, at every moment of a day', () => {
    const home = makeHome(HOME_START, { startHour: 0, daySpeed: 600 });
    for (let at = 100; at <= 144_000; at += 100) {
      home.advance(instant(at));
      const expectedW = home.loadW - home.inverter.image.get('701.W') - home.battery.image.get('701.W');
      // Three instruments round to whole watts.
      expect(home.meter.image.get('203.W')).to.be.closeTo(expectedW, 2);
      const phases = ['A', 'B', 'C'].reduce((sum, phase) => sum + home.meter.image.get(`203.Wph${phase}`), 0);
      expect(home.meter.image.get('203.W')).to.be.closeTo(phases, 2);
    }
  });

  it('has a day: no sun at midnight, plenty at noon', () => {
    expect(run({ startHour: 0 }, 5000).inverter.image.get('103.W')).to.equal(0);
    expect(run({ startHour: 0 }, 5000).inverter.image.get('103.St')).to.equal(2);
    expect(run({ startHour: 12 }, 5000).inverter.image.get('103.W')).to.be.within(2500, 8000);
  });

  it('has the same day for the same seed, and another for another', () => {
    const trace = (seed: number): number[] => {
      const home = makeHome(HOME_START, { seed, startHour: 9, daySpeed: 60 });
      return Array.from({ length: 200 }, (_, i) => {
        home.advance(instant(500 * (i + 1)));
        return home.meter.image.get('203.W');
      });
    };
    expect(trace(7)).to.deep.equal(trace(7));
    expect(trace(7)).to.not.deep.equal(trace(8));
  });

  it('raises the voltage when it gives and lowers it when it draws', () => {
    const day = run({ startHour: 12, battery: { startPct: 100 } }, 5000).meter.image.get('203.PhV');
    const night = run({ startHour: 19, battery: { startPct: 5 } }, 5000).meter.image.get('203.PhV');
    expect(day).to.be.within(230.5, 233);
    expect(night).to.be.within(227, 229.9);
  });

  it('a limit on the inverter reaches the meter', () => {
    const home = run({ startHour: 12, battery: { startPct: 100 } }, 5000);
    const before = home.meter.image.get('203.W');
    home.inverter.wire.write(point('704.WMaxLimPct', home.inverter.image), [0]);
    home.inverter.wire.write(point('704.WMaxLimPctEna', home.inverter.image), [1]);
    home.advance(instant(8000));
    expect(before).to.be.lessThan(-1500);
    expect(home.inverter.image.get('103.W')).to.equal(0);
    expect(home.meter.image.get('203.W')).to.be.greaterThan(-5);
  });

  it('counts at the meter what came and what went', () => {
    const home = run({ startHour: 12, battery: { startPct: 100 } }, 600_000, 1000);
    expect(home.meter.image.get('203.TotWhExp')).to.be.within(300, 1300);
    expect(home.meter.image.get('203.TotWhImp')).to.equal(0);
  });

  it('lets the meter be read only', () => {
    const { meter } = run({}, 100);
    expect(meter.wire.write(point('203.W', meter.image), [0])).to.deep.equal({ exception: 2 });
  });
});
