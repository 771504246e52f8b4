/**
 * Profiles as they are used: joined with what they extend, found for a device, and turned into what a bus,
 * discovery and polling take.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { DiscoveryOptions, PollOptions, SunSpecDevice, Value } from '../sunspec/mod.ts';
import { fault } from './faults.ts';
import type { Manners } from './manners.ts';
import type { ProfileFile } from './schema.ts';

/** A profile that stands by itself. */
export interface Profile extends Omit<ProfileFile, 'extends' | 'match'> {
  readonly match: NonNullable<ProfileFile['match']>;
}

/** `no-base`: what it extends is not there. `too-deep`: that extends another. `incomplete`: together they lack something. */
export type ProfileRefusal = 'no-base' | 'too-deep' | 'incomplete';

/** `file` joined with its base: its own lines hold, beside the base's; deviations of both are kept. */
export function joinProfile(
  file: ProfileFile,
  others: ReadonlyMap<string, ProfileFile>,
): Result<Profile, ProfileRefusal> {
  const { extends: wanted, ...own } = file;
  const base = wanted === undefined ? undefined : others.get(wanted);
  if (wanted !== undefined && base === undefined) return refused('no-base', `there is no profile ${wanted}`);
  if (base?.extends !== undefined)
    return refused('too-deep', `${wanted} extends ${base.extends}: one level is all there is`);
  const joined = base === undefined ? own : join(base, own);
  const { match } = joined;
  if (match === undefined) return refused('incomplete', 'there is no match');
  const first = fault(joined)[0];
  return first === undefined
    ? ok({ ...joined, match })
    : refused('incomplete', `${first.path.join('.')} ${first.message}`);
}

function join(base: ProfileFile, own: ProfileFile): ProfileFile {
  const { profile, title, tested } = own;
  const notes = [...(base.notes ?? []), ...(own.notes ?? [])];
  const match = own.match ?? base.match;
  const role = own.role ?? base.role;
  return {
    profile,
    title,
    tested,
    ...(role === undefined ? {} : { role }),
    ...(notes.length === 0 ? {} : { notes }),
    ...(match === undefined ? {} : { match }),
    link: { ...base.link, ...own.link },
    sunspec: { ...base.sunspec, ...own.sunspec },
    points: { ...base.points, ...own.points },
    controls: { ...base.controls, ...own.controls },
    deviations: [...base.deviations, ...own.deviations],
  };
}

/**
 * The profile of `device` among `profiles`: of several, the one that asks for most. One that is for a product without
 * a map is none of a device that has one: it must be named.
 */
export function matchProfile(
  profiles: Iterable<Profile>,
  device: Pick<SunSpecDevice, 'manufacturer' | 'model' | 'version'>,
): Profile | undefined {
  const fitting = [...profiles].filter(({ match, sunspec }) => sunspec?.none !== true && fits(match, device));
  return fitting.sort((a, b) => demands(b.match) - demands(a.match))[0];
}

function fits(match: Profile['match'], device: Parameters<typeof matchProfile>[1]): boolean {
  // Some fill their names up with blanks.
  const plain = (name = '') => name.trim().toLowerCase();
  const same = (a: string, b?: string) => plain(a) === plain(b);
  const begins = (start: string) => plain(device.model).startsWith(plain(start));
  const { from, below } = match.firmware ?? {};
  return (
    match.manufacturer.some(name => same(name, device.manufacturer)) &&
    (match.modelBegins === undefined || match.modelBegins.some(begins)) &&
    (from === undefined || compareVersions(device.version, from) >= 0) &&
    (below === undefined || compareVersions(device.version, below) < 0)
  );
}

/**
 * Why what was read is no device of `profile`, where it has no map to tell: none of its points is there, or one
 * holds what the product never does. `undefined`: it may be one.
 */
export function strangerTo(
  { profile, match: { holds = [] } }: Profile,
  values: ReadonlyMap<string, Value>,
): string | undefined {
  if (values.size === 0) return `it answers, but no point of profile ${profile} is there`;
  for (const { point, oneOf } of holds) {
    const value = values.get(point);
    if (value === undefined || !oneOf.some(each => each === Number(value)))
      return `${point} is ${value ?? 'not there'}, which no device of profile ${profile} has`;
  }
  return undefined;
}

function demands(match: Profile['match']): number {
  return Object.values(match).filter(value => value !== undefined).length;
}

/** As of two dotted numbers, part by part; leading letters are skipped. NaN where a device states none. */
function compareVersions(stated: string | undefined, wanted: string): number {
  const parts = /\d+(\.\d+)*/
    .exec(stated ?? '')?.[0]
    .split('.')
    .map(Number);
  if (parts === undefined) return Number.NaN;
  const against = wanted.split('.').map(Number);
  for (let at = 0; at < Math.max(parts.length, against.length); at++) {
    const difference = (parts[at] ?? 0) - (against[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What a bus is to be opened with; the names are those of its options. */
export interface LinkManners {
  readonly timeoutMs?: number;
  readonly gapMs?: number;
  readonly connectDelayMs?: number;
  readonly writeGapMs?: number;
  readonly reconnectMs?: number;
}

export function linkManners({ link = {} }: Profile): LinkManners {
  const { timeoutMs, gapMs, connectDelayMs, writeGapMs, reconnectMs } = link;
  return definedOf({ timeoutMs, gapMs, connectDelayMs, writeGapMs, reconnectMs });
}

/** Registers one request may read over where `gaps` is `listed`: all but the holes, which are kept from the line. */
const OVER_ANYTHING = 123;

/** What discovery and polling are to be told. */
export function readManners({
  link = {},
  sunspec = {},
}: Profile): Pick<DiscoveryOptions, 'bases' | 'lengths' | 'maxRead'> & Pick<PollOptions, 'joinGapsUpTo'> {
  const { gaps } = link;
  const joinGapsUpTo = typeof gaps === 'object' ? gaps.fill : gaps === 'listed' ? OVER_ANYTHING : undefined;
  return definedOf({
    bases: sunspec.bases,
    lengths: sunspec.lengthOverrides,
    maxRead: link.maxRead,
    joinGapsUpTo,
  });
}

/** What stands between a conversation and the line. */
export function requestManners({ link = {}, sunspec = {} }: Profile): Manners {
  const { retryOn, writeWith, maxWrite } = link;
  const holes = Array.isArray(sunspec.holes) ? sunspec.holes : undefined;
  return definedOf({ retryOn, writeWith, maxWrite, holes });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function definedOf<T extends object>(from: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined)) as Partial<
    Defined<T>
  >;
}
