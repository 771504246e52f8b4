import { expect } from 'chai';
import * as fc from 'fast-check';
import { instant, seconds, unixTime } from '../../src/base/time.ts';
import { INTERVAL, MAX_FILLED, newBook, noteRegisters } from '../../src/metering/mod.ts';
import type { BillingInterval, IntervalBook, Registers } from '../../src/metering/mod.ts';
import type { ClockTrust } from '../../src/model/mod.ts';

/** 2026-11-20T12:00:00Z, a quarter of an hour. */
const NOON = Date.UTC(2026, 10, 20, 12);

/** A meter that is read at moments of the test's choosing. */
class Meter {
  book: IntervalBook = newBook();
  /** The monotonic clock, and how far the date is ahead of it. */
  ms = 0;
  offMs = NOON;
  trust: ClockTrust = 'trusted';
  readonly ended: BillingInterval[] = [];

  /** `atMs` after noon on the monotonic clock. */
  read(atMs: number, registers: Registers): readonly BillingInterval[] {
    this.ms = atMs;
    const now = { instant: instant(1e9 + this.ms), unix: unixTime(this.offMs + this.ms) };
    const ended = noteRegisters(this.book, { now, registers, clock: this.trust, silentAfter: seconds(4) });
    this.ended.push(...ended);
    return ended;
  }

  /** Read every second from `fromS` to before `toS`; 1 Wh a second is imported, 2 exported. */
  run(fromS: number, toS: number): void {
    for (let s = fromS; s < toS; s++) this.read(s * 1000, { importWh: 1000 + s, exportWh: 5000 + 2 * s });
  }

  restart(): void {
    const row = JSON.stringify(this.book.open ?? null);
    this.book = newBook(JSON.parse(row) ?? undefined);
  }

  /** `12:15 actual 900/1800 silent`. */
  story(): readonly string[] {
    return this.ended.map(({ start, quality, energy, flags }) =>
      [
        new Date(start).toISOString().slice(11, 16),
        quality,
        `${energy.importWh ?? '-'}/${energy.exportWh ?? '-'}`,
        ...flags,
      ].join(' '),
    );
  }
}

