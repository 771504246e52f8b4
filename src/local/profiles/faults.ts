/**
 * What the form of a profile cannot say by itself: that every departure is accounted for, and that names inside a
 * file name something.
 */
import type { ProfileFile } from './schema.ts';

export interface Fault {
  readonly path: readonly (string | number)[];
  /** Continues a sentence that names the line. */
  readonly message: string;
}

/** Every mistake of a profile that is well-formed. */
export function fault(profile: ProfileFile): readonly Fault[] {
  return [
    ...unmatched(profile),
    ...unexplained(profile),
    ...pointless(profile),
    ...unnamed(profile),
    ...mapless(profile),
    ...twice(profile),
    ...Object.keys(profile.controls ?? {}).flatMap(key => uncarried(profile, key)),
    ...Object.keys(profile.controls ?? {}).flatMap(key => forgotten(profile, key)),
  ];
}

/** Lines of a profile that are departures: `link.gapMs`, `controls.limit`. */
export function departures(profile: ProfileFile): readonly string[] {
  return (['link', 'sunspec', 'points', 'controls'] as const).flatMap(part =>
    Object.keys(profile[part] ?? {}).map(key => `${part}.${key}`),
  );
}

function unmatched({ match, extends: base }: ProfileFile): readonly Fault[] {
  if (match !== undefined || base !== undefined) return [];
  return [{ path: ['profile'], message: 'has no match, and extends no profile that has one' }];
}

function unexplained(profile: ProfileFile): readonly Fault[] {
  return departures(profile)
    .filter(line => !profile.deviations.some(({ at }) => at === line || at.startsWith(`${line}.`)))
    .map(line => ({ path: line.split('.'), message: `has no entry in deviations with at: ${line}` }));
}

function pointless(profile: ProfileFile): readonly Fault[] {
  return profile.deviations.flatMap(({ at }, index) =>
    isThere(profile, at) ? [] : [{ path: ['deviations', index, 'at'], message: 'is no line of this file' }],
  );
}

function isThere(profile: ProfileFile, at: string): boolean {
  let value: unknown = profile;
  for (const key of at.split('.'))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return value !== undefined;
}

/** A control names SunSpec points, or points of its own file; a base that is extended is looked at when joined. */
function unnamed({ controls = {}, points = {}, extends: base }: ProfileFile): readonly Fault[] {
  if (base !== undefined) return [];
  const known = (target: string) => /^\d/.test(target) || target in points;
  return Object.entries(controls).flatMap(([key, control]) => {
    const released = 'steps' in control.release ? control.release.steps : [];
    const named = [
      ...control.steps.map(({ write }, at) => ({ target: write, path: ['steps', at, 'write'] })),
      ...released.map(({ write }, at) => ({ target: write, path: ['release', 'steps', at, 'write'] })),
      ...(control.verify.by === 'none' ? [] : [{ target: control.verify.point, path: ['verify', 'point'] }]),
      ...(control.percentOf === undefined ? [] : [{ target: control.percentOf, path: ['percentOf'] }]),
    ];
    return named
      .filter(({ target }) => !known(target))
      .map(({ target, path }) => ({
        path: ['controls', key, ...path],
        message: `is no SunSpec point, and points has no ${target}`,
      }));
  });
}

/** A device without a map is known by what its points hold. */
function mapless({ sunspec, match, points = {}, extends: base }: ProfileFile): readonly Fault[] {
  if (base !== undefined) return [];
  const readable = Object.values(points).some(({ from }) => from.some(source => isReadable(source)));
  const blind = sunspec?.none === true && !readable;
  const holds = match?.holds ?? [];
  return [
    ...(blind
      ? [{ path: ['sunspec', 'none'], message: 'leaves nothing to know it by: points has none to read' }]
      : []),
    ...holds.flatMap(({ point }, at) =>
      point in points
        ? []
        : [{ path: ['match', 'holds', at, 'point'], message: `is no point of this file: ${point}` }],
    ),
  ];
}

