import { expect } from 'chai';
import { MAX_SAMPLINGS, SAMPLES_AWAY, SAMPLES_LIVE } from '../../../src/gateway/uplink/sampling.ts';
import { unpackSamples } from '../../../src/model/mod.ts';
import type { Reading } from '../../../src/model/mod.ts';
import { encodeMeasurements } from '../../../src/wan/envelope/measurements.ts';
import { signRecord } from '../../../src/wan/envelope/mod.ts';
import { testKey } from '../../wan/envelope/vectors.ts';
import { Bench, PV } from '../bench.ts';

/** Read once a second for `s` seconds, with twenty points. */
function run(bench: Bench, s: number): void {
  for (let n = 0; n < s; n++) {
    bench.until(bench.ms + 1000);
    bench.reading(pointsAt(bench.ms));
  }
}

/** Twenty points of a meter, in the resolution of its registers, that move as a house does. */
function pointsAt(ms: number): Record<string, number> {
  const s = Math.floor(ms / 1000);
  const wobble = (n: number, span: number): number => ((s * 7919 + n * 104_729) % (2 * span + 1)) - span;
  const phases = ['A', 'B', 'C'].flatMap((phase, n): [string, number][] => [
    [`PhVph${phase}`, (2400 + wobble(n, 9)) / 10],
    [`Aph${phase}`, (410 + wobble(n + 3, 40)) / 100],
    [`ThdPhVph${phase}`, (21 + wobble(n + 6, 3)) / 10],
    [`ThdAph${phase}`, (84 + wobble(n + 9, 5)) / 10],
  ]);
  return {
    ...Object.fromEntries(phases),
    W: 950 + wobble(12, 120),
    VA: 990 + wobble(13, 120),
    Var: 60 + wobble(14, 25),
    PF: (960 + wobble(15, 20)) / 1000,
    Hz: (6000 + wobble(16, 3)) / 100,
    A: (1230 + wobble(17, 90)) / 100,
    TotWhImp: 81_000 + Math.floor(s / 4),
    TotWhExp: 9000,
  };
}

function samples(bench: Bench): readonly Reading[] {
  return bench
    .reported('reading')
    .flatMap(({ body }) => (body.kind === 'samples' ? (unpackSamples(body.runs) ?? []) : []));
}

function ask(bench: Bench, s: number, forS: number): void {
  bench.command({ kind: 'read', every: { s, forS } });
}

describe('samples on request', () => {
  it('TIME-1: come every second with the time of each, for as long as was asked', () => {
    const bench = Bench.ready();
    bench.reading(pointsAt(bench.ms));
    const start = bench.now.unix;
    ask(bench, 1, 35);
    run(bench, 45);
    expect(samples(bench).map(({ at }) => at - start)).to.deep.equal(
      Array.from({ length: 35 }, (_, n) => n * 1000),
    );
    expect(samples(bench)[7]?.points).to.deep.equal(pointsAt(bench.ms - 38_000));
    expect(bench.story()).to.deep.equal(['received', 'completed']);
  });

  it('come every few seconds where that was asked, and no reading twice', () => {
    const bench = Bench.ready();
    ask(bench, 7, 70);
    run(bench, 20);
    bench.until(bench.ms + 60_000);
    const apart = samples(bench).map(({ at }, n, all) => at - (all[n - 1]?.at ?? at));
    expect(new Set(apart.slice(1))).to.deep.equal(new Set([7000]));
    expect(samples(bench).length).to.be.within(2, 4);
  });

  it('wait ten seconds for their record while the link is up, and a minute while it is down', () => {
    for (const [link, most] of [
      ['up', SAMPLES_LIVE],
      ['down', SAMPLES_AWAY],
    ] as const) {
      const bench = Bench.ready();
      ask(bench, 1, 600);
      bench.link(link);
      run(bench, 180);
      const lengths = bench
        .reported('reading')
        .map(({ body }) => (body.kind === 'samples' ? (body.runs[0]?.steps.length ?? 0) + 1 : 0));
      expect([...new Set(lengths)], link).to.deep.equal([most]);
    }
  });

  it('go on after a restart', () => {
    const bench = Bench.ready();
    ask(bench, 1, 100);
    run(bench, 25);
    bench.restart();
    bench.link('up');
    bench.device(PV, 'present');
    run(bench, 100);
    expect(samples(bench).length).to.be.within(85, 100);
    expect(bench.story()).to.deep.equal(['received', 'completed']);
  });

  it('are asked for side by side, so many and no more', () => {
    const bench = Bench.ready();
    for (let n = 0; n <= MAX_SAMPLINGS; n++) ask(bench, 1, 60);
    expect(bench.story()).to.deep.equal([
      ...Array.from({ length: MAX_SAMPLINGS }, () => 'received'),
      'invalid busy',
    ]);
  });

  it('take at 20 points and 1 Hz less than a fifth of the bytes of single readings', () => {
    const bench = Bench.ready();
    bench.link('down');
    ask(bench, 1, 600);
    run(bench, 130);
    const record = bench.reported('reading')[1];
    if (record === undefined) throw new Error('two records');
    const from = { gateway: bench.settings.gateway, utility: 'north', at: record.at, keyEpoch: 1 };
    const bytes = signRecord(record, from, testKey(3)).length;
    const [reading] = samples(bench);
    if (reading === undefined) throw new Error('a sample');
    const single = encodeMeasurements({ kind: 'readings', cti: '', issuer: '', readings: [reading] }).length;
    expect(bytes / SAMPLES_AWAY, `${bytes} bytes a record, ${single} bytes a reading`).to.be.below(
      single / 5,
    );
  });
});
