/**
 * How long to wait before trying again: exponential, with full jitter, so that a thousand gateways that lost one
 * thing at one moment do not come back at one moment. Chance comes in as an argument.
 */
import type { Duration } from '../../base/time.ts';
import { milliseconds } from '../../base/time.ts';

/** Never sooner: a device that closes on us at once must not be hammered. */
export const BACK_OFF_MIN = milliseconds(250);
/** Never later: a person who has plugged the device back in waits no longer than this. */
export const BACK_OFF_MAX = milliseconds(60_000);
const FIRST = 1000;

/**
 * The wait after `failures` failures in a row (1 …): uniform between {@link BACK_OFF_MIN} and 1, 2, 4 … 60 s.
 * `chance` is uniform over [0, 1).
 */
export function backOff(failures: number, chance: number): Duration {
  const ceiling = Math.min(BACK_OFF_MAX, FIRST * 2 ** Math.max(0, failures - 1));
  return milliseconds(Math.floor(BACK_OFF_MIN + chance * (ceiling - BACK_OFF_MIN)));
}
