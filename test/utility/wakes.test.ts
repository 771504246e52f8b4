import { expect } from 'chai';
import { array, assert, constant, nat, oneof, property, record } from 'fast-check';
import { instant } from '../../src/base/time.ts';
import { Wakes } from '../../src/utility/wakes.ts';

describe('utility/wakes', () => {
  it('knows the earliest, and takes out what is due in its order, as a plain list would', () => {
    const act = oneof(
      record({ do: constant('set' as const), key: nat(20), at: nat(50) }),
      record({ do: constant('delete' as const), key: nat(20), at: constant(0) }),
      record({ do: constant('due' as const), key: constant(0), at: nat(50) }),
    );
    assert(
      property(array(act, { maxLength: 200 }), acts => {
        const wakes = new Wakes<number>();
        const plain = new Map<number, number>();
        for (const { do: what, key, at } of acts) {
          if (what === 'set') {
            wakes.set(key, instant(at));
            plain.set(key, at);
          } else if (what === 'delete') {
            wakes.delete(key);
            plain.delete(key);
          } else {
            const due = wakes.due(instant(at));
            const times = due.map(one => plain.get(one) ?? -1);
            expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
            const wanted = [...plain].filter(([, when]) => when <= at).map(([one]) => one);
            expect(due.toSorted((a, b) => a - b)).to.deep.equal(wanted.toSorted((a, b) => a - b));
            for (const one of wanted) plain.delete(one);
          }
          expect(wakes.next()).to.equal(plain.size === 0 ? undefined : Math.min(...plain.values()));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('has a key due once, at its last time, however often it was set', () => {
    const wakes = new Wakes<number>();
    for (let at = 0; at < 200_000; at++) wakes.set(at % 10, instant(1_000_000 - at));
    expect(wakes.next()).to.equal(800_001);
    expect(wakes.due(instant(800_000))).to.deep.equal([]);
    expect(wakes.due(instant(2_000_000))).to.deep.equal([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(wakes.next()).to.equal(undefined);
  });
});
