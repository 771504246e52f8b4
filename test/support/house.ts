/**
 * The rules of the house as pure functions: a source in, what is wrong with it out. Which rule, and why, is
 * told in src/README.md.
 */
import { posix } from 'node:path';
import type { Facts, Source } from './sources.ts';

/** The floors. A room imports from lower floors, and beside that only what {@link BESIDE} names. */
export const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  model: 1,
  wan: 2,
  local: 2,
  control: 3,
  metering: 3,
  premise: 3,
  gateway: 4,
  io: 5,
  sim: 5,
  utility: 5,
  web: 5,
  hil: 5,
  cli: 6,
};
const BESIDE = ['premise to control'];

/** The one part of a pure floor that runs effects. */
const INTERPRETER = 'src/gateway/runtime/runtime.ts';
/** Pure rooms take these packages, which only compute, and no others. */
const PURE_PACKAGES = ['cborg', 'cbor-x', 'zod'];
const PURE_NODE = ['node:crypto', 'node:zlib', 'node:buffer'];
const PURE_NODE_ROOMS = ['base', 'wan'];
/** What of node:crypto draws random numbers. */
const RANDOM = /^(random|generate|webcrypto|getRandomValues|pseudoRandom|prng|rng|\*$)/;
const IMPURE = [
  'Date.now',
  'new Date()',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Math.random',
  'crypto',
  'process',
  'fetch',
  'WebSocket',
  'EventSource',
  'globalThis',
  'console',
  'Intl',
];

export const MAX_LINES = 400;

/** The room a path is in: the folder below `src`, or `hil`. */
export function roomOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'src' ? second : first;
}

/** Imports against the arrow. */
export function arrowTrouble({ path }: Source, facts: Facts): readonly string[] {
  const room = roomOf(path);
  return facts.imports.flatMap(({ from }) => {
    if (!from.startsWith('.')) return [];
    const target = roomOf(posix.join(posix.dirname(path), from));
    return mayImport(room, target) ? [] : [`${path} imports ${from}: ${room} may not know ${target}`];
  });
}

function mayImport(room: string, target: string): boolean {
  if (room === target || BESIDE.includes(`${room} to ${target}`)) return true;
  return (FLOORS[target] ?? Number.POSITIVE_INFINITY) < (FLOORS[room] ?? Number.NEGATIVE_INFINITY);
}

/** Imports into another room, or another part of it, past its door. `exists` says whether a path is a file. */
export function doorTrouble(
  { path }: Source,
  facts: Facts,
  exists: (path: string) => boolean,
): readonly string[] {
  return facts.imports.flatMap(({ from }) => {
    if (!from.startsWith('.')) return [];
    const target = posix.join(posix.dirname(path), from);
    if (roomOf(target) === roomOf(path) || posix.basename(target) === 'mod.ts') return [];
    const door = posix.join(posix.dirname(target), 'mod.ts');
    return exists(door) ? [`${path} imports ${from}: that room is entered by ${door}`] : [];
  });
}

export function isPure(path: string): boolean {
  return path.startsWith('src/') && (FLOORS[roomOf(path)] ?? 9) <= 4 && path !== INTERPRETER;
}

/** Clock, timer, randomness, environment, file or socket where there may be none. */
export function purityTrouble({ path }: Source, facts: Facts): readonly string[] {
  if (!isPure(path)) return [];
  const imports = facts.imports.flatMap(({ from, names }) => {
    if (from.startsWith('.')) return [];
    const allowed =
      PURE_PACKAGES.includes(from) || (PURE_NODE.includes(from) && PURE_NODE_ROOMS.includes(roomOf(path)));
    if (!allowed) return [`${path} imports ${from}`];
    const random = from === 'node:crypto' ? names.filter(name => RANDOM.test(name)) : [];
    return random.map(name => `${path} imports ${name} of ${from}`);
  });
  return [...imports, ...IMPURE.filter(name => facts.uses.has(name)).map(name => `${path} uses ${name}`)];
}

/** How a file is written: its length, its opening, its exports, and what types alone cannot erase. */
export function shapeTrouble({ path, text }: Source, facts: Facts): readonly string[] {
  const lines = text.split('\n').length - 1;
  return [
    ...(lines > MAX_LINES ? [`${path} has ${lines} lines of ${MAX_LINES}`] : []),
    ...(opensWithDoc(path, text) ? [] : [`${path} does not open with a doc comment`]),
    ...(facts.defaultExport ? [`${path} has a default export`] : []),
    ...(facts.construct === undefined ? [] : [`${path} has an ${facts.construct}`]),
  ];
}

function opensWithDoc(path: string, text: string): boolean {
  return path.startsWith('test/') || text.replace(/^#!.*\n/, '').startsWith('/**');
}

/** Of machines and hosts that the house must not know by name. */
export function placeTrouble({ path, text }: Source): readonly string[] {
  return text
    .split('\n')
    .flatMap((line, at) => (PLACES.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : []));
}

/** One letter of each stands in brackets, so that this file does not match itself. */
const PLACES =
  /\/wor[k]\/(main|shared)|\/roo[t]\/|\/hom[e]\/[a-z]|\/User[s]\/[a-z]|registr[y]\.[a-z]+\.|"resolve[d]"/;

/** Rule ids that stand in one of `titles`. */
export function provenRules(ids: readonly string[], titles: readonly string[]): readonly string[] {
  return ids.filter(id => titles.some(title => new RegExp(`(?<![A-Z0-9-])${id}(?![0-9-])`).test(title)));
}
