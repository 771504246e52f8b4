/**
 * How much of the time goes to messages that came to nothing: refused, repeated, or without effect. Each costs a
 * signature to look at, and anybody who reaches the broker can send them. They are judged all the same, and none is
 * dropped; but when their share is spent their PUBACKs wait, and with them the broker, which keeps no more than some
 * messages under way. Devices, timers and the display have the rest.
 *
 * A machine with two functions; who carries the PUBACKs holds them back.
 */
import { after, between, milliseconds } from '../../base/time.ts';
import type { Duration, Instant } from '../../base/time.ts';

/**
 * Of the time. Not less: behind a flood a good command waits in the same queue, and a queue that overflows at the
 * broker drops it.
 */
export const FRUITLESS_SHARE = 0.9;
/** What may be spent at once after a rest: a burst of some hundred messages is no flood. */
export const MOST_SAVED = milliseconds(50);

export interface Budget {
  /** What may still be spent; below 0 what has to be waited for. */
  left: Duration;
  at: Instant;
}

export function newBudget(now: Instant): Budget {
  return { left: MOST_SAVED, at: now };
}

/** Charges a message that came to nothing with the time it `took`. */
export function spend(budget: Budget, took: Duration, now: Instant): void {
  const earned = between(budget.at, now) * FRUITLESS_SHARE;
  budget.left = milliseconds(Math.min(MOST_SAVED, budget.left + earned) - took);
  budget.at = now;
}

/** From when PUBACKs of such messages go out; not later than `now` where they need not wait. */
export function opens(budget: Budget): Instant {
  if (budget.left >= 0) return budget.at;
  return after(budget.at, milliseconds(Math.ceil((0 - budget.left) / FRUITLESS_SHARE)));
}
