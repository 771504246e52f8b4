/**
 * Points of a profile by their own names: `power`, beside `103.W`. They stand in the maker's own table, or in one of
 * several models; a device without a SunSpec map has no others.
 */
import type { OwnPoint, PointProfile, Profile } from '../../local/profiles/mod.ts';
import { ownPointsOf, readManners, readOwn, registerOf, strangerTo } from '../../local/profiles/mod.ts';
import type { PointDef, SunSpecDevice, Value } from '../../local/sunspec/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import type { Connected } from './device.ts';
import { troubleOf } from './device.ts';

/** A name of `points` in the profile. */
export interface OwnName {
  /** As it was written. */
  readonly text: string;
  readonly own: string;
}

export const OWN_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** A point with what it says now. */
export interface OwnRow {
  readonly path: string;
  readonly def: PointDef;
  readonly value: Value | undefined;
}

/** The wanted points, by name. Trouble: the profile has none of that name, or silence. */
export async function readOwnNamed(
  device: Connected,
  [first]: readonly SunSpecDevice[],
  names: readonly OwnName[],
): Promise<ReadonlyMap<string, OwnRow>> {
  if (names.length === 0) return new Map();
  const wanted = names.map(name => ({ name, point: pointOf(device.profile, name) }));
  const at = first ?? { unit: device.link.unit, models: [] };
  const points = ownPointsOf(
    Object.fromEntries(wanted.map(({ name, point }) => [name.own, point])),
    at,
    device.models,
  );
  const values = await valuesOf(device, points);
  return new Map(
    wanted.map(({ name: { own }, point }) => [
      own,
      { path: own, def: defOf(own, point), value: values.get(own) },
    ]),
  );
}

/** Trouble: a name that the profile has not. To be asked before anything goes over the line. */
export function assertOwn(
  { profile }: Connected,
  names: readonly { readonly own?: string; readonly text: string }[],
) {
  for (const { own, text } of names) if (own !== undefined) pointOf(profile, { own, text });
}

/** Names of what can be read, in the order of the profile. */
export function readableOf({ points = {} }: Pick<Profile, 'points'>): readonly string[] {
  return Object.keys(points).filter(name =>
    points[name]?.from.some(source => !('writeOnly' in source && source.writeOnly === true)),
  );
}

/** A device without a map, as its profile knows it. Trouble: nobody there, or another product. */
export async function knownByOwn(device: Connected, profile: Profile): Promise<readonly SunSpecDevice[]> {
  const { unit } = device.link;
  const values = await valuesOf(
    device,
    ownPointsOf(profile.points ?? {}, { unit, models: [] }, device.models),
  );
  const stranger = strangerTo(profile, values);
  if (stranger !== undefined) throw new Trouble(`${device.target}: ${stranger}`);
  return [{ unit, model: profile.title, models: [] }];
}

/** Where `text`, an engineering value, goes. Trouble: it cannot be written, or not with that value. */
export function ownBlock(
  device: Connected,
  { own, text: written }: OwnName,
  text: string,
): { readonly unit: number; readonly address: number; readonly words: readonly number[] } {
  const point = pointOf(device.profile, { own, text: written });
  const register = registerOf(point, device.link.unit);
  const no = (why: string) => new Trouble(`${written}=${text}: ${why}`, EXIT.usage);
  if (register === undefined) throw no('it stands in a model; write its point there');
  if (register.space === 'input') throw no('it stands in an input register, which takes nothing');
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) throw no('it takes a number');
  const said = point.negated === true ? -Number(text) : Number(text);
  const exact = said * 10 ** -register.exponent;
  const raw = Math.round(exact);
  const isFloat = point.from[0] !== undefined && 'type' in point.from[0] && point.from[0].type === 'float32';
  if (!isFloat && Math.abs(exact - raw) > 1e-6) throw no(`it takes steps of ${10 ** register.exponent}`);
  const words = register.encode(isFloat ? exact : raw === 0 ? 0 : raw);
  if (!words.ok) throw no(words.detail ?? words.refusal);
  return { unit: register.unit, address: register.address, words: words.value };
}

async function valuesOf(device: Connected, points: readonly OwnPoint[]): Promise<ReadonlyMap<string, Value>> {
  const manners = device.profile === undefined ? {} : readManners(device.profile);
  const read = await device.run(readOwn(points, manners), 'read');
  if (!read.ok) throw troubleOf(device, read);
  return read.value.values;
}

function pointOf(profile: Profile | undefined, { own, text }: OwnName) {
  const point = profile?.points?.[own];
  if (point !== undefined) return point;
  if (profile === undefined)
    throw new Trouble(
      `${text}: a point is named like 103.W, or by a name of the profile given with --profile`,
      EXIT.usage,
    );
  const names = Object.keys(profile.points ?? {});
  const has = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  throw new Trouble(`${text}: profile ${profile.profile} has no such point; ${has}`, EXIT.usage);
}

function defOf(name: string, { from: [first], units }: PointProfile): PointDef {
  const type = first !== undefined && 'type' in first ? first.type : 'int32';
  return { name, type, size: 1, ...(units === undefined ? {} : { units }) };
}
