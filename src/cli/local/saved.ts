/**
 * What `scan --save` keeps beside the map: the registers that the points of a profile name, of both tables and of
 * every unit they stand at, and which of them the profile writes.
 */
import type { OwnPoint, Profile } from '../../local/profiles/mod.ts';
import { ownPointsOf, readManners, readOwn, registerOf } from '../../local/profiles/mod.ts';
import type { Registers, SavedUnit, SunSpecDevice, Tables } from '../../local/sunspec/mod.ts';
import { blocksOf, recordingTables } from '../../local/sunspec/mod.ts';
import type { Connected } from './device.ts';

/** Registers of the maker's own table, by unit. */
export interface OwnRegisters extends Tables {
  /** Holding registers that take something. */
  readonly writable: Set<number>;
}

/** Reads every place of every point by itself: a scan keeps also what a reading would pass over. */
export async function recordOwn(
  device: Connected,
  found: SunSpecDevice | undefined,
): Promise<ReadonlyMap<number, OwnRegisters>> {
  const { profile } = device;
  const tables = new Map<number, OwnRegisters>();
  if (profile?.points === undefined || found === undefined) return tables;
  const at = (unit: number): OwnRegisters => {
    const known = tables.get(unit) ?? { holding: new Map(), input: new Map(), writable: new Set() };
    tables.set(unit, known);
    return known;
  };
  const points = ownPointsOf(profile.points, found, device.models).flatMap(each => apart(each));
  await device.run(recordingTables(readOwn(points, readManners(profile)), at), 'read');
  for (const { unit, address, size } of writtenBy(profile, found.unit))
    for (let register = address; register < address + size; register++) at(unit).writable.add(register);
  return tables;
}

/** Points of models are in the scan of the map already. */
function apart(own: OwnPoint): readonly OwnPoint[] {
  const tabled = own.places.filter((_, at) => 'table' in (own.point.from[at] ?? {}));
  return tabled.map(place => ({ ...own, places: [place] }));
}

function writtenBy({ points = {}, controls = {} }: Profile, unit: number) {
  const named = new Set(
    Object.values(controls).flatMap(({ steps, release }) =>
      [...steps, ...('steps' in release ? release.steps : [])].map(({ write }) => write),
    ),
  );
  return Object.entries(points).flatMap(([name, point]) => {
    const register = registerOf(point, unit);
    const takes = register?.space === 'holding' && (named.has(name) || register.isWriteOnly);
    return takes ? [register] : [];
  });
}

/** One unit of the file. */
export function savedUnit(
  unit: number,
  {
    map,
    own,
    scan,
  }: { readonly map?: Registers; readonly own?: OwnRegisters | undefined; readonly scan: unknown },
): SavedUnit {
  const registers: Registers = new Map([...(map ?? []), ...(own?.holding ?? [])]);
  const input = blocksOf(own?.input ?? new Map());
  const writable = [...(own?.writable ?? [])].toSorted((a, b) => a - b);
  return {
    unit,
    registers: [...blocksOf(registers)],
    ...(input.length === 0 ? {} : { input: [...input] }),
    ...(writable.length === 0 ? {} : { writable }),
    scan,
  };
}
