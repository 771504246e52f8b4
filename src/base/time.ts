/**
 * Three kinds of time that never mix: an {@link Instant} is a reading of a clock that only goes forward and
 * says nothing of the date; {@link UnixTime} is the date, and may jump; a {@link Duration} is a difference.
 * All three count whole milliseconds. Nothing here reads a clock: `now` is always an argument.
 */

/** Milliseconds on the monotonic clock of this process. Comparable only within one run. */
export type Instant = number & { readonly brand: 'Instant' };
/** Milliseconds since 1970-01-01T00:00:00Z, as far as the wall clock is to be believed. */
export type UnixTime = number & { readonly brand: 'UnixTime' };
/** Milliseconds between two instants or two dates. */
export type Duration = number & { readonly brand: 'Duration' };

/** Both clocks read together: deadlines are kept in `instant`, what is written down in `unix`. */
export interface Now {
  readonly instant: Instant;
  readonly unix: UnixTime;
}

export const instant = (ms: number): Instant => ms as Instant;
export const unixTime = (ms: number): UnixTime => ms as UnixTime;
export const unixSeconds = (s: number): UnixTime => (s * 1000) as UnixTime;

export const milliseconds = (n: number): Duration => n as Duration;
export const seconds = (n: number): Duration => (n * 1000) as Duration;
export const minutes = (n: number): Duration => (n * 60_000) as Duration;
export const hours = (n: number): Duration => (n * 3_600_000) as Duration;

/** `t + d`, on whichever clock `t` was read. */
export function after<T extends Instant | UnixTime>(t: T, d: Duration): T {
  return (t + d) as T;
}

/** `later − earlier`, both from one clock. Negative when the order is the other way. */
export function between<T extends Instant | UnixTime>(earlier: T, later: T): Duration {
  return (later - earlier) as Duration;
}

/** Whole seconds since 1970, rounded down: the unit of every time in an envelope. */
export function toUnixSeconds(t: UnixTime): number {
  return Math.floor(t / 1000);
}

/** `2026-11-20T14:05:00Z`: date and time to the second, in UTC. */
export function isoSeconds(t: UnixTime): string {
  return `${new Date(Math.floor(t / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** `14:05`: the time of day in UTC, for sentences that name an end. */
export function clockTime(t: UnixTime): string {
  return `${new Date(t).toISOString().slice(11, 16)} UTC`;
}
