import { expect } from 'chai';
import { instant, milliseconds, seconds } from '../../src/base/time.ts';
import { HYSTERESIS, levelOf, newPhaseWatch, phasesOf, watchPhase } from '../../src/metering/mod.ts';
import type { PhaseWatch, VoltageChange } from '../../src/metering/mod.ts';
import type { VoltageLevel } from '../../src/model/mod.ts';

const TERMS = { nominalV: 120, dwell: seconds(30), staleAfter: seconds(4) };

/** One phase, read at moments of the test's choosing. */
class Phase {
  readonly watch: PhaseWatch;
  ms = 0;

  constructor(level: VoltageLevel = 0) {
    this.watch = newPhaseWatch(level);
  }

  read(voltageV: number, terms = TERMS): VoltageChange | undefined {
    return watchPhase(this.watch, { phase: 'A', voltageV }, terms, instant(this.ms));
  }

  /** One reading a second, from now on for `forS`, both ends included; the levels it went to. */
  hold(voltageV: number, forS: number): readonly VoltageLevel[] {
    const levels: VoltageLevel[] = [];
    for (let s = 0; s <= forS; s++) {
      if (s > 0) this.ms += 1000;
      const change = this.read(voltageV);
      if (change !== undefined) levels.push(change.to);
    }
    this.ms += 1000;
    return levels;
  }
}

describe('the voltage of a phase', () => {
  // ANSI C84.1-2016, service voltage on a base of 120 V.
  const levels: readonly (readonly [number, VoltageLevel])[] = [
    [127.01, 2],
    [127, 1],
    [126.01, 1],
    [126, 0],
    [120, 0],
    [114, 0],
    [113.99, -1],
    [110, -1],
    [109.99, -2],
    [0, -2],
  ];
  for (const [volts, level] of levels)
    it(`ALARM-1: ${volts} V on a base of 120 V is level ${level}`, () => {
      const phase = new Phase();
      phase.hold(volts, 30);
      expect(levelOf(phase.watch)).to.equal(level);
    });

  it('ALARM-1: scales with nominal, and takes the narrower ranges above 600 V', () => {
    const at = (nominalV: number, volts: number): VoltageLevel => {
      const phase = new Phase();
      for (; phase.ms <= 30_000; phase.ms += 1000) phase.read(volts, { ...TERMS, nominalV });
      return levelOf(phase.watch);
    };
    expect([218.6, 218.4, 210.9, 210.8].map(v => at(230, v))).to.deep.equal([0, -1, -1, -2]);
    expect([7021, 7019, 6841, 6839].map(v => at(7200, v))).to.deep.equal([0, -1, -1, -2]);
  });

  it('ALARM-1: counts when it has lasted for the dwell, and not a millisecond before', () => {
    const phase = new Phase();
    phase.read(113);
    for (phase.ms = 1000; phase.ms < 30_000; phase.ms += 1000) expect(phase.read(113)).to.equal(undefined);
    phase.ms = 29_999;
    expect(phase.read(113)).to.equal(undefined);
    phase.ms = 30_000;
    expect(phase.read(113)).to.deep.equal({
      phase: 'A',
      from: 0,
      to: -1,
      voltageV: 113,
      limitV: 114,
      for: 30_000,
    });
  });

  it('begins the dwell anew with one reading inside', () => {
    const phase = new Phase();
    expect([...phase.hold(113, 28), ...phase.hold(114, 0), ...phase.hold(113, 29)]).to.deep.equal([]);
    expect(phase.hold(113, 0)).to.deep.equal([-1]);
  });

  it('does not begin it anew where it moves between two levels outside', () => {
    const phase = new Phase();
    const seen = Array.from({ length: 31 }, (_, s) => phase.hold(s % 2 === 0 ? 109 : 113, 0)).flat();
    expect(seen).to.deep.equal([-1]);
  });

  it('ALARM-1: escalates from Range A to Range B after a dwell of its own, and eases', () => {
    const phase = new Phase();
    expect(phase.hold(113, 40)).to.deep.equal([-1]);
    expect(phase.hold(109, 29)).to.deep.equal([]);
    expect(phase.hold(109, 0)).to.deep.equal([-2]);
    expect(phase.hold(113, 30)).to.deep.equal([-1]);
    expect(phase.hold(120, 30)).to.deep.equal([0]);
  });

  it('clears only when it is back by the hysteresis, for the dwell', () => {
    const phase = new Phase(-1);
    expect(phase.hold(114 + HYSTERESIS * 120 - 0.01, 100)).to.deep.equal([]);
    expect(phase.hold(114 + HYSTERESIS * 120, 29)).to.deep.equal([]);
    expect(phase.hold(114 + HYSTERESIS * 120, 0)).to.deep.equal([0]);
  });

  it('names the limit that was crossed, inwards and outwards', () => {
    const crossed = (level: VoltageLevel, volts: number): number | undefined => {
      const phase = new Phase(level);
      phase.read(volts);
      phase.ms = 30_000;
      return phase.read(volts, { ...TERMS, staleAfter: seconds(60) })?.limitV;
    };
    expect([crossed(0, 128), crossed(2, 120), crossed(2, 126.2), crossed(-1, 128)]).to.deep.equal([
      127, 126, 127, 127,
    ]);
  });

  it('goes from one side to the other as one change', () => {
    const phase = new Phase(-2);
    expect(phase.hold(128, 30)).to.deep.equal([2]);
    expect(phase.hold(120, 30)).to.deep.equal([0]);
  });

  it('neither raises nor clears by what was not read', () => {
    for (const [level, volts] of [
      [0, 100],
      [-2, 120],
    ] as const) {
      const phase = new Phase(level);
      phase.read(volts);
      phase.ms = 60_000;
      expect(phase.read(volts)).to.equal(undefined);
      phase.ms += TERMS.staleAfter + milliseconds(1);
      expect(phase.read(volts)).to.equal(undefined);
      expect(levelOf(phase.watch)).to.equal(level);
    }
  });

  it('is that of each phase, or the average of a meter that tells no phases', () => {
    expect(phasesOf({ PhV: 121, PhVphA: 120, PhVphC: 122 })).to.deep.equal([
      ['A', 120],
      ['C', 122],
    ]);
    expect(phasesOf({ PhV: 121 })).to.deep.equal([['average', 121]]);
    expect(phasesOf({ W: 5 })).to.deep.equal([]);
  });
});
