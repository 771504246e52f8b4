/**
 * Where a point of a profile stands on one device, and what its registers say: a point of a SunSpec model, or a
 * register of the maker's own table. A point has several places in their order; the first that is there counts.
 *
 * Words in, values out; which places are asked, and when, is in `own.ts`. Nothing here knows a maker.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import {
  type ModelEntry,
  type ModelSet,
  type PlacedPoint,
  type SunSpecDevice,
  type Value,
  type Words,
  decodePoint,
  decodeRaw,
  encodeRaw,
  locate,
} from '../sunspec/mod.ts';
import { scaled } from '../sunspec/value.ts';
import type { PointProfile, PointSource } from './schema.ts';

export type Space = 'holding' | 'input';

/** One place of one point on one device. */
export interface Place {
  readonly unit: number;
  readonly space: Space;
  /** Registers `from` … `to` − 1, 0-based: the value, and what scales it. They are read in one request. */
  readonly from: number;
  readonly to: number;
  /** Of a SunSpec point as its model has it: what a reading of the model says already. */
  readonly ofModel?: { readonly entry: ModelEntry; readonly path: string };
  /** The value, from the words of `from` on; `undefined` where it is not there. */
  decode(words: Words): Value | undefined;
}

/** A register of the maker's own table, which can be written. */
export interface Register {
  readonly unit: number;
  readonly space: Space;
  /** 0-based, as it goes over the line. */
  readonly address: number;
  readonly size: number;
  readonly exponent: number;
  readonly isWriteOnly: boolean;
  /** Words, in the order they stand, for a raw value: before the power of ten. */
  encode(raw: number): Result<readonly number[], 'out-of-range'>;
}

type TableSource = Extract<PointSource, { readonly table: Space }>;

const WORDS = { int16: 1, uint16: 1, int32: 2, uint32: 2, int64: 4, uint64: 4, float32: 2 } as const;

/** The places that can be read, in their order; those of models that the device has not are left out. */
export function placesOf(
  point: PointProfile,
  device: Pick<SunSpecDevice, 'unit' | 'models'>,
  models: ModelSet,
): readonly Place[] {
  return point.from.flatMap((source): readonly Place[] => {
    if ('table' in source) return source.writeOnly === true ? [] : [inTable(point, source, device.unit)];
    const [id = '', path = ''] = splitTarget(source.sunspec);
    const entry = device.models.find(each => each.id === Number(id));
    const def = models.get(Number(id));
    const placed = def && locate(def, path);
    if (entry === undefined || placed?.ok !== true) return [];
    return [inModel(point, { entry, path, placed: placed.value, readAs: source.readAs }, device.unit)];
  });
}

/** The register that takes what is written to the point: the first of its sources, if that is one. */
export function registerOf({ from: [source] }: PointProfile, unit: number): Register | undefined {
  if (source === undefined || !('table' in source)) return undefined;
  const def = defOf(source);
  return {
    unit: source.unit ?? unit,
    space: source.table,
    address: addressOf(source),
    size: def.size,
    exponent: source.exponent ?? 0,
    isWriteOnly: source.writeOnly === true,
    encode: raw => {
      const words = encodeRaw(def, raw);
      if (!words.ok) return refused('out-of-range', words.detail);
      return ok(inOrder(words.value, source));
    },
  };
}

/** `103.W`: model and path; `undefined` for both where it is a name of the profile's points. */
export function splitTarget(target: string): readonly [string, string] | readonly [] {
  const [, id, path] = /^(\d{1,5})\.(.+)$/.exec(target) ?? [];
  return id === undefined || path === undefined ? [] : [id, path];
}

function inTable(point: PointProfile, source: TableSource, unit: number): Place {
  const def = defOf(source);
  const from = addressOf(source);
  return {
    unit: source.unit ?? unit,
    space: source.table,
    from,
    to: from + def.size,
    decode: words => {
      const own = words.slice(0, def.size);
      const raw = decodeRaw(def, inOrder(own, source), 0);
      return believed(point, raw, value => scaledBy(value, source.exponent ?? 0));
    },
  };
}

function inModel(
  point: PointProfile,
  its: {
    readonly entry: ModelEntry;
    readonly path: string;
    readonly placed: PlacedPoint;
    readonly readAs: TableSource['type'] | undefined;
  },
  unit: number,
): Place {
  const { entry, path, readAs } = its;
  const placed = readAs === undefined ? its.placed : readingAs(its.placed, readAs);
  const scale = typeof placed.scale === 'object' ? [placed.scale] : [];
  const end = Math.max(...[placed, ...scale].map(({ offset, def }) => offset + def.size));
  const isPlain = readAs === undefined && point.sentinels === undefined;
  return {
    unit,
    space: 'holding',
    // From the id register on: what stands where the model was is not its point.
    from: entry.address,
    to: entry.address + end,
    ...(isPlain ? { ofModel: { entry, path } } : {}),
    decode: words => {
      if (words[0] !== entry.id || words[1] !== (entry.claims ?? entry.length)) return undefined;
      return believed(point, decodeRaw(placed.def, words, placed.offset), () => decodePoint(placed, words));
    },
  };
}

function readingAs(placed: PlacedPoint, type: TableSource['type']): PlacedPoint {
  const size = type === 'string' ? placed.def.size : WORDS[type];
  return { ...placed, def: { ...placed.def, type, size } };
}

/** What the profile says of the value itself: own sentinels by the raw value, zeros, and the maker's sign. */
function believed(
  point: PointProfile,
  raw: Value | undefined,
  scale: (raw: number | bigint) => Value | undefined,
): Value | undefined {
  if (raw === undefined || typeof raw === 'string') return raw;
  if (point.sentinels?.some(each => BigInt(each) === asInteger(raw)) === true) return undefined;
  return asSaid(point, scale(raw));
}

/** A scaled value as the profile has it: the part of {@link Place.decode} that holds for values of models too. */
export function asSaid({ zeroMeansUnknown, negated }: PointProfile, value: Value | undefined) {
  if (typeof value !== 'number' && typeof value !== 'bigint') return value;
  if (zeroMeansUnknown === true && Number(value) === 0) return undefined;
  return negated === true && Number(value) !== 0 ? -value : value;
}

function asInteger(raw: number | bigint): bigint | undefined {
  return typeof raw === 'bigint' || Number.isInteger(raw) ? BigInt(raw) : undefined;
}

/** Floats are scaled as they are; integers without loss. */
function scaledBy(raw: number | bigint, exponent: number): number | bigint {
  if (typeof raw === 'number' && !Number.isInteger(raw))
    return exponent < 0 ? raw / 10 ** -exponent : raw * 10 ** exponent;
  return scaled(raw, exponent);
}

function defOf({ type, count = 1 }: TableSource) {
  return { name: 'own', type, size: type === 'string' ? count : WORDS[type] };
}

function addressOf({ register, addressBase }: TableSource): number {
  return register - addressBase;
}

/** Most significant word first, as everything here has it; `little` has the words the other way round. */
function inOrder<T>(words: readonly T[], { wordOrder, type }: TableSource): readonly T[] {
  return wordOrder === 'little' && type !== 'string' ? words.toReversed() : words;
}
