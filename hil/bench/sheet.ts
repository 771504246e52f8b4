/**
 * A model as it was read: its registers, and every point in them by name. The bench works on registers where the
 * gateway works on values, because what it judges is how the one becomes the other.
 */
import type { Result } from '../../src/base/assert.ts';
import { ok, refused } from '../../src/base/assert.ts';
import type { Conversation } from '../../src/local/bus/mod.ts';
import type {
  GroupDef,
  ModelDef,
  ModelEntry,
  PlacedGroup,
  PlacedPoint,
  Value,
  Words,
} from '../../src/local/sunspec/mod.ts';
import { MAX_READ } from '../../src/local/bus/mod.ts';
import {
  decodePoint,
  decodeRaw,
  describeFailure,
  encodePoint,
  place,
  readAround,
  scaleOf,
  seamsOf,
} from '../../src/local/sunspec/mod.ts';

/** One point of one model of the device. */
export interface Spot {
  /** `704.PFWInj.PF`, `705.Crv[1].Pt[0].V`: indices count from 0. */
  readonly name: string;
  /** The same without the model. */
  readonly path: string;
  /** The group it stands in: `PFWInj`, `Crv[1]`, empty for the model's own. */
  readonly group: string;
  readonly address: number;
  readonly size: number;
  readonly placed: PlacedPoint;
  /** The definition gives write access, and its curve is not marked read-only. */
  readonly writable: boolean;
}

export interface Sheet {
  readonly def: ModelDef;
  readonly entry: ModelEntry;
  readonly words: Words;
  /** By path. */
  readonly spots: ReadonlyMap<string, Spot>;
}

/** Whom to ask, and for how many registers at once at the most; {@link MAX_READ} unless told. */
export interface Reader {
  readonly unit: number;
  readonly maxRead?: number | undefined;
}

/** Reads all of a model. A register that the device refuses is `undefined` in its words. */
export function* readSheet(
  { unit, maxRead = MAX_READ }: Reader,
  entry: ModelEntry,
  def: ModelDef,
): Conversation<Result<Sheet, 'silent'>> {
  const words: (number | undefined)[] = [];
  const end = entry.address + entry.length + 2;
  while (entry.address + words.length < end) {
    const from = entry.address + words.length;
    const seams = (): readonly number[] => seamsOf(def, entry, words);
    const reply = yield* readAround(unit, { from, to: pieceEnd({ from, end, maxRead }, seams) }, seams);
    if (!reply.ok) return refused('silent', describeFailure(reply), 'later');
    words.push(...reply.words);
  }
  return ok({ def, entry, words, spots: spotsOf(def, entry, words) });
}

function pieceEnd(
  { from, end, maxRead }: { readonly from: number; readonly end: number; readonly maxRead: number },
  seams: () => readonly number[],
): number {
  if (end <= from + maxRead) return end;
  return seams().findLast(at => at > from && at <= from + maxRead) ?? from + maxRead;
}

/** The engineering value of a point; `undefined` where it is not implemented or unknown. */
export function valueIn(sheet: Sheet, path: string): Value | undefined {
  const spot = sheet.spots.get(path);
  return spot === undefined ? undefined : decodePoint(spot.placed, sheet.words);
}

/** The same where only a number will do. */
export function numberIn(sheet: Sheet, path: string): number | undefined {
  const value = valueIn(sheet, path);
  return typeof value === 'string' || value === undefined ? undefined : Number(value);
}

/** The registers of a point, or `undefined` where one could not be read. */
export function wordsIn(sheet: Sheet, spot: Spot): readonly number[] | undefined {
  const { offset } = spot.placed;
  const words = sheet.words.slice(offset, offset + spot.size);
  return words.length === spot.size && words.every(word => word !== undefined) ? words : undefined;
}

/** Whether a point holds anything but its type's "not implemented". An accumulator at 0 may simply be young. */
export function isImplemented(sheet: Sheet, spot: Spot): boolean {
  if (spot.placed.def.type.startsWith('acc')) return wordsIn(sheet, spot) !== undefined;
  return decodeRaw(spot.placed.def, sheet.words, spot.placed.offset) !== undefined;
}

/** The registers that set `path` to `value`; a refusal says why that cannot be written. */
export function wordsFor(sheet: Sheet, path: string, value: number): Result<readonly number[], string> {
  const spot = sheet.spots.get(path);
  if (spot === undefined) return refused('no-such-point', path);
  const scaleFactor = scaleOf(spot.placed, sheet.words);
  const options = { counts: countsIn(sheet), ...(scaleFactor === undefined ? {} : { scaleFactor }) };
  const encoded = encodePoint(sheet.def, path, value, options);
  return encoded.ok ? ok(encoded.value.words) : encoded;
}

/** The size of one step of a point in its unit, or `undefined` where its scale factor is unknown. */
export function stepOf(sheet: Sheet, path: string): number | undefined {
  const placed = sheet.spots.get(path)?.placed;
  if (placed === undefined) return undefined;
  if (placed.scale === undefined) return 1;
  const exponent = scaleOf(placed, sheet.words);
  return exponent === undefined ? undefined : 10 ** exponent;
}

function countsIn(sheet: Sheet): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const point of sheet.def.points) {
    const value = numberIn(sheet, point.name);
    if (value !== undefined) counts[point.name] = value;
  }
  return counts;
}

function spotsOf(def: ModelDef, entry: ModelEntry, words: Words): ReadonlyMap<string, Spot> {
  const placed = place(def, entry.length + 2, ({ def: point, offset }) => {
    const count = decodeRaw(point, words, offset);
    return typeof count === 'number' && count >= 0 ? count : undefined;
  });
  const spots = new Map<string, Spot>();
  collect(def, placed, { words, entry, group: '', frozen: false }, spots);
  return spots;
}

interface Where {
  readonly words: Words;
  readonly entry: ModelEntry;
  readonly group: string;
  /** Inside a curve that says of itself that it is read-only. */
  readonly frozen: boolean;
}

function collect(def: GroupDef, placed: PlacedGroup, where: Where, spots: Map<string, Spot>): void {
  const mark = placed.points.get('ReadOnly');
  const frozen = where.frozen || (mark !== undefined && decodeRaw(mark.def, where.words, mark.offset) === 1);
  for (const [name, point] of placed.points) {
    const path = where.group === '' ? name : `${where.group}.${name}`;
    spots.set(path, {
      name: `${where.entry.id}.${path}`,
      path,
      group: where.group,
      address: where.entry.address + point.offset,
      size: point.def.size,
      placed: point,
      writable: point.def.access === 'RW' && !frozen,
    });
  }
  for (const inner of def.groups ?? [])
    for (const [at, instance] of (placed.groups.get(inner.name) ?? []).entries()) {
      const step = inner.count === undefined ? inner.name : `${inner.name}[${at}]`;
      const group = where.group === '' ? step : `${where.group}.${step}`;
      collect(inner, instance, { ...where, group, frozen }, spots);
    }
}
