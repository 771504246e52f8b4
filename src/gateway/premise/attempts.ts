/**
 * Attempts to override that were refused before a code was looked at: while the entry is locked, of an event that
 * allows none, without Acknowledge. Every one is counted and told upstream (OVR-2), and none costs a record of its
 * own, for whoever is on the home network can make thousands a second: the first of an event at once, those of
 * the minute after it as one record with their number, and so on while they go on.
 *
 * The number is kept in memory, so that an attempt wears no card either: power cut loses a minute of counting, and
 * nothing of what was done. Wrong codes are not counted here: each is recorded, and the lock bounds them.
 */
import { after, minutes } from '../../base/time.ts';
import type { Instant, Now } from '../../base/time.ts';
import type { MRID, PremiseReply } from '../../model/mod.ts';
import type { Work } from '../effects.ts';
import { customer } from '../uplink/reports.ts';
import { count } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** Refused attempts at one event are told at most this often. */
export const ATTEMPTS_EVERY = minutes(1);

/** Takes note of one refused attempt at an event that is known. */
export function attemptRefused(
  state: GatewayState,
  work: Work,
  { mRID, ...no }: PremiseReply & { mRID: MRID },
  now: Now,
): void {
  count(state, `attempt.${no.refusal}`);
  const why = `(${no.refusal}): ${no.why}`;
  const open = state.attemptsRefused.get(mRID);
  if (open !== undefined) {
    open.more++;
    open.why = why;
    return;
  }
  state.attemptsRefused.set(mRID, { until: after(now.instant, ATTEMPTS_EVERY), more: 0, why });
  customer(state, work, { mRID, action: 'code-refused', why: `override refused ${why}` }, now);
}

/** Tells the attempts of every minute that is over; an event that saw none begins anew. */
export function tellAttempts(state: GatewayState, work: Work, now: Now): void {
  for (const [mRID, open] of state.attemptsRefused) {
    if (open.until > now.instant) continue;
    state.attemptsRefused.delete(mRID);
    if (open.more === 0) continue;
    const why = `override refused ${open.more} more times, at last ${open.why}`;
    customer(state, work, { mRID, action: 'code-refused', count: open.more, why }, now);
    state.attemptsRefused.set(mRID, { ...open, until: after(now.instant, ATTEMPTS_EVERY), more: 0 });
  }
}

/** When {@link tellAttempts} has something to tell. */
export function nextAttempts(state: GatewayState): Instant | undefined {
  let next: Instant | undefined;
  for (const { until, more } of state.attemptsRefused.values())
    if (more > 0 && (next === undefined || until < next)) next = until;
  return next;
}
