import { expect } from 'chai';
import * as fc from 'fast-check';
import { unixTime } from '../../src/base/time.ts';
import { packSamples, unpackSamples } from '../../src/model/mod.ts';
import type { DeviceId, Points, Reading, SampleRun } from '../../src/model/mod.ts';

const T = Date.UTC(2026, 10, 20, 12);

function reading(atMs: number, points: Points, device = 'meter'): Reading {
  return { device: device as DeviceId, role: 'meter', at: unixTime(T + atMs), points };
}

describe('samples', () => {
  it('TIME-1: are the first value with its decimals, and differences', () => {
    const runs = packSamples([
      reading(0, { W: -1500, PhVphA: 239.9, Hz: 59.98 }),
      reading(1001, { W: -1499, PhVphA: 240, Hz: 59.98 }),
      reading(2000, { W: 3, PhVphA: 240.2, Hz: 60 }),
    ]);
    expect(runs).to.deep.equal([
      {
        device: 'meter',
        role: 'meter',
        start: T,
        steps: [1001, 999],
        points: {
          W: { decimals: 0, deltas: [-1500, 1, 1502] },
          PhVphA: { decimals: 1, deltas: [2399, 1, 2] },
          Hz: { decimals: 2, deltas: [5998, 0, 2] },
        },
      },
    ]);
  });

  it('begin a new run where a point came or went, and keep devices apart', () => {
    const all = [
      reading(0, { W: 1 }),
      reading(0, { W: 1, SoC: 5 }, 'battery'),
      reading(1000, { W: 2 }),
      reading(2000, { W: 3, Hz: 60 }),
      reading(3000, { W: 4 }),
    ];
    const runs = packSamples(all);
    expect(runs.map(({ device, steps }) => `${device} ${steps.length + 1}`)).to.deep.equal([
      'meter 2',
      'battery 1',
      'meter 1',
      'meter 1',
    ]);
    expect(unpackSamples(runs)).to.have.deep.members(all);
  });

  it('give back every number as it was, also what no decimals can say', () => {
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(v => (Object.is(v, -0) ? 0 : v)),
      fc.integer({ min: -(10 ** 6), max: 10 ** 6 }).map(v => v / 100),
      fc.maxSafeInteger().map(v => (Object.is(v, -0) ? 0 : v)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, fc.nat(5000)), { minLength: 1, maxLength: 60 }), rows => {
        let at = 0;
        const all = rows.map(([W, Hz, step]) => reading((at += step), { W, Hz }));
        const runs = JSON.parse(JSON.stringify(packSamples(all))) as readonly SampleRun[];
        expect(unpackSamples(runs)).to.deep.equal(all);
      }),
      { numRuns: 500, seed: 3 },
    );
  });

  it('are none where a column is shorter or longer than the run, or adds up to no number', () => {
    const [run] = packSamples([reading(0, { W: 1 }), reading(1000, { W: 2 })]);
    if (run === undefined) throw new Error('one run');
    expect(unpackSamples([{ ...run, steps: [] }])).to.equal(undefined);
    expect(unpackSamples([{ ...run, steps: [1, 2] }])).to.equal(undefined);
    const far = { decimals: 0, deltas: [Number.MAX_SAFE_INTEGER, 1] };
    expect(unpackSamples([{ ...run, points: { W: far } }])).to.equal(undefined);
  });
});