describe('billing intervals', () => {
  it('begin at the first quarter of an hour after the first reading, and hold what the registers rose by', () => {
    const meter = new Meter();
    meter.run(-100, 1801);
    expect(meter.ended).to.deep.equal([
      {
        start: NOON,
        duration: INTERVAL,
        quality: 'actual',
        energy: { importWh: 900, exportWh: 1800 },
        registers: { importWh: 1900, exportWh: 6800 },
        flags: [],
      },
      {
        start: NOON + INTERVAL,
        duration: INTERVAL,
        quality: 'actual',
        energy: { importWh: 900, exportWh: 1800 },
        registers: { importWh: 2800, exportWh: 8600 },
        flags: [],
      },
    ]);
  });

  it('end when the clock has reached the quarter, and not a millisecond before', () => {
    const meter = new Meter();
    meter.run(-1, 899);
    expect(meter.read(899_999, { importWh: 1900, exportWh: 6800 })).to.have.length(0);
    expect(meter.read(900_000, { importWh: 1900, exportWh: 6800 })).to.have.length(1);
  });

  it('know what the meter counts: one direction, when it has one', () => {
    const meter = new Meter();
    for (const [at, exportWh] of [
      [-1, 7],
      [0, 7],
      [900, 9.5],
    ] as const)
      meter.read(at * 1000, { exportWh });
    expect(meter.ended.map(({ energy }) => energy)).to.deep.equal([{ exportWh: 2.5 }]);
  });

  it('pass over a reading that lacks a register, and end by the next', () => {
    const meter = new Meter();
    meter.run(-1, 900);
    expect(meter.read(900_000, { importWh: 1900 })).to.have.length(0);
    meter.run(901, 902);
    expect(meter.story()).to.deep.equal(['12:00 actual 901/1802']);
  });

  it('go on over a restart: what is between two boundaries does not matter', () => {
    const meter = new Meter();
    meter.run(-1, 300);
    meter.restart();
    meter.run(600, 901);
    expect(meter.story()).to.deep.equal(['12:00 actual 900/1800 silent']);
  });

  it('are estimated where the meter was silent at a boundary, and none of the energy is lost', () => {
    const meter = new Meter();
    meter.run(-1, 800);
    meter.run(1000, 1801);
    expect(meter.story()).to.deep.equal([
      '12:00 estimated 900/1800 silent',
      '12:15 estimated 900/1800 silent',
    ]);
  });

  it('are filled in behind a silence over several, and behind one over a restart', () => {
    for (const restarts of [false, true]) {
      const meter = new Meter();
      meter.run(-1, 100);
      if (restarts) meter.restart();
      meter.run(3600, 3601);
      expect(meter.story()).to.deep.equal([
        '12:00 estimated 900/1800 silent',
        '12:15 estimated 900/1800 silent',
        '12:30 estimated 900/1800 silent',
        '12:45 estimated 900/1800 silent',
      ]);
    }
  });

  it('are missed together where more than a day is missing', () => {
    const meter = new Meter();
    meter.run(-1, 1);
    meter.run(MAX_FILLED * 900, MAX_FILLED * 900 + 1);
    expect(meter.ended).to.have.length(MAX_FILLED);
    const next = (2 * MAX_FILLED + 1) * 900;
    meter.run(next, next + 1);
    const last = meter.ended.at(-1);
    expect(meter.ended).to.have.length(MAX_FILLED + 1);
    expect(last).to.deep.include({ quality: 'missed', duration: 97 * INTERVAL });
    expect(last?.energy).to.deep.equal({ importWh: 97 * 900, exportWh: 97 * 1800 });
  });

  it('say nothing of the energy where a register went back, and begin anew', () => {
    const meter = new Meter();
    meter.run(-1, 400);
    meter.read(400_000, { importWh: 5, exportWh: 5 });
    meter.read(899_000, { importWh: 50, exportWh: 5 });
    meter.read(900_000, { importWh: 60, exportWh: 5 });
    meter.read(1_800_000, { importWh: 80, exportWh: 6 });
    expect(meter.story()).to.deep.equal([
      '12:00 missed -/- register-reset silent',
      '12:15 actual 20/1 silent',
    ]);
  });

  it('say so where a register went back behind a boundary', () => {
    const meter = new Meter();
    meter.run(-1, 400);
    meter.read(1_000_000, { importWh: 5, exportWh: 5 });
    meter.read(1_800_000, { importWh: 50, exportWh: 5 });
    expect(meter.story()).to.deep.equal([
      '12:00 missed -/- silent register-reset',
      '12:15 missed -/- register-reset silent',
    ]);
  });

  it('keep all energy when the clock jumps forward, and say that it did', () => {
    const meter = new Meter();
    meter.run(-1, 100);
    meter.offMs += 1_800_000;
    meter.run(100, 901);
    const [first, second, third] = meter.story();
    expect([first, second, third].map(line => line?.split(' ').slice(0, 2).join(' '))).to.deep.equal([
      '12:00 estimated',
      '12:15 estimated',
      '12:30 estimated',
    ]);
    for (const line of [first, second, third]) expect(line).to.match(/clock-adjusted/);
    expect(sum(meter.ended)).to.equal(900);
  });

  it('wait for the clock when it went back a little, and tell no quarter twice', () => {
    const meter = new Meter();
    meter.run(-1, 960);
    meter.offMs -= 120_000;
    meter.run(960, 1921);
    expect(meter.story()).to.deep.equal([
      '12:00 actual 900/1800',
      '12:15 estimated 1020/2040 clock-adjusted',
    ]);
  });

  it('end short and begin at the new date when it went back by more', () => {
    const meter = new Meter();
    meter.run(-1, 100);
    meter.offMs -= 86_400_000;
    meter.run(100, 1000);
    expect(meter.story()).to.deep.equal([
      '12:00 estimated 100/200 clock-adjusted',
      '12:00 estimated 800/1600 clock-adjusted',
    ]);
    expect(meter.ended.map(({ start }) => start)).to.deep.equal([NOON, NOON - 86_400_000]);
  });

  it('say when the date was not to be believed', () => {
    const meter = new Meter();
    meter.trust = 'untrusted';
    meter.run(-1, 901);
    expect(meter.story()).to.deep.equal(['12:00 actual 900/1800 clock-untrusted']);
  });

  it('add up to what the registers rose by, whatever is silent, restarts or jumps', () => {
    const happening = fc.record({
      afterS: fc.integer({ min: 1, max: 5000 }),
      riseWh: fc.integer({ min: 0, max: 4000 }),
      jumpS: fc.oneof({ arbitrary: fc.constant(0), weight: 4 }, fc.integer({ min: -9000, max: 9000 })),
      restarts: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 30 }), happenings => {
        const meter = new Meter();
        let importWh = 1000;
        meter.run(-1, 1);
        const from = meter.book.open?.registers.importWh ?? 0;
        let at = 0;
        for (const { afterS, riseWh, jumpS, restarts } of happenings) {
          at += afterS * 1000;
          importWh += riseWh;
          meter.offMs += jumpS * 1000;
          if (restarts) meter.restart();
          meter.read(at, { importWh, exportWh: 5000 });
        }
        const through = meter.book.open?.registers.importWh ?? 0;
        expect(sum(meter.ended)).to.equal(through - from);
        for (const [n, interval] of meter.ended.entries())
          expect(interval.start % INTERVAL, `interval ${n}`).to.equal(0);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});

function sum(intervals: readonly BillingInterval[]): number {
  return intervals.reduce((total, { energy }) => total + (energy.importWh ?? 0), 0);
}
