/**
 * Where a model may be parted between two requests: before a point, never inside one.
 */
import type { ModelDef } from './definition.ts';
import { type PlacedGroup, place } from './layout.ts';
import type { Words } from './value.ts';
import { decodeRaw } from './value.ts';

/**
 * Addresses at which a value of the model begins, ascending. The counts of its groups are taken from `words`,
 * where those are known already; without them only the points of the model itself are seams.
 */
export function seamsOf(
  def: ModelDef,
  entry: { readonly address: number; readonly length: number },
  words: Words = [],
): readonly number[] {
  const placed = place(def, entry.length + 2, point => {
    const count = decodeRaw(point.def, words, point.offset);
    return typeof count === 'number' && count >= 0 ? count : undefined;
  });
  return offsetsOf(placed).map(offset => entry.address + offset);
}

const known = new WeakMap<PlacedGroup, readonly number[]>();

function offsetsOf(placed: PlacedGroup): readonly number[] {
  const before = known.get(placed);
  if (before !== undefined) return before;
  const offsets: number[] = [];
  collect(placed, offsets);
  offsets.sort((a, b) => a - b);
  known.set(placed, offsets);
  return offsets;
}

function collect(group: PlacedGroup, offsets: number[]): void {
  for (const point of group.points.values()) offsets.push(point.offset);
  for (const instances of group.groups.values()) for (const instance of instances) collect(instance, offsets);
}
