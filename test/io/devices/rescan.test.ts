/** Signs by which a profile has a map read anew: which they are, and that a device is looked at again by them. */
import { expect } from 'chai';
import type { Sign } from '../../../src/io/devices/rescan.ts';
import { rescanBy } from '../../../src/io/devices/rescan.ts';
import { Image } from '../../../src/sim/mod.ts';
import { measured, named, openBench, shipped, wired } from '../../sim/quirks-bench.ts';
import { fastClock } from './behaving.ts';

const DAY: Sign = { points: { W: 500 }, exceptions: 1, wasSilent: false };
const ALL: Parameters<typeof rescanBy>[0] = ['map-changed', 'restart', 'night', 'exception'];
const by = (now: Partial<Sign>, last: Partial<Sign> = {}) =>
  rescanBy(ALL, { first: DAY, last: { ...DAY, ...last }, now: { ...DAY, ...now } });

describe('signs that a map may have moved', () => {
  it('are silence, falling asleep and waking, and an exception that was not there at first', () => {
    expect(by({})).to.equal(undefined);
    expect(by({ wasSilent: true })).to.equal('restart');
    expect(by({ exceptions: 2 })).to.equal('exception');
    expect(by({ exceptions: 0 })).to.equal(undefined);
    expect(by({ points: { W: 0 } })).to.equal('night');
    expect(by({}, { points: { W: 0 } })).to.equal('night');
    expect(by({ points: { W: 0 } }, { points: { W: 0 } })).to.equal(undefined);
  });

  it('go by the state of the device where it tells one: no power in it is no sleep', () => {
    const [awake, asleep] = [
      { W: 0, InvSt: 3 },
      { W: 0, InvSt: 1 },
    ];
    expect(by({ points: awake }, { points: { W: 9, InvSt: 3 } })).to.equal(undefined);
    expect(by({ points: asleep }, { points: awake })).to.equal('night');
  });

  it('count only where the profile names them', () => {
    const now = { ...DAY, wasSilent: true, exceptions: 9, points: {} };
    expect(rescanBy(['night'], { first: DAY, last: DAY, now })).to.equal(undefined);
    expect(rescanBy([], { first: DAY, last: DAY, now })).to.equal(undefined);
  });

  it('have a device looked at anew, and no more than once a minute', async () => {
    const image = new Image([named('SMA'), measured(103, 500)]);
    const at = image.address('103.W');
    let reads = 0;
    // It wakes and sleeps with every reading.
    const read = (address: number, count: number) => {
      const words = image.read(address, count);
      const isPower = address <= at && address + count > at;
      if ('exception' in words || !isPower) return words;
      reads += 1;
      return words.map((word, n) => (address + n === at && reads % 2 === 0 ? 0 : word));
    };
    const found = [];
    for (const profile of [await shipped('sma'), undefined]) {
      const clock = fastClock(200);
      await using bench = await openBench({ unit: wired(image, { read, unit: 126 }), profile, clock });
      await bench.found();
      // Two minutes and a half.
      const until = clock.now().unix + 150_000;
      while (clock.now().unix < until) await bench.powers(1);
      found.push(bench.told.states.length);
    }
    expect(found[0]).to.be.within(2, 3);
    expect(found[1]).to.equal(1);
  });
});
