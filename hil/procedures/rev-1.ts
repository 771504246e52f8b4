/**
 * REV-1: a control with a timer falls back by itself when the timer ends, to what was asked for.
 */
import type { Bench, Procedure, Sheet, Step } from '../bench/mod.ts';
import { numberIn } from '../bench/mod.ts';
import type { Timer } from './reversion.ts';
import { fellStep, nameOf, noTimers, patience, start, timersOf, watch } from './reversion.ts';
import { spotOf } from './steps.ts';

export const rev1: Procedure = {
  id: 'REV-1',
  title: 'Reversion timeout',
  requirement:
    'A control put in force with a reversion time falls to its reversion values when the time is over.',
  source: 'SunSpec models 123 and 704, RvrtTms; SunSpec conformance REV-1',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  const timers = timersOf(bench);
  if (timers.length === 0) yield* noTimers();
  for (const timer of timers) yield* timeout(bench, timer);
}

async function* timeout(bench: Bench, timer: Timer): AsyncGenerator<Step, void> {
  const lastsS = bench.parts.reversionS;
  const begun = await start(bench, timer);
  if (begun.failed !== undefined) {
    yield begun.failed;
    return;
  }
  const watched = await watch(bench, timer, { ...begun, untilS: patience(begun.startS, lastsS) });
  yield fellStep(`put ${nameOf(timer)} in force for ${lastsS} s`, timer, { ...watched, lastsS });
  if (watched.fellS !== undefined && watched.last !== undefined) yield* fallen(timer, watched.last);
  if (watched.remaining.length > 1) yield countdown(timer, watched.remaining);
}

/** The values it fell to. A control without values of its own is only released. */
function* fallen(timer: Timer, now: Sheet): Generator<Step> {
  for (const [path, [to, value]] of Object.entries(timer.fallback?.values ?? {})) {
    if (spotOf(now, path) === undefined) continue;
    const measured = numberIn(now, to);
    const base = {
      what: `look at ${timer.model}.${to} afterwards`,
      target: `${value}, as ${path}`,
      measured: `${measured}`,
    };
    yield measured === value
      ? { ...base, verdict: 'PASS' }
      : { ...base, verdict: 'FAIL', cause: 'the control is released but its reversion value is not taken' };
  }
}

function countdown(timer: Timer, remaining: readonly (readonly [number, number])[]): Step {
  const values = remaining.map(([, left]) => left);
  const rises = values.some((left, at) => left > (values[at - 1] ?? Number.POSITIVE_INFINITY));
  const base = {
    what: `look at ${timer.model}.${timer.remaining ?? ''} while it runs`,
    target: 'counts down',
    measured: `${values[0]} to ${values.at(-1)} s in ${values.length} looks`,
  };
  if (!rises && (values[0] ?? 0) > (values.at(-1) ?? 0)) return { ...base, verdict: 'PASS' };
  return { ...base, verdict: 'FAIL', cause: 'the remaining time does not count down' };
}
