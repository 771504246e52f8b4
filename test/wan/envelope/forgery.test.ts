/**
 * Envelopes changed on the way: every bit, every length, and many at random. A refusal each time, never a crash
 * and never a command.
 */
import { expect } from 'chai';
import { nextBetween, seeded } from '../../../src/base/random.ts';
import type { RandomState } from '../../../src/base/random.ts';
import { openCommand, openRecord } from '../../../src/wan/envelope/mod.ts';
import { VECTORS, bytesOf, contextFor, keyOf } from './vectors.ts';

const envelopes = [
  ...VECTORS.accepted.map(({ name, topic, hex }) => ({ name, topic, bytes: bytesOf(hex), open: command })),
  ...VECTORS.records
    .filter(row => row.refusal === undefined)
    .map(({ name, topic, hex }) => ({ name: `record ${name}`, topic, bytes: bytesOf(hex), open: record })),
];

function command(bytes: Uint8Array, topic: string): string {
  const result = openCommand(bytes, contextFor(topic));
  return result.ok ? 'accepted' : result.refusal;
}

function record(bytes: Uint8Array, topic: string): string {
  const result = openRecord(bytes, { topic, keyOf });
  return result.ok ? 'accepted' : result.refusal;
}

describe('a changed envelope', () => {
  for (const { name, topic, bytes, open } of envelopes)
    describe(name, () => {
      it('is accepted as it is', () => expect(open(bytes, topic)).to.equal('accepted'));

      it('SIWG-2 is refused with any one bit of any byte flipped', () => {
        for (let i = 0; i < bytes.length * 8; i++) {
          const changed = Uint8Array.from(bytes);
          changed[i >> 3] = (changed[i >> 3] ?? 0) ^ (1 << (i & 7));
          expect(open(changed, topic), `bit ${i & 7} of byte ${i >> 3}`).to.not.equal('accepted');
        }
      });

      it('is refused when it is cut at any length', () => {
        for (let length = 0; length < bytes.length; length++)
          expect(open(bytes.subarray(0, length), topic), `${length} bytes`).to.equal('truncated');
      });

      it('is refused with any byte after it', () => {
        for (let byte = 0; byte < 256; byte++)
          expect(open(Uint8Array.of(...bytes, byte), topic)).to.equal('trailing-bytes');
      });
    });
});

describe('20,000 mutants of one seed', () => {
  it('are refused, every one, and none throws', () => {
    const random = seeded(0x5eed);
    const seen = new Set<string>();
    for (let n = 0; n < 20_000; n++) {
      const { bytes, topic, open } = pick(random, envelopes);
      const mutant = mutate(random, bytes);
      if (Buffer.compare(mutant, bytes) === 0) continue;
      const refusal = open(mutant, topic);
      expect(refusal, Buffer.from(mutant).toString('hex')).to.not.equal('accepted');
      seen.add(refusal);
    }
    expect(seen.size, [...seen].join(' ')).to.be.greaterThan(15);
  }).timeout(60_000);
});

function pick<T>(random: RandomState, items: readonly T[]): T {
  const item = items[nextBetween(random, 0, items.length - 1)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** One to four changes: a byte set, a run removed, a run doubled, a run taken from elsewhere. */
function mutate(random: RandomState, bytes: Uint8Array): Uint8Array {
  let mutant = [...bytes];
  for (let changes = nextBetween(random, 1, 4); changes > 0; changes--) {
    const from = nextBetween(random, 0, mutant.length - 1);
    const run = mutant.slice(from, from + nextBetween(random, 1, 16));
    const to = nextBetween(random, 0, mutant.length - 1);
    const how = nextBetween(random, 0, 3);
    if (how === 0) mutant[from] = nextBetween(random, 0, 255);
    else if (how === 1) mutant = mutant.toSpliced(from, run.length);
    else if (how === 2) mutant = mutant.toSpliced(from, 0, ...run);
    else mutant = mutant.toSpliced(to, run.length, ...run);
  }
  return Uint8Array.from(mutant);
}
