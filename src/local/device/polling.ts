/**
 * How often what is read: what moves, each time; what hardly moves, once a minute; what stands on the nameplate, once
 * for as long as the device is there. A model is read as often as the most urgent point that is wanted of it.
 *
 * What a reading needs is worked out once for a device, and kept as a value beside what was read last.
 */
import { type Result, ok } from '../../base/assert.ts';
import type { Duration, Instant } from '../../base/time.ts';
import { after, seconds } from '../../base/time.ts';
import type { DeviceRole, Points } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import type { ModelInstance, PollOptions, PollRefusal, SunSpecDevice, Want } from '../sunspec/mod.ts';
import { readModels } from '../sunspec/mod.ts';
import { pointsOf, wantsOf } from './readings.ts';

/** Between two readings of what hardly moves. */
export const SLOW_EVERY: Duration = seconds(60);

type Pace = 'fast' | 'slow' | 'once';

/** By point; all others are fast. WMax is a setting: a limit in percent of one that was changed is another limit. */
const PACES: Readonly<Record<string, Pace>> = {
  WRtg: 'once',
  WMaxRtg: 'once',
  WHRtg: 'once',
  WMax: 'slow',
  SoC: 'slow',
  ChaState: 'slow',
  WHAvail: 'slow',
};

/** The models of one device that its readings are made of, by how often they are read. `fast` is empty only where all are. */
export interface PollPlan {
  readonly device: SunSpecDevice;
  readonly role: DeviceRole;
  readonly fast: readonly Want[];
  readonly slow: readonly Want[];
  readonly once: readonly Want[];
  /** What one reading asks for. Each list stays the same value: what a list needs is worked out once for it. */
  readonly due: Readonly<Record<'first' | 'withSlow' | 'fast', readonly Want[]>>;
}

export function pollPlanOf(device: SunSpecDevice, role: DeviceRole): PollPlan {
  const wants = wantsOf(device, role);
  const at = (pace: Pace): readonly Want[] => wants.filter(want => paceOf(want) === pace);
  const [fast, slow, once] = [at('fast'), at('slow'), at('once')];
  if (fast.length > 0) return planned({ device, role, fast, slow, once });
  // A device of which nothing moves is asked each time all the same: its silence must be noticed.
  return slow.length > 0
    ? planned({ device, role, fast: slow, slow: [], once })
    : planned({ device, role, fast: once, slow: [], once: [] });
}

function planned(plan: Omit<PollPlan, 'due'>): PollPlan {
  const { once, slow, fast } = plan;
  return { ...plan, due: { first: [...once, ...slow, ...fast], withSlow: [...slow, ...fast], fast } };
}

function paceOf({ points = [] }: Want): Pace {
  const paces = points.map(point => PACES[point] ?? 'fast');
  if (paces.includes('fast') || points.length === 0) return 'fast';
  return paces.includes('slow') ? 'slow' : 'once';
}

/** What is known of a device from all readings so far. */
export interface Polled {
  readonly instances: ReadonlyMap<number, ModelInstance>;
  readonly slowDue: Instant;
}

/** Reads what is due: all of it where `before` is `undefined`. What is not due stands as it was read last. */
export function* poll(
  plan: PollPlan,
  before: Polled | undefined,
  { now, ...options }: PollOptions & { readonly now: Instant },
): Conversation<Result<Polled, PollRefusal>> {
  const isSlowDue = before === undefined || now >= before.slowDue;
  const due = before === undefined ? 'first' : isSlowDue ? 'withSlow' : 'fast';
  const read = yield* readModels(plan.device, plan.due[due], options);
  if (!read.ok) return read;
  const instances = new Map(before?.instances);
  for (const instance of read.value) instances.set(instance.address, instance);
  return ok({ instances, slowDue: isSlowDue ? after(now, SLOW_EVERY) : before.slowDue });
}

/** The points of a reading, from all that was read, in the order of the chain. */
export function polledPoints({ device, role }: PollPlan, { instances }: Polled): Points {
  return pointsOf(
    role,
    device.models.flatMap(({ address }) => instances.get(address) ?? []),
  );
}
