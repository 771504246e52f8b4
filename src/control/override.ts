/**
 * The customer's answer to an event: acknowledge and the right code lifts that event and no other (OVR-1);
 * wrong codes are counted and lock the entry for a growing time (OVR-2).
 *
 * The code itself is checked outside, by slow salted hash; this machine only knows whether it was right.
 */
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { after, milliseconds, minutes } from '../base/time.ts';
import type { Duration, UnixTime } from '../base/time.ts';
import type { MRID } from '../model/mod.ts';
import { mayOverride } from './ranks.ts';
import type { OverrideTerms } from './ranks.ts';
import { named } from './schedule.ts';
import type { Entry, Schedule } from './schedule.ts';

/** Wrong codes in a row before the entry locks. Ten thousand four-digit codes then take years. */
export const MAX_WRONG = 5;
/** The first lock; each further one is twice as long. */
export const FIRST_LOCK: Duration = minutes(1);
/** No lock is longer: a household must not be shut out of its own override for a whole event. */
export const LONGEST_LOCK: Duration = minutes(60);

export interface Attempts {
  /** Wrong codes since the last right one. */
  wrong: number;
  lockedUntil?: UnixTime;
}

export type OverrideRefusal =
  | 'event-unknown'
  | 'event-not-active'
  | 'not-acknowledged'
  | 'override-not-allowed'
  | 'already-overridden'
  | 'not-overridden'
  | 'code-wrong'
  | 'code-locked';

/** The customer has seen the event. The same press twice is one acknowledgement. */
export function acknowledge(schedule: Schedule, mRID: MRID, now: UnixTime): Result<Entry, OverrideRefusal> {
  const entry = named(schedule, mRID);
  if (entry === undefined) return refused('event-unknown', 'This event is not known.');
  if (entry.endedAt !== undefined) return refused('event-not-active', 'This event is over.');
  entry.acknowledgedAt ??= now;
  return ok(entry);
}

/** Whether a code may be tried at all; asked before the slow check, so that a lock costs an attacker time and us none. */
export function mayTry(
  schedule: Schedule,
  attempts: Attempts,
  ask: { mRID: MRID; terms: OverrideTerms; now: UnixTime },
): Result<Entry, OverrideRefusal> {
  const entry = named(schedule, ask.mRID);
  if (entry === undefined) return refused('event-unknown', 'This event is not known.');
  const verdict = mayOverride(entry.event, ask.terms);
  if (!verdict.allowed) return refused('override-not-allowed', verdict.why);
  if (entry.status !== 'active')
    return refused('event-not-active', 'Only an event in progress can be overridden.');
  if (entry.acknowledgedAt === undefined) return refused('not-acknowledged', 'Press Acknowledge first.');
  if (entry.overriddenAt !== undefined)
    return refused('already-overridden', 'You have overridden this event.');
  const wait = lockLeft(attempts, ask.now);
  if (wait > 0)
    return refused('code-locked', `Too many wrong codes. Try again in ${Math.ceil(wait / 1000)} s.`, 'later');
  return ok(entry);
}

/** How long the entry stays locked. A lock further off than any can be was set by a clock since put back: it is over. */
function lockLeft({ lockedUntil }: Attempts, now: UnixTime): Duration {
  const left = lockedUntil === undefined ? 0 : lockedUntil - now;
  return milliseconds(left > LONGEST_LOCK ? 0 : Math.max(0, left));
}

/** The code was checked. Right: the event is lifted. Wrong: counted, and locked after {@link MAX_WRONG}. */
export function codeChecked(
  entry: Entry,
  attempts: Attempts,
  answer: { right: boolean; now: UnixTime },
): Result<Entry, OverrideRefusal> {
  if (!answer.right) return countWrong(attempts, answer.now);
  attempts.wrong = 0;
  delete attempts.lockedUntil;
  if (entry.status !== 'active')
    return refused('event-not-active', 'The event ended before the code was checked.');
  entry.overriddenAt ??= answer.now;
  return ok(entry);
}

/**
 * Ends an override; `totalMs` is how long it lasted (OVR-5), and is added to what the entry keeps of those before.
 * Also called when the event itself ends.
 */
export function endOverride(entry: Entry, now: UnixTime): Result<{ totalMs: Duration }, OverrideRefusal> {
  if (entry.overriddenAt === undefined) return refused('not-overridden', 'This event is not overridden.');
  const totalMs = milliseconds(Math.max(0, now - entry.overriddenAt));
  delete entry.overriddenAt;
  entry.overriddenMs = milliseconds((entry.overriddenMs ?? 0) + totalMs);
  return ok({ totalMs });
}

function countWrong(attempts: Attempts, now: UnixTime): Result<Entry, OverrideRefusal> {
  attempts.wrong++;
  if (attempts.wrong < MAX_WRONG) {
    const left = MAX_WRONG - attempts.wrong;
    return refused(
      'code-wrong',
      `The code is wrong. ${left} ${left === 1 ? 'try' : 'tries'} left before a pause.`,
    );
  }
  const doublings = attempts.wrong - MAX_WRONG;
  const lock = Math.min(LONGEST_LOCK, FIRST_LOCK * 2 ** Math.min(doublings, 10));
  attempts.lockedUntil = after(now, milliseconds(lock));
  return refused('code-wrong', `The code is wrong. Next try in ${Math.ceil(lock / 1000)} s.`);
}
