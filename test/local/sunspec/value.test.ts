/** Registers of one point to a value and back: every type, every sentinel, every power of ten. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  type PointDef,
  type PointType,
  type Value,
  decodeRaw,
  encodeRaw,
  symbolsOf,
} from '../../../src/local/sunspec/mod.ts';
import { scaled, unscaled } from '../../../src/local/sunspec/value.ts';
import { model } from './models.ts';

const VECTORS = new URL('../../vectors/sunspec-values.json', import.meta.url);

/** SunSpec Device Information Model Specification 1.2, table of types: what stands where nothing is implemented. */
const SENTINELS: readonly (readonly [PointType, readonly number[]])[] = [
  ['int16', [0x8000]],
  ['sunssf', [0x8000]],
  ['pad', [0x8000]],
  ['uint16', [0xffff]],
  ['enum16', [0xffff]],
  ['bitfield16', [0xffff]],
  ['acc16', [0]],
  ['acc32', [0, 0]],
  ['acc64', [0, 0, 0, 0]],
  ['int32', [0x8000, 0]],
  ['uint32', [0xffff, 0xffff]],
  ['enum32', [0xffff, 0xffff]],
  ['bitfield32', [0xffff, 0xffff]],
  ['int64', [0x8000, 0, 0, 0]],
  ['uint64', [0xffff, 0xffff, 0xffff, 0xffff]],
  ['bitfield64', [0xffff, 0xffff, 0xffff, 0xffff]],
  ['float32', [0x7fc0, 0]],
  ['float64', [0x7ff8, 0, 0, 0]],
  ['ipaddr', [0, 0]],
  ['ipv6addr', [0, 0, 0, 0, 0, 0, 0, 0]],
  ['string', [0, 0, 0]],
];

function point(type: PointType, size: number, more: Partial<PointDef> = {}): PointDef {
  return { name: 'P', type, size, ...more };
}

function words(def: PointDef, value: Value | undefined): readonly number[] | string {
  const encoded = encodeRaw(def, value);
  return encoded.ok ? encoded.value : encoded.refusal;
}

