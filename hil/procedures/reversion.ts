/**
 * Reversion timers: which controls are tried, how one is put in force with a timer, and how its end is watched.
 */
import type { Bench, Plot, Put, Sheet, Step } from '../bench/mod.ts';
import { notSupported, numberIn } from '../bench/mod.ts';
import { spotOf, takenStep } from './steps.ts';

export interface Timer {
  readonly model: number;
  readonly enable: string;
  readonly seconds: string;
  /** Where the device shows what is left. */
  readonly remaining?: string;
  /** Harmless values to put in force. */
  readonly values: Readonly<Record<string, number>>;
  /** What the control falls back to: set before, compared after. Absent: it is just released. */
  readonly fallback?: {
    readonly enable: string;
    readonly values: Readonly<Record<string, readonly [to: string, value: number]>>;
  };
}

function timer704(
  stem: string,
  values: Record<string, number>,
  fallback: Record<string, [string, number]>,
): Timer {
  return {
    model: 704,
    enable: `${stem}Ena`,
    seconds: `${stem}RvrtTms`,
    remaining: `${stem}RvrtRem`,
    values,
    fallback: { enable: `${stem}EnaRvrt`, values: fallback },
  };
}

/** Close to no limit at all, so that a device in production loses little while it is tried. */
export const TIMERS: readonly Timer[] = [
  timer704('WMaxLimPct', { WMaxLimPct: 90 }, { WMaxLimPctRvrt: ['WMaxLimPct', 95] }),
  timer704('VarSet', { VarSetMod: 1, VarSetPct: 5 }, { VarSetPctRvrt: ['VarSetPct', 0] }),
  timer704('PFWInj', { 'PFWInj.PF': 0.98, 'PFWInj.Ext': 1 }, {}),
  { model: 123, enable: 'WMaxLim_Ena', seconds: 'WMaxLimPct_RvrtTms', values: { WMaxLimPct: 90 } },
  { model: 123, enable: 'OutPFSet_Ena', seconds: 'OutPFSet_RvrtTms', values: { OutPFSet: 0.98 } },
];

/** Those this device has and nobody uses now. */
export function timersOf(bench: Bench): readonly Timer[] {
  return TIMERS.filter(({ model, enable, seconds, values }) => {
    if (!bench.has(model)) return false;
    const sheet = bench.found(model);
    const all = [enable, seconds, ...Object.keys(values)];
    return all.every(path => spotOf(sheet, path) !== undefined) && numberIn(sheet, enable) === 0;
  });
}

export function* noTimers(): Generator<Step> {
  yield notSupported('no control of 704 or 123 has a reversion timer, or all are in force');
}

export const nameOf = ({ model, enable }: Timer): string => `${model}.${enable}`;

/** How often the enable is looked at while a timer runs, and how much later than its end at most. */
const LOOK_MS = 200;
const LATE_S = 2;
/** A device counts whole seconds, and a look comes up to {@link LOOK_MS} after the fact. */
const TOLERANCE_S = 1 + LOOK_MS / 1000;

/** What was seen of a timer, in seconds since the run began. */
export interface Watch {
  readonly startS: number;
  /** When it was first seen out of force; `undefined`: it never was. */
  readonly fellS: number | undefined;
  readonly inForce: readonly (readonly [number, number])[];
  readonly remaining: readonly (readonly [number, number])[];
  readonly last: Sheet | undefined;
}

/** Values, fallback and seconds first, the enable last; `undefined` when all were taken, else the failed step. */
export async function start(bench: Bench, timer: Timer): Promise<{ startS: number; failed?: Step }> {
  const sheet = bench.found(timer.model);
  const { fallback, values } = timer;
  const settings: Record<string, number> = { ...values };
  for (const [path, [, value]] of Object.entries(fallback?.values ?? {}))
    if (spotOf(sheet, path) !== undefined) settings[path] = value;
  if (fallback !== undefined && spotOf(sheet, fallback.enable) !== undefined) settings[fallback.enable] = 0;
  settings[timer.seconds] = bench.parts.reversionS;
  const prepared = await bench.put(sheet, settings);
  if (prepared.outcome !== 'taken')
    return { startS: seconds(bench), failed: takenStep(`prepare ${nameOf(timer)} with its timer`, prepared) };
  return enable(bench, timer, {});
}

