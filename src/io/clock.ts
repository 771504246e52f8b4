/**
 * The clocks of this machine. Deadlines run on the monotonic one, so a jump of the wall clock moves none.
 */
import { hrtime } from 'node:process';
import { instant, unixTime } from '../base/time.ts';
import type { Instant, Now } from '../base/time.ts';

/** What a timer can wait at most (2^31 − 1 ms); a later wake is reached in several waits. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

export function now(): Now {
  return { instant: instant(Number(hrtime.bigint() / 1_000_000n)), unix: unixTime(Date.now()) };
}

/** Both clocks, and a wake at or after `when`. */
export const systemClock = {
  now,
  at(when: Instant, wake: () => void): () => void {
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const leftMs = when - now().instant;
      timer = setTimeout(
        () => (when > now().instant ? wait() : wake()),
        Math.min(Math.max(0, leftMs), LONGEST_WAIT_MS),
      );
    };
    wait();
    return () => clearTimeout(timer);
  },
};
