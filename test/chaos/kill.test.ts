/** A sample of `npm run chaos -- kill`. */
import { expect } from 'chai';
import { killAgainAndAgain } from './kill.ts';

describe('chaos: kill -9', () => {
  it('loses nothing acknowledged and does nothing twice over ten kills under load', async function () {
    this.timeout(120_000);
    const { wrong, commands, answered, records } = await killAgainAndAgain({ kills: 10, seed: 1 });
    expect(wrong).to.deep.equal([]);
    expect(answered).to.equal(commands);
    expect(commands).to.be.at.least(10);
    expect(records).to.be.above(commands);
  });
});
