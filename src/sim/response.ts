/**
 * The open-loop response of IEEE 1547: a lag of first order that has gone 90 % of its way at its response time. A
 * quantity follows a function while there is one, and comes back to itself along the same lag when it ends.
 */

/** tau = Tr / ln 10, so that 1 − e^(−Tr/tau) = 0.9. */
const DECADE = Math.log(10);
/** On its way back it has arrived when this near, relative to the way: a tenth of the standard's tolerance. */
const ARRIVED = 0.005;

/** `from`, moved towards `to` by a lag over `constants` time constants (infinite: all of the way). */
export function lagged(from: number, to: number, constants: number): number {
  return to + (from - to) * Math.exp(-constants);
}

export class Response {
  /** The last value given. */
  #last = 0;
  #following = false;
  /** How far it was from being free when the function ended. */
  #wayBack = 0;

  /** Whether it is under a function, or on its way back from one. */
  get following(): boolean {
    return this.#following;
  }

  /** The quantity after `elapsedS`: on its way to `wanted`, or to `free` where no function is in force. */
  follow(
    free: number,
    wanted: number | undefined,
    { elapsedS, responseS }: { readonly elapsedS: number; readonly responseS: number },
  ): number {
    if (wanted === undefined && !this.#following) return (this.#last = free);
    this.#last = lagged(
      this.#last,
      wanted ?? free,
      responseS > 0 ? (elapsedS * DECADE) / responseS : Infinity,
    );
    const off = Math.abs(free - this.#last);
    if (wanted !== undefined) this.#wayBack = off;
    this.#following = wanted !== undefined || off > ARRIVED * this.#wayBack;
    return this.#following ? this.#last : (this.#last = free);
  }
}
