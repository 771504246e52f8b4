/**
 * What a procedure is: facts about one test, and the steps that carry it out. A suite is a list of them.
 */
import type { Bench } from './bench.ts';
import type { Step } from './result.ts';

export interface Procedure {
  /** The name of the test in its standard: `MOD-3`. */
  readonly id: string;
  readonly title: string;
  /** What the device has to do, in one sentence. */
  readonly requirement: string;
  /** Where that is written. */
  readonly source: string;
  /** Yields each step as soon as it is judged, so that an interrupted check keeps what it saw. */
  readonly steps: (bench: Bench) => AsyncGenerator<Step, void>;
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  readonly procedures: readonly Procedure[];
}

/** The one step of a check whose subject this device or link does not have. */
export function notSupported(what: string): Step {
  return { what, verdict: 'NOT-SUPPORTED' };
}
