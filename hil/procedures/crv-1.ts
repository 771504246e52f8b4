/**
 * CRV-1: the first curve is the one in force: it says that it is read-only, and refuses to be written.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import { isImplemented, notSupported, numberIn, wordsIn } from '../bench/mod.ts';
import { curvesOf, spotsOfCurve } from './curves.ts';
import { rejectedStep } from './rejected.ts';

export const crv1: Procedure = {
  id: 'CRV-1',
  title: 'The active curve is read-only',
  requirement: 'Curve 1 of models 705 to 712 is marked read-only and rejects writes.',
  source: 'SunSpec DER Information Model, curve models; SunSpec conformance CRV-1',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const all = curvesOf(bench);
  if (all.length === 0) yield notSupported('no model of 705 to 712 is in the chain');
  for (const curves of all) {
    const sheet = bench.found(curves.model);
    const active = spotsOfCurve(sheet, curves, 0);
    const mark = numberIn(sheet, `${curves.group}[0].ReadOnly`);
    const what = `look at the mark of curve 1 of model ${curves.model}`;
    if (active.length === 0) {
      yield {
        what,
        verdict: 'FAIL',
        measured: 'no curve',
        cause: `${curves.count} is 0, or the model is cut short`,
      };
      continue;
    }
    const base = { what, target: 'ReadOnly = 1', measured: `ReadOnly = ${mark ?? 'not implemented'}` };
    yield mark === 1
      ? { ...base, verdict: 'PASS' }
      : { ...base, verdict: 'FAIL', cause: 'a client takes the active curve for one it may edit' };
    const spot = active.find(each => each.placed.def.access === 'RW' && isImplemented(sheet, each));
    const before = spot === undefined ? undefined : wordsIn(sheet, spot);
    if (spot === undefined || before === undefined) continue;
    const words = before.map((word, at) => (at === before.length - 1 ? word ^ 1 : word));
    bench.onLeave(async () => {
      const now = await bench.readRaw(spot.address, spot.size);
      if (now.ok && now.words.some((word, at) => word !== before[at]))
        await bench.writeRaw(spot.address, before);
    });
    yield await rejectedStep(bench, { what: `write ${spot.name}, a point of curve 1`, spot, before, words });
  }
}
