/**
 * REV-2: an update while the timer runs starts it anew, so that a gateway that is alive keeps its order in force.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import type { Timer } from './reversion.ts';
import { enable, fellStep, nameOf, noTimers, patience, start, timersOf, watch } from './reversion.ts';

export const rev2: Procedure = {
  id: 'REV-2',
  title: 'Reversion update',
  requirement: 'Writing the control again before its time is over starts the reversion time anew.',
  source: 'SunSpec models 123 and 704, RvrtTms; SunSpec conformance REV-2',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const timers = timersOf(bench);
  if (timers.length === 0) yield* noTimers();
  for (const timer of timers) yield await update(bench, timer);
}

async function update(bench: Bench, timer: Timer): Promise<Step> {
  const lastsS = bench.parts.reversionS;
  const begun = await start(bench, timer);
  if (begun.failed !== undefined) return begun.failed;
  // Late enough that a timer not started anew ends well outside the window of one that was.
  await bench.pause(750 * lastsS);
  const again = await enable(bench, timer, timer.values);
  if (again.failed !== undefined) return again.failed;
  const watched = await watch(bench, timer, { ...again, untilS: patience(again.startS, lastsS) });
  const what = `write ${nameOf(timer)} again after ${0.75 * lastsS} s of ${lastsS} s`;
  return fellStep(what, timer, { ...watched, lastsS });
}
