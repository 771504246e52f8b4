/** A sample of `npm run chaos -- world`, and lies of which each has to be found out. */
import { expect } from 'chai';
import { live } from './world/world.ts';

const SEEDS = 200;

describe('chaos: a simulated world', function () {
  // Some 15 s on an idle core.
  this.timeout(120_000);

  it(`keeps every promise in ${SEEDS} worlds of crashes, loss, faults and jumping clocks`, async () => {
    const sum = { commands: 0, records: 0, crashes: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const fate = await live(seed);
      const story = fate.story.slice(-40).join('\n');
      expect(fate.wrong, `replay: npm run chaos -- world --seeds 1 --seed ${seed}\n${story}`).to.deep.equal(
        [],
      );
      sum.commands += fate.commands;
      sum.records += fate.records;
      sum.crashes += fate.crashes;
    }
    expect(sum.commands).to.be.above(5 * SEEDS);
    expect(sum.crashes).to.be.above(SEEDS);
  });

  it('lives the same life again from the same seed, to the last line', async () => {
    const first = await live(7);
    expect((await live(7)).story).to.deep.equal(first.story);
    expect(first.story.length).to.be.above(20);
  });
});
