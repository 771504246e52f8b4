/**
 * DEV-2: the common model says who the device is.
 */
import type { Bench, Procedure, Sheet, Step } from '../bench/mod.ts';
import { notSupported, valueIn } from '../bench/mod.ts';

export const dev2: Procedure = {
  id: 'DEV-2',
  title: 'Common model',
  requirement: 'The common model names maker, model and serial number, and the unit the device answers on.',
  source: 'SunSpec Model 1 (common); Device Information Model Specification 1.2, 6.3',
  steps,
};

const NAMES = [
  { path: 'Mn', what: 'maker', mandatory: true },
  { path: 'Md', what: 'model', mandatory: true },
  { path: 'SN', what: 'serial number', mandatory: true },
  { path: 'Vr', what: 'version', mandatory: false },
] as const;

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  if (!bench.has(1)) {
    yield { what: 'read model 1', verdict: 'FAIL', cause: 'the chain has no common model' };
    return;
  }
  const common = bench.found(1);
  for (const row of NAMES) yield nameStep(common, row);
  yield unitStep(bench, common);
}

function nameStep(common: Sheet, { path, what, mandatory }: (typeof NAMES)[number]): Step {
  const value = valueIn(common, path);
  const text = typeof value === 'string' ? value.trim() : '';
  const base = { what: `read the ${what} (1.${path})`, target: 'printable text' };
  if (text === '' && !mandatory) return { ...base, verdict: 'NOT-SUPPORTED', measured: 'empty' };
  if (/^[\x20-\x7e]+$/.test(text)) return { ...base, verdict: 'PASS', measured: text };
  const cause =
    text === '' ? `the ${what} is not set` : 'text that is not ASCII, or bytes swapped in a register';
  return { ...base, verdict: 'FAIL', measured: text === '' ? 'empty' : JSON.stringify(text), cause };
}

/** On TCP many gateways answer for any unit, so a difference there says nothing. */
function unitStep(bench: Bench, common: Sheet): Step {
  const address = valueIn(common, 'DA');
  const what = 'compare 1.DA with the unit that answers';
  if (address === undefined) return notSupported(`${what}: not implemented`);
  const { unit } = bench.device;
  const base = { what, target: `${unit}`, measured: `${address}` };
  if (Number(address) === unit) return { ...base, verdict: 'PASS' };
  if (bench.ports.device.kind === 'tcp')
    return { ...base, verdict: 'NOT-SUPPORTED', cause: 'on TCP the unit need not be the address' };
  return { ...base, verdict: 'FAIL', cause: '1.DA does not follow the address the device is set to' };
}
