import { expect } from 'chai';
import { array, assert, integer, property, shuffledSubarray } from 'fast-check';
import {
  judge,
  MAX_RUNS,
  PASSES_BEFORE_LOST,
  restored,
  take,
  takeAgain,
  writeOff,
} from '../../src/utility/intake.ts';

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

  it('writes a gap off at the eighth pass, not before, and starts counting anew behind it', () => {
    const stream = restored(1, [3, 5]);
    for (let pass = 1; pass < PASSES_BEFORE_LOST; pass++)
      expect(takeAgain(stream, 3, `${pass}`)).to.equal(undefined);
    expect(takeAgain(stream, 5, 'a')).to.equal(undefined);
    expect(takeAgain(stream, 3, 'b')).to.deep.equal({ first: 2, last: 2 });
    expect(stream.through).to.equal(3);
    expect(takeAgain(stream, 5, 'c')).to.equal(undefined);
    expect(judge(stream, 4)).to.equal('new');
  });

  it('counts no copy that the network made as a pass', () => {
    const stream = restored(1, [3]);
    for (let copy = 0; copy < 2 * PASSES_BEFORE_LOST; copy++)
      expect(takeAgain(stream, 3, 'the same bytes')).to.equal(undefined);
  });

  it('writes off at once what the gateway says it has lost, only what is not held, and agrees with a set of numbers', () => {
    const numbers = array(integer({ min: 1, max: 30 }), { maxLength: 15 });
    const range = integer({ min: 1, max: 30 }).chain(first =>
      integer({ min: first, max: 30 }).map(last => ({ first, last })),
    );
    assert(
      property(numbers, array(range, { maxLength: 4 }), numbers, (before, ranges, behind) => {
        const stream = restored(0, []);
        const held = new Set<number>();
        const takeAll = (sequences: readonly number[]): void => {
          for (const sequence of sequences) {
            if (!held.has(sequence)) take(stream, sequence);
            held.add(sequence);
          }
        };
        takeAll(before);
        for (const { first, last } of ranges) {
          const missing = Array.from({ length: last - first + 1 }, (_, n) => first + n).filter(
            n => !held.has(n),
          );
          const told = writeOff(stream, { first, last }).flatMap(gap =>
            Array.from({ length: gap.last - gap.first + 1 }, (_, n) => gap.first + n),
          );
          expect(told).to.deep.equal(missing);
          for (const n of missing) held.add(n);
        }
        takeAll(behind);
        for (let n = 1; n <= 31; n++) expect(judge(stream, n)).to.equal(held.has(n) ? 'duplicate' : 'new');
        let through = 0;
        while (held.has(through + 1)) through++;
        expect(stream.through).to.equal(through);
      }),
    );
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
