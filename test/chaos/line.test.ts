/** A sample of `npm run chaos -- line`; all of it takes minutes. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { lateReplies } from './late.ts';
import { corruptFrames } from './line.ts';

const FRAMES = 30_000;
const LATE = 160;

describe('chaos on the line', () => {
  it('no corrupt frame is taken for an answer, and the next clean one is', () => {
    const { failed, verdicts } = corruptFrames(FRAMES, 1);
    expect(failed).to.equal(undefined);
    // Every way a frame can end has been seen: a campaign that only drops proves nothing.
    expect(Object.keys(verdicts)).to.have.members(['refused', 'dropped', 'harmless']);
    expect(verdicts.refused).to.be.above(FRAMES / 4);
  });

  it('no late reply is taken for the answer to another question', async () => {
    const { late, answered, wrong, deaf } = await lateReplies({ late: LATE, seed: 1 });
    expect(wrong).to.deep.equal([]);
    expect(late).to.be.at.least(LATE);
    expect(answered).to.be.above(LATE / 4);
    expect(deaf).to.equal(0);
  });

  it('is run by its name, and says how when it is not', async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['test/chaos/main.ts', 'line', '--n', '50', '--late=0']);
    expect(JSON.parse(stdout)).to.include({ frames: 50, seed: 1 });
    const wrong: unknown = await run(process.execPath, ['test/chaos/main.ts', 'lines']).catch(
      (e: unknown) => e,
    );
    expect(wrong).to.include({ code: 2 });
  });
});
