/**
 * CRV-3: a request for a curve that is not there fails, and what is in force stays.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import { notSupported, numberIn, same } from '../bench/mod.ts';
import { adopt } from './crv-2.ts';
import type { Curves } from './curves.ts';
import { ADOPTION, curvesOf, wordsOfCurve } from './curves.ts';
import { SILENT } from './steps.ts';

export const crv3: Procedure = {
  id: 'CRV-3',
  title: 'Adoption of a curve that is not there',
  requirement: 'A request beyond the last curve is refused or ends as failed, and curve 1 stays as it is.',
  source: 'SunSpec DER Information Model, AdptCrvRslt FAILED; SunSpec conformance CRV-3',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const all = curvesOf(bench);
  if (all.length === 0) yield notSupported('no model of 705 to 712 is in the chain');
  for (const curves of all) yield await beyondStep(bench, curves);
}

async function beyondStep(bench: Bench, curves: Curves): Promise<Step> {
  const { model, count } = curves;
  const before = bench.found(model);
  const number = (numberIn(before, count) ?? 0) + 1;
  const { result, sheet, refused, silent } = await adopt(bench, curves, number);
  const what = `ask model ${model} to adopt curve ${number} of ${number - 1}`;
  if (silent === true) return { what, verdict: 'INCONCLUSIVE', cause: SILENT };
  const kept = same(wordsOfCurve(before, curves, 0), wordsOfCurve(sheet, curves, 0));
  const said = refused ?? (result === ADOPTION.failed ? 'failed' : `result ${result ?? 'unknown'}`);
  const base = {
    what,
    target: 'refused or failed, curve 1 unchanged',
    measured: `${said}, curve 1 ${kept ? 'unchanged' : 'changed'}`,
  };
  if (kept && (refused !== undefined || result === ADOPTION.failed)) return { ...base, verdict: 'PASS' };
  const cause = kept
    ? 'the device reports success for a curve it does not have'
    : 'registers behind the last curve were taken for a curve';
  return { ...base, verdict: 'FAIL', cause };
}
