/**
 * When a map is read anew although the device answers: what its profile names as a sign that models may have moved.
 * A map that is seen to have moved is read anew whatever a profile says.
 */
import { minutes } from '../../base/time.ts';
import type { Points } from '../../model/mod.ts';
import type { Treatment } from './treatment.ts';

type Trigger = Treatment['rescanOn'][number];

/** One reading, as far as it may be a sign. */
export interface Sign {
  readonly points: Points;
  /** Answers that were exceptions. Holes give some each time; more than before is news. */
  readonly exceptions: number;
  /** Whether the device was silent before it. */
  readonly wasSilent: boolean;
}

/** From one reading of a map to the next that a sign asks for: at dusk some inverters wake and sleep by the second. */
export const RESCAN_EVERY = minutes(1);

/** InvSt as readings have it: 0 off, 1 sleeping. */
const ASLEEP_MAX = 1;

/** The trigger that `now` is, after `first` and `last` of the same map; `undefined`: the map still counts. */
export function rescanBy(
  triggers: Treatment['rescanOn'],
  { first, last, now }: { readonly first: Sign; readonly last: Sign; readonly now: Sign },
): Trigger | undefined {
  const seen: Readonly<Record<Trigger, boolean>> = {
    'map-changed': false,
    restart: now.wasSilent,
    night: isAsleep(last.points) !== isAsleep(now.points),
    exception: now.exceptions > first.exceptions,
  };
  return triggers.find(trigger => seen[trigger]);
}

/** By its state; where it tells none, by giving nothing. */
function isAsleep({ InvSt: state, W: powerW }: Points): boolean {
  return state === undefined ? powerW === 0 : state <= ASLEEP_MAX;
}
