/**
 * Points by name, read from a device: each model that is asked for is read once, up to the last wanted point.
 */
import type { ModelDef, ModelInstance, SunSpecDevice, Want } from '../../local/sunspec/mod.ts';
import { readModels } from '../../local/sunspec/mod.ts';
import { Trouble } from '../exit.ts';
import type { Connected } from './device.ts';
import { troubleOf } from './device.ts';
import { readOwnNamed } from './own.ts';
import { isOwn, isPlumbing, modelOf, noPoint, rowAt, rowsOf } from './points.ts';
import type { FoundModel, Name, PointName, Row } from './points.ts';

/** A point with the name it is answered under: `103.W`, `103#2.W`. */
export interface NamedRow extends Row {
  readonly name: string;
}

/** A model that was read, and where it stands. */
export interface ReadModel extends FoundModel {
  readonly def: ModelDef;
  readonly instance: ModelInstance;
}

/** The wanted points in their order; a model without a path gives all of its own. */
export async function readPoints(
  device: Connected,
  devices: readonly SunSpecDevice[],
  names: readonly Name[],
): Promise<readonly NamedRow[]> {
  const own = await readOwnNamed(device, devices, names.filter(isOwn));
  const models = await readNamed(
    device,
    devices,
    names.filter((name): name is PointName => !isOwn(name)),
  );
  return names.flatMap(name => {
    if (isOwn(name)) {
      const row = own.get(name.own);
      return row === undefined ? [] : [{ ...row, name: name.text }];
    }
    const model = models.get(keyOf(name));
    return model === undefined ? [] : rowsNamed(name, model);
  });
}

/** The models that `names` speak of, each read once. Trouble: no such model, no definition of it, or silence. */
export async function readNamed(
  device: Connected,
  devices: readonly SunSpecDevice[],
  names: readonly PointName[],
): Promise<ReadonlyMap<string, ReadModel>> {
  const found = new Map<string, ReadModel>();
  for (const name of names) {
    if (found.has(keyOf(name))) continue;
    const { device: owner, entry } = modelOf(name, devices);
    const def = device.models.get(entry.id);
    if (def === undefined)
      throw new Trouble(`${name.text}: model ${entry.id} has no definition here; --models adds one`);
    const want: Want = {
      entry,
      ...onlyPoints(
        names.filter(each => keyOf(each) === keyOf(name)),
        def,
      ),
    };
    const read = await device.run(readModels(owner, [want], device.discovery()), 'read');
    if (!read.ok) throw troubleOf(device, read);
    const [instance] = read.value;
    if (instance !== undefined) found.set(keyOf(name), { device: owner, entry, def, instance });
  }
  return found;
}

export function keyOf({ model, place }: PointName): string {
  return `${model}#${place}`;
}

/** Points of the model itself need no more of it than up to the last of them. */
function onlyPoints(names: readonly PointName[], def: ModelDef): { readonly points?: readonly string[] } {
  const paths = names.map(({ path }) => path);
  const own = paths.filter(path => path !== undefined && def.points.some(point => point.name === path));
  return own.length === paths.length ? { points: own.filter(path => path !== undefined) } : {};
}

function rowsNamed(name: PointName, { def, instance }: ReadModel): readonly NamedRow[] {
  const rows = rowsOf(def, instance);
  const model = name.text.split('.')[0] ?? '';
  if (name.path === undefined)
    return rows.filter(row => !isPlumbing(row)).map(row => ({ ...row, name: `${model}.${row.path}` }));
  const row = rowAt(rows, name.path);
  if (row === undefined) throw noPoint(name, def, rows);
  return [{ ...row, name: name.text }];
}
