/** Quantiles of measured times. */

export interface Quantiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The nearest-rank quantiles of `timesMs`, in ms to the microsecond. */
export function quantiles(timesMs: readonly number[]): Quantiles {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Number((sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN).toFixed(3));
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** `ours / floor`, to two decimals. */
export function ratio(ours: Quantiles, floor: Quantiles): { p50: number; p99: number } {
  const divide = (a: number, b: number): number => Number((a / b).toFixed(2));
  return { p50: divide(ours.p50Ms, floor.p50Ms), p99: divide(ours.p99Ms, floor.p99Ms) };
}
