import { expect } from 'chai';
import type { FileId, GatewayId } from '../../../src/model/mod.ts';
import { STAGES, nextStep, stageSize, turns } from '../../../src/wan/delivery/mod.ts';
import type { MemberProgress } from '../../../src/wan/delivery/mod.ts';

const FILE = 'a'.repeat(64) as FileId;
const MEMBERS = Array.from({ length: 250 }, (_, n) => `gw-${n}` as GatewayId);
const members = turns(FILE, MEMBERS);

function step(progress: ReadonlyMap<GatewayId, MemberProgress>): ReturnType<typeof nextStep> {
  return nextStep({ members, stages: STAGES, progress });
}

describe('the stages of a delivery', () => {
  it('are 1, 10 and 100 % of the group, each told when the one before is done', () => {
    const progress = new Map<GatewayId, MemberProgress>();
    const told: number[] = [];
    for (let next = step(progress); next.is !== 'done'; next = step(progress)) {
      if (next.is !== 'tell') throw new Error(next.is);
      told.push(next.members.length);
      for (const id of next.members) progress.set(id, 'fetching');
      const [first, ...rest] = next.members;
      for (const id of rest) progress.set(id, 'done');
      expect(step(progress)).to.deep.equal({ is: 'wait', stage: next.stage, open: 1 });
      if (first !== undefined) progress.set(first, 'refused');
    }
    expect(told).to.deep.equal([3, 22, 225]);
  });

  it('halt at the first member that failed, and nobody else is told', () => {
    const [first] = members;
    if (first === undefined) throw new Error('there are members');
    expect(step(new Map([[first, 'failed']]))).to.deep.equal({
      is: 'halted',
      stage: 0,
      why: `${first} failed`,
    });
  });

  it('are one member at least, and all at most', () => {
    expect([stageSize(1, 1), stageSize(5, 10), stageSize(11, 10), stageSize(7, 100)]).to.deep.equal([
      1, 1, 2, 7,
    ]);
  });

  it('begin with other members for another file, and with the same for the same', () => {
    expect(turns(FILE, MEMBERS.toReversed())).to.deep.equal(members);
    expect(turns('b'.repeat(64) as FileId, MEMBERS).slice(0, 3)).to.not.deep.equal(members.slice(0, 3));
    expect([...members].sort()).to.deep.equal([...MEMBERS].sort());
  });
});