describe('SunSpec values', () => {
  it('come out of registers as Python reads them, and go back into the same', () => {
    const { rows } = JSON.parse(readFileSync(VECTORS, 'utf8')) as {
      rows: readonly { type: PointType; words: readonly number[]; value: string | number }[];
    };
    for (const row of rows) {
      const def = point(row.type, row.words.length);
      const wanted = typeof row.value === 'string' ? exact(row.value) : row.value;
      expect(decodeRaw(def, row.words, 0), JSON.stringify(row)).to.equal(wanted);
      expect(words(def, wanted), JSON.stringify(row)).to.deep.equal(row.words);
    }
  });

  for (const [type, sentinel] of SENTINELS)
    it(`read ${type} ${sentinel.map(word => word.toString(16)).join(' ')} as unknown and write unknown so`, () => {
      expect(decodeRaw(point(type, sentinel.length), sentinel, 0)).to.equal(undefined);
      expect(words(point(type, sentinel.length), undefined)).to.deep.equal(sentinel);
    });

  it('read any NaN and any infinity as unknown, never as 0', () => {
    for (const high of [0x7f80, 0xff80, 0x7f81, 0x7fff, 0xffff])
      expect(
        decodeRaw(point('float32', 2), [high, 1], 0) ?? decodeRaw(point('float32', 2), [high, 0], 0),
      ).to.equal(undefined);
  });

  it('know 0 as a value wherever 0 is no sentinel', () => {
    expect(decodeRaw(point('int16', 1), [0], 0)).to.equal(0);
    expect(decodeRaw(point('uint32', 2), [0, 0], 0)).to.equal(0);
    expect(decodeRaw(point('float32', 2), [0, 0], 0)).to.equal(0);
    expect(decodeRaw(point('count', 1), [0], 0)).to.equal(0);
  });

  it('are unknown as soon as one of their registers could not be read', () => {
    expect(decodeRaw(point('uint32', 2), [1, undefined], 0)).to.equal(undefined);
    expect(decodeRaw(point('string', 3), [0x4142, undefined, 0], 0)).to.equal(undefined);
    expect(decodeRaw(point('uint16', 1), [], 0)).to.equal(undefined);
  });

  it('read text up to the first NUL', () => {
    // "ABC": 0x41 0x42 0x43, then NUL
    expect(decodeRaw(point('string', 4), [0x4142, 0x4300, 0x5858, 0], 0)).to.equal('ABC');
    expect(words(point('string', 4), 'ABC')).to.deep.equal([0x4142, 0x4300, 0, 0]);
    // ü is c3 bc in UTF-8
    expect(decodeRaw(point('string', 2), [0xc3bc, 0x3100], 0)).to.equal('ü1');
  });

  it('read addresses in their usual notation', () => {
    // 192.0.2.1 is c0 00 02 01; the EUI-48 stands in the last six of eight bytes
    expect(decodeRaw(point('ipaddr', 2), [0xc000, 0x0201], 0)).to.equal('192.0.2.1');
    expect(words(point('ipaddr', 2), '192.0.2.1')).to.deep.equal([0xc000, 0x0201]);
    expect(decodeRaw(point('eui48', 4), [0, 0x0200, 0x5e10, 0x0001], 0)).to.equal('02:00:5E:10:00:01');
    expect(words(point('eui48', 4), '02:00:5E:10:00:01')).to.deep.equal([0, 0x0200, 0x5e10, 0x0001]);
    expect(decodeRaw(point('eui48', 4), [0, 0xffff, 0xffff, 0xffff], 0)).to.equal(undefined);
    expect(decodeRaw(point('eui48', 4), [0xffff, 0xffff, 0xffff, 0xffff], 0)).to.equal(undefined);
    const v6 = [0x2001, 0x0db8, 0, 0, 0, 0, 0, 1];
    expect(decodeRaw(point('ipv6addr', 8), v6, 0)).to.equal('2001:db8:0:0:0:0:0:1');
    expect(words(point('ipv6addr', 8), '2001:db8:0:0:0:0:0:1')).to.deep.equal(v6);
  });

  it('write an accumulator of 0, though it reads as unknown', () => {
    for (const [type, size] of [
      ['acc16', 1],
      ['acc32', 2],
      ['acc64', 4],
    ] as const)
      expect(words(point(type, size), 0)).to.deep.equal(Array(size).fill(0));
  });

  const refused: readonly (readonly [PointDef, Value, string])[] = [
    [point('int16', 1), 32_768, 'out-of-range'],
    [point('int16', 1), -32_768, 'out-of-range'],
    [point('uint16', 1), -1, 'out-of-range'],
    [point('uint16', 1), 65_535, 'out-of-range'],
    [point('uint16', 1), 1.5, 'out-of-range'],
    [point('uint16', 1), Number.NaN, 'out-of-range'],
    [point('uint16', 1), 'x', 'wrong-type'],
    [point('uint64', 4), 2n ** 64n - 1n, 'out-of-range'],
    [point('float32', 2), Number.POSITIVE_INFINITY, 'out-of-range'],
    [point('float32', 2), 1e300, 'out-of-range'],
    [point('float32', 2), 'x', 'wrong-type'],
    [point('string', 2), 'ABCDE', 'out-of-range'],
    [point('string', 2), '', 'out-of-range'],
    [point('string', 2), 7, 'wrong-type'],
    [point('ipaddr', 2), '192.0.2.256', 'out-of-range'],
    [point('ipaddr', 2), 'localhost', 'wrong-type'],
    [point('ipv6addr', 8), '::1', 'wrong-type'],
    [point('eui48', 4), 'FF:FF:FF:FF:FF:FF', 'out-of-range'],
    [point('pad', 1), 0, 'wrong-type'],
  ];
  for (const [def, value, refusal] of refused)
    it(`refuse ${def.type} ${String(value)} as ${refusal}`, () => {
      expect(words(def, value)).to.equal(refusal);
    });

  it('name the state of an enum and the set bits of a bitfield', () => {
    const points = new Map(model(701).points.map(each => [each.name, each]));
    const named = (name: string, value: Value) => {
      const def = points.get(name);
      return def && symbolsOf(def, value);
    };
    expect(named('InvSt', 3)).to.deep.equal(['RUNNING']);
    // bit 4 GRID_DISCONNECT, bit 7 OVER_TEMP: 2^4 + 2^7 = 144
    expect(named('Alrm', 144)).to.deep.equal(['GRID_DISCONNECT', 'OVER_TEMP']);
    expect(named('InvSt', 99)).to.deep.equal([]);
  });
});

describe('SunSpec scale factors', () => {
  it('give the decimal a person would write, not the noise of a product', () => {
    expect(scaled(3, -1)).to.equal(0.3);
    expect(scaled(2301, -1)).to.equal(230.1);
    expect(scaled(12_345, -3)).to.equal(12.345);
    expect(scaled(29, -2)).to.equal(0.29);
    expect(scaled(5, 3)).to.equal(5000);
  });

  it('lose nothing of a whole number beyond 2^53', () => {
    expect(scaled(2n ** 60n, 0)).to.equal(2n ** 60n);
    expect(scaled(2n ** 60n, 1)).to.equal(11_529_215_046_068_469_760n);
    expect(scaled(11_529_215_046_068_469_760n, -1)).to.equal(2n ** 60n);
    expect(scaled(4_294_967_294, 10)).to.equal(42_949_672_940_000_000_000n);
  });

  it('are undone by writing, for every 16 and 32-bit raw value and every exponent', () => {
    const raw = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(raw, fc.integer({ min: -10, max: 10 }), (value, exponent) => {
        expect(unscaled(scaled(value, exponent), exponent)).to.equal(value);
      }),
    );
  });

  it('are undone by writing for 64-bit raw values that are not parted', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
        fc.integer({ min: 0, max: 10 }),
        (value, exponent) => {
          expect(BigInt(unscaled(scaled(value, exponent), exponent))).to.equal(value);
        },
      ),
    );
  });
});

function exact(digits: string): number | bigint {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : BigInt(digits);
}
