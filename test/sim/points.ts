/** Addresses for tests. */
import type { Image } from '../../src/sim/mod.ts';

/** Address of the first register of a point, 0-based. */
export function point(name: string, image: Image): number {
  return image.address(name);
}
