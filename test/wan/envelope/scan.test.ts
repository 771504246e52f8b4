/**
 * The scan against cborg, an implementation of others: what one encodes in canonical form the other takes, and
 * what the scan takes cborg reads and writes back as it was. The examples are those of RFC 8949, appendix A.
 */
import { Tagged, decode, encode, rfc8949EncodeOptions } from 'cborg';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { toHex } from '../../../src/base/bytes.ts';
import { COMMAND_PROFILE, RECORD_PROFILE, scan } from '../../../src/wan/envelope/scan.ts';
import { bytesOf } from './vectors.ts';

/** RFC 8949, appendix A: `ok` where an example is in the profile of a command. */
const APPENDIX_A: readonly [hex: string, expected: string][] = [
  ['00', 'ok'],
  ['17', 'ok'],
  ['1818', 'ok'],
  ['1864', 'ok'],
  ['1903e8', 'ok'],
  ['1a000f4240', 'ok'],
  ['1b000000e8d4a51000', 'ok'],
  ['1bffffffffffffffff', 'integer-range'],
  ['c249010000000000000000', 'tag-inside'],
  ['3bffffffffffffffff', 'integer-range'],
  ['20', 'ok'],
  ['3863', 'ok'],
  ['3903e7', 'ok'],
  ['f90000', 'float'],
  ['fa47c35000', 'float'],
  ['fb3ff199999999999a', 'float'],
  ['f97e00', 'float'],
  ['f4', 'simple-value'],
  ['f5', 'simple-value'],
  ['f6', 'simple-value'],
  ['f7', 'simple-value'],
  ['f0', 'simple-value'],
  ['f8ff', 'simple-value'],
  ['c11a514b67b0', 'tag-inside'],
  ['40', 'ok'],
  ['4401020304', 'ok'],
  ['60', 'ok'],
  ['62225c', 'ok'],
  ['62c3bc', 'ok'],
  ['64f0908591', 'ok'],
  ['80', 'ok'],
  ['8301820203820405', 'ok'],
  ['98190102030405060708090a0b0c0d0e0f101112131415161718181819', 'ok'],
  ['a0', 'ok'],
  ['a201020304', 'ok'],
  ['a26161016162820203', 'ok'],
  ['826161a161626163', 'ok'],
  ['5f42010243030405ff', 'indefinite-length'],
  ['7f657374726561646d696e67ff', 'indefinite-length'],
  ['9fff', 'indefinite-length'],
  ['83018202039f0405ff', 'indefinite-length'],
  ['bf61610161629f0203ffff', 'indefinite-length'],
];

const verdict = (bytes: Uint8Array, profile = COMMAND_PROFILE): string => scan(bytes, profile) ?? 'ok';

