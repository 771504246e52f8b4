/**
 * Commands that are wrong in one thing and signed well, by a key that may little: whoever holds a trusted key, or a
 * head end with a mistake, sends such. Each is wrong by the contract, whatever the numbers drawn.
 */
import { nextBetween } from '../../src/base/random.ts';
import type { RandomState } from '../../src/base/random.ts';
import { signPayload, vetClaims } from '../../src/wan/envelope/mod.ts';
import { CLAIMS, NOW, WIDE, enrol, testKey } from '../wan/envelope/vectors.ts';
import { copy, read, write } from './cbor.ts';
import type { Node } from './cbor.ts';
import { pick } from './mutants.ts';

const signer = testKey(77);

/** May limit one group's power to 60 %, as dispatch, primacy 5 to 100. */
export const NARROW = enrol(signer.publicKey, {
  issuer: CLAIMS.issuer,
  alg: -19,
  epoch: 1,
  scope: {
    ...WIDE,
    operations: ['event'],
    highestClass: 'dispatch',
    primacy: { min: 5, max: 100 },
    groups: CLAIMS.audience.kind === 'group' ? [CLAIMS.audience.id] : [],
    bounds: { opModMaxLimW: { min: 0, max: 6000 } },
  },
});

const vetted = vetClaims(CLAIMS);
if (!vetted.ok) throw new Error(vetted.refusal);
const RIGHT = read(vetted.value);

/** What is wrong, and the envelope. Without a seed's change it is the one that is right. */
export function wrong(random: RandomState): { what: string; bytes: Uint8Array } {
  const [what, change] = pick(random, CHANGES) ?? ['', () => {}];
  const tree = copy(RIGHT);
  const payload = change(new Claims(tree), random) ?? write(tree);
  return { what, bytes: signPayload(payload, signer) };
}

export function right(): Uint8Array {
  return signPayload(write(RIGHT), signer);
}

const integer = (n: number): Node => ({
  is: 'integer',
  negative: n < 0,
  argument: BigInt(n < 0 ? -1 - n : n),
});
const text = (words: string): Node => ({ is: 'text', content: Buffer.from(words) });

/** A map by its keys. */
class Claims {
  readonly #map: Node;

  constructor(map: Node) {
    this.#map = map;
  }

  get items(): Node[] {
    return this.#map.is === 'map' ? this.#map.items : [];
  }

  at(key: number): number {
    const sought = write(integer(key));
    for (let at = 0; at < this.items.length; at += 2)
      if (write(this.items[at] ?? integer(0)).equals(sought)) return at;
    throw new Error(`no key ${key}`);
  }

  set(key: number, value: Node): void {
    this.items[this.at(key) + 1] = value;
  }

  inside(key: number): Claims {
    return new Claims(this.items[this.at(key) + 1] ?? integer(0));
  }

  /** Behind all others: for keys that sort last, or to unsort. */
  add(key: Node, value: Node): void {
    this.items.push(key, value);
  }
}

const seconds = Math.floor(NOW / 1000);
const [BODY, AXES] = [-70007, 3];
/** Every claim that a command to a group must have. */
const NEEDED = [1, 3, 4, 5, 6, 7, -70001, -70002, -70003, -70004, -70005, -70006, BODY];
/** What fits no claim at all, and no key of a body. */
const NOWHERE: readonly Node[] = [
  { is: 'array', items: [] },
  { is: 'raw', bytes: Buffer.from('fb3ff0000000000000', 'hex') },
  { is: 'raw', bytes: Buffer.from([0xf6]) },
  { is: 'raw', bytes: Buffer.from([0xf5]) },
  { is: 'bytes', content: Buffer.alloc(0) },
  text(''),
  { is: 'tag', number: 1n, of: integer(seconds) },
];

type Change = (claims: Claims, random: RandomState) => Buffer | void;

