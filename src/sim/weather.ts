/**
 * Sun, clouds and the habits of a house, as functions of the time of day and a seed: the same seed has the same
 * day, however often it is looked at. No state, no clock.
 */
import { nextUnit, seeded } from '../base/random.ts';

const DAY_S = 86_400;

/** Sun on the array, 0 … 1, at `second` of the day (0 … 86400): a clear sky between six and six. */
export function clearSky(second: number): number {
  const hour = (second % DAY_S) / 3600;
  return Math.max(0, Math.sin((Math.PI * (hour - 6)) / 12)) ** 1.2;
}

/** What clouds let through, 0.35 … 1: mostly clear, with a passing cloud of some minutes now and then. */
export function clouds(seed: number, second: number): number {
  const cover = smooth(seed, second, 300);
  return 1 - 0.65 * Math.max(0, (cover - 0.6) / 0.4);
}

/** Real power the house draws, W: a base, breakfast and evening, and the small steps of appliances. */
export function houseLoadW(seed: number, second: number): number {
  const hour = (second % DAY_S) / 3600;
  const meal = (at: number, width: number): number => Math.exp(-(((hour - at) / width) ** 2));
  const habitW = 350 + 900 * meal(7.5, 1) + 600 * meal(12.5, 1) + 1900 * meal(19, 2);
  return habitW * (0.85 + 0.3 * smooth(seed + 1, second, 60)) + 120 * smooth(seed + 2, second, 20);
}

/** Noise, 0 … 1, that takes a new value every `period` seconds and eases from one to the next. */
function smooth(seed: number, second: number, period: number): number {
  const place = Math.floor(second / period);
  const share = second / period - place;
  const ease = share * share * (3 - 2 * share);
  const here = valueAt(seed, place);
  return here + (valueAt(seed, place + 1) - here) * ease;
}

function valueAt(seed: number, place: number): number {
  // Two odd constants keep neighbours of seed and place apart.
  return nextUnit(seeded(Math.imul(seed, 0x85eb_ca6b) ^ Math.imul(place + 1, 0xc2b2_ae35)));
}