/** One name of a reading, one axis: two that claim it would speak in turns. */
function twice({ points = {}, controls = {} }: ProfileFile): readonly Fault[] {
  const meanings = Object.entries(points).map(([key, { means }]) => ({
    path: ['points', key, 'means'],
    says: means,
  }));
  const axes = Object.entries(controls).map(([key, { carries }]) => ({
    path: ['controls', key, 'carries'],
    says: carries,
  }));
  return [...meanings, ...axes].flatMap(({ path, says }, at, all) => {
    const first = all.findIndex(each => each.says === says && each.path[0] === path[0]);
    return says === undefined || first === at ? [] : [{ path, message: `stands twice: ${says}` }];
  });
}

/** What a control must say where it is carried out step by step, and what it must not. */
function uncarried(
  { controls = {}, points = {}, extends: base }: ProfileFile,
  key: string,
): readonly Fault[] {
  const control = controls[key];
  if (control === undefined || base !== undefined) return [];
  const { carries, percentOf, toggleEnable, completeSet = [], steps } = control;
  const faults: { path: readonly (string | number)[]; message: string }[] = [];
  const say = (path: readonly (string | number)[], message: string) =>
    faults.push({ path: ['controls', key, ...path], message });
  if (carries === undefined) {
    if (percentOf !== undefined)
      say(['percentOf'], 'needs carries: the axis whose order is a percentage of it');
    for (const [at, { when, value }] of steps.entries())
      if (when !== undefined || value === 'magnitude' || value === 'negated')
        say(['steps', at], 'needs carries: the axis whose sign it heeds');
      else if (value === 'revert-after' || value === 'revert-to')
        say(['steps', at], 'needs carries; without it the timers of the model are written anyhow');
    return faults;
  }
  if (toggleEnable !== undefined)
    say(['toggleEnable'], 'is for a control without carries; here 0 and 1 are steps');
  const reverts = steps.findIndex(({ value }) => value === 'revert-to');
  if (reverts !== -1 && !steps.some(({ value }) => value === 'revert-after'))
    say(['steps', reverts, 'value'], 'needs a step with revert-after: nothing would begin it');
  if ('steps' in control.release)
    for (const [at, { value }] of control.release.steps.entries())
      if (value === 'revert-after' || value === 'revert-to')
        say(['release', 'steps', at, 'value'], 'is of an order; a release has no time');
  for (const [at, target] of completeSet.entries())
    if (!steps.some(({ write }) => write === target)) say(['completeSet', at], `is in no step: ${target}`);
  for (const [at, { write, value, when }] of steps.entries()) {
    const point = points[write];
    const [first] = point?.from ?? [];
    if (value === 'magnitude' && when === undefined)
      say(['steps', at, 'value'], 'needs when: positive or negative, or both would be the same order');
    if (point === undefined || first === undefined) continue;
    if (!('table' in first))
      say(['steps', at, 'write'], `is no register of the maker: name ${first.sunspec} itself`);
    else if (first.table === 'input')
      say(['steps', at, 'write'], `is an input register, which takes nothing: ${write}`);
    const isNumber = typeof value !== 'number' && value !== 'revert-after' && carries !== 'opModConnect';
    if (isNumber && !['W', '%'].includes(point.units ?? ''))
      say(['steps', at, 'write'], `takes an order, so points.${write} needs units: W or "%"`);
  }
  return faults;
}

const SECONDS_A_DAY = 86_400;

/** Where the memory wears out, what is repeated must fit the day, or the device drops the order when it is spent. */
function forgotten({ controls = {} }: ProfileFile, key: string): readonly Fault[] {
  const { storage, keepAlive, carries } = controls[key] ?? {};
  if (keepAlive === undefined || storage === undefined || storage === 'volatile') return [];
  const path = ['controls', key, 'keepAlive'];
  const times = Math.ceil(SECONDS_A_DAY / keepAlive.everyS);
  if (carries === undefined)
    return [
      { path, message: 'needs carries where storage is flash: what is held is not written to a model again' },
    ];
  if (times <= storage.flash.writesPerDay) return [];
  return [
    { path, message: `is ${times} writes a day, more than the ${storage.flash.writesPerDay} of its storage` },
  ];
}

function isReadable(source: object): boolean {
  return !('writeOnly' in source);
}
