/**
 * Seeded random numbers (sfc32, Chris Doty-Humphrey, PractRand): the same seed gives the same sequence on
 * every machine, so a failure replays. The state is four integers and part of whoever owns it. Not for keys.
 */

/** Four 32-bit integers; changed in place by every draw. */
export type RandomState = [number, number, number, number];

/** A state from any 32-bit seed; the first 12 draws are discarded so that near seeds part ways. */
export function seeded(seed: number): RandomState {
  const state: RandomState = [seed | 0, (seed ^ 0x9e3779b9) | 0, 0x243f6a88, 1];
  for (let i = 0; i < 12; i++) nextUint32(state);
  return state;
}

/** Uniform over 0 … 2^32 − 1. */
export function nextUint32(state: RandomState): number {
  const [a, b, c, counter] = state;
  const sum = (((a + b) | 0) + counter) | 0;
  state[3] = (counter + 1) | 0;
  state[0] = b ^ (b >>> 9);
  state[1] = (c + (c << 3)) | 0;
  state[2] = (((c << 21) | (c >>> 11)) + sum) | 0;
  return sum >>> 0;
}

/** Uniform over [0, 1). */
export function nextUnit(state: RandomState): number {
  return nextUint32(state) / 2 ** 32;
}

/** A whole number, uniform over `low` … `high`, both included; the range is at most 2^32 wide. */
export function nextBetween(state: RandomState, low: number, high: number): number {
  return low + Math.floor(nextUnit(state) * (high - low + 1));
}
