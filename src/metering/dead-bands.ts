/**
 * What a reading has to change by to be worth a report of its own: status by exception. One row a quantity; a change is
 * told when it is more than the row's amount and more than its share of what was told last.
 *
 * Energy registers have no row: they only rise, and are told by the interval and with every full report. It keeps
 * nothing: what was told last is the caller's to know.
 */
import type { Points } from '../model/mod.ts';

interface Band {
  readonly points: RegExp;
  /** In the unit of the point. */
  readonly least: number;
  /** Of the value that was told last. */
  readonly share: number;
}

const BANDS: readonly Band[] = [
  // 1 % of a small inverter, and 5 % of what it was.
  { points: /^(W|VA|Var)$/, least: 50, share: 0.05 },
  { points: /^(A|Aph[ABC])$/, least: 0.5, share: 0.05 },
  { points: /^PF$/, least: 0.02, share: 0 },
  { points: /Unb$/, least: 0.5, share: 0 },
  // A step of a tap changer is 5/8 %.
  { points: /^PhV/, least: 0, share: 0.005 },
  // The dead band of a frequency-watt function as it comes is 36 mHz.
  { points: /^Hz$/, least: 0.02, share: 0 },
  { points: /^SoC$/, least: 1, share: 0 },
  { points: /^WHAvail$/, least: 100, share: 0.02 },
  { points: /^Thd/, least: 1, share: 0 },
  { points: /^TotWh/, least: Infinity, share: 0 },
];
/** States, limits and ratings: each change is news. */
const ANY = { least: 0, share: 0 };

/** Whether `now` is worth a report after `told`. A point that came or went is. */
export function isNews(told: Points | undefined, now: Points): boolean {
  if (told === undefined) return true;
  const names = Object.keys({ ...told, ...now });
  return names.some(name => {
    const [was, is] = [told[name], now[name]];
    if (was === undefined || is === undefined) return true;
    const { least, share } = bandOf(name);
    // What a value has too much by the way it is kept is no change.
    return Math.abs(is - was) > Math.max(least, share * Math.abs(was)) + 1e-9;
  });
}

function bandOf(name: string): { readonly least: number; readonly share: number } {
  return BANDS.find(({ points }) => points.test(name)) ?? ANY;
}
