/**
 * FC-1: functions 3, 6 and 16 all work, 6 and 16 alike for one register.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import { notSupported, stepOf } from '../bench/mod.ts';
import { writables } from './settings.ts';
import { takenStep } from './steps.ts';

export const fc1: Procedure = {
  id: 'FC-1',
  title: 'Function codes',
  requirement: 'Functions 3, 6 and 16 are supported; a single register can be written with 6 and with 16.',
  source: 'SunSpec Modbus, functions mandatory since 2024; Modbus Application Protocol 1.1b3, 6.3, 6.6, 6.12',
  steps,
};

const WAYS = [
  { how: 'single', code: 6 },
  { how: 'multiple', code: 16 },
] as const;

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  yield await readStep(bench);
  const one = writables(bench).find(
    ({ sheet, values, first }) => Object.keys(values).length === 1 && sheet.spots.get(first)?.size === 1,
  );
  if (one === undefined) {
    yield notSupported('no setting of one register can be written harmlessly');
    return;
  }
  const { sheet, first, values } = one;
  const step = stepOf(sheet, first) ?? 1;
  // Two different values: a write that does nothing must not look like the one before it.
  for (const [at, { how, code }] of WAYS.entries()) {
    const value = (values[first] ?? 0) - at * step;
    const put = await bench.put(sheet, { [first]: value }, how);
    const judged = takenStep(`write ${sheet.def.id}.${first} with function ${code}`, put);
    yield judged.verdict === 'FAIL'
      ? { ...judged, cause: `function ${code} is not implemented: ${put.why}` }
      : judged;
  }
}

async function readStep(bench: Bench): Promise<Step> {
  const { base } = bench.parts.discovery;
  const reply = await bench.readRaw(base, 2);
  const what = 'read the marker with function 3';
  if (reply.ok) return { what, verdict: 'PASS', measured: `${reply.words.length} registers` };
  return { what, verdict: 'INCONCLUSIVE', measured: reply.detail ?? reply.refusal };
}
