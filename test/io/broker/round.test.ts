import { expect } from 'chai';
import { Round } from '../../../src/io/broker/round.ts';

const BACKOFF = { baseMs: 10, capMs: 70 };
const round = (...urls: readonly string[]): Round => new Round(urls, BACKOFF, () => 1);
const GOOD = { upMs: 10_000, takenOver: false };

describe('io/broker round', () => {
  it('tries each address once, in order and without a pause, and begins with the first after a pause', () => {
    const three = round('a', 'b', 'c');
    expect([three.url, three.onStandby]).to.deep.equal(['a', false]);
    expect(three.failed('a: no')).to.equal('at once');
    expect([three.url, three.onStandby]).to.deep.equal(['b', true]);
    expect(three.failed('b: no')).to.equal('at once');
    expect(three.url).to.equal('c');
    expect(three.failed('c: no')).to.deep.equal({ pauseMs: 10, why: 'a: no; b: no; c: no' });
    expect([three.url, three.onStandby]).to.deep.equal(['a', false]);
  });

  it('doubles the bound of the pause with every round that fails, up to its cap', () => {
    const one = round('a');
    const pauses = Array.from({ length: 5 }, () => one.failed('no'));
    expect(pauses.map(next => next !== 'at once' && next.pauseMs)).to.deep.equal([10, 20, 40, 70, 70]);
  });

  it('begins at the base after a link that was good, and with the first address', () => {
    const two = round('a', 'b');
    for (let n = 0; n < 6; n++) two.failed('no');
    two.failed('no');
    expect(two.lost('b: gone', GOOD)).to.deep.equal({ pauseMs: 10, why: 'b: gone' });
    expect(two.url).to.equal('a');
  });

  it('counts a link of under ten seconds as another failure', () => {
    const one = round('a');
    one.failed('no');
    expect(one.lost('gone', { upMs: 9_999, takenOver: false })).to.deep.include({ pauseMs: 20 });
    expect(one.lost('gone', GOOD)).to.deep.include({ pauseMs: 10 });
  });

  it('counts a link as another failure that another client of our id could have ended after its longest pause', () => {
    const one = new Round(['a'], { baseMs: 500, capMs: 60_000 }, () => 1);
    const lost = (upMs: number) => one.lost('closed', { upMs, takenOver: false });
    const pauses = [60_000, 60_000, 119_999, 120_000].map(upMs => lost(upMs));
    expect(pauses.map(next => next !== 'at once' && next.pauseMs)).to.deep.equal([500, 1000, 2000, 500]);
  });

  it('gets slower with every client that takes over, however long each lasts', () => {
    const one = round('a');
    const taken = () => one.lost('taken', { upMs: 3_600_000, takenOver: true });
    expect([taken(), taken(), taken()].map(next => next !== 'at once' && next.pauseMs)).to.deep.equal([
      10, 20, 40,
    ]);
  });

  it('tells of the reasons of one round only', () => {
    const two = round('a', 'b');
    two.failed('a: 1');
    two.failed('b: 1');
    two.failed('a: 2');
    expect(two.failed('b: 2')).to.deep.include({ why: 'a: 2; b: 2' });
  });
});