const CHANGES: readonly (readonly [what: string, change: Change])[] = [
  ['a claim left out', (c, r) => void c.items.splice(c.at(pick(r, NEEDED) ?? 1), 2)],
  ['a claim of another kind', (c, r) => c.set(pick(r, NEEDED) ?? 1, pick(r, NOWHERE) ?? integer(0))],
  [
    'a claim of nobody',
    (c, r) => c.add(integer(-80_000 - nextBetween(r, 0, 1e6)), integer(nextBetween(r, 0, 9))),
  ],
  [
    'a claim twice',
    (c, r) => {
      const at = c.at(pick(r, NEEDED) ?? 1);
      c.items.splice(at, 0, ...c.items.slice(at, at + 2).map(copy));
    },
  ],
  [
    'claims in another order',
    (c, r) => {
      const at = 2 * nextBetween(r, 0, NEEDED.length - 2);
      c.items.splice(at + 2, 0, ...c.items.splice(at, 2));
    },
  ],
  [
    'an integer too wide',
    (c, r) => {
      const key = pick(r, [4, 5, 6, -70002, -70003, -70004, -70005, -70006] as const) ?? 4;
      const value = c.items[c.at(key) + 1];
      if (value?.is === 'integer') value.width = 8;
    },
  ],
  [
    'a list without an end',
    (c, r) => {
      const map =
        (nextBetween(r, 0, 1) === 0 ? c.items[c.at(BODY) + 1] : undefined) ??
        c.inside(BODY).items[c.inside(BODY).at(AXES) + 1];
      if (map?.is === 'map') map.open = true;
    },
  ],
  [
    'bytes behind the payload',
    (c, r) =>
      Buffer.concat([
        write({ is: 'map', items: c.items }),
        Buffer.alloc(nextBetween(r, 1, 20), nextBetween(r, 0, 255)),
      ]),
  ],
  ['another issuer', (c, r) => c.set(1, text(`issuer-${nextBetween(r, 0, 1e6)}`))],
  ['another group', (c, r) => c.set(3, text(`g/feeder-${nextBetween(r, 8, 1e6)}`))],
  [
    'expired',
    (c, r) => {
      const end = seconds - nextBetween(r, 0, 1e6);
      c.set(5, integer(end - nextBetween(r, 1, 1e6)));
      c.set(4, integer(end));
    },
  ],
  ['not yet valid', (c, r) => c.set(5, integer(seconds + nextBetween(r, 6, 299)))],
  ['issued in the future', (c, r) => c.set(6, integer(seconds + nextBetween(r, 6, 1e6)))],
  [
    'a cti of another length',
    (c, r) => c.set(7, { is: 'bytes', content: Buffer.alloc(pick(r, [1, 15, 17, 64] as const) ?? 1) }),
  ],
  ['another key epoch', (c, r) => c.set(-70002, integer(nextBetween(r, 2, 1e6)))],
  ['a sequence below 1', (c, r) => c.set(-70003, integer(0 - nextBetween(r, 0, 1e6)))],
  ['a group epoch below 1', (c, r) => c.set(-70004, integer(0 - nextBetween(r, 0, 1e6)))],
  ["a class above the key's", (c, r) => c.set(-70005, integer(nextBetween(r, 0, 2)))],
  ['a class of nobody', (c, r) => c.set(-70005, integer(nextBetween(r, 5, 1e6)))],
  ['a primacy that is too strong', (c, r) => c.set(-70006, integer(nextBetween(r, 0, 4)))],
  ['a primacy that is too weak', (c, r) => c.set(-70006, integer(nextBetween(r, 101, 1e6)))],
  [
    'a kind that the key may not say, or nobody',
    (c, r) => c.inside(BODY).set(1, integer(nextBetween(r, 2, 1e3))),
  ],
  [
    'a body with a key of nobody',
    (c, r) => c.inside(BODY).add(integer(nextBetween(r, 1e3, 1e6)), integer(1)),
  ],
  [
    'a value of another kind in the body',
    (c, r) => c.inside(BODY).set(pick(r, [1, 2, AXES, 4, 5] as const) ?? 1, pick(r, NOWHERE) ?? integer(0)),
  ],
  [
    'a limit above its bound',
    (c, r) =>
      c
        .inside(BODY)
        .inside(AXES)
        .set(2, integer(nextBetween(r, 6001, 10_000))),
  ],
  [
    'a limit out of its range',
    (c, r) =>
      c
        .inside(BODY)
        .inside(AXES)
        .set(2, integer(pick(r, [0 - nextBetween(r, 1, 1e6), nextBetween(r, 10_001, 1e6)]) ?? -1)),
  ],
  [
    'an axis of nobody',
    (c, r) =>
      c
        .inside(BODY)
        .inside(AXES)
        .add(integer(nextBetween(r, 13, 1e6)), integer(0)),
  ],
  ['a duration of nothing', (c, r) => c.inside(BODY).set(5, integer(0 - nextBetween(r, 0, 1e6)))],
  [
    'deeper than deep',
    (c, r) => {
      let node: Node = integer(1);
      for (let n = nextBetween(r, 8, 60); n > 0; n--) node = { is: 'array', items: [node] };
      c.inside(BODY).add(integer(1_000_000), node);
    },
  ],
  [
    'more than 512 items',
    (c, r) =>
      c.inside(BODY).add(integer(1_000_000), {
        is: 'array',
        items: Array.from({ length: nextBetween(r, 513, 900) }, () => integer(1)),
      }),
  ],
];
