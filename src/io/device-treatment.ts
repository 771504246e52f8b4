/**
 * How a device is treated: what its profile asks of the bus, of each request, of discovery and polling, and of
 * orders, taken from the profile once. Without a profile it is treated as the standard says.
 */
import type { Conversation } from '../local/bus/mod.ts';
import type { Deviation } from '../local/device/mod.ts';
import { deviationsOf } from '../local/device/mod.ts';
import type { Profile } from '../local/profiles/mod.ts';
import { linkManners, readManners, requestManners, withManners } from '../local/profiles/mod.ts';
import type { BusManners } from './modbus/mod.ts';

export interface Treatment {
  readonly profile: Profile | undefined;
  /** Asked of the bus. */
  readonly line: BusManners;
  /** Told to discovery and polling. */
  readonly reading: ReturnType<typeof readManners>;
  readonly deviations: readonly Deviation[];
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
  words: '',
  mannered: conversation => conversation,
};

export function treatmentOf(profile: Profile | undefined): Treatment {
  if (profile === undefined) return plainly;
  const manners = requestManners(profile);
  const { retryOn } = manners;
  return {
    profile,
    line: { ...linkManners(profile), ...(retryOn === undefined ? {} : { busyOn: retryOn }) },
    reading: readManners(profile),
    deviations: deviationsOf(profile.controls ?? {}),
    words: `, treated as ${profile.title} (profile ${profile.profile})`,
    mannered: conversation => withManners(conversation, manners),
  };
}
