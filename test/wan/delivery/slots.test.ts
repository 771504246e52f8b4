import { expect } from 'chai';
import type { FileId } from '../../../src/model/mod.ts';
import {
  MAX_STARTS,
  NO_SLOTS,
  beginTrial,
  countStart,
  inForce,
  keepTrial,
  keptFiles,
  readSlots,
  rollBack,
  standing,
} from '../../../src/wan/delivery/mod.ts';
import type { Slots } from '../../../src/wan/delivery/mod.ts';

const [A, B, C] = ['a', 'b', 'c'].map(letter => letter.repeat(64) as FileId) as [FileId, FileId, FileId];
const CONFIGURATION = { is: 'configuration' } as const;

function good(file: FileId): Slots {
  return keepTrial(beginTrial(NO_SLOTS, CONFIGURATION, file));
}

describe('what is in force', () => {
  it('is the new on trial, with the old kept, and the new alone once it is kept', () => {
    const trial = beginTrial(good(A), CONFIGURATION, B);
    expect(inForce(trial)).to.include({ configuration: B });
    expect(keptFiles(trial)).to.include.members([A, B]);
    const kept = keepTrial(trial);
    expect(inForce(kept)).to.include({ configuration: B });
    expect(standing(kept, B)).to.deep.equal({ is: 'good' });
    expect(keptFiles(kept), 'the one before stays on the disk').to.include.members([A, B]);
    expect(keptFiles(keepTrial(beginTrial(kept, CONFIGURATION, C)))).to.not.include(A);
  });

  it('goes back by itself when the new was started twice and never proved healthy', () => {
    let slots = beginTrial(good(A), CONFIGURATION, B);
    for (let start = 1; start <= MAX_STARTS; start++) {
      slots = countStart(slots);
      expect(inForce(slots).configuration, `start ${start}`).to.equal(B);
    }
    slots = countStart(slots);
    expect(inForce(slots).configuration).to.equal(A);
    expect(standing(slots, B)).to.deep.equal({
      is: 'failed',
      why: 'it was started 2 times and never proved healthy',
    });
    expect(countStart(slots)).to.deep.equal(slots);
  });

  it('is as installed where the first change failed', () => {
    const back = rollBack(beginTrial(NO_SLOTS, { is: 'profile', name: 'x5' }, A), 'no answer');
    expect(inForce(back)).to.deep.equal({ profiles: {} });
    expect(standing(beginTrial(back, CONFIGURATION, A), A)).to.deep.equal({ is: 'trial' });
    expect(standing(keepTrial(beginTrial(back, CONFIGURATION, A)), A)).to.deep.equal({ is: 'good' });
  });

  it('has one profile a name, beside configuration and version', () => {
    const one = keepTrial(beginTrial(good(A), { is: 'profile', name: 'x5' }, B));
    const two = keepTrial(beginTrial(one, { is: 'profile', name: 'x6' }, C));
    expect(inForce(two)).to.deep.equal({ configuration: A, profiles: { x5: B, x6: C } });
  });

  it('is read back from its text, and text that is none is as installed', () => {
    const slots = countStart(beginTrial(good(A), CONFIGURATION, B));
    const text = JSON.stringify(slots);
    expect(readSlots(text)).to.deep.equal(slots);
    for (let cut = 0; cut < text.length; cut++) expect(readSlots(text.slice(0, cut))).to.equal(undefined);
    for (const none of ['null', '{}', '{"good":{}}', '[]']) expect(readSlots(none)).to.equal(undefined);
  });
});
