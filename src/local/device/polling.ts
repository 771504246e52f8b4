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
import { type OwnPoint, type OwnRead, readOwn } from '../profiles/mod.ts';
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
  /** Points of the device's profile that go into its readings, or show that it is there at all. */
  readonly own: readonly OwnPoint[];
  /** What one reading asks for. Each list stays the same value: what a list needs is worked out once for it. */
  readonly due: Readonly<Record<'first' | 'withSlow' | 'fast', readonly Want[]>>;
}

/** `points`: those of its profile, as they stand on it. */
export function pollPlanOf(
  device: SunSpecDevice,
  role: DeviceRole,
  points: readonly OwnPoint[] = [],
): PollPlan {
  const meant = points.filter(({ point }) => point.means !== undefined);
  const own = meant.length === 0 && device.models.length === 0 ? points.slice(0, 1) : meant;
  const wants = wantsOf(device, role);
  const at = (pace: Pace): readonly Want[] => wants.filter(want => paceOf(want) === pace);
  const [fast, slow, once] = [at('fast'), at('slow'), at('once')];
  if (fast.length > 0) return planned({ device, role, own, fast, slow, once });
  // A device of which nothing moves is asked each time all the same: its silence must be noticed.
  return slow.length > 0
    ? planned({ device, role, own, fast: slow, slow: [], once })
    : planned({ device, role, own, fast: once, slow: [], once: [] });
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
  readonly own: OwnRead;
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
  const own = yield* pollOwn(plan, before, { ...options, isSlowDue, instances: read.value });
  if (!own.ok) return own;
  const slowDue = isSlowDue ? after(now, SLOW_EVERY) : before.slowDue;
  return ok({ instances, own: own.value, slowDue });
}

/** Places that were refused are asked again with what hardly moves; until then the next place speaks. */
function* pollOwn(
  { own }: PollPlan,
  before: Polled | undefined,
  options: Omit<PollOptions, 'models'> & {
    readonly isSlowDue: boolean;
    readonly instances: readonly ModelInstance[];
  },
): Conversation<Result<OwnRead, 'silent'>> {
  const { isSlowDue } = options;
  const due = isSlowDue ? own : own.filter(({ point }) => (PACES[point.means ?? ''] ?? 'fast') === 'fast');
  const known = before?.own;
  const highest = known?.highest ?? new Map();
  const gone = isSlowDue ? new Set<never>() : (known?.refused ?? new Set());
  const read = yield* readOwn(due, { ...options, before: { refused: gone, highest } });
  if (!read.ok) return read;
  const kept = own.filter(each => !due.includes(each));
  const values = new Map(read.value.values);
  for (const { name } of kept) {
    const value = known?.values.get(name);
    if (value !== undefined) values.set(name, value);
  }
  return ok({ ...read.value, values });
}

/**
 * The points of a reading, from all that was read, in the order of the chain. What the profile says of a point goes
 * before what a model says of it, also where it says that nothing is known.
 */
export function polledPoints({ device, role, own }: PollPlan, polled: Polled): Points {
  const points = pointsOf(
    role,
    device.models.flatMap(({ address }) => polled.instances.get(address) ?? []),
  );
  if (own.length === 0) return points;
  const named = new Map(Object.entries(points));
  for (const { name, point } of own) {
    if (point.means === undefined) continue;
    const value = polled.own.values.get(name);
    if (value === undefined || typeof value === 'string') named.delete(point.means);
    else named.set(point.means, Number(value));
  }
  return Object.fromEntries(named);
}
