/**
 * For how much of the last 30 days this gateway could do its work (SIWG-6), in two shares of time: of the *link*, that
 * the broker was reached; of *commands*, that one could have come in, been kept and been carried out. Time in which the
 * gateway did not run is time in which it could not.
 *
 * Time is counted on the monotonic clock and put to the day of the date; of a date that was wrong a day has the wrong
 * name, and no more than its time. It knows no store: its days are rows that the owner keeps.
 */
import { between, hours, minutes, milliseconds } from '../../base/time.ts';
import type { Duration, Now, UnixTime } from '../../base/time.ts';

/** Days that figures are of. */
export const AVAILABILITY_DAYS = 30;
const DAY_MS = 86_400_000;
/** After a start a date may still be corrected, on a machine that keeps none while it is off. */
const DATE_SETTLES_WITHIN = minutes(1);

/** Could: now. */
export interface Condition {
  readonly link: boolean;
  readonly commands: boolean;
}

/** Time of one day, in whole ms. */
export interface AvailabilityDay {
  readonly day: number;
  readonly watchedMs: number;
  readonly linkMs: number;
  readonly commandsMs: number;
  /** When it was last looked at. */
  readonly at: UnixTime;
}

/** Shares are 0 … 1; absent while nothing was watched. */
export interface AvailabilityFigures {
  readonly watchedMs: number;
  readonly link?: number;
  readonly commands?: number;
}

export class Availability {
  /** Oldest first, {@link AVAILABILITY_DAYS} at most and the one that runs. */
  #days: AvailabilityDay[];
  /** Numbers of days that changed, and of days that are too old, since they were last asked for. */
  #changed = new Set<number>();
  #old: number[] = [];
  #condition: Condition = { link: false, commands: false };
  readonly #started: Now;
  #seen: Now;
  /** When an earlier run was last heard of, until the time since then is counted. */
  #before: UnixTime | undefined;

  constructor(kept: readonly AvailabilityDay[], now: Now) {
    this.#days = kept.toSorted((a, b) => a.day - b.day);
    this.#started = now;
    this.#seen = now;
    this.#before = this.#days.at(-1)?.at;
    this.#forget();
  }

  /** What has been so far goes on until `now`; from then on `condition` holds. */
  note(condition: Condition, now: Now): void {
    this.#count(now);
    this.#condition = condition;
  }

  /** Counts up to `now`. Days that changed since this was last asked, to be kept, and days to be dropped. */
  look(now: Now): { readonly keep: readonly AvailabilityDay[]; readonly drop: readonly number[] } {
    this.#count(now);
    const keep = this.#days.filter(({ day }) => this.#changed.has(day));
    const drop = this.#old;
    this.#changed = new Set();
    this.#old = [];
    return { keep, drop };
  }

  #count(now: Now): void {
    const passedMs = between(this.#seen.instant, now.instant);
    this.#seen = now;
    const { link, commands } = this.#condition;
    const could = { linkMs: link ? passedMs : 0, commandsMs: commands ? passedMs : 0 };
    this.#add(passedMs + this.#gap(now), could, now);
    this.#forget();
  }

  #forget(): void {
    this.#old.push(...this.#days.slice(0, -AVAILABILITY_DAYS - 1).map(({ day }) => day));
    this.#days = this.#days.slice(-AVAILABILITY_DAYS - 1);
  }

  figures(): AvailabilityFigures {
    const sum = (of: (day: AvailabilityDay) => number): number =>
      this.#days.reduce((all, day) => all + of(day), 0);
    const watchedMs = sum(day => day.watchedMs);
    if (watchedMs === 0) return { watchedMs };
    return {
      watchedMs,
      link: sum(day => day.linkMs) / watchedMs,
      commands: sum(day => day.commandsMs) / watchedMs,
    };
  }

  /** Time between two runs, counted once the date has settled; 30 days at most. */
  #gap(now: Now): Duration {
    const ranMs = between(this.#started.instant, now.instant);
    if (this.#before === undefined || ranMs < DATE_SETTLES_WITHIN) return milliseconds(0);
    const gapMs = now.unix - ranMs - this.#before;
    this.#before = undefined;
    return milliseconds(Math.min(Math.max(0, gapMs), AVAILABILITY_DAYS * hours(24)));
  }

  #add(
    watchedMs: number,
    { linkMs, commandsMs }: { readonly linkMs: number; readonly commandsMs: number },
    now: Now,
  ): void {
    const last = this.#days.at(-1);
    // A date that went back stays in the day it came from: days are in order whatever the clock does.
    const isNew = last === undefined || dayOf(now) > last.day;
    const day = isNew ? this.#empty(now) : last;
    const added = {
      day: day.day,
      watchedMs: day.watchedMs + watchedMs,
      linkMs: day.linkMs + linkMs,
      commandsMs: day.commandsMs + commandsMs,
      at: now.unix,
    };
    this.#changed.add(added.day);
    this.#days = [...(isNew ? this.#days : this.#days.slice(0, -1)), added];
  }

  #empty(now: Now): AvailabilityDay {
    return { day: dayOf(now), watchedMs: 0, linkMs: 0, commandsMs: 0, at: now.unix };
  }
}

function dayOf({ unix }: Now): number {
  return Math.floor(unix / DAY_MS);
}
