/**
 * The registers of a simulated SunSpec device: marker, models, end model, from base 40000. Values go in and out as
 * engineering values by `103.W`; a client reads and writes the words. A point nobody set is not implemented: it
 * holds its type's sentinel and refuses writes.
 */
import { assert } from '../base/assert.ts';
import { EXCEPTION } from '../local/bus/mod.ts';
import type { PointPlace } from './definition.ts';
import { modelLayout } from './definition.ts';

/**
 * What a point starts with: a number in its unit, or text. Scale factors and the counts of repeating groups are
 * points like any other.
 */
export type Values = Readonly<Record<string, number | string>>;

export interface ModelValues {
  readonly id: number;
  readonly values: Values;
}

/** One point written by a client: `704.WMaxLimPct` and its new engineering value. */
export interface WrittenPoint {
  readonly point: string;
  readonly value: number;
}

/** Asked before a write takes place; an exception code refuses the whole request. */
export type WriteGuard = (point: string, value: number) => number | undefined;

interface Placed extends PointPlace {
  readonly address: number;
  /** Power of ten that a raw value is multiplied with. */
  readonly exponent: number;
  implemented: boolean;
}

const BASE = 40_000;
const MARKER = [0x5375, 0x6e53];
const END_MODEL = [0xffff, 0];

/** Raw value of a point that is not implemented (SunSpec Device Information Model 1.2, 4.3), as one register each. */
const SENTINEL: Readonly<Record<string, readonly number[]>> = {
  int16: [0x8000],
  sunssf: [0x8000],
  pad: [0x8000],
  uint16: [0xffff],
  enum16: [0xffff],
  bitfield16: [0xffff],
  acc16: [0],
  int32: [0x8000, 0],
  uint32: [0xffff, 0xffff],
  enum32: [0xffff, 0xffff],
  bitfield32: [0xffff, 0xffff],
  acc32: [0, 0],
  int64: [0x8000, 0, 0, 0],
  uint64: [0xffff, 0xffff, 0xffff, 0xffff],
  acc64: [0, 0, 0, 0],
};

export class Image {
  readonly #words: Uint16Array;
  readonly #points = new Map<string, Placed>();
  /** The point each register belongs to; the marker and the models' headers belong to none. */
  readonly #owners: (Placed | undefined)[];

  constructor(models: readonly ModelValues[]) {
    const sizes = models.map(({ id, values }) => modelLayout(id, values).size);
    const total = sizes.reduce((sum, size) => sum + size, MARKER.length + END_MODEL.length);
    this.#words = new Uint16Array(total);
    this.#owners = Array.from({ length: total }, () => undefined);
    this.#words.set(MARKER, 0);
    let at = MARKER.length;
    for (const model of models) at = this.#place(model, at);
    this.#words.set(END_MODEL, at);
  }

