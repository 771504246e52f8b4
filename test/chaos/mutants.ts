/**
 * Mutants of one envelope, by seed: its structure bent in one to three places, its signature left as it was. Whatever
 * comes out was not signed so; where it is the envelope itself, there is no mutant.
 */
import { nextBetween } from '../../src/base/random.ts';
import type { RandomState } from '../../src/base/random.ts';
import { copy, places, read, write } from './cbor.ts';
import type { Node, Place, Width } from './cbor.ts';

/** The tree of an envelope, its protected header and its payload opened. */
export function openEnvelope(bytes: Uint8Array): Node {
  const tree = read(bytes);
  if (tree.is === 'tag' && tree.of.is === 'array')
    for (const at of [0, 2]) {
      const part = tree.of.items[at];
      if (part?.is === 'bytes' && part.content instanceof Uint8Array) part.content = read(part.content);
    }
  return tree;
}

export function mutant(random: RandomState, of: Node, others: readonly Node[]): Buffer {
  const tree: Node = { is: 'array', items: [copy(of)] };
  for (let times = nextBetween(random, 1, 3); times > 0; times--) {
    const place = pick(random, places(tree).slice(1));
    if (place !== undefined) bend(random, place, others);
  }
  const bytes = write(tree).subarray(1);
  return nextBetween(random, 0, 9) === 0 ? spoil(random, bytes) : bytes;
}

const EDGES = [
  0n,
  23n,
  24n,
  255n,
  256n,
  65_535n,
  65_536n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 64n - 1n,
];
/** Floats, simple values, a break, reserved heads (RFC 8949, 3), and names that some languages give a meaning. */
const STRANGE = [
  'f97e00',
  'fb7ff0000000000000',
  'f4',
  'f5',
  'f6',
  'f7',
  'f820',
  'ff',
  '1c',
  'dc',
  'fc',
  '00',
  '20',
]
  .concat([
    '695f5f70726f746f5f5f',
    '6b636f6e7374727563746f72',
    'c249010000000000000000',
    'a0',
    '80',
    '40',
    '60',
  ])
  .map(hex => Buffer.from(hex, 'hex'));

/** Something else in the place of a node, or the node bent as its kind can be. */
function bend(random: RandomState, { node, put }: Place, others: readonly Node[]): void {
  const how = nextBetween(random, 0, 9);
  if (how === 0) return put({ is: 'raw', bytes: pick(random, STRANGE) ?? Buffer.alloc(0) });
  if (how === 1) return put({ is: 'tag', number: pick(random, EDGES) ?? 0n, of: node });
  if (how === 2) return put(nested(node, nextBetween(random, 1, 20)));
  if (how === 3) return put(copy(pick(random, places(pick(random, others) ?? node))?.node ?? node));
  switch (node.is) {
    case 'integer':
      return bendInteger(random, node);
    case 'bytes':
    case 'text':
      return bendString(random, node);
    case 'array':
    case 'map':
      return bendList(random, node, others);
    default:
      return put({ is: 'raw', bytes: noise(random, nextBetween(random, 0, 12)) });
  }
}

function bendInteger(random: RandomState, node: Extract<Node, { is: 'integer' }>): void {
  const how = nextBetween(random, 0, 3);
  if (how === 0) node.argument = pick(random, EDGES) ?? 0n;
  else if (how === 1) node.negative = !node.negative;
  else if (how === 2) node.argument += node.argument > 0n && nextBetween(random, 0, 1) === 0 ? -1n : 1n;
  else node.width = wider(random);
}

function bendString(random: RandomState, node: Extract<Node, { is: 'bytes' | 'text' }>): void {
  const how = nextBetween(random, 0, 6);
  if (how === 0) node.is = node.is === 'bytes' ? 'text' : 'bytes';
  else if (how === 1) node.chunked = true;
  else if (how === 2) node.width = wider(random);
  else if (how === 3) node.claims = pick(random, EDGES) ?? 0n;
  else node.content = spoil(random, node.content instanceof Uint8Array ? node.content : write(node.content));
}

function bendList(
  random: RandomState,
  node: Extract<Node, { is: 'array' | 'map' }>,
  others: readonly Node[],
): void {
  const step = node.is === 'map' ? 2 : 1;
  const at = step * nextBetween(random, 0, Math.max(0, node.items.length / step - 1));
  const how = nextBetween(random, 0, 6);
  if (how === 0) node.items.splice(at, step);
  else if (how === 1) node.items.push(...node.items.slice(at, at + step).map(copy));
  else if (how === 2) node.items.unshift(...node.items.splice(at, step));
  else if (how === 3) node.open = true;
  else if (how === 4) node.claims = pick(random, EDGES) ?? 0n;
  else if (how === 5) node.width = wider(random);
  else {
    const more = Array.from({ length: step }, () => pick(random, places(pick(random, others) ?? node))?.node);
    node.items.splice(at, 0, ...more.flatMap(other => (other === undefined ? [] : [copy(other)])));
  }
}

/** A bit flipped, a run taken out, doubled, or noise put in. */
function spoil(random: RandomState, bytes: Uint8Array): Buffer {
  const at = nextBetween(random, 0, Math.max(0, bytes.length - 1));
  const run = nextBetween(random, 1, 16);
  const how = nextBetween(random, 0, 4);
  if (how === 0) return Buffer.from(bytes.subarray(0, at));
  if (how === 1) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + run)]);
  if (how === 2)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + run), bytes.subarray(at)]);
  if (how === 3) return Buffer.concat([bytes.subarray(0, at), noise(random, run), bytes.subarray(at)]);
  const flipped = Buffer.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << nextBetween(random, 0, 7));
  return flipped;
}

function nested(node: Node, deep: number): Node {
  let around = node;
  for (let n = 0; n < deep; n++) around = { is: 'array', items: [around] };
  return around;
}

function wider(random: RandomState): Width {
  return pick(random, [1, 2, 4, 8] as const) ?? 8;
}

function noise(random: RandomState, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => nextBetween(random, 0, 255)));
}

export function pick<T>(random: RandomState, items: readonly T[]): T | undefined {
  return items[nextBetween(random, 0, Math.max(0, items.length - 1))];
}
