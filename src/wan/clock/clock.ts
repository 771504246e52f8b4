/**
 * The date, as far as it is to be believed: a machine fed with both clocks of the computer and with what trusted
 * keys say of the time.
 *
 * A date is proven by the signed answer to a nonce that we drew: it was signed between question and answer. From
 * then on it goes on with the monotonic clock, and no jump of the system's clock moves it. Before a proof the
 * system's clock is followed, as long as it does not jump and is not below the floor: the latest date that was ever
 * proven, which survives a restart. Where no key may tell the time, the system's clock is all there is, and is
 * believed above the floor.
 *
 * It reads no clock, asks nobody and stores nothing: it says what is due. What an untrusted clock forbids is the
 * gateway's rule.
 */
import { hash } from 'node:crypto';
import { after, between, hours, milliseconds, minutes, seconds, unixTime } from '../../base/time.ts';
import type { Duration, Instant, Now, UnixTime } from '../../base/time.ts';
import type { ClockTrust, Nonce } from '../../model/mod.ts';

/** No date before this program was made is right. */
export const FIRST_DATE = unixTime(Date.UTC(2026, 0, 1));
/** A change of the system's clock against the monotonic one, from one look to the next, that no slewing explains. */
export const JUMP = milliseconds(500);
/** A jump up to this much is within what commands allow between two clocks; a larger one ends all belief. */
export const SMALL_JUMP = seconds(5);
/** A proof makes the date trusted for this long: a crystal that is off by 50 in a million loses 4 s meanwhile. */
export const TRUSTED_FOR = hours(24);
/** Without a new proof the date is untrusted after this long: half a minute may be lost by then. */
export const HOLDOVER_FOR = hours(7 * 24);
/** A trusted date is proven anew this often; after a vague proof, as soon as a question may be asked again. */
export const ASK_EVERY = hours(6);
/** A question that was not answered is asked again after this long. */
export const ASK_AGAIN = minutes(1);
/** An answer that came later than this proves a date too vague to go by; it still raises the floor. */
export const WIDEST_PROOF = seconds(60);
/** The floor is stored when it has risen by this much: a card bears 24 rows a day. */
export const FLOOR_EVERY = hours(1);
/** The wire counts whole seconds, rounded down. */
const ONE_SECOND = seconds(1);

export interface Clock {
  trust: ClockTrust;
  /** Why it is so, for people. */
  why: string;
  /** The date is `unix` plus what the monotonic clock has gone since `instant`; `undefined` before the first look. */
  anchor: Now | undefined;
  /** What the two clocks of the computer said when last looked at. */
  system: Now | undefined;
  /** When the date was last proven, or the first look where it never was. */
  since: Instant | undefined;
  proven: boolean;
  /** The proof took longer than {@link SMALL_JUMP}, so the date may be further off than commands allow. */
  vague: boolean;
  /** No earlier date is believed. */
  floor: UnixTime;
  /** The floor as it was stored last. */
  stored: UnixTime;
  /** Whether any trusted key may tell the time. Without one, belief neither ends by age nor is asked for. */
  vouched: boolean;
}

/** A clock that has not been looked at. `stored`: the floor of an earlier run; the program's own unless given. */
export function newClock({
  stored = FIRST_DATE,
  vouched = false,
}: {
  stored?: UnixTime;
  vouched?: boolean;
}): Clock {
  const floor = stored > FIRST_DATE ? stored : FIRST_DATE;
  const empty = { anchor: undefined, system: undefined, since: undefined, proven: false, vague: false };
  return { trust: 'untrusted', why: 'not looked at yet', ...empty, floor, stored: floor, vouched };
}

/** What a look showed. */
export interface Look {
  /** The monotonic clock as it was given, with the date to go by. */
  readonly now: Now;
  /** How far the system's clock jumped since the last look; positive is forward. */
  readonly jumped?: Duration;
}

/** Looks at both clocks of the computer; to be called with everything that happens, so that a jump is seen. */
export function look(clock: Clock, system: Now): Look {
  const before = clock.system;
  clock.system = system;
  if (before === undefined || clock.anchor === undefined) {
    begin(clock, system);
    return { now: read(clock, system) };
  }
  const off = milliseconds(between(before.unix, system.unix) - between(before.instant, system.instant));
  const jumped = Math.abs(off) >= JUMP;
  if (jumped) jump(clock, system, off);
  else if (!clock.proven && clock.trust !== 'untrusted') clock.anchor = notBelow(clock, system);
  age(clock, system.instant);
  return jumped ? { now: read(clock, system), jumped: off } : { now: read(clock, system) };
}

/** The date at `system.instant`, without a look: nothing is noticed and nothing changes. */
export function read(clock: Clock, system: Now): Now {
  if (clock.anchor === undefined) return notBelow(clock, system);
  const unix = after(clock.anchor.unix, between(clock.anchor.instant, system.instant));
  return { instant: system.instant, unix };
}

