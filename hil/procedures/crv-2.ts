/**
 * CRV-2: a curve that was written is adopted when it is asked for, and not before; curve 1 then shows it.
 */
import type { Bench, Plot, Procedure, Sheet, Step, Wanted } from '../bench/mod.ts';
import { notSupported, numberIn, same } from '../bench/mod.ts';
import type { Curves } from './curves.ts';
import { ADOPTION, changed, copyTo, curvesOf, dotsOf, spotsOfCurve, wordsOfCurve } from './curves.ts';
import { SILENT, takenStep } from './steps.ts';

export const crv2: Procedure = {
  id: 'CRV-2',
  title: 'Curve adoption',
  requirement: 'A request for curve 2 ends as completed, and curve 1 then holds what was written to curve 2.',
  source: 'SunSpec DER Information Model, AdptCrvReq and AdptCrvRslt; SunSpec conformance CRV-2',
  steps,
};

/** The curve that is edited, counted from 0, and as the request counts it. */
const EDITED = 1;
const REQUESTED = 2;
/** A device may take its time; longer than this no gateway waits. */
const ADOPTED_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 100;

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const all = curvesOf(bench);
  if (all.length === 0) yield notSupported('no model of 705 to 712 is in the chain');
  for (const curves of all) yield* adoption(bench, curves);
}

async function* adoption(bench: Bench, curves: Curves): AsyncGenerator<Step, void> {
  const { model } = curves;
  const before = bench.found(model);
  const copy = copyTo(before, curves, EDITED);
  const wanted = changed(copy);
  if (spotsOfCurve(before, curves, EDITED).length === 0 || copy.length === 0) {
    yield notSupported(`model ${model} has no curve that may be edited`);
    return;
  }
  if (wanted === undefined) {
    yield notSupported(`the active curve of model ${model} holds nothing that can be changed without harm`);
    return;
  }
  bench.onLeave(async () => {
    await bench.putWords(before, copy);
    await adopt(bench, curves, REQUESTED);
  });
  const put = await bench.putWords(before, wanted);
  yield takenStep(`write a changed copy of the active curve to curve 2 of model ${model}`, put);
  if (put.outcome !== 'taken') return;
  yield await stillStep(bench, curves, before);
  const judged = await adopt(bench, curves, REQUESTED);
  yield adoptedStep(model, judged);
  if (judged.result !== ADOPTION.completed) return;
  yield mirrorStep(curves, wanted, judged.sheet);
}

/** Writing is not adopting: until it is asked for, the active curve stays. */
async function stillStep(bench: Bench, curves: Curves, before: Sheet): Promise<Step> {
  const what = `look at curve 1 of model ${curves.model} before adoption`;
  const now = await bench.sheet(curves.model);
  if (!now.ok) return { what, verdict: 'INCONCLUSIVE', cause: SILENT };
  if (same(wordsOfCurve(before, curves, 0), wordsOfCurve(now.value, curves, 0)))
    return { what, verdict: 'PASS', target: 'as before', measured: 'as before' };
  const cause = 'editing a curve changes the active one: the two share their registers';
  return { what, verdict: 'FAIL', target: 'as before', measured: 'changed', cause };
}

interface Adopted {
  readonly result: number | undefined;
  readonly sheet: Sheet;
  readonly tookMs: number;
  /** How the device refused the request. */
  readonly refused?: string;
  /** The request or the look afterwards got no answer: nothing can be said. */
  readonly silent?: true;
}

/** Asks for curve `number`, counted from 1, and waits for the end of it. */
export async function adopt(bench: Bench, curves: Curves, number: number): Promise<Adopted> {
  const found = bench.found(curves.model);
  const spot = found.spots.get(curves.request);
  if (spot === undefined) return { result: undefined, sheet: found, tookMs: 0, refused: 'no request point' };
  const asked = bench.elapsedMs();
  const reply = await bench.writeRaw(spot.address, [number]);
  if (!reply.ok && reply.refusal !== 'exception')
    return { result: undefined, sheet: found, tookMs: 0, silent: true };
  const refused = reply.ok ? {} : { refused: reply.detail ?? reply.refusal };
  for (;;) {
    const now = await bench.sheet(curves.model);
    const tookMs = bench.elapsedMs() - asked;
    if (!now.ok) return { result: undefined, sheet: found, tookMs, silent: true };
    const sheet = now.value;
    const result = numberIn(sheet, curves.result);
    const ended = result === ADOPTION.completed || result === ADOPTION.failed;
    if (ended || !reply.ok || tookMs >= ADOPTED_WITHIN_MS) return { result, sheet, tookMs, ...refused };
    await bench.pause(LOOK_AGAIN_MS);
  }
}

function adoptedStep(model: number, { result, tookMs, refused, silent }: Adopted): Step {
  const window = { high: ADOPTED_WITHIN_MS, value: tookMs, unit: 'ms' };
  const base = { what: `ask model ${model} to adopt curve 2`, target: 'completed' };
  if (silent === true) return { ...base, verdict: 'INCONCLUSIVE', cause: SILENT };
  if (refused !== undefined)
    return { ...base, verdict: 'FAIL', measured: refused, cause: 'the request point cannot be written' };
  if (result === ADOPTION.completed)
    return { ...base, verdict: 'PASS', measured: `after ${tookMs} ms`, window };
  const failed = result === ADOPTION.failed;
  const cause = failed ? 'the device does not take its own curve with other times' : 'adoption never ends';
  return {
    ...base,
    verdict: 'FAIL',
    measured: failed ? 'failed' : `${result} after ${tookMs} ms`,
    window,
    cause,
  };
}

function mirrorStep(curves: Curves, wanted: readonly Wanted[], now: Sheet): Step {
  const edited = spotsOfCurve(now, curves, EDITED);
  const active = spotsOfCurve(now, curves, 0);
  const registers = wanted.flatMap(({ spot, words }) => {
    const mirror = active[edited.findIndex(({ path }) => path === spot.path)];
    if (mirror === undefined) return [];
    const { offset } = mirror.placed;
    const readBack = now.words.slice(offset, offset + mirror.size).map(word => word ?? 0);
    return [{ point: mirror.name, address: mirror.address, wrote: words, readBack }];
  });
  const wrong = registers.filter(({ wrote, readBack }) => !same(wrote, readBack));
  const base = {
    what: `compare curve 1 of model ${curves.model} with what was written to curve 2`,
    target: `${registers.length} points alike`,
    measured: `${registers.length - wrong.length} alike`,
    registers: wrong.length > 0 ? wrong : registers,
    ...plotOf(curves, now),
  };
  if (wrong.length === 0) return { ...base, verdict: 'PASS' };
  const cause = 'another curve than the one asked for is in force: requests count from 1';
  return { ...base, verdict: 'FAIL', cause };
}

function plotOf(curves: Curves, now: Sheet): { readonly plot?: Plot } {
  const [active, edited] = [dotsOf(now, curves, 0), dotsOf(now, curves, EDITED)];
  if (active.length < 2) return {};
  return {
    plot: {
      title: `Model ${curves.model}: asked for and in force`,
      x: curves.x,
      y: curves.y,
      series: [
        { name: 'curve 2, asked for', kind: 'line', points: edited },
        { name: 'curve 1, in force', kind: 'dots', points: active },
      ],
    },
  };
}
