/**
 * CBOR as a tree that can be bent: what envelopes are made of, with every way to write it wrong. It reads only what is
 * sound (the vectors), and writes anything.
 */

export type Node =
  | { is: 'integer'; negative: boolean; argument: bigint; width?: Width }
  | { is: 'bytes' | 'text'; content: Uint8Array | Node; claims?: bigint; width?: Width; chunked?: true }
  | { is: 'array' | 'map'; items: Node[]; claims?: bigint; width?: Width; open?: true }
  | { is: 'tag'; number: bigint; of: Node }
  /** Bytes that stand for whatever they are. */
  | { is: 'raw'; bytes: Uint8Array };

/** Bytes of an argument behind its first; without one, as few as do. */
export type Width = 1 | 2 | 4 | 8;

const MAJOR = { bytes: 2, text: 3, array: 4, map: 5, tag: 6 } as const;
const WIDTHS = [1, 2, 4, 8] as const;

/** The bytes of `node`, right or wrong. */
export function write(node: Node): Buffer {
  switch (node.is) {
    case 'integer':
      return head(node.negative ? 1 : 0, node.argument, node.width);
    case 'bytes':
    case 'text': {
      const content = contentOf(node.content);
      const major = MAJOR[node.is];
      if (node.chunked)
        return Buffer.concat([first(major, 31), head(major, BigInt(content.length)), content, BREAK]);
      return Buffer.concat([head(major, node.claims ?? BigInt(content.length), node.width), content]);
    }
    case 'array':
    case 'map': {
      const items = node.items.map(write);
      const major = MAJOR[node.is];
      if (node.open) return Buffer.concat([first(major, 31), ...items, BREAK]);
      const count = BigInt(node.is === 'map' ? node.items.length >> 1 : node.items.length);
      return Buffer.concat([head(major, node.claims ?? count, node.width), ...items]);
    }
    case 'tag':
      return Buffer.concat([head(MAJOR.tag, node.number), write(node.of)]);
    case 'raw':
      return Buffer.from(node.bytes);
  }
}

function contentOf(content: Uint8Array | Node): Buffer {
  return content instanceof Uint8Array ? Buffer.from(content) : write(content);
}

const BREAK = Buffer.from([0xff]);
const first = (major: number, low: number): Buffer => Buffer.from([(major << 5) | low]);

/** The head of an item (RFC 8949, 3): its major type and its argument. */
export function head(major: number, argument: bigint, width?: Width): Buffer {
  if (width === undefined && argument < 24n) return first(major, Number(argument));
  const least = WIDTHS.find(w => argument < 1n << BigInt(8 * w)) ?? 8;
  const bytes = width === undefined || width < least ? least : width;
  const out = Buffer.alloc(1 + bytes);
  out[0] = (major << 5) | (24 + WIDTHS.indexOf(bytes));
  for (let at = bytes, left = argument; at > 0; at--, left >>= 8n) out[at] = Number(left & 0xffn);
  return out;
}

/** The tree of one sound item; what is left of the bytes is not looked at. */
export function read(bytes: Uint8Array): Node {
  return readAt({ bytes, at: 0 });
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function readAt(cursor: Cursor): Node {
  const start = cursor.at;
  const [major, argument] = readHead(cursor);
  const run = (): Uint8Array => cursor.bytes.slice(cursor.at, (cursor.at += Number(argument)));
  const items = (count: bigint): Node[] => Array.from({ length: Number(count) }, () => readAt(cursor));
  if (major <= 1) return { is: 'integer', negative: major === 1, argument };
  if (major === 2) return { is: 'bytes', content: run() };
  if (major === 3) return { is: 'text', content: run() };
  if (major === 4) return { is: 'array', items: items(argument) };
  if (major === 5) return { is: 'map', items: items(2n * argument) };
  if (major === 6) return { is: 'tag', number: argument, of: readAt(cursor) };
  return { is: 'raw', bytes: cursor.bytes.slice(start, cursor.at) };
}

function readHead(cursor: Cursor): [major: number, argument: bigint] {
  const initial = cursor.bytes[cursor.at++] ?? 0;
  const low = initial & 31;
  if (low < 24) return [initial >> 5, BigInt(low)];
  const width = WIDTHS[low - 24] ?? 8;
  let argument = 0n;
  for (let n = 0; n < width; n++) argument = (argument << 8n) | BigInt(cursor.bytes[cursor.at++] ?? 0);
  return [initial >> 5, argument];
}

/** A copy to bend. */
export function copy(node: Node): Node {
  switch (node.is) {
    case 'integer':
    case 'raw':
      return { ...node };
    case 'bytes':
    case 'text':
      return { ...node, content: node.content instanceof Uint8Array ? node.content : copy(node.content) };
    case 'array':
    case 'map':
      return { ...node, items: node.items.map(copy) };
    case 'tag':
      return { ...node, of: copy(node.of) };
  }
}

/** Every node below and with `node`, and how to put another in its place. */
export function places(node: Node, put: (other: Node) => void = () => {}): Place[] {
  const below: Place[] = [];
  if (node.is === 'tag') below.push(...places(node.of, other => (node.of = other)));
  if ((node.is === 'bytes' || node.is === 'text') && !(node.content instanceof Uint8Array))
    below.push(...places(node.content, other => (node.content = other)));
  if (node.is === 'array' || node.is === 'map')
    for (const [at, item] of node.items.entries())
      below.push(...places(item, other => (node.items[at] = other)));
  return [{ node, put }, ...below];
}

export interface Place {
  readonly node: Node;
  readonly put: (other: Node) => void;
}
