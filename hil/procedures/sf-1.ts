/**
 * SF-1: every scaled point has its scale factor, and the values that come of them agree with each other.
 */
import type { Bench, Procedure, Sheet, Step } from '../bench/mod.ts';
import { isImplemented, isInside, notSupported, numberIn, stepOf } from '../bench/mod.ts';
import type { Identity, Known } from './identities.ts';
import { IDENTITIES, RANGES } from './identities.ts';
import { listed, silentStep } from './steps.ts';

export const sf1: Procedure = {
  id: 'SF-1',
  title: 'Scale factors',
  requirement:
    'A scaled point has a scale factor of −10 to 10, and values in their units agree with each other.',
  source: 'SunSpec Device Information Model Specification 1.2, 4.2.6; SunSpec conformance, scale factor',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const sheets: Sheet[] = [];
  for (const id of bench.parts.asFound.keys()) {
    const sheet = await bench.sheet(id);
    if (sheet.ok) sheets.push(sheet.value);
    else yield silentStep(`read model ${id}`);
  }
  for (const sheet of sheets) yield* presence(sheet);
  const seen = lookUp(sheets);
  let agreed = 0;
  for (const step of agreements(seen)) {
    agreed += 1;
    yield step;
  }
  if (agreed === 0) yield notSupported('no two values of this device can be compared');
}

function* presence(sheet: Sheet): Generator<Step> {
  const scaled = [...sheet.spots.values()].filter(
    spot => typeof spot.placed.scale === 'object' && isImplemented(sheet, spot),
  );
  if (scaled.length === 0) return;
  const bare = scaled.filter(({ path }) => stepOf(sheet, path) === undefined);
  const what = `look up the scale factors of ${scaled.length} points of model ${sheet.def.id}`;
  const base = { what, target: 'each −10 to 10', measured: `${scaled.length - bare.length} have one` };
  if (bare.length === 0) yield { ...base, verdict: 'PASS' };
  else {
    const cause = `no usable scale factor, so no value: ${listed(bare.map(({ name }) => name))}`;
    yield { ...base, verdict: 'FAIL', cause };
  }
}

interface Seen {
  readonly known: Known;
  /** The step of each point, in its unit. */
  readonly steps: Known;
}

function lookUp(sheets: readonly Sheet[]): Seen {
  const known: Record<string, number> = {};
  const widths: Record<string, number> = {};
  for (const sheet of sheets)
    for (const { name, path } of sheet.spots.values()) {
      const value = numberIn(sheet, path);
      if (value === undefined) continue;
      known[name] = value;
      widths[name] = stepOf(sheet, path) ?? 1;
    }
  return { known, steps: widths };
}

function* agreements(seen: Seen): Generator<Step> {
  for (const identity of IDENTITIES) {
    const needed = [identity.point, ...identity.from];
    const conditions = Object.entries(identity.when ?? {});
    if (needed.some(name => seen.known[name] === undefined)) continue;
    if (conditions.some(([name, value]) => seen.known[name] !== value)) continue;
    yield agreement(identity, seen);
  }
  for (const { point, low, high, unit } of RANGES) {
    const value = seen.known[point];
    if (value === undefined) continue;
    const window = { low, high, value, unit };
    const base = { what: `look at the size of ${point}`, measured: `${value} ${unit}`.trim(), window };
    yield isInside(window)
      ? { ...base, verdict: 'PASS' }
      : { ...base, verdict: 'FAIL', cause: wrongBy(point) };
  }
}

/** Losses, rounding and moving clouds stay well below this share; a wrong scale factor is 900 %. */
const TOLERANCE = 0.3;
/** Registers are rounded: each may be off by a step, and products make more of it. */
const STEPS = 4;

function agreement(
  { point, from, unit, formula, expected, mayRest }: Identity,
  { known, steps: widths }: Seen,
): Step {
  const value = known[point] ?? Number.NaN;
  const right = expected(known);
  const slack = STEPS * (widths[point] ?? 1);
  const room = TOLERANCE * Math.abs(right) + slack;
  const window = { low: round(right - room), high: round(right + room), value, unit };
  const numbers = from.map(name => `${name} = ${known[name]}`).join(', ');
  const base = {
    what: `compare ${point} with ${formula}`,
    target: `${round(right)} ${unit}`,
    measured: `${value} ${unit}`,
    formula: `${formula}; ${numbers}; window ± (30 % + ${STEPS} steps of ${point})`,
    window,
  };
  if (Math.max(Math.abs(value), Math.abs(right)) < 2 * slack) {
    if (mayRest === true) return notSupported(`${base.what}: nothing flows`);
    const cause = 'too little flows to tell: repeat with the device in production';
    return { ...base, verdict: 'INCONCLUSIVE', cause };
  }
  if (isInside(window)) return { ...base, verdict: 'PASS' };
  return { ...base, verdict: 'FAIL', cause: wrongBy([point, ...from].join(', ')) };
}

function wrongBy(names: string): string {
  return `a scale factor is off by one or more, or a value is in another unit: ${names}`;
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}
