/**
 * What simulated devices share: registers, a unit number, and a time that only `advance` moves. Between two calls
 * nothing changes but what a client writes, and that takes its effect with the next call.
 */
import type { Instant } from '../base/time.ts';
import { after, seconds } from '../base/time.ts';
import type { Image, WriteGuard, WrittenPoint } from './image.ts';
import type { Unit } from './server.ts';

/** The longest step of the physics: energy and ramps stay right however rarely a device is advanced. */
const STEP = seconds(1);
/** A device that slept longer than this catches up in one jump: a day in steps would hold up the process. */
const STEPS_MAX = 4096;

/** The ends of the steps from `from` to `to`: each second, and each moment that `next` names in between. */
export function* steps(from: Instant, to: Instant, next: () => Instant | undefined): Generator<Instant> {
  let at = from;
  for (let step = 1; at < to; step++) {
    const due = next();
    const second = step < STEPS_MAX ? after(at, STEP) : to;
    const end = due !== undefined && due > at && due < second ? due : second;
    at = end < to ? end : to;
    yield at;
  }
}

/** `current` moved towards `target` by at most `most`. */
export function approach(current: number, target: number, most: number): number {
  return current + Math.max(-most, Math.min(most, target - current));
}

export function earliest(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

/** The registers of `image` on the wire. `written` hears what a client changed. */
export function unitOf(
  parts: { readonly unit: number; readonly image: Image; readonly guard: WriteGuard },
  written: (points: readonly WrittenPoint[]) => void,
): Unit {
  const { unit, image, guard } = parts;
  return {
    unit,
    read: (address, count) => image.read(address, count),
    write: (address, words) => {
      const result = image.write(address, words, guard);
      if ('exception' in result) return result;
      written(result);
      return undefined;
    },
  };
}