/**
 * A trusted key answered the question of `asked` with `time`, the second in which it signed. Whether that proves the
 * date; an answer that took longer than {@link WIDEST_PROOF} only bounds it from below.
 */
export function prove(clock: Clock, answer: { asked: Instant; time: UnixTime }, now: Instant): boolean {
  const took = between(answer.asked, now);
  raise(clock, answer.time);
  if (took > WIDEST_PROOF) {
    atLeast(clock, answer.time, now);
    return false;
  }
  const latest = after(after(answer.time, ONE_SECOND), took);
  const held =
    clock.anchor === undefined ? answer.time : read(clock, { instant: now, unix: answer.time }).unix;
  const unix = unixTime(Math.min(Math.max(held, answer.time), latest));
  clock.anchor = { instant: now, unix };
  clock.proven = true;
  clock.vague = took > SMALL_JUMP;
  clock.since = now;
  believe(clock, 'trusted', 'proven by a signed answer');
  raise(clock, unix);
  return true;
}

/** A trusted key said that it is not earlier than `time`. A date below that was wrong. */
export function atLeast(clock: Clock, time: UnixTime, now: Instant): void {
  raise(clock, time);
  const held = read(clock, { instant: now, unix: time });
  if (held.unix >= time) return;
  clock.anchor = { instant: now, unix: time };
  clock.proven = false;
  believe(clock, 'untrusted', 'a signed message was from a later date');
}

/** An untrusted clock goes by the date of what is obeyed all the same; it stays untrusted. */
export function assume(clock: Clock, time: UnixTime, now: Instant): void {
  clock.anchor = notBelow(clock, { instant: now, unix: time });
}

/** The floor, if it is to be stored now; it counts as stored then. */
export function floorToStore(clock: Clock, now: Now): UnixTime | undefined {
  if (clock.proven && clock.trust !== 'untrusted') raise(clock, now.unix);
  if (between(clock.stored, clock.floor) < FLOOR_EVERY) return undefined;
  clock.stored = clock.floor;
  return clock.floor;
}

/** When a proof is wanted; `undefined`: nobody could give one. `asked`: when one was last asked for. */
export function nextQuestion(clock: Clock, asked: Instant | undefined): Instant | undefined {
  if (!clock.vouched || clock.since === undefined) return undefined;
  const pause = clock.vague ? ASK_AGAIN : ASK_EVERY;
  const wanted = clock.trust === 'trusted' ? after(clock.since, pause) : clock.since;
  const again = asked === undefined ? wanted : after(asked, ASK_AGAIN);
  return again > wanted ? again : wanted;
}

/** When belief ends by age, if nothing comes before that. */
export function nextAging(clock: Clock): Instant | undefined {
  if (!clock.vouched || clock.since === undefined || clock.trust === 'untrusted') return undefined;
  return after(clock.since, clock.trust === 'trusted' ? TRUSTED_FOR : HOLDOVER_FOR);
}

/** The `n`th nonce of one start: 16 bytes that nobody foresees who does not know `seed`. */
export function nonceOf(seed: string, n: number): Nonce {
  return hash('sha256', `underglass-nonce ${n} ${seed}`, 'hex').slice(0, 32) as Nonce;
}

function begin(clock: Clock, system: Now): void {
  clock.since = system.instant;
  clock.anchor = notBelow(clock, system);
  if (system.unix >= clock.floor) believe(clock, 'holdover', "the system's clock, not yet proven");
  else believe(clock, 'untrusted', "the system's clock is before the latest date known");
}

function jump(clock: Clock, system: Now, off: Duration): void {
  const words = `the system's clock jumped by ${off / 1000} s`;
  if (!clock.vouched) {
    if (system.unix < clock.floor)
      return believe(clock, 'untrusted', `${words}, before the latest date known`);
    clock.anchor = system;
    return believe(clock, 'holdover', words);
  }
  if (Math.abs(off) > SMALL_JUMP) return believe(clock, 'untrusted', words);
  if (clock.trust === 'trusted') believe(clock, 'holdover', words);
}

function age(clock: Clock, now: Instant): void {
  const ends = nextAging(clock);
  if (ends === undefined || now < ends) return;
  if (clock.trust === 'trusted') believe(clock, 'holdover', 'not proven for a day');
  else believe(clock, 'untrusted', 'not proven for a week');
  age(clock, now);
}

function believe(clock: Clock, trust: ClockTrust, why: string): void {
  clock.trust = trust;
  clock.why = why;
}

function raise(clock: Clock, time: UnixTime): void {
  if (time > clock.floor) clock.floor = time;
}

function notBelow(clock: Clock, { instant, unix }: Now): Now {
  return { instant, unix: unix < clock.floor ? clock.floor : unix };
}
