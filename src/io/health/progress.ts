/**
 * Whether the loops of a gateway go on. Each says when it came round; one that did not for longer than it may take is
 * named. A timer that fires proves nothing of them and has no say here.
 */
import { between } from '../../base/time.ts';
import type { Duration, Instant } from '../../base/time.ts';

export class Progress {
  readonly #loops = new Map<string, { readonly atMost: Duration; at: Instant }>();

  /** A loop that has to come round at least every `atMost`, counted from `now`. */
  expect(loop: string, atMost: Duration, now: Instant): void {
    this.#loops.set(loop, { atMost, at: now });
  }

  cameRound(loop: string, now: Instant): void {
    const known = this.#loops.get(loop);
    if (known !== undefined) known.at = now;
  }

  /** The loops that stand still, each as a sentence; nothing where all go on. */
  standing(now: Instant): readonly string[] {
    return [...this.#loops].flatMap(([loop, { atMost, at }]) => {
      const passed = between(at, now);
      return passed <= atMost ? [] : [`${loop} has not come round for ${Math.round(passed / 1000)} s`];
    });
  }
}
