/**
 * How a person names points, and how values are shown. `103.W` is point W of model 103; `103#2.W` that of the second
 * model 103 in the chain; `705.Crv[0].Pt[1].V` a point of nested groups, counted from 0; `103` all of the model.
 */
import type {
  GroupDef,
  GroupInstance,
  ModelDef,
  ModelEntry,
  ModelInstance,
  PointDef,
  SunSpecDevice,
  Value,
} from '../../local/sunspec/mod.ts';
import { symbolsOf } from '../../local/sunspec/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import { oneLine } from '../legible.ts';
import type { OwnName } from './own.ts';
import { OWN_NAME } from './own.ts';

export interface PointName {
  /** As it was written. */
  readonly text: string;
  readonly model: number;
  /** 1: the first model of that id in the chain. */
  readonly place: number;
  /** `W`, `Crv[0].Pt[1].V`; `undefined`: the whole model. */
  readonly path: string | undefined;
}

const POINT = /^(\d{1,5})(?:#(\d{1,3}))?(?:\.(.+))?$/;

export function parsePoint(text: string): PointName {
  const [, model, place = '1', path] = POINT.exec(text) ?? [];
  if (model === undefined || Number(place) < 1)
    throw new Trouble(
      `${text}: a point is named like 103.W, 103#2.W (the second model 103) or 705.Crv[0].Pt[1].V`,
      EXIT.usage,
    );
  return { text, model: Number(model), place: Number(place), path };
}

/** A point of a model, or one that the profile names. */
export type Name = PointName | OwnName;

/** Like {@link parsePoint}; a name of small letters is one of the profile. */
export function parseName(text: string): Name {
  return OWN_NAME.test(text) ? { text, own: text } : parsePoint(text);
}

export function isOwn(name: Name): name is OwnName {
  return 'own' in name;
}

/** Where a model stands, and the device it belongs to. */
export interface FoundModel {
  readonly device: SunSpecDevice;
  readonly entry: ModelEntry;
}

/** The model that `name` speaks of, in the chain of all devices. Trouble where there is none. */
export function modelOf(name: PointName, devices: readonly SunSpecDevice[]): FoundModel {
  const all = devices.flatMap(device => device.models.map(entry => ({ device, entry })));
  const found = all.filter(({ entry }) => entry.id === name.model)[name.place - 1];
  if (found !== undefined) return found;
  const ids = [...new Set(all.map(({ entry }) => entry.id))].join(', ');
  throw new Trouble(`${name.text}: the device has no such model; it has ${ids}`);
}

/** The name of a model as {@link parsePoint} takes it: `103`, `103#2`. */
export function modelName({ entry }: FoundModel, devices: readonly SunSpecDevice[]): string {
  const same = devices.flatMap(device => device.models).filter(({ id }) => id === entry.id);
  const place = same.indexOf(entry) + 1;
  return place > 1 ? `${entry.id}#${place}` : String(entry.id);
}

/** A point of a model as read. */
export interface Row {
  /** `Crv[0].Pt[1].V`. */
  readonly path: string;
  readonly def: PointDef;
  readonly value: Value | undefined;
}

/** Every point of `instance`, in the order of its registers; headers, pads and scale factors too. */
export function rowsOf(def: ModelDef, instance: ModelInstance): readonly Row[] {
  const rows: Row[] = [];
  collect(def, instance, '', rows);
  return rows;
}

function collect(def: GroupDef, group: GroupInstance, prefix: string, rows: Row[]): void {
  for (const point of def.points)
    rows.push({ path: prefix + point.name, def: point, value: group.points[point.name] });
  for (const inner of def.groups ?? [])
    for (const [at, instance] of (group.groups[inner.name] ?? []).entries())
      collect(inner, instance, `${prefix}${inner.name}${inner.count === undefined ? '' : `[${at}]`}.`, rows);
}

/** The row of `path`, where an index that is left out is 0. */
export function rowAt(rows: readonly Row[], path: string): Row | undefined {
  const wanted = bare(path);
  return rows.find(row => bare(row.path) === wanted);
}

function bare(path: string): string {
  return path.replaceAll('[0]', '');
}

/** Trouble that says why `name` is no point: unknown to the model, or beyond the instances the device has. */
export function noPoint(name: PointName, def: ModelDef, rows: readonly Row[]): Trouble {
  const path = name.path ?? '';
  const plain = path.replaceAll(/\[\d+\]/g, '');
  if (pathsOf(def).includes(plain))
    return new Trouble(`${name.text}: the device has no such instance of the group`);
  const last = plain.split('.').at(-1)?.toLowerCase() ?? '';
  const near = rows.filter(
    row => row.def.name.toLowerCase() === last || row.path.toLowerCase() === plain.toLowerCase(),
  );
  const hint =
    near.length > 0
      ? `did you mean ${near
          .slice(0, 3)
          .map(row => `${name.model}.${row.path}`)
          .join(' or ')}?`
      : `underglass read LINK ${name.model} shows all of it`;
  return new Trouble(`${name.text}: model ${name.model} has no point ${path}; ${hint}`, EXIT.usage);
}

function pathsOf(def: GroupDef, prefix = ''): readonly string[] {
  return [
    ...def.points.map(point => prefix + point.name),
    ...(def.groups ?? []).flatMap(inner => pathsOf(inner, `${prefix}${inner.name}.`)),
  ];
}

/** Points that say how others are to be read, and nothing of the device. */
export function isPlumbing({ def }: Row): boolean {
  return def.type === 'sunssf' || def.type === 'pad' || def.name === 'ID' || def.name === 'L';
}

/** `812 W`, `4 MPPT`, `0x0040 MANUAL_SHUTDOWN`; `not implemented` where nothing stands. */
export function shown({ def, value }: Pick<Row, 'def' | 'value'>): string {
  if (value === undefined) return 'not implemented';
  const symbols = def.symbols === undefined ? '' : symbolsOf(def, value).join(' ');
  const number = def.type.startsWith('bitfield')
    ? `0x${value.toString(16).padStart(4, '0')}`
    : oneLine(def.type === 'float32' ? shortest(value) : String(value));
  return [number, symbols || (def.units ?? '')].filter(part => part !== '').join(' ');
}

/** A float of 32 bits holds some seven digits: no more are shown than tell it from its neighbours. JSON has them all. */
function shortest(value: Value): string {
  const short = (digits: number) =>
    typeof value === 'number' ? Number(value.toPrecision(digits)) : Number.NaN;
  const digits = [1, 2, 3, 4, 5, 6, 7, 8].find(each => Math.fround(short(each)) === value);
  return String(digits === undefined ? value : short(digits));
}