/** Puts the control in force, with `values` written before: the moment the timer starts, or starts anew. */
export async function enable(
  bench: Bench,
  timer: Timer,
  values: Readonly<Record<string, number>>,
): Promise<{ startS: number; failed?: Step }> {
  const sheet = bench.found(timer.model);
  const put: Put = await bench.put(sheet, { ...values, [timer.enable]: 1 });
  const startS = seconds(bench) - put.readBackMs / 1000;
  if (put.outcome === 'taken') return { startS };
  return { startS, failed: takenStep(`put ${nameOf(timer)} in force`, put) };
}

/** Looks at the control until it is out of force or `untilS` has come. */
export async function watch(
  bench: Bench,
  timer: Timer,
  at: { startS: number; untilS: number },
): Promise<Watch> {
  const inForce: [number, number][] = [];
  const remaining: [number, number][] = [];
  let last: Sheet | undefined;
  for (;;) {
    const now = await bench.sheet(timer.model);
    const seenS = seconds(bench);
    const state = now.ok ? numberIn(now.value, timer.enable) : undefined;
    if (now.ok) {
      last = now.value;
      inForce.push([seenS - at.startS, state ?? 0]);
      const left = timer.remaining === undefined ? undefined : numberIn(now.value, timer.remaining);
      if (left !== undefined) remaining.push([seenS - at.startS, left]);
    }
    if (state === 0) return { startS: at.startS, fellS: seenS, inForce, remaining, last };
    if (seenS >= at.untilS) return { startS: at.startS, fellS: undefined, inForce, remaining, last };
    await bench.pause(LOOK_MS);
  }
}

/** The latest moment a timer of `lastsS` that started at `startS` is waited for. */
export function patience(startS: number, lastsS: number): number {
  return startS + lastsS + TOLERANCE_S + LATE_S;
}

export function seconds(bench: Bench): number {
  return bench.elapsedMs() / 1000;
}

/** Judges when the control fell, `lastsS` after `watched.startS`. */
export function fellStep(what: string, timer: Timer, watched: Watch & { readonly lastsS: number }): Step {
  const { startS, fellS, lastsS, inForce } = watched;
  const base = { what, target: `out of force after ${lastsS} s`, plot: plotOf(timer, watched) };
  if (inForce.length === 0)
    return { ...base, verdict: 'INCONCLUSIVE', cause: 'the device did not answer while its timer ran' };
  if (fellS === undefined) {
    const measured = `still in force after ${(inForce.at(-1)?.[0] ?? 0).toFixed(1)} s`;
    return {
      ...base,
      verdict: 'FAIL',
      measured,
      cause: 'the timer does not run: a dead gateway would hold its last order for ever',
    };
  }
  const value = Number((fellS - startS).toFixed(2));
  const window = { low: lastsS - TOLERANCE_S, high: lastsS + TOLERANCE_S, value, unit: 's' };
  const judged = { ...base, measured: `out of force after ${value} s`, window };
  if (value < window.low)
    return { ...judged, verdict: 'FAIL', cause: 'the timer ends early, or was not started anew' };
  if (value > window.high) return { ...judged, verdict: 'FAIL', cause: 'the timer ends late' };
  return { ...judged, verdict: 'PASS' };
}

function plotOf(timer: Timer, { inForce, remaining, lastsS }: Watch & { readonly lastsS: number }): Plot {
  const left =
    remaining.length === 0
      ? []
      : [{ name: timer.remaining ?? '', kind: 'stair', points: remaining } as const];
  return {
    title: `${nameOf(timer)} while its timer runs`,
    x: 's since it was put in force',
    y: 's left, and 1 while in force',
    series: [{ name: timer.enable, kind: 'stair', points: inForce }, ...left],
    marks: [{ x: lastsS, name: `${lastsS} s` }],
  };
}