  /** The words from `address`, or an exception where one of them does not exist. */
  read(address: number, count: number): readonly number[] | { readonly exception: number } {
    const at = address - BASE;
    if (at < 0 || at + count > this.#words.length) return { exception: EXCEPTION.illegalAddress };
    return [...this.#words.subarray(at, at + count)];
  }

  /**
   * Writes all the words or none. Registers that do not exist, are read-only or not implemented refuse with
   * exception 2, values outside an enumeration or refused by `guard` with 3.
   */
  write(
    address: number,
    words: readonly number[],
    guard: WriteGuard,
  ): readonly WrittenPoint[] | { readonly exception: number } {
    const at = address - BASE;
    if (at < 0 || at + words.length > this.#words.length) return { exception: EXCEPTION.illegalAddress };
    const touched = new Set(this.#owners.slice(at, at + words.length));
    for (const point of touched)
      if (!point?.writable || !point.implemented) return { exception: EXCEPTION.illegalAddress };
    const before = this.#words.slice(at, at + words.length);
    this.#words.set(words, at);
    const written: WrittenPoint[] = [];
    for (const point of touched) {
      if (point === undefined) continue;
      const [key, value] = [this.#key(point), this.#value(point)];
      const wrong = point.symbols !== undefined && !point.symbols.includes(value);
      const exception = wrong ? EXCEPTION.illegalValue : guard(key, value);
      if (exception !== undefined) {
        this.#words.set(before, at);
        return { exception };
      }
      written.push({ point: key, value });
    }
    return written;
  }

  /** The engineering value of `103.W`. Asking for a point that is not implemented is a broken promise. */
  get(key: string): number {
    return this.#value(this.#find(key));
  }

  /** Sets an engineering value, at the nearest step and the end of the range that the registers can hold. */
  set(key: string, value: number): void {
    this.#setValue(this.#find(key), value);
  }

  has(key: string): boolean {
    return this.#points.get(key)?.implemented === true;
  }

  /** Gives the points below `to` the registers of their namesakes below `from` (`705.Crv[1].`), but for `except`. */
  copy(from: string, to: string, except: string): void {
    for (const [key, source] of this.#points) {
      const name = key.startsWith(from) ? key.slice(from.length) : except;
      const target = this.#points.get(to + name);
      if (name !== except && target !== undefined)
        this.#words.copyWithin(target.address, source.address, source.address + source.size);
    }
  }

  /** Address of the first register of a point. */
  address(key: string): number {
    return this.#find(key).address + BASE;
  }

  #find(key: string): Placed {
    const point = this.#points.get(key);
    assert(point?.implemented, `point ${key} is implemented`);
    return point;
  }

  readonly #keys = new Map<Placed, string>();

  #key(point: Placed): string {
    return this.#keys.get(point) ?? '';
  }

  #place(model: ModelValues, at: number): number {
    const layout = modelLayout(model.id, model.values);
    for (const place of layout.points) {
      const exponent = typeof place.sf === 'number' ? place.sf : Number(model.values[place.sf ?? ''] ?? 0);
      const point: Placed = { ...place, address: at + place.offset, exponent, implemented: false };
      const key = `${model.id}.${place.name}`;
      this.#points.set(key, point);
      this.#keys.set(point, key);
      this.#fill(point, model.values[place.name]);
    }
    this.#words[at] = model.id;
    this.#words[at + 1] = layout.size - 2;
    return at + layout.size;
  }

  #fill(point: Placed, value: number | string | undefined): void {
    for (let i = 0; i < point.size; i++) {
      // The first two registers of a model are its header, and nobody writes them.
      if (point.name !== 'ID' && point.name !== 'L') this.#owners[point.address + i] = point;
      this.#words[point.address + i] = SENTINEL[point.type]?.[i] ?? 0;
    }
    if (value === undefined) return;
    point.implemented = true;
    if (typeof value === 'string') this.#setText(point, value);
    else this.#setValue(point, value);
  }

  #setText(point: Placed, text: string): void {
    const bytes = new Uint8Array(2 * point.size);
    new TextEncoder().encodeInto(text, bytes);
    for (let i = 0; i < point.size; i++)
      this.#words[point.address + i] = ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0);
  }

  #setValue(point: Placed, value: number): void {
    const [low, high] = rawRange(point);
    let raw = BigInt(Math.round(Math.min(high, Math.max(low, value / 10 ** point.exponent))));
    for (let i = point.size - 1; i >= 0; i--) {
      this.#words[point.address + i] = Number(raw & 0xffffn);
      raw >>= 16n;
    }
  }

  #value(point: Placed): number {
    let raw = 0n;
    for (let i = 0; i < point.size; i++) raw = (raw << 16n) | BigInt(this.#words[point.address + i] ?? 0);
    const signed = point.type.startsWith('int') || point.type === 'sunssf';
    const number = Number(signed ? BigInt.asIntN(16 * point.size, raw) : raw);
    // Division keeps 33.3 from becoming 33.300000000000004.
    return point.exponent < 0 ? number / 10 ** -point.exponent : number * 10 ** point.exponent;
  }
}

/** The raw numbers a point can hold, its sentinel left out; 64 bits are bounded by what a number holds exactly. */
function rawRange(point: PointPlace): readonly [number, number] {
  const bits = Math.min(53, 16 * point.size);
  if (point.type.startsWith('int')) return [-(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1];
  if (point.type === 'sunssf') return [-10, 10];
  return [0, point.type.startsWith('acc') ? 2 ** bits - 1 : 2 ** bits - 2];
}
