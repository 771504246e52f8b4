/** Everything that is left to chance in a simulated world, from one seed: the same seed draws the same. */
import { nextBetween, nextUnit, seeded } from '../../../src/base/random.ts';
import { toHex } from '../../../src/base/bytes.ts';

export class Luck {
  readonly #state: ReturnType<typeof seeded>;

  constructor(seed: number) {
    this.#state = seeded(seed);
  }

  /** Uniform over [0, 1). */
  unit(): number {
    return nextUnit(this.#state);
  }

  /** A whole number, both ends included. */
  between(low: number, high: number): number {
    return nextBetween(this.#state, low, high);
  }

  chance(share: number): boolean {
    return nextUnit(this.#state) < share;
  }

  /** One of several; never of none. */
  pick<T>(of: readonly [T, ...T[]]): T {
    return of[this.between(0, of.length - 1)] ?? of[0];
  }

  /** One of several, if there are any. */
  any<T>(of: readonly T[]): T | undefined {
    return of[this.between(0, Math.max(0, of.length - 1))];
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.between(0, 255));
  }

  hex(length: number): string {
    return toHex(this.bytes(length));
  }
}
