/**
 * The schedule: every event this gateway knows and where it stands in its life. It decides when an event
 * begins and ends, never what is done about it; which event holds an axis is the decision's (decide.ts), and
 * whether an event counts as superseded follows from that.
 *
 * Events are immutable but for their status; a missing event is not a cancel; an ended event stays known for
 * a day so that its mRID cannot come back to life.
 */
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { after, hours, unixTime } from '../base/time.ts';
import type { Duration, UnixTime } from '../base/time.ts';
import { classNumber, eventKey } from '../model/mod.ts';
import { compareEvents } from './ranks.ts';
import type { CommandClass, DerEvent, EventKey, GroupId, KeyId, MRID } from '../model/mod.ts';

/**
 * Hourly events of two programs for twelve weeks ahead. When full, the oldest ended event is forgotten early;
 * when none has ended, the new one is refused.
 */
export const MAX_EVENTS = 4096;
/** Cancels of events not seen yet: a reordered broker delivers a handful. When full, a further one is refused. */
export const MAX_EARLY_CANCELS = 256;
/** How long an ended event is remembered; longer than any command stays valid. */
export const REMEMBER_ENDED = hours(24);

const NEVER = unixTime(Number.POSITIVE_INFINITY);

export type EntryStatus = 'scheduled' | 'active' | 'completed' | 'cancelled';

export interface Entry {
  readonly event: DerEvent;
  status: EntryStatus;
  /** When it ended, for one that has. */
  endedAt?: UnixTime;
  acknowledgedAt?: UnixTime;
  /** Set while the customer overrides it. */
  overriddenAt?: UnixTime;
  /** What the overrides of this event that have ended lasted together; absent before one has. */
  overriddenMs?: Duration;
}

/** A cancel whose event has not come: when it comes, it is cancelled on arrival. */
export interface EarlyCancel {
  readonly mRID: MRID;
  readonly issuer: string;
  readonly class: CommandClass;
  /** Whose word it is, so that it goes when that key does. */
  readonly kid?: KeyId;
  readonly at: UnixTime;
}

export interface Schedule {
  /** Every event known, the ended ones included. */
  readonly entries: Map<EventKey, Entry>;
  /** Those of them that have not ended: all that time can change. */
  readonly live: Map<EventKey, Entry>;
  /** Another issuer's cancel of the same name neither counts nor displaces the right one. */
  readonly early: Map<EventKey, EarlyCancel>;
  /** When {@link forget} first has something to do. */
  forgetAt: UnixTime;
}

/** What changed in an event's life, for receipts. `started` and `completed` come by time alone. */
export interface Transition {
  readonly entry: Entry;
  readonly to: 'scheduled' | 'started' | 'completed' | 'cancelled';
  /** An ended event that was forgotten before its time to make room for this one. */
  readonly displaced?: EventKey;
}

/** What is no longer remembered, named as its row in the store is. */
export interface Forgotten {
  readonly kind: 'event' | 'cancel';
  readonly key: string;
}

export type ScheduleRefusal =
  | 'event-expired'
  | 'event-changed'
  | 'event-over'
  | 'event-unknown'
  | 'schedule-full'
  | 'cancel-issuer'
  | 'cancel-class';

export function newSchedule(entries: readonly Entry[] = [], early: readonly EarlyCancel[] = []): Schedule {
  const known = {
    entries: new Map(entries.map(e => [eventKey(e.event), e])),
    live: new Map(entries.flatMap(e => (e.endedAt === undefined ? [[eventKey(e.event), e]] : []))),
    early: new Map(early.map(c => [eventKey(c), c])),
  };
  return { ...known, forgetAt: firstToForget(known) };
}

/** When the event ends by itself; `undefined`: only by a cancel. */
export function endOf(event: DerEvent): UnixTime | undefined {
  return event.duration === undefined ? undefined : after(event.start, event.duration);
}

