/**
 * Billing intervals: what a meter's energy registers rose by in each quarter of an hour of the clock. A machine for
 * one meter, fed with every reading.
 *
 * The end of one interval is the start of the next, so their sum is what the registers rose by, whatever happened:
 * silence, a restart or a clock that jumped moves energy between intervals and loses none. A boundary at which the
 * meter was not read is interpolated, and its intervals say `estimated`. Where the registers themselves went back,
 * or more than a day is missing, the interval says `missed`.
 *
 * Intervals come in order, once, when the meter has been read behind their end. Nothing is corrected later, and
 * nothing is judged: whether a value is plausible is for those who bill.
 */
import { after, between, minutes, seconds, unixTime } from '../base/time.ts';
import type { Duration, Now, UnixTime } from '../base/time.ts';
import type { BillingFlag, BillingQuality, ClockTrust } from '../model/mod.ts';

export const INTERVAL = minutes(15);
/** Intervals that are filled in behind a silence: a day. A longer one is told as one interval, `missed`. */
export const MAX_FILLED = 96;
/** A reading up to this much from a boundary is the boundary's own. */
export const NEAR_BOUNDARY = seconds(5);
/** The date and the monotonic clock apart by more than this from one reading to the next: the date was set. */
export const CLOCK_STEP = seconds(2);

/** Energy registers, Wh, as they stand: they only rise. Absent where the meter has none. */
export interface Registers {
  readonly importWh?: number;
  readonly exportWh?: number;
}

/** One reading of one meter. */
export interface Metered {
  readonly now: Now;
  readonly registers: Registers;
  readonly clock: ClockTrust;
  /** Readings further apart than this were not regular. */
  readonly silentAfter: Duration;
}

/** The interval that runs. Plain data: it is what survives a restart. */
export interface OpenInterval {
  readonly start: UnixTime;
  readonly registers: Registers;
  /** The registers at the start were interpolated. */
  readonly estimated: boolean;
  readonly flags: readonly BillingFlag[];
}

export interface IntervalBook {
  open: OpenInterval | undefined;
  last: { readonly now: Now; readonly registers: Registers } | undefined;
}

/** An interval that is over. */
export interface BillingInterval {
  readonly start: UnixTime;
  /** {@link INTERVAL}, or a multiple of it for a silence that was too long to fill. */
  readonly duration: Duration;
  readonly quality: BillingQuality;
  /** Energy in the interval, Wh; absent where it is not known. */
  readonly energy: Registers;
  /** The registers at its end, Wh. */
  readonly registers: Registers;
  readonly flags: readonly BillingFlag[];
}

/** The book of a meter; `open` as it was stored, none before the first boundary. */
export function newBook(open?: OpenInterval): IntervalBook {
  return { open, last: undefined };
}

/** The quarter of an hour that `t` lies in. */
export function intervalStart(t: UnixTime): UnixTime {
  return unixTime(Math.floor(t / INTERVAL) * INTERVAL);
}

/**
 * Takes a reading. The intervals that ended by it, oldest first. One that lacks a register which the meter has told
 * before is none.
 */
export function noteRegisters(book: IntervalBook, seen: Metered): readonly BillingInterval[] {
  if (lacks(seen.registers, { ...book.open?.registers, ...book.last?.registers })) return [];
  const ended = book.open === undefined ? begin(book, seen) : goOn(book, book.open, seen);
  book.last = { now: seen.now, registers: seen.registers };
  return ended;
}

/** Before the first boundary nothing can be told: what an interval began with is not known. */
function begin(book: IntervalBook, seen: Metered): readonly BillingInterval[] {
  const { last } = book;
  const start = intervalStart(seen.now.unix);
  if (last === undefined || last.now.unix >= start || wentBack(last.registers, seen.registers)) return [];
  const at = registersAt(last, seen, start);
  book.open = { start, ...at, flags: flagsOf(book, seen) };
  return [];
}

function goOn(book: IntervalBook, open: OpenInterval, seen: Metered): readonly BillingInterval[] {
  const flags = [...new Set([...open.flags, ...flagsOf(book, seen)])];
  const { unix } = seen.now;
  if (wentBack(book.last?.registers ?? open.registers, seen.registers))
    return goOnAnew(book, { ...open, flags: [...new Set([...flags, 'register-reset' as const])] }, seen);
  if (after(unix, INTERVAL) < open.start) return goBack(book, { ...open, flags }, seen);
  const count = Math.floor(between(open.start, unix) / INTERVAL);
  if (count <= 0) {
    book.open = { ...open, flags };
    return [];
  }
  const length = (count > MAX_FILLED ? count * INTERVAL : INTERVAL) as Duration;
  const ended: BillingInterval[] = [];
  let from = { ...open, flags };
  for (let end = after(open.start, length); end <= unix; end = after(end, length)) {
    const at = registersAt(book.last ?? since(open), seen, end);
    ended.push(closed(from, length, at));
    // What happened to the interval that ended happened to those behind it, where nobody looked.
    const still: BillingFlag[] = at.estimated ? flags : flagsOf(book, seen).filter(f => f !== 'silent');
    from = { start: end, ...at, flags: still.filter(flag => flag !== 'register-reset') };
  }
  book.open = from;
  return ended;
}

