/**
 * REV-3: a timer that is set to 0 while it runs ends nothing any more: the control holds until it is changed.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import type { Timer } from './reversion.ts';
import { nameOf, noTimers, patience, start, timersOf, watch } from './reversion.ts';
import { SILENT, takenStep } from './steps.ts';

export const rev3: Procedure = {
  id: 'REV-3',
  title: 'Reversion cancel',
  requirement: 'Writing 0 to the reversion time cancels it: the control stays in force.',
  source: 'SunSpec models 123 and 704, RvrtTms 0; SunSpec conformance REV-3',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const timers = timersOf(bench);
  if (timers.length === 0) yield* noTimers();
  for (const timer of timers) yield await cancel(bench, timer);
}

async function cancel(bench: Bench, timer: Timer): Promise<Step> {
  const lastsS = bench.parts.reversionS;
  const begun = await start(bench, timer);
  if (begun.failed !== undefined) return begun.failed;
  await bench.pause(500 * lastsS);
  const put = await bench.put(bench.found(timer.model), { [timer.seconds]: 0 });
  if (put.outcome !== 'taken')
    return takenStep(`write ${timer.model}.${timer.seconds} = 0 while it runs`, put);
  const untilS = patience(begun.startS, lastsS);
  const watched = await watch(bench, timer, { ...begun, untilS });
  const base = {
    what: `cancel the timer of ${nameOf(timer)} after ${lastsS / 2} s of ${lastsS} s`,
    target: `in force ${(untilS - begun.startS).toFixed(1)} s after it began`,
  };
  if (watched.inForce.length === 0) return { ...base, verdict: 'INCONCLUSIVE', cause: SILENT };
  if (watched.fellS === undefined) return { ...base, verdict: 'PASS', measured: 'in force' };
  const measured = `out of force after ${(watched.fellS - begun.startS).toFixed(1)} s`;
  return { ...base, verdict: 'FAIL', measured, cause: 'the timer runs on, or 0 is taken for "at once"' };
}
