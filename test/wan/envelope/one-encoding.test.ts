/**
 * The way back, against cborg's encoder: bytes are the one encoding of a value exactly where cborg, which others
 * wrote, writes the value as these bytes.
 */
import { Tagged, decode, encode, rfc8949EncodeOptions } from 'cborg';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { sameBytes } from '../../../src/base/bytes.ts';
import { isEncodingOf } from '../../../src/wan/envelope/one-encoding.ts';
import { VECTORS, bytesOf } from './vectors.ts';

const written = (value: unknown): Uint8Array => encode(value, rfc8949EncodeOptions);

describe('one encoding', () => {
  it('of whatever value: what cborg writes in canonical order, read again', () => {
    fc.assert(
      fc.property(values, value => {
        const bytes = written(value);
        expect(isEncodingOf(readAgain(bytes), bytes)).to.equal(true);
      }),
      { numRuns: 500 },
    );
  });

  it('of no other bytes: with one byte changed, cut or added the answer is cborg’s own', () => {
    let differ = 0;
    fc.assert(
      fc.property(values, fc.nat(), fc.nat(255), (value, at, byte) => {
        const bytes = written(value);
        const changed = Uint8Array.from(bytes);
        changed[at % bytes.length] = byte;
        const before = readAgain(bytes);
        if (!sameBytes(changed, bytes)) {
          differ++;
          expect(isEncodingOf(before, changed)).to.equal(false);
        }
        expect(isEncodingOf(before, bytes.subarray(0, -1))).to.equal(false);
        expect(isEncodingOf(before, Uint8Array.of(...bytes, 0))).to.equal(false);
      }),
      { numRuns: 2000, seed: 8949 },
    );
    expect(differ).to.be.greaterThan(1000);
  });

  it('of bytes that a lax decoder takes: the answer is cborg’s own', () => {
    let [taken, refused] = [0, 0];
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 10 }), bytes => {
        let value: unknown;
        try {
          value = decode(bytes, { useMaps: true, allowBigInt: false });
        } catch {
          return;
        }
        const same = isOurs(value) && sameBytes(written(value), bytes);
        if (same) taken++;
        else refused++;
        expect(isEncodingOf(value, bytes)).to.equal(same);
      }),
      { numRuns: 20_000, seed: 3 },
    );
    expect(taken).to.be.greaterThan(500);
    expect(refused).to.be.greaterThan(50);
  });

  it('is that of every vector: the frame, its header and its payload', () => {
    for (const { name, hex } of VECTORS.accepted) {
      const bytes = bytesOf(hex);
      const frame = decode(bytes, { useMaps: true, tags: { 18: Tagged.decoder(18) } }) as Tagged;
      expect(isEncodingOf(frame, bytes), name).to.equal(true);
      const [header, , payload] = frame.value as [Uint8Array, unknown, Uint8Array];
      for (const part of [header, payload]) expect(isEncodingOf(readAgain(part), part), name).to.equal(true);
    }
  });

  const edges: readonly [string, unknown, string, boolean][] = [
    ['23', 23, '17', true],
    ['23 in two bytes', 23, '1817', false],
    ['24', 24, '1818', true],
    ['255 in three', 255, '1900ff', false],
    ['256', 256, '190100', true],
    ['65536', 65_536, '1a00010000', true],
    ['2^32 − 1 in nine', 2 ** 32 - 1, '1b00000000ffffffff', false],
    ['2^32', 2 ** 32, '1b0000000100000000', true],
    ['2^53 − 1', Number.MAX_SAFE_INTEGER, '1b001fffffffffffff', true],
    ['−(2^53 − 1)', Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe', true],
    ['a half', 0.5, 'f93800', false],
    ['true', true, 'f5', false],
    ['nothing', undefined, 'f7', false],
    [
      'keys in order',
      new Map([
        [1, 0],
        [-1, 0],
      ]),
      'a201002000',
      true,
    ],
    [
      'keys out of order',
      new Map([
        [-1, 0],
        [1, 0],
      ]),
      'a220000100',
      false,
    ],
    ['a key that came twice and is held once', new Map([[1, 0]]), 'a201000100', false],
    ['a text of a mark that a decoder drops', 'a', '64efbbbf61', false],
    ['a text beyond ASCII', 'ü', '62c3bc', true],
    ['a text beyond ASCII, its length in characters', 'ü', '61c3', false],
    ['a text whose one character is beyond ASCII, as one byte', 'é', '61e9', false],
    ['a list that ends early', [1, 2], '8201', false],
    ['another tag', new Tagged(18, 1), 'd101', false],
  ];
  for (const [name, value, hex, expected] of edges)
    it(`${name}: ${expected}`, () => expect(isEncodingOf(value, bytesOf(hex))).to.equal(expected));
});

/** As the codec does, which is not given indefinite lengths either. */
function readAgain(bytes: Uint8Array): unknown {
  return decode(bytes, { strict: true, useMaps: true });
}

/** Whether a value is made of what an envelope is made of. */
function isOurs(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (value instanceof Map) return [...value].flat().every(isOurs);
  if (Array.isArray(value)) return value.every(isOurs);
  return typeof value === 'string' || value instanceof Uint8Array;
}

/** Values of an envelope, three levels deep. */
const { value: values } = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 70_000 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300, size: 'max' }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc
      .array(fc.tuple(fc.oneof(fc.integer({ min: -70_010, max: 300 }), fc.string()), tie('value')), {
        maxLength: 30,
      })
      .map(pairs => new Map(pairs)),
  ),
}));
