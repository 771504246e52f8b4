/** What an order should bring about, and the verdict on what was measured: each outcome, at its boundary. */
import { expect } from 'chai';
import { goalOf, isMeasurable, isReached, judgeEffect } from '../../../src/local/device/mod.ts';

const EFFECT = { point: '103.W', withinMs: 30_000 };

describe('the effect of an order', () => {
  it('is at most a share of the rating for a limit, with 5 % of the rating for the measurement', () => {
    const goal = goalOf({ axis: 'opModMaxLimW', value: 5000 }, { ratingW: 8000 });
    expect(goal).to.deep.equal({ kind: 'at-most', powerW: 4000, toleranceW: 400 });
    if (goal === undefined) return;
    expect([isReached(goal, 4400), isReached(goal, 4401), isReached(goal, 0)]).to.deep.equal([
      true,
      false,
      true,
    ]);
  });

  it('is what was ordered for a target, either side, in the sign of readings', () => {
    const goal = goalOf({ axis: 'opModStorageTargetW', value: 3000 }, { ratingW: undefined, tolerance: 100 });
    expect(goal).to.deep.equal({ kind: 'near', powerW: -3000, toleranceW: 100 });
    if (goal === undefined) return;
    expect([-3101, -3100, -2900, -2899, 3000].map(power => isReached(goal, power))).to.deep.equal([
      false,
      true,
      true,
      false,
      false,
    ]);
  });

  it('is nothing that can be measured for a release, a connection, or a percentage of nobody knows what', () => {
    expect(isMeasurable({ axis: 'opModMaxLimW', value: undefined })).to.equal(false);
    expect(isMeasurable({ axis: 'opModConnect', value: 1 })).to.equal(false);
    expect(isMeasurable({ axis: 'opModConnect', value: 0 })).to.equal(true);
    expect(goalOf({ axis: 'opModMaxLimW', value: 5000 }, { ratingW: undefined })).to.equal(undefined);
    expect(goalOf({ axis: 'opModMaxLimW', value: 0 }, { ratingW: undefined })).to.include({ powerW: 0 });
    expect(goalOf({ axis: 'opModFixedVar', value: 5000 }, { ratingW: 8000 })).to.equal(undefined);
  });

  const goal = { kind: 'at-most', powerW: 4000, toleranceW: 400 } as const;
  const held = { outcome: 'implemented', evidence: [] } as const;
  const notHeld = { outcome: 'unknown', why: 'limit holds 0, not 4000', evidence: [] } as const;
  for (const [what, result, seen, outcome] of [
    ['held, and measured', held, { before: 8000, after: 4000 }, 'implemented'],
    ['held, and measured before too', held, { before: 3000, after: 3000 }, 'implemented'],
    ['held, and not measured', held, { before: 8000, after: 8000 }, 'refused'],
    ['held, and nothing can be measured', held, { before: undefined, after: undefined }, 'unknown'],
    ['not held, and seen to change', notHeld, { before: 8000, after: 4000 }, 'implemented'],
    ['not held, and so before: it proves nothing', notHeld, { before: 3000, after: 3000 }, 'unknown'],
    ['not held, and nobody knows what was before', notHeld, { before: undefined, after: 3000 }, 'unknown'],
    ['not held, and not measured', notHeld, { before: 8000, after: 8000 }, 'refused'],
  ] as const)
    it(`is ${outcome} where the register is ${what}`, () => {
      const judged = judgeEffect(result, { effect: EFFECT, goal, ...seen });
      expect(judged.outcome).to.equal(outcome);
      if (outcome !== 'implemented') expect(judged.why).to.match(/103\.W/);
      else expect(judged.why).to.equal(undefined);
    });

  it('says what to look at where it is not seen', () => {
    const effect = { ...EFFECT, hint: 'Control is enabled at the device.' };
    const { why } = judgeEffect(held, { effect, goal, before: 8000, after: 8000 });
    expect(why).to.equal(
      'acknowledged, but after 30000 ms 103.W shows 8000 W where at most 4000 W was ordered; Control is enabled at the device.',
    );
  });
});