describe('scan', () => {
  for (const [hex, expected] of APPENDIX_A)
    it(`RFC 8949, appendix A, ${hex}: ${expected}`, () => expect(verdict(bytesOf(hex))).to.equal(expected));

  const edges: readonly [string, string, string][] = [
    ['2^53 − 1', '1b001fffffffffffff', 'ok'],
    ['2^53', '1b0020000000000000', 'integer-range'],
    ['−(2^53 − 1)', '3b001ffffffffffffe', 'ok'],
    ['−2^53', '3b001fffffffffffff', 'integer-range'],
    ['23 in two bytes', '1817', 'not-shortest'],
    ['255 in three', '1900ff', 'not-shortest'],
    ['65535 in five', '1a0000ffff', 'not-shortest'],
    ['2^32 − 1 in nine', '1b00000000ffffffff', 'not-shortest'],
    ['eight levels', '818181818181818100', 'ok'],
    ['nine levels', '81818181818181818100', 'too-deep'],
    ['keys 1, −1', 'a201002000', 'ok'],
    ['keys −1, 1', 'a220000100', 'unsorted-keys'],
    ['keys 24, −1: bytewise, not the shorter first', 'a21818002000', 'ok'],
    ['keys b, aa', 'a261620062616100', 'ok'],
    ['keys aa, b', 'a262616100616200', 'unsorted-keys'],
    ['key 1 twice', 'a201000100', 'duplicate-key'],
    ['the same key in an inner and an outer map', 'a201a101000200', 'ok'],
    ['keys judged after an inner map as before it', 'a202a105000100', 'unsorted-keys'],
    ['a map as key', 'a1a00000', 'key-type'],
    ['a list as key', 'a1800000', 'key-type'],
    ['a float as key', 'a1f9000000', 'key-type'],
    ['a map with half a pair', 'a101', 'truncated'],
    ['nothing', '', 'truncated'],
    ['two items', '0000', 'trailing-bytes'],
    ['reserved 28', '1c', 'reserved-encoding'],
    ['reserved 30 of bytes', '5e', 'reserved-encoding'],
    ['break', 'ff', 'bare-break'],
    ['break as key', 'a1ff', 'bare-break'],
    ['a list of 2^32, which 32 bits hold as 0', '9b0000000100000000', 'truncated'],
    ['a map of 2^31', 'ba80000000', 'truncated'],
  ];
  for (const [name, hex, expected] of edges)
    it(`${name}: ${expected}`, () => expect(verdict(bytesOf(hex))).to.equal(expected));

  const measurements: readonly [string, string, string][] = [
    ['a float of 8 bytes', 'fb3ff199999999999a', 'ok'],
    ['a float of 4', 'fa47c35000', 'ok'],
    ['a float of 2', 'f93c00', 'ok'],
    ['the largest float', 'fb7fefffffffffffff', 'ok'],
    ['infinity in 8 bytes', 'fb7ff0000000000000', 'float-not-finite'],
    ['−infinity in 4', 'faff800000', 'float-not-finite'],
    ['not a number in 2', 'f97e00', 'float-not-finite'],
    ['not a number with a payload', 'fb7ff8000000000001', 'float-not-finite'],
    ['a float cut short', 'fb3ff1999999', 'truncated'],
    ['false and true', '82f4f5', 'ok'],
    ['null', 'f6', 'simple-value'],
    ['undefined', 'f7', 'simple-value'],
    ['an integer key', 'a10100', 'key-type'],
    ['a text key', 'a1616101', 'ok'],
    ['a bignum', 'c2412a', 'tag-inside'],
  ];
  for (const [name, hex, expected] of measurements)
    it(`of a record, ${name}: ${expected}`, () =>
      expect(verdict(bytesOf(hex), RECORD_PROFILE)).to.equal(expected));

  it('takes what cborg encodes in canonical order, whatever the value', () => {
    fc.assert(
      fc.property(values, value => {
        expect(verdict(encode(value, rfc8949EncodeOptions))).to.equal('ok');
      }),
    );
  });

  it('refuses that cut at every length, and with a byte after it', () => {
    fc.assert(
      fc.property(values, value => {
        const bytes = encode(value, rfc8949EncodeOptions);
        for (let length = 0; length < bytes.length; length++)
          expect(verdict(bytes.subarray(0, length))).to.equal('truncated');
        expect(verdict(Uint8Array.of(...bytes, 0))).to.equal('trailing-bytes');
      }),
      { numRuns: 50 },
    );
  });

  it('takes no bytes that cborg would write differently', () => {
    const strict = { strict: true, useMaps: true, rejectDuplicateMapKeys: true } as const;
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 12 }), damaged), bytes => {
        if (scan(bytes, COMMAND_PROFILE) !== undefined) return;
        taken++;
        expect(toHex(encode(decode(bytes, strict), rfc8949EncodeOptions))).to.equal(toHex(bytes));
      }),
      { numRuns: 5000, seed: 8949 },
    );
    expect(taken).to.be.greaterThan(200);
  });

  it('costs no more than its bytes: a declared length or depth allocates nothing', () => {
    expect(verdict(bytesOf(`9a${'ff'.repeat(4)}`))).to.equal('truncated');
    expect(verdict(new Uint8Array(16 * 1024).fill(0x81))).to.equal('too-deep');
    expect(verdict(new Uint8Array(100_000).fill(0x81))).to.equal('too-large');
  });

  it('sees only the item under a tag when told where it begins', () => {
    const bytes = encode(new Tagged(18, [1, 2]), rfc8949EncodeOptions);
    expect(scan(bytes, COMMAND_PROFILE, 1)).to.equal(undefined);
    expect(scan(bytes, COMMAND_PROFILE)).to.equal('tag-inside');
  });
});

/** Values of a command's profile, three levels deep. */
const { value: values } = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .array(fc.tuple(fc.oneof(fc.integer({ min: -70010, max: 300 }), fc.string()), tie('value')), {
        maxLength: 5,
      })
      .map(pairs => new Map(pairs)),
  ),
}));

/** Good bytes with one of them changed. */
const damaged = fc.tuple(values, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
  const bytes = Uint8Array.from(encode(value, rfc8949EncodeOptions));
  bytes[at % bytes.length] = byte;
  return bytes;
});