/** Takes an event in. Whether it starts at once is told by the next {@link advance}. */
export function receive(
  schedule: Schedule,
  event: DerEvent,
  now: UnixTime,
): Result<Transition, ScheduleRefusal> {
  const known = schedule.entries.get(eventKey(event));
  if (known !== undefined)
    return refused('event-changed', `event ${event.mRID} exists; an event never changes but in status`);
  const end = endOf(event);
  if (end !== undefined && end <= now)
    return refused('event-expired', `event ${event.mRID} was over when it came`);
  const displaced = schedule.entries.size < MAX_EVENTS ? undefined : oldestEnded(schedule);
  if (schedule.entries.size >= MAX_EVENTS && displaced === undefined)
    return refused('schedule-full', `${MAX_EVENTS} events are waiting or active`, 'later');
  if (displaced !== undefined) schedule.entries.delete(displaced);
  const entry = enter(schedule, event, now);
  schedule.entries.set(eventKey(event), entry);
  if (entry.endedAt === undefined) schedule.live.set(eventKey(event), entry);
  const to = entry.status === 'cancelled' ? 'cancelled' : 'scheduled';
  return ok(displaced === undefined ? { entry, to } : { entry, to, displaced });
}

/** How an event begins its life: cancelled, when a cancel that may end it came first. */
function enter(schedule: Schedule, event: DerEvent, now: UnixTime): Entry {
  const early = schedule.early.get(eventKey(event));
  if (early === undefined || !mayCancel(event, early).ok) return { event, status: 'scheduled' };
  schedule.early.delete(eventKey(event));
  schedule.forgetAt = earlier(schedule.forgetAt, after(now, REMEMBER_ENDED));
  return { event, status: 'cancelled', endedAt: now };
}

/** Ends an event on its issuer's word. A cancel that comes before its event waits for it. */
export function cancel(
  schedule: Schedule,
  by: Omit<EarlyCancel, 'at'>,
  now: UnixTime,
): Result<Transition, ScheduleRefusal> {
  const entry = schedule.entries.get(eventKey(by));
  if (entry === undefined) return cancelEarly(schedule, by, now);
  if (entry.endedAt !== undefined) return refused('event-over', `event ${by.mRID} is ${entry.status}`);
  const allowed = mayCancel(entry.event, by);
  if (!allowed.ok) return allowed;
  end(schedule, entry, { status: 'cancelled', at: now });
  return ok({ entry, to: 'cancelled' });
}

/**
 * Ends what came by way of `group` and has not begun; what has begun goes on to its end or its cancel. Whoever leaves
 * a group owes it nothing more, and equipment is not let go in the middle of an order for it.
 */
export function withdraw(schedule: Schedule, group: GroupId, now: UnixTime): readonly Transition[] {
  const waiting = [...schedule.live.values()].filter(
    ({ status, event: { audience, start } }) =>
      status === 'scheduled' && start > now && audience.kind === 'group' && audience.id === group,
  );
  for (const entry of waiting) end(schedule, entry, { status: 'cancelled', at: now });
  return waiting.map(entry => ({ entry, to: 'cancelled' }));
}

/** Ends one event that nobody may ask for any more, begun or not. */
export function abort(schedule: Schedule, entry: Entry, now: UnixTime): void {
  end(schedule, entry, { status: 'cancelled', at: now });
}

/** Forgets the cancels that wait for their event and were said by a key of which `isOf` is true; their keys. */
export function forgetCancels(schedule: Schedule, isOf: (kid: KeyId) => boolean): readonly EventKey[] {
  const gone = [...schedule.early].flatMap(([key, { kid }]) => (kid !== undefined && isOf(kid) ? [key] : []));
  for (const key of gone) schedule.early.delete(key);
  return gone;
}

/**
 * Always a refusal: there is nothing to end yet. The cancel waits for an event of its own issuer, and
 * `cancel-issuer` says that only another's has that mRID.
 */
function cancelEarly(
  schedule: Schedule,
  by: Omit<EarlyCancel, 'at'>,
  now: UnixTime,
): Result<never, ScheduleRefusal> {
  const key = eventKey(by);
  const held = schedule.early.get(key);
  if (held === undefined && schedule.early.size >= MAX_EARLY_CANCELS)
    return refused(
      'schedule-full',
      `${MAX_EARLY_CANCELS} cancels wait for events that have not come`,
      'later',
    );
  const weaker = held !== undefined && classNumber(by.class) > classNumber(held.class);
  schedule.early.set(key, { ...by, class: weaker ? held.class : by.class, at: now });
  schedule.forgetAt = earlier(schedule.forgetAt, after(now, REMEMBER_ENDED));
  const other = [...schedule.entries.values()].find(({ event }) => event.mRID === by.mRID);
  if (other !== undefined)
    return refused('cancel-issuer', `event ${by.mRID} is ${other.event.issuer}'s, not ${by.issuer}'s`);
  return refused('event-unknown', `event ${by.mRID} has not come; it is cancelled when it does`);
}