/** What is between the boundary it began at and the first reading of this run. */
function since({ start, registers }: OpenInterval): { now: Pick<Now, 'unix'>; registers: Registers } {
  return { now: { unix: start }, registers };
}

/** The registers went back, or the meter is another: what was counted since the start of the interval is not known. */
function goOnAnew(book: IntervalBook, open: OpenInterval, seen: Metered): readonly BillingInterval[] {
  const start = intervalStart(seen.now.unix);
  if (start <= open.start) {
    book.open = { ...open, registers: {} };
    return [];
  }
  const length = between(open.start, start);
  book.open = { start, registers: {}, estimated: true, flags: ['register-reset'] };
  const { registers, flags } = { ...open, registers: book.last?.registers ?? open.registers };
  return [{ start: open.start, duration: length, quality: 'missed', energy: {}, registers, flags }];
}

/** The date went back by more than an interval: the one that ran ends short, and one at the new date begins. */
function goBack(book: IntervalBook, open: OpenInterval, seen: Metered): readonly BillingInterval[] {
  const at = { registers: seen.registers, estimated: true };
  book.open = { start: intervalStart(seen.now.unix), ...at, flags: ['clock-adjusted'] };
  return [closed(open, INTERVAL, at)];
}

function closed(
  open: OpenInterval,
  duration: Duration,
  end: { readonly registers: Registers; readonly estimated: boolean },
): BillingInterval {
  const energy = differences(open.registers, end.registers);
  const isKnown = energy.importWh !== undefined || energy.exportWh !== undefined;
  const isWhole = duration === INTERVAL && !open.flags.includes('register-reset');
  const isExact = !open.estimated && !end.estimated && !open.flags.includes('clock-adjusted');
  const quality = !isKnown || !isWhole ? 'missed' : isExact ? 'actual' : 'estimated';
  const { start, flags } = open;
  return { start, duration, quality, energy, registers: end.registers, flags };
}

/** The registers at `boundary`, between two readings: the nearer one's where it is near enough, else in proportion. */
function registersAt(
  before: { readonly now: Pick<Now, 'unix'>; readonly registers: Registers },
  seen: Metered,
  boundary: UnixTime,
): { readonly registers: Registers; readonly estimated: boolean } {
  const [from, to] = [before.now.unix, seen.now.unix];
  if (between(boundary, to) <= NEAR_BOUNDARY) return { registers: seen.registers, estimated: false };
  if (from <= boundary && between(from, boundary) <= NEAR_BOUNDARY)
    return { registers: before.registers, estimated: false };
  const share = to === from ? 1 : Math.min(1, Math.max(0, (boundary - from) / (to - from)));
  const at = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : Math.round(a + (b - a) * share);
  return { registers: known(at, before.registers, seen.registers), estimated: true };
}

function differences(from: Registers, to: Registers): Registers {
  // Registers may have decimals; a difference of two shows no more of them than they have.
  const rise = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : Math.round((b - a) * 1000) / 1000;
  return known(rise, from, to);
}

function known(
  of: (a: number | undefined, b: number | undefined) => number | undefined,
  from: Registers,
  to: Registers,
): Registers {
  const [importWh, exportWh] = [of(from.importWh, to.importWh), of(from.exportWh, to.exportWh)];
  return {
    ...(importWh === undefined ? {} : { importWh }),
    ...(exportWh === undefined ? {} : { exportWh }),
  };
}

function lacks(seen: Registers, told: Registers): boolean {
  const isNone = seen.importWh === undefined && seen.exportWh === undefined;
  const isGone = (one: keyof Registers): boolean => told[one] !== undefined && seen[one] === undefined;
  return isNone || isGone('importWh') || isGone('exportWh');
}

function wentBack(from: Registers, to: Registers): boolean {
  const falls = (a: number | undefined, b: number | undefined): boolean =>
    a !== undefined && b !== undefined && b < a;
  return falls(from.importWh, to.importWh) || falls(from.exportWh, to.exportWh);
}

/** What a reading says of the time since the one before. */
function flagsOf({ last }: IntervalBook, { now, clock, silentAfter }: Metered): BillingFlag[] {
  const apart = last === undefined ? 0 : between(last.now.instant, now.instant);
  const dated = last === undefined ? 0 : between(last.now.unix, now.unix);
  return [
    ...(last === undefined || apart > silentAfter ? ['silent' as const] : []),
    ...(Math.abs(dated - apart) > CLOCK_STEP ? ['clock-adjusted' as const] : []),
    ...(clock === 'untrusted' ? ['clock-untrusted' as const] : []),
  ];
}
