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
  return [...unmatched(profile), ...unexplained(profile), ...pointless(profile), ...unnamed(profile)];
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
    ];
    return named
      .filter(({ target }) => !known(target))
      .map(({ target, path }) => ({
        path: ['controls', key, ...path],
        message: `is no SunSpec point, and points has no ${target}`,
      }));
  });
}
