/**
 * How a device is treated: what its profile asks of the bus, of each request, of discovery and polling, and of
 * orders, taken from the profile once. Without a profile it is treated as the standard says.
 */
import type { Conversation } from '../../local/bus/mod.ts';
import type { Deviation } from '../../local/device/mod.ts';
import { controlsByAxis, deviationsOf } from '../../local/device/mod.ts';
import type { Axis } from '../../model/mod.ts';
import type { ControlProfile, PointProfile, Profile } from '../../local/profiles/mod.ts';
import {
  linkManners,
  longestWrite,
  readManners,
  requestManners,
  withManners,
} from '../../local/profiles/mod.ts';
import type { BusManners } from '../modbus/mod.ts';

export interface Treatment {
  readonly profile: Profile | undefined;
  /** Asked of the bus. */
  readonly line: BusManners;
  /** Told to discovery and polling. */
  readonly reading: ReturnType<typeof readManners>;
  readonly deviations: readonly Deviation[];
  /** Most registers that it takes in one write, where the profile says so. */
  readonly maxWrite?: number;
  /** Controls that are carried out as the profile says, step by step. */
  readonly byAxis: ReadonlyMap<Axis, ControlProfile>;
  /** Points of the profile, by name. */
  readonly points: Readonly<Record<string, PointProfile>>;
  /** Signs that the map may have moved. */
  readonly rescanOn: NonNullable<NonNullable<Profile['sunspec']>['rescanOn']>;
  /** For a person, behind a sentence; empty without a profile. */
  readonly words: string;
  /** A conversation as the device can bear it. */
  mannered<T>(conversation: Conversation<T>): Conversation<T>;
}

/** By the standard. */
export const plainly: Treatment = {
  profile: undefined,
  line: {},
  reading: {},
  deviations: [],
  byAxis: new Map(),
  points: {},
  rescanOn: [],
  words: '',
  mannered: conversation => conversation,
};

export function treatmentOf(profile: Profile | undefined): Treatment {
  if (profile === undefined) return plainly;
  const manners = requestManners(profile);
  const { retryOn } = manners;
  const maxWrite = longestWrite(manners);
  return {
    profile,
    line: { ...linkManners(profile), ...(retryOn === undefined ? {} : { busyOn: retryOn }) },
    reading: readManners(profile),
    deviations: deviationsOf(profile.controls ?? {}),
    ...(maxWrite === undefined ? {} : { maxWrite }),
    byAxis: controlsByAxis(profile.controls ?? {}),
    points: profile.points ?? {},
    rescanOn: profile.sunspec?.rescanOn ?? [],
    words: `, treated as ${profile.title} (profile ${profile.profile})`,
    mannered: conversation => withManners(conversation, manners),
  };
}
