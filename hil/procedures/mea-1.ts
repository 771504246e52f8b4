/**
 * MEA-1: what the device says of its terminals is what a meter shows there.
 */
import type { Bench, Procedure, Sample, Sheet, Step } from '../bench/mod.ts';
import { isInside, notSupported, numberIn } from '../bench/mod.ts';
import { ratedW } from './measured.ts';
import { SILENT, silentStep } from './steps.ts';

export const mea1: Procedure = {
  id: 'MEA-1',
  title: 'Monitoring',
  requirement: 'Power, reactive power, voltage and frequency in the registers are those of the terminals.',
  source:
    'IEEE 1547.1-2020, 6.6; accuracy V ± 1 % Vnom, P and Q ± 5 % Srated, f ± 10 mHz, windows 1.5 times that',
  steps,
};

/** Two operating points, so that a value that never moves is found out. */
const OPERATING_POINTS = [
  { share: 1, irradianceWm2: 1000 },
  { share: 1.02, irradianceWm2: 500 },
] as const;
/** A device refreshes its registers at least this often; the standard allows 30 s, the bench waits out its ramps. */
const SETTLE_MS = 8000;
const MARGIN = 1.5;

interface Quantity {
  readonly of701: string;
  readonly of103: string;
  readonly measured: 'powerW' | 'reactiveVar' | 'voltageV' | 'frequencyHz';
  readonly unit: string;
  /** Accuracy in the unit, from rating and nominal voltage. */
  readonly accuracy: (rated: number, nominalV: number) => number;
}

const QUANTITIES: readonly Quantity[] = [
  { of701: 'W', of103: 'W', measured: 'powerW', unit: 'W', accuracy: rated => 0.05 * rated },
  { of701: 'Var', of103: 'VAr', measured: 'reactiveVar', unit: 'var', accuracy: rated => 0.05 * rated },
  {
    of701: 'LNV',
    of103: 'PhVphA',
    measured: 'voltageV',
    unit: 'V',
    accuracy: (_, nominalV) => 0.01 * nominalV,
  },
  { of701: 'Hz', of103: 'Hz', measured: 'frequencyHz', unit: 'Hz', accuracy: () => 0.01 },
];

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const { instruments } = bench.ports;
  const rated = ratedW(bench);
  if (instruments === undefined || rated === undefined) {
    yield notSupported(instruments === undefined ? 'this bench has no instruments' : 'no rating is known');
    return;
  }
  const nominalV = (bench.has(702) ? numberIn(bench.found(702), 'VNomRtg') : undefined) ?? 230;
  for (const { share, irradianceWm2 } of OPERATING_POINTS) {
    const voltageV = share * nominalV;
    const set = await instruments.set({ voltageV, irradianceWm2 });
    const where = `at ${Math.round(voltageV)} V and ${irradianceWm2} W/m²`;
    if (!set.ok) {
      yield { what: `set the source ${where}`, verdict: 'INCONCLUSIVE', measured: set.detail ?? set.refusal };
      return;
    }
    await bench.pause(SETTLE_MS);
    yield* compare(bench, { where, rated, nominalV });
  }
}

async function* compare(
  bench: Bench,
  { where, rated, nominalV }: { where: string; rated: number; nominalV: number },
): AsyncGenerator<Step, void> {
  const sample = await bench.ports.instruments?.measure();
  if (sample?.ok !== true) {
    yield { what: `measure ${where}`, verdict: 'INCONCLUSIVE', measured: sample?.detail ?? 'no sample' };
    return;
  }
  for (const model of [701, 103]) {
    if (!bench.has(model)) continue;
    const sheet = await bench.sheet(model);
    if (!sheet.ok) yield silentStep(`read model ${model} ${where}`);
    else yield* quantities(sheet.value, sample.value, { where, rated, nominalV });
  }
}

function* quantities(
  sheet: Sheet,
  sample: Sample,
  { where, rated, nominalV }: { where: string; rated: number; nominalV: number },
): Generator<Step> {
  for (const quantity of QUANTITIES) {
    const path = sheet.def.id === 701 ? quantity.of701 : quantity.of103;
    const truth = sample[quantity.measured];
    const value = numberIn(sheet, path);
    const what = `compare ${sheet.def.id}.${path} with the meter ${where}`;
    if (value === undefined) continue;
    if (truth === undefined) {
      yield { what, verdict: 'INCONCLUSIVE', cause: SILENT };
      continue;
    }
    const room = MARGIN * quantity.accuracy(rated, nominalV);
    const { unit } = quantity;
    const window = { low: truth - room, high: truth + room, value, unit };
    const base = {
      what,
      target: `${Number(truth.toPrecision(6))} ${unit}`,
      measured: `${value} ${unit}`,
      formula: `meter ± 1.5 × ${Number((room / MARGIN).toPrecision(4))} ${unit}`,
      window,
    };
    const cause = 'the value is scaled wrongly, stale, or of another place than the terminals';
    yield isInside(window) ? { ...base, verdict: 'PASS' } : { ...base, verdict: 'FAIL', cause };
  }
}
