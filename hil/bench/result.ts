/**
 * What the bench finds, as values that JSON holds: steps make a check, checks make a suite. Everything a report
 * shows is in here; nothing is worked out again when it is drawn.
 */
import type { Evidence } from '../../src/model/mod.ts';
import type { Verdict } from './verdict.ts';

/** Where a measured number must lie; an end that is absent is open. */
export interface Window {
  readonly low?: number;
  readonly high?: number;
  readonly value: number;
  readonly unit: string;
}

/** A line, dots or a stair of one plot. */
export interface Series {
  readonly name: string;
  readonly kind: 'line' | 'dots' | 'stair';
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  /** What is allowed: a band between two lines given at the same x. */
  readonly band?: readonly { readonly x: number; readonly low: number; readonly high: number }[];
  /** Moments to mark, on the x axis. */
  readonly marks?: readonly { readonly x: number; readonly name: string }[];
}

/** One thing done and judged. */
export interface Step {
  /** What was done to the device: `write 704.WMaxLimPct 80 with function 6`. */
  readonly what: string;
  readonly verdict: Verdict;
  /** What had to be, and what was. */
  readonly target?: string;
  readonly measured?: string;
  readonly window?: Window;
  /** The formula with its numbers, where one was used. */
  readonly formula?: string;
  readonly registers?: readonly Evidence[];
  readonly plot?: Plot;
  /** With FAIL and INCONCLUSIVE: the likeliest reason, in one line. */
  readonly cause?: string;
}

export interface Check {
  readonly id: string;
  readonly title: string;
  /** What the device has to do, and where that is written. */
  readonly requirement: string;
  readonly source: string;
  readonly verdict: Verdict;
  readonly steps: readonly Step[];
  /** Milliseconds from the start of the run, and how long it took. */
  readonly startedMs: number;
  readonly tookMs: number;
}

/** What was under test, as it says itself; `null` where it does not say. */
export interface Subject {
  readonly link: string;
  readonly unit: number;
  readonly base: number | null;
  readonly manufacturer: string | null;
  readonly model: string | null;
  readonly serial: string | null;
  readonly version: string | null;
  /** The models in the order of the chain, and how it ended. */
  readonly chain: readonly ChainModel[];
  readonly chainEnd: string | null;
}

export interface ChainModel {
  readonly id: number;
  readonly name: string | null;
  readonly address: number;
  readonly length: number;
  /** Points of its definition, and how many of them are implemented. */
  readonly points: number;
  readonly implemented: number;
}

/** Everything about one run; the only source of every other output. Bump the version when a field changes. */
export interface Report {
  readonly format: 'underglass-bench-report';
  readonly version: 1;
  readonly suite: string;
  readonly title: string;
  readonly verdict: Verdict;
  /** `underglass 0.1.0`. */
  readonly tool: string;
  readonly beganAt: string;
  readonly endedAt: string;
  /** Why the run ended before its end; absent when it did not. */
  readonly stopped?: string;
  readonly subject: Subject;
  /** What sourced and measured; `null`: nothing did, and the device's own word was taken. */
  readonly instruments: string | null;
  readonly settings: Readonly<Record<string, number | string>>;
  readonly checks: readonly Check[];
}

/** How far inside its window the value lies, in % of the half width, or of the one end; negative outside. */
export function marginPercent({ low, high, value }: Window): number | undefined {
  if (low !== undefined && high !== undefined)
    return high === low ? undefined : (200 * Math.min(value - low, high - value)) / (high - low);
  const end = high ?? low;
  if (end === undefined || end === 0) return undefined;
  return (100 * (high === undefined ? value - end : end - value)) / Math.abs(end);
}

export function isInside({ low, high, value }: Window): boolean {
  return Number.isFinite(value) && value >= (low ?? -Infinity) && value <= (high ?? Infinity);
}
