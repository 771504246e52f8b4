/**
 * EFF-1: a limit of real power is not only kept in its register, it is obeyed.
 */
import type { Bench, Plot, Procedure, Step } from '../bench/mod.ts';
import { notSupported, numberIn } from '../bench/mod.ts';
import type { Given } from './measured.ts';
import { givenPower, ratedW, settingW } from './measured.ts';
import { SILENT, spotOf, takenStep } from './steps.ts';

export const eff1: Procedure = {
  id: 'EFF-1',
  title: 'The power limit is obeyed',
  requirement:
    'A limit of half the power given now is reached within its time and not exceeded by more than 7.5 %.',
  source: 'IEEE 1547.1-2020, 5.13 and 6.7; accuracy P ± 5 % of the rating, windows 1.5 times that',
  steps,
};

const LIMITS = [
  { model: 704, value: 'WMaxLimPct', enable: 'WMaxLimPctEna' },
  { model: 123, value: 'WMaxLimPct', enable: 'WMaxLim_Ena' },
] as const;

/** Below this share of the rating half a limit cannot be told from a cloud. */
const ENOUGH = 0.15;
const WINDOW = 1.5 * 0.05;
/** IEEE 1547-2018: the ramp of a limit is 15 s; then it is watched a while. */
const REACHED_S = 15;
const WATCHED_S = 5;
const LOOK_MS = 500;
const FULL_SUN = 1000;
/** A new operating point is reached within this by what tracks the sun. */
const SETTLE_MS = 5000;

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const limit = LIMITS.find(
    row => bench.has(row.model) && spotOf(bench.found(row.model), row.value) !== undefined,
  );
  const [rated, whole] = [ratedW(bench), settingW(bench)];
  if (limit === undefined || rated === undefined || whole === undefined) {
    yield notSupported('neither 704 nor 123 limits real power, or no rating is known');
    return;
  }
  const sun = await bench.ports.instruments?.set({ irradianceWm2: FULL_SUN });
  if (sun?.ok === true) await bench.pause(SETTLE_MS);
  const before = await givenPower(bench);
  const what = 'measure the power before';
  if (before === undefined) yield { what, verdict: 'INCONCLUSIVE', cause: SILENT };
  else if (before.powerW < ENOUGH * rated)
    yield {
      what,
      verdict: 'INCONCLUSIVE',
      target: `at least ${Math.round(ENOUGH * rated)} W`,
      measured: `${Math.round(before.powerW)} W`,
      cause: 'too little power to limit: repeat in sun, or with instruments that give it',
    };
  else yield* limiting(bench, limit, { before, rated, whole });
}

async function* limiting(
  bench: Bench,
  limit: (typeof LIMITS)[number],
  { before, rated, whole }: { before: Given; rated: number; whole: number },
): AsyncGenerator<Step, void> {
  const sheet = bench.found(limit.model);
  const percent = Math.max(1, Math.floor((50 * before.powerW) / whole));
  const limitW = (whole * percent) / 100;
  const wasInForce = numberIn(sheet, limit.enable) === 1;
  // A device may look at a new value only when it is put in force anew.
  if (wasInForce) await bench.put(sheet, { [limit.enable]: 0 });
  const put = await bench.put(sheet, { [limit.value]: percent, [limit.enable]: 1 });
  yield takenStep(`put ${limit.model}.${limit.value} = ${percent} % in force`, put);
  if (put.outcome !== 'taken') return;
  const samples: Given[] = [before];
  const startS = bench.elapsedMs() / 1000;
  // A person reads once, when it counts.
  if (bench.ports.instruments?.byHand === true) await bench.pause(1000 * REACHED_S);
  for (let atS = startS; atS < startS + REACHED_S + WATCHED_S; atS = bench.elapsedMs() / 1000) {
    const given = await givenPower(bench);
    if (given !== undefined) samples.push(given);
    if (bench.ports.instruments?.byHand === true) break;
    await bench.pause(LOOK_MS);
  }
  yield obeyedStep(bench, { samples, startS, limitW, rated });
}

function obeyedStep(
  bench: Bench,
  {
    samples,
    startS,
    limitW,
    rated,
  }: { samples: readonly Given[]; startS: number; limitW: number; rated: number },
): Step {
  const after = samples.filter(({ atS }) => atS >= startS + REACHED_S);
  const high = Math.round(limitW + WINDOW * rated);
  const what = `look at the power for ${WATCHED_S} s, ${REACHED_S} s after the limit`;
  if (after.length === 0) return { what, verdict: 'INCONCLUSIVE', cause: SILENT };
  const value = Math.round(Math.max(...after.map(({ powerW }) => powerW)));
  const by = bench.ports.instruments?.name ?? "the device's own word";
  const base = {
    what,
    target: `${Math.round(limitW)} W`,
    measured: `at most ${value} W, by ${by}`,
    formula: `limit ${Math.round(limitW)} W + 1.5 × 5 % × ${rated} W`,
    window: { high, value, unit: 'W' },
    plot: plotOf(samples, { startS, limitW, high }),
  };
  if (value <= high) return { ...base, verdict: 'PASS' };
  return { ...base, verdict: 'FAIL', cause: 'the register holds the limit but the power does not follow it' };
}

function plotOf(
  samples: readonly Given[],
  { startS, limitW, high }: { startS: number; limitW: number; high: number },
): Plot {
  const points = samples.map(({ atS, powerW }) => [Number((atS - startS).toFixed(2)), powerW] as const);
  const endS = Math.max(...points.map(([x]) => x));
  return {
    title: 'Real power under the limit',
    x: 's since the limit',
    y: 'W',
    series: [
      { name: 'power', kind: 'line', points },
      {
        name: 'limit',
        kind: 'stair',
        points: [
          [0, limitW],
          [endS, limitW],
        ],
      },
    ],
    band: [
      { x: REACHED_S, low: 0, high },
      { x: endS, low: 0, high },
    ],
    marks: [{ x: REACHED_S, name: 'judged from here' }],
  };
}
