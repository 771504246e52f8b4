/**
 * Samples on request (TIME-1): a command asks for readings every so often for so long, and they come many in a record.
 * What is asked for is in the store, so a restart goes on with it; samples that were not yet put into a record are lost
 * with the process, a minute of them at most, and have no number.
 *
 * While the link is down sampling goes on: the records wait in the outbox as all others do.
 */
import { after, between, milliseconds, seconds } from '../../base/time.ts';
import type { Duration, Instant, Now } from '../../base/time.ts';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { packSamples } from '../../model/mod.ts';
import type { Command, ReadBody } from '../../model/mod.ts';
import type { Work } from '../effects.ts';
import { receipt, report } from './reports.ts';
import { newSampling } from './sampling-rows.ts';
import type { Sampling, SamplingRow } from './sampling-rows.ts';
import { commandKey, put } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** Requests that run side by side; each costs a record a minute. */
export const MAX_SAMPLINGS = 4;
/** Samples of a device in a record while the link is up, so that nobody waits long, and while nobody can have them. */
export const SAMPLES_LIVE = 10;
export const SAMPLES_AWAY = 60;
/** Readings are not made to the millisecond: one this much early is due. */
const LATENESS = milliseconds(250);
/** No sample waits longer for its record, however rarely they are taken. */
const LONGEST_WAIT = seconds(60);

/** Begins with the next moment. Answered as received now, and as completed when it is over. */
export function startSampling(
  state: GatewayState,
  work: Work,
  { command, every }: { readonly command: Command; readonly every: NonNullable<ReadBody['every']> },
  now: Now,
): Result<undefined, 'busy'> {
  if (state.samplings.size >= MAX_SAMPLINGS)
    return refused('busy', `${MAX_SAMPLINGS} requests for samples are under way`, 'later');
  const { cti, issuer } = command;
  const until = after(now.unix, seconds(every.forS));
  const row: SamplingRow = { cti, issuer, everyS: every.s, until };
  state.samplings.set(commandKey(command), newSampling(row));
  work.store(put('sampling', commandKey(command), row));
  const why = `samples every ${every.s} s for ${every.forS} s`;
  receipt(state, work, { kind: 'receipt', cti, issuer, response: 'received', why }, now);
  return ok(undefined);
}

/** Takes the readings that are due, and puts into records what has come together. */
export function sample(state: GatewayState, work: Work, now: Now): void {
  for (const [key, sampling] of state.samplings) {
    if (sampling.until <= now.unix) {
      finish(state, work, { key, sampling }, now);
      continue;
    }
    const took = take(state, sampling, now);
    const { since, everyS } = sampling;
    if (since === undefined) continue;
    const length = lengthOf(state, sampling);
    // The next sample would come too late for this record.
    const isLast = between(since, now.instant) + (took ? everyS * 1000 : 0) >= length;
    if (isLast) tell(state, work, sampling, now);
  }
}

/** When {@link sample} has something to do though no reading comes. */
export function nextSample(state: GatewayState, now: Now): Instant | undefined {
  const due = [...state.samplings.values()].flatMap(sampling => [
    after(now.instant, between(now.unix, sampling.until)),
    ...(sampling.since === undefined ? [] : [after(sampling.since, lengthOf(state, sampling))]),
  ]);
  return due.length === 0 ? undefined : (Math.min(...due) as Instant);
}

function lengthOf(state: GatewayState, { everyS }: Sampling): Duration {
  const samples = state.uplink.up ? SAMPLES_LIVE : SAMPLES_AWAY;
  return milliseconds(Math.min(LONGEST_WAIT, samples * everyS * 1000));
}

/** Whether there was anything to take. */
function take(state: GatewayState, sampling: Sampling, now: Now): boolean {
  const before = sampling.readings.length;
  for (const reading of state.readings.values()) {
    const last = sampling.taken.get(reading.device);
    const apart = sampling.everyS * 1000 - LATENESS;
    // A date that went back is another time: what was taken before it says nothing of it.
    if (last !== undefined && reading.at >= last && reading.at - last < apart) continue;
    sampling.taken.set(reading.device, reading.at);
    sampling.readings.push(reading);
    sampling.since ??= now.instant;
  }
  return sampling.readings.length > before;
}

function tell(state: GatewayState, work: Work, sampling: Sampling, now: Now): void {
  const { cti, issuer, readings } = sampling;
  Object.assign(sampling, { readings: [], since: undefined });
  if (readings.length === 0) return;
  report(state, work, 'reading', { kind: 'samples', cti, issuer, runs: packSamples(readings) }, now);
}

function finish(
  state: GatewayState,
  work: Work,
  { key, sampling }: { readonly key: string; readonly sampling: Sampling },
  now: Now,
): void {
  tell(state, work, sampling, now);
  state.samplings.delete(key);
  work.store({ op: 'delete', kind: 'sampling', key });
  const { cti, issuer } = sampling;
  const why = 'the time for which samples were asked is over';
  receipt(state, work, { kind: 'receipt', cti, issuer, response: 'completed', why }, now);
}
