import { expect } from 'chai';
import { array, assert, integer, property, shuffledSubarray } from 'fast-check';
import { judge, MAX_RUNS, PASSES_BEFORE_LOST, restored, take, takeAgain } from '../../src/utility/intake.ts';

describe('utility/intake', () => {
  it('agrees with a plain set of numbers, in any order and after any restart', () => {
    const order = shuffledSubarray(Array.from({ length: 40 }, (_, n) => n + 1));
    assert(
      property(
        order,
        array(integer({ min: 1, max: 45 })),
        integer({ min: 0, max: 40 }),
        (sequences, asked, restart) => {
          const held = new Set<number>();
          let stream = restored(0, []);
          sequences.forEach((sequence, n) => {
            if (n === restart)
              stream = restored(
                0,
                [...held].sort((a, b) => a - b),
              );
            expect(judge(stream, sequence)).to.equal('new');
            take(stream, sequence);
            held.add(sequence);
            let through = 0;
            while (held.has(through + 1)) through++;
            expect(stream.through).to.equal(through);
          });
          for (const sequence of asked)
            expect(judge(stream, sequence)).to.equal(held.has(sequence) ? 'duplicate' : 'new');
        },
      ),
    );
  });

  it('names a gap when it opens, and only then', () => {
    const stream = restored(4, []);
    expect(take(stream, 5)).to.equal(undefined);
    expect(take(stream, 8)).to.deep.equal({ first: 6, last: 7 });
    expect(take(stream, 10)).to.equal(undefined);
    expect(take(stream, 6)).to.equal(undefined);
  });

  it('writes a gap off at the third pass, not the second, and starts counting anew behind it', () => {
    const stream = restored(1, [3, 5]);
    for (let pass = 1; pass < PASSES_BEFORE_LOST; pass++) expect(takeAgain(stream, 3)).to.equal(undefined);
    expect(takeAgain(stream, 5)).to.equal(undefined);
    expect(takeAgain(stream, 3)).to.deep.equal({ first: 2, last: 2 });
    expect(stream.through).to.equal(3);
    expect(takeAgain(stream, 5)).to.equal(undefined);
    expect(judge(stream, 4)).to.equal('new');
  });

  it('takes no record that would open a 65th stretch, and takes it when there is room', () => {
    const stream = restored(0, []);
    for (let n = 1; n <= MAX_RUNS; n++) take(stream, 2 * n);
    expect(judge(stream, 2 * MAX_RUNS + 2)).to.equal('too-scattered');
    expect(judge(stream, 2 * MAX_RUNS + 1)).to.equal('new');
    take(stream, 1);
    expect(judge(stream, 2 * MAX_RUNS + 2)).to.equal('new');
  });
});
