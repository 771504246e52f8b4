/** A sample of `npm run chaos -- full`. */
import { expect } from 'chai';
import { needsThat } from '../support/needs.ts';
import { canMount, fillAgainAndAgain } from './full.ts';

describe('chaos: a full disk', () => {
  it('takes commands in what is kept, then refuses them as storage, falls to the default, and recovers', async function () {
    this.timeout(120_000);
    needsThat(this, await canMount(), 'no file system can be mounted here (root, unshare)');
    const { wrong, ...figures } = await fillAgainAndAgain(2);
    expect(wrong).to.deep.equal([]);
    expect(figures).to.deep.equal({ cycles: 2, fitted: 6, refused: 2, recovered: 2, defaults: 2 });
  });
});
