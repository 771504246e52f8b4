/** Counts of flash writes: of a day, kept, and not forgotten by a clock that is set back a little. */
import { expect } from 'chai';
import { after, hours, unixTime } from '../../../src/base/time.ts';
import type { WearCount } from '../../../src/io/devices/wear.ts';
import { Wear } from '../../../src/io/devices/wear.ts';
import type { DeviceId } from '../../../src/model/mod.ts';

const NOON = unixTime(Date.UTC(2026, 5, 1, 12));
const OF = { device: 'pv' as DeviceId, axis: 'opModMaxLimW' } as const;

describe('counts of flash writes', () => {
  it('are of one day, one device and one axis', async () => {
    const wear = new Wear();
    await wear.add({ ...OF, words: 2 }, NOON);
    await wear.add({ ...OF, words: 3 }, NOON);
    expect(wear.today(OF, NOON)).to.equal(5);
    expect(wear.today({ ...OF, axis: 'opModConnect' }, NOON)).to.equal(0);
    expect(wear.today(OF, after(NOON, hours(12)))).to.equal(0);
  });

  it('stand where the clock is set back over midnight, and not where it was a year ahead', async () => {
    const wear = new Wear();
    await wear.add({ ...OF, words: 2 }, NOON);
    expect(wear.today(OF, after(NOON, hours(-13)))).to.equal(2);
    expect(wear.today(OF, after(NOON, hours(-24 * 365)))).to.equal(0);
  });

  it('go on from what was kept, and are kept before anybody is told', async () => {
    const kept: WearCount[] = [];
    const port = { kept: [], keep: (count: WearCount) => Promise.resolve(void kept.push(count)) };
    await new Wear(port).add({ ...OF, words: 2 }, NOON);
    const next = new Wear({ ...port, kept });
    expect(next.today(OF, NOON)).to.equal(2);
    await next.add({ ...OF, words: 1 }, NOON);
    expect(kept.map(({ words }) => words)).to.deep.equal([2, 3]);
  });

  it('are not kept where nothing was written', async () => {
    const port = { kept: [], keep: () => Promise.reject(new Error('asked')) };
    await new Wear(port).add({ ...OF, words: 0 }, NOON);
  });
});
