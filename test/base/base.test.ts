import { expect } from 'chai';
import * as fc from 'fast-check';
import { AssertionError, assert, ok, refused, unreachable } from '../../src/base/assert.ts';
import { concat, fromHex, sameBytes, toHex } from '../../src/base/bytes.ts';
import { nextBetween, nextUint32, nextUnit, seeded } from '../../src/base/random.ts';
import {
  after,
  between,
  clockTime,
  hours,
  instant,
  isoSeconds,
  milliseconds,
  minutes,
  seconds,
  toUnixSeconds,
  unixSeconds,
  unixTime,
} from '../../src/base/time.ts';
import { formatPercent, formatW } from '../../src/base/units.ts';

describe('a promise', () => {
  it('that is broken ends by its own name; one that is kept says nothing', () => {
    expect(() => assert('', 'there is a name')).to.throw(AssertionError, 'there is a name');
    expect(() => assert('pv', 'there is a name')).to.not.throw();
    expect(() => unreachable('a value' as never)).to.throw(AssertionError, 'unreachable: "a value"');
  });

  it('is no expected trouble: that is a value, and is not tried again unless it says so', () => {
    expect(ok(7)).to.deep.equal({ ok: true, value: 7 });
    expect(refused('busy')).to.deep.equal({ ok: false, refusal: 'busy', retry: 'never' });
    expect(refused('busy', 'later please', 'later')).to.deep.equal({
      ok: false,
      refusal: 'busy',
      retry: 'later',
      detail: 'later please',
    });
  });
});

describe('bytes', () => {
  it('are written as hexadecimal as Buffer writes them, and read back from either case', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        const hex = Buffer.from(bytes).toString('hex');
        expect(toHex(bytes)).to.equal(hex);
        expect(fromHex(hex)).to.deep.equal(bytes);
        expect(fromHex(hex.toUpperCase())).to.deep.equal(bytes);
      }),
    );
  });

  it('are not read from text that is not whole bytes of hexadecimal', () => {
    for (const text of ['0', 'abc', 'zz', '0x', ' 00', '00 ', '+1', '-1', '1.', '00\n'])
      expect(fromHex(text), JSON.stringify(text)).to.equal(undefined);
    expect(fromHex('')).to.deep.equal(new Uint8Array());
  });

  it('are the same when each is, and as many are', () => {
    const a = Uint8Array.of(1, 2, 3);
    expect(sameBytes(a, Uint8Array.of(1, 2, 3))).to.equal(true);
    for (const b of [
      [1, 2],
      [1, 2, 3, 4],
      [0, 2, 3],
      [1, 2, 4],
    ])
      expect(sameBytes(a, Uint8Array.from(b))).to.equal(false);
  });

  it('are joined in order', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), parts => {
        expect(Buffer.from(concat(parts))).to.deep.equal(Buffer.concat(parts));
      }),
    );
  });
});

describe('seeded random numbers', () => {
  it('are those of sfc32, by a second implementation in whole numbers of any size', () => {
    for (const seed of [0, 1, 42, 0x7fffffff, 0xffffffff]) {
      const state = seeded(seed);
      const second = sfc32(seed);
      for (let i = 0; i < 1000; i++) expect(nextUint32(state)).to.equal(second());
    }
  });

  it('are part of a state that can be stored: a copy goes on alike', () => {
    const state = seeded(7);
    nextUint32(state);
    const copy = JSON.parse(JSON.stringify(state)) as typeof state;
    expect(Array.from({ length: 50 }, () => nextUint32(copy))).to.deep.equal(
      Array.from({ length: 50 }, () => nextUint32(state)),
    );
  });

  it('keep to their range, and reach both ends of it', () => {
    const state = seeded(3);
    const drawn = new Set(Array.from({ length: 1000 }, () => nextBetween(state, -2, 2)));
    expect([...drawn].sort((a, b) => a - b)).to.deep.equal([-2, -1, 0, 1, 2]);
    for (let i = 0; i < 1000; i++) expect(nextUnit(state)).to.be.within(0, 1 - 2 ** -32);
  });
});

describe('time', () => {
  it('has whole milliseconds of every unit', () => {
    expect([milliseconds(5), seconds(5), minutes(5), hours(5)]).to.deep.equal([5, 5000, 300_000, 18_000_000]);
    expect(unixSeconds(5)).to.equal(5000);
    expect(after(instant(100), seconds(1))).to.equal(1100);
    expect(between(unixTime(2500), unixTime(1000))).to.equal(-1500);
  });

  it('is rounded down to the second, before 1970 too', () => {
    expect([1999, 2000, -1, -1000, -1001].map(ms => toUnixSeconds(unixTime(ms)))).to.deep.equal([
      1, 2, -1, -1, -2,
    ]);
  });

  it('is written in UTC: the date to the second, the time of day to the minute', () => {
    const t = unixTime(Date.UTC(2026, 10, 20, 14, 5, 59, 999));
    expect(isoSeconds(t)).to.equal('2026-11-20T14:05:59Z');
    expect(clockTime(t)).to.equal('14:05 UTC');
  });
});

describe('quantities', () => {
  it('are written as a person says them', () => {
    expect([5000, 3330, 1, 0, 10_000, -2500].map(formatPercent)).to.deep.equal([
      '50 %',
      '33.3 %',
      '0.01 %',
      '0 %',
      '100 %',
      '-25 %',
    ]);
    expect([0, 812, 812.4, 999, 1000, 1500, 4000, 12_345, -4000, -1500].map(formatW)).to.deep.equal([
      '0 W',
      '812 W',
      '812 W',
      '999 W',
      '1 kW',
      '1500 W',
      '4 kW',
      '12.35 kW',
      '-4 kW',
      '-1500 W',
    ]);
  });
});

/** sfc32 of PractRand 0.95, over BigInt: a, b, c and a counter of 32 bits; the first 12 draws are thrown away. */
function sfc32(seed: number): () => number {
  const u32 = (n: bigint): bigint => BigInt.asUintN(32, n);
  let a = u32(BigInt(seed));
  let b = u32(BigInt(seed) ^ 0x9e3779b9n);
  let c = 0x243f6a88n;
  let counter = 1n;
  const draw = (): number => {
    const sum = u32(a + b + counter);
    counter = u32(counter + 1n);
    a = b ^ (b >> 9n);
    b = u32(c + (c << 3n));
    c = u32(((c << 21n) | (c >> 11n)) + sum);
    return Number(sum);
  };
  for (let i = 0; i < 12; i++) draw();
  return draw;
}
