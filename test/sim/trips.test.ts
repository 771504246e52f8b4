/**
 * The simulated inverter leaves the grid by its trip curves and comes back by 703. Times and thresholds are those of
 * IEEE 1547-2018, tables 4, 12 and 18, category II, at 230 V and 50 Hz.
 */
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import { Inverter } from '../../src/sim/mod.ts';
import { point } from './points.ts';

const FAULT = 6;
const STARTING = 2;
const RUNNING = 3;

/** An inverter of 8000 W in steady sun that has run for two seconds, on a grid to be changed. */
function scene({ delayS = 5, rampS = 5, nominalHz = 50 } = {}) {
  const inverter = new Inverter(instant(0), {
    rampS: 1,
    serviceDelayS: delayS,
    serviceRampS: rampS,
    nominalHz,
  });
  const grid = { voltageV: 230, frequencyHz: nominalHz };
  const to = (ms: number): void => inverter.advance(instant(ms), 6000, { ...grid });
  const write = (name: string, ...words: number[]) =>
    expect(inverter.wire.write(point(name, inverter.image), words)).to.equal(undefined);
  const get = (name: string): number => inverter.image.get(name);
  to(2000);
  return { grid, to, write, get };
}

describe('sim trips', () => {
  for (const [what, change, afterMs, alarm] of [
    ['below 45 % of the voltage', { voltageV: 103 }, 160, 11],
    ['below 70 % of the voltage', { voltageV: 160 }, 10_000, 11],
    ['above 110 % of the voltage', { voltageV: 253.5 }, 2000, 10],
    ['above 120 % of the voltage', { voltageV: 276.5 }, 160, 10],
    ['below 46.5 Hz', { frequencyHz: 46.4 }, 160, 9],
    ['below 48.5 Hz', { frequencyHz: 48.4 }, 300_000, 9],
    ['above 51.2 Hz', { frequencyHz: 51.3 }, 300_000, 8],
    ['above 52 Hz', { frequencyHz: 52.1 }, 160, 8],
  ] as const)
    it(`${what}: trips in the millisecond its time ends, and says why`, () => {
      const { grid, to, get } = scene();
      Object.assign(grid, change);
      to(2000 + afterMs - 1);
      expect([get('701.ConnSt'), get('701.Alrm')]).to.deep.equal([1, 0]);
      to(2000 + afterMs);
      expect([get('701.W'), get('701.ConnSt'), get('701.InvSt'), get('103.St')]).to.deep.equal([
        0,
        0,
        FAULT,
        7,
      ]);
      expect([get('701.Alrm'), get('103.Evt1')]).to.deep.equal([1 << alarm, 1 << alarm]);
    });

  it('rides through what ends in time, and counts the next from its beginning', () => {
    const { grid, to, get } = scene();
    for (const [voltageV, ms] of [
      [103, 2159],
      [230, 2160],
      [103, 2319],
      [230, 9000],
    ] as const) {
      grid.voltageV = voltageV;
      to(ms);
      expect(get('701.ConnSt'), `at ${ms} ms`).to.equal(1);
    }
  });

  it('trips by the set that was adopted, and by none that is not enabled', () => {
    const { grid, to, write, get } = scene();
    write('708.Crv[1].MustTrip.Pt[0].V', 10_500);
    write('708.Crv[1].MustTrip.Pt[0].Tms', 0, 50);
    write('708.AdptCrvReq', 2);
    to(3000);
    grid.voltageV = 245;
    to(3499);
    expect(get('701.ConnSt')).to.equal(1);
    to(3500);
    expect(get('701.ConnSt')).to.equal(0);
    const still = scene();
    still.write('707.Ena', 0);
    still.grid.voltageV = 20;
    still.to(60_000);
    expect(still.get('701.ConnSt')).to.equal(1);
  });

  it('enters service when voltage and frequency were within 703 for all of its delay, then along its ramp', () => {
    const { grid, to, get } = scene({ delayS: 60, rampS: 100 });
    grid.voltageV = 276.5;
    to(3000);
    expect(get('701.InvSt')).to.equal(FAULT);
    // 242 V is above 105 %, 50.2 Hz above 50.1 Hz.
    for (const [change, ms] of [
      [{ voltageV: 242 }, 100_000],
      [{ voltageV: 230, frequencyHz: 50.2 }, 200_000],
    ] as const) {
      Object.assign(grid, change);
      to(ms);
      expect([get('701.InvSt'), get('703.ESDlyRemTms')]).to.deep.equal([FAULT, 0]);
    }
    grid.frequencyHz = 50;
    to(215_000);
    expect([get('701.InvSt'), get('703.ESDlyRemTms')]).to.deep.equal([STARTING, 45]);
    // An excursion at a quarter of the delay begins it anew.
    grid.frequencyHz = 49.4;
    to(216_000);
    grid.frequencyHz = 50;
    to(275_999);
    expect([get('701.W'), get('701.InvSt')]).to.deep.equal([0, STARTING]);
    to(286_000);
    // Ten seconds up a ramp of 100 s to 8000 W.
    expect(get('701.Alrm')).to.equal(0);
    expect(get('701.W')).to.be.closeTo(800, 1);
    to(400_000);
    expect([get('701.W'), get('701.InvSt')]).to.deep.equal([6000, RUNNING]);
  });

  it('does not leave the grid for being outside of 703 alone, and obeys a cease beside a trip', () => {
    const { grid, to, write, get } = scene();
    grid.voltageV = 245;
    to(60_000);
    expect(get('701.ConnSt')).to.equal(1);
    grid.voltageV = 276.5;
    to(61_000);
    write('703.ES', 0);
    grid.voltageV = 230;
    to(120_000);
    expect([get('701.ConnSt'), get('701.Alrm')]).to.deep.equal([0, (1 << 10) | (1 << 6)]);
    write('703.ES', 1);
    to(130_000);
    expect([get('701.ConnSt'), get('701.Alrm')]).to.deep.equal([1, 0]);
  });

  it('has the thresholds of a grid of 60 Hz where it is made for one', () => {
    const { grid, to, get } = scene({ nominalHz: 60 });
    expect([get('709.Crv[0].MustTrip.Pt[0].Hz'), get('710.Crv[0].MustTrip.Pt[1].Hz')]).to.deep.equal([
      56.5, 62,
    ]);
    expect([get('703.ESHzLo'), get('703.ESHzHi')]).to.deep.equal([59.5, 60.1]);
    grid.frequencyHz = 61.9;
    to(3000);
    expect(get('701.ConnSt')).to.equal(1);
    grid.frequencyHz = 62.1;
    to(4000);
    expect(get('701.ConnSt')).to.equal(0);
  });
});
