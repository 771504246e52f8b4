/**
 * Which broker is tried next, and after which pause. A round tries each address once, in order and without a pause
 * between; after a round that failed the pause is drawn at random below a bound that doubles (full jitter), so that
 * ten thousand gateways do not return in one second after an outage. Every round begins with the first address.
 *
 * Opens nothing and knows no clock.
 */
import { assert } from '../../base/assert.ts';

/** Bounds of the pause after a round. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * A link that was up for this long, and for twice the longest pause, was a good one: the next pause begins at the base
 * again. Another client of our id comes back within one pause, and not every broker says that it was one.
 */
const GOOD_AFTER_MS = 10_000;

/** What happens after an end: the next address at once, or a pause, and then the first. */
export type Next = { readonly pauseMs: number; readonly why: string } | 'at once';

export class Round {
  readonly #urls: readonly string[];
  readonly #backoff: Backoff;
  readonly #random: () => number;
  #at = 0;
  #whys: string[] = [];
  /** Rounds that failed in a row. */
  #failures = 0;

  constructor(urls: readonly string[], backoff: Backoff, random: () => number) {
    assert(urls.length > 0, 'there is a broker to try');
    this.#urls = urls;
    this.#backoff = backoff;
    this.#random = random;
  }

  get url(): string {
    return this.#urls[this.#at] ?? '';
  }

  /** Whether another address comes before the one at hand. */
  get onStandby(): boolean {
    return this.#at > 0;
  }

  /** An attempt did not come up. */
  failed(why: string): Next {
    this.#whys.push(why);
    this.#at += 1;
    return this.#at < this.#urls.length ? 'at once' : this.#pause();
  }

  /**
   * A link that was up for `upMs` has ended. `takenOver`: by another client of our id; two that take turns get slower
   * with each, however long they last.
   */
  lost(why: string, { upMs, takenOver }: { readonly upMs: number; readonly takenOver: boolean }): Next {
    this.#whys = [why];
    const isGood = upMs >= Math.max(GOOD_AFTER_MS, 2 * this.#backoff.capMs);
    if (isGood && !takenOver) this.#failures = 0;
    return this.#pause();
  }

  #pause(): Next {
    const why = this.#whys.join('; ');
    const { baseMs, capMs } = this.#backoff;
    this.#at = 0;
    this.#whys = [];
    return { pauseMs: Math.floor(this.#random() * Math.min(capMs, baseMs * 2 ** this.#failures++)), why };
  }
}