/** Starts and completes what is due by `now`, in the order in which it fell due. */
export function advance(schedule: Schedule, now: UnixTime): readonly Transition[] {
  const due: { at: UnixTime; transition: Transition }[] = [];
  for (const entry of schedule.live.values()) {
    const ends = endOf(entry.event);
    if (entry.status === 'scheduled' && entry.event.start <= now) {
      entry.status = 'active';
      due.push({ at: entry.event.start, transition: { entry, to: 'started' } });
    }
    if (entry.status === 'active' && ends !== undefined && ends <= now) {
      end(schedule, entry, { status: 'completed', at: ends });
      due.push({ at: ends, transition: { entry, to: 'completed' } });
    }
  }
  return due.sort((a, b) => a.at - b.at).map(d => d.transition);
}

/** Forgets events that ended, and cancels that came, {@link REMEMBER_ENDED} ago; their rows go with them. */
export function forget(schedule: Schedule, now: UnixTime): readonly Forgotten[] {
  if (now < schedule.forgetAt) return [];
  const past = (t: UnixTime | undefined): boolean => t !== undefined && after(t, REMEMBER_ENDED) <= now;
  const events = [...schedule.entries].flatMap(([key, { endedAt }]) => (past(endedAt) ? [key] : []));
  const cancels = [...schedule.early].flatMap(([key, { at }]) => (past(at) ? [key] : []));
  for (const key of events) schedule.entries.delete(key);
  for (const key of cancels) schedule.early.delete(key);
  schedule.forgetAt = firstToForget(schedule);
  return [
    ...events.map(key => ({ kind: 'event', key }) as const),
    ...cancels.map(key => ({ kind: 'cancel', key }) as const),
  ];
}

function firstToForget({ entries, early }: Pick<Schedule, 'entries' | 'early'>): UnixTime {
  const times = [
    ...[...entries.values()].flatMap(e => e.endedAt ?? []),
    ...[...early.values()].map(c => c.at),
  ];
  return times.reduce((first, t) => earlier(first, after(t, REMEMBER_ENDED)), NEVER);
}

function earlier(a: UnixTime, b: UnixTime): UnixTime {
  return a < b ? a : b;
}

/** The next moment at which {@link advance} has something to do. */
export function nextWake(schedule: Schedule): UnixTime | undefined {
  let next: UnixTime | undefined;
  for (const entry of schedule.live.values()) {
    const at =
      entry.status === 'scheduled'
        ? entry.event.start
        : entry.status === 'active'
          ? endOf(entry.event)
          : undefined;
    if (at !== undefined && (next === undefined || at < next)) next = at;
  }
  return next;
}

export function activeEntries(schedule: Schedule): readonly Entry[] {
  return [...schedule.live.values()].filter(entry => entry.status === 'active');
}

/**
 * The event that a person means by `mRID`: of several issuers' one not ended, and of those the one that
 * prevails, so that nobody overrides a weaker one of the same name and believes it was the other.
 */
export function named(schedule: Schedule, mRID: MRID): Entry | undefined {
  return [...schedule.entries.values()]
    .filter(({ event }) => event.mRID === mRID)
    .sort(
      (a, b) =>
        Number(a.endedAt !== undefined) - Number(b.endedAt !== undefined) || compareEvents(a.event, b.event),
    )[0];
}

function end(
  schedule: Schedule,
  entry: Entry,
  how: { status: 'completed' | 'cancelled'; at: UnixTime },
): void {
  entry.status = how.status;
  entry.endedAt = how.at;
  schedule.live.delete(eventKey(entry.event));
  schedule.forgetAt = earlier(schedule.forgetAt, after(how.at, REMEMBER_ENDED));
}

/** Its own issuer ends an event (the keys say who that is), with a class that could have made it. */
function mayCancel(event: DerEvent, by: { class: CommandClass }): Result<true, ScheduleRefusal> {
  if (classNumber(by.class) > classNumber(event.class)) {
    return refused('cancel-class', `a ${by.class} command does not end a ${event.class} event`);
  }
  return ok(true);
}

function oldestEnded(schedule: Schedule): EventKey | undefined {
  let oldest: { key: EventKey; endedAt: UnixTime } | undefined;
  for (const [key, { endedAt }] of schedule.entries)
    if (endedAt !== undefined && (oldest === undefined || endedAt < oldest.endedAt))
      oldest = { key, endedAt };
  return oldest?.key;
}
