/** A sample of `npm run chaos -- outage`; a day takes a minute. */
import { expect } from 'chai';
import { outage } from './outage.ts';

describe('an outage of the broker', () => {
  it('ALARM-1: loses nothing, sends what is new first, and is made up for in no time', async () => {
    const found = await outage(1);
    expect(found).to.include({ missing: 0, twice: 0, lost: 0 });
    expect(found.samples).to.be.at.least(found.seconds - 60);
    expect(found.timesRealTime).to.be.at.least(20);
    expect(found.heapGrowthMb).to.be.below(10);
    expect(found.alarmMs).to.be.at.most(1000);
  });
});
