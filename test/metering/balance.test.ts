import { expect } from 'chai';
import { balanceOf } from '../../src/metering/mod.ts';

describe('the balance of phases', () => {
  it('PQ-1: is the worst deviation from the mean of the phases, in percent of it', () => {
    // NEMA MG 1, 14.36: 460, 467 and 450 V are unbalanced by 2 %.
    const points = { PhVphA: 460, PhVphB: 467, PhVphC: 450, AphA: 10, AphB: 10, AphC: 10 };
    expect(balanceOf(points)).to.deep.equal({ PhVUnb: 1.96, AphUnb: 0 });
  });

  it('is unknown without three phases, and where nothing flows', () => {
    expect(balanceOf({ PhVphA: 120, PhVphB: 121, AphA: 0, AphB: 0, AphC: 0 })).to.deep.equal({});
  });
});
