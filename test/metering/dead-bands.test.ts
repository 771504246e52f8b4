import { expect } from 'chai';
import { isNews } from '../../src/metering/mod.ts';

describe('what is worth a report', () => {
  const rows: readonly (readonly [string, number, number, boolean])[] = [
    ['W', 100, 150, false],
    ['W', 100, 151, true],
    ['W', -10_000, -10_500, false],
    ['W', -10_000, -10_501, true],
    ['W', 0, 51, true],
    ['Var', 0, -51, true],
    ['AphB', 3, 3.5, false],
    ['AphB', 3, 3.51, true],
    ['PF', 0.98, 0.965, false],
    ['PF', 0.98, -0.98, true],
    ['PhVphA', 240, 241.2, false],
    ['PhVphA', 240, 241.3, true],
    ['Hz', 60, 60.02, false],
    ['Hz', 60, 60.03, true],
    ['SoC', 50, 51, false],
    ['SoC', 50, 51.5, true],
    ['PhVUnb', 1, 1.5, false],
    ['PhVUnb', 1, 1.6, true],
    ['TotWhImp', 0, 1e9, false],
    ['InvSt', 3, 4, true],
    ['WMaxLimPct', 50, 50.1, true],
    ['ofAMaker', 7, 7, false],
    ['ofAMaker', 7, 7.1, true],
  ];
  for (const [name, was, is, news] of rows)
    it(`${name} from ${was} to ${is} ${news ? 'is' : 'is not'}`, () => {
      expect(isNews({ [name]: was }, { [name]: is })).to.equal(news);
    });

  it('is a point that came or went, and a device that was not told of', () => {
    expect(isNews({ W: 1 }, { W: 1, SoC: 5 })).to.equal(true);
    expect(isNews({ W: 1, SoC: 5 }, { W: 1 })).to.equal(true);
    expect(isNews(undefined, {})).to.equal(true);
    expect(isNews({ W: 1 }, { W: 1 })).to.equal(false);
  });
});
