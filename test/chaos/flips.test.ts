/** A sample of `npm run chaos -- flips`. */
import { expect } from 'chai';
import { cutEverywhere, flipBits } from './flips.ts';
import { StoreImage } from './store-image.ts';

describe('chaos: a store on a bad card', function () {
  this.timeout(60_000);
  let image: StoreImage;

  before(async () => {
    image = await StoreImage.make();
  });
  after(() => image.close());

  it('reports every flipped bit, or says what it said before; it invents nothing, and goes on', async () => {
    const { verdicts, failed } = await flipBits(image, { n: 300, seed: 1 });
    expect(failed).to.deep.equal([]);
    expect(verdicts.reported).to.be.above(100);
    expect(verdicts.same).to.be.above(20);
  });

  it('cut at any page or frame opens, reports what is gone, and goes on', async () => {
    const { verdicts, failed } = await cutEverywhere(image);
    expect(failed).to.deep.equal([]);
    expect(verdicts.refused).to.equal(undefined);
    expect(verdicts.reported).to.be.above(50);
  });

  it('whole, is what it was', async () => {
    expect((await image.judge(image.main, image.log)).verdict).to.equal('same');
  });
});
