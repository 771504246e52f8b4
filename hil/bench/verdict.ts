/**
 * What a check can end with, and which of two ends is worse. No sample is never a pass: nothing judged is NOT-RUN.
 */

/**
 * `PASS` and `FAIL`: judged. `INCONCLUSIVE`: tried, but what was seen allows no judgement (no sun, no answer).
 * `NOT-SUPPORTED`: the device or the link does not have what is asked about. `NOT-RUN`: not tried.
 */
export type Verdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE' | 'NOT-SUPPORTED' | 'NOT-RUN';

/** From best to worst, for comparing one check in two reports: losing a function is worse than keeping it. */
export const VERDICTS: readonly Verdict[] = ['PASS', 'NOT-SUPPORTED', 'NOT-RUN', 'INCONCLUSIVE', 'FAIL'];

export function severity(verdict: Verdict): number {
  return VERDICTS.indexOf(verdict);
}

/**
 * The worst of several. What is not supported says nothing about what is: it counts only where there is nothing
 * else. None at all is NOT-RUN.
 */
export function worst(verdicts: readonly Verdict[]): Verdict {
  const telling = verdicts.filter(verdict => verdict !== 'NOT-SUPPORTED');
  if (telling.length === 0) return verdicts.length === 0 ? 'NOT-RUN' : 'NOT-SUPPORTED';
  return telling.reduce((a, b) => (severity(b) > severity(a) ? b : a));
}
