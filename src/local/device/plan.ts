/**
 * An order as registers: what to write, in which phases, given what the device holds now. Pure arithmetic over
 * the words of one model; the talking is in apply.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import {
  type ModelDef,
  type ModelEntry,
  type PlacedPoint,
  type Words,
  decodeRaw,
  encodeRaw,
  ownPoints,
  scaleOf,
} from '../sunspec/mod.ts';
import { type Control, rawOf } from './controls.ts';

/** One point to be written. */
export interface Write {
  /** `704.WMaxLimPct`. */
  readonly point: string;
  readonly address: number;
  readonly words: readonly number[];
  /** The order itself, or what guards it: a guard that fails is reported but does not stop the order. */
  readonly role: 'order' | 'guard';
}

/** Written one after the other, each read back before the next begins; ascending addresses within one. */
export type Phase = readonly Write[];

export interface Wanted {
  /** In the unit of the axis; `undefined` releases. */
  readonly value: number | undefined;
  /** Fall back to `value` after `afterS` seconds, where the device can. */
  readonly reversion?: { readonly afterS: number; readonly value: number };
}

/** `not-implemented`: the device leaves a point out that the order needs. `out-of-range`: it cannot hold the value. */
export type PlanRefusal = 'not-implemented' | 'out-of-range';

/** One model as it stands in a device, with the words from its ID register on as they were just read. */
export interface Seen {
  readonly def: ModelDef;
  readonly entry: ModelEntry;
  readonly points: ReadonlyMap<string, PlacedPoint>;
  readonly words: Words;
}

/** Words from the ID register that must be read before anything can be planned. */
export function wordsNeeded(def: ModelDef, control: Control): number {
  const names = [control.value, control.enable, ...control.quiet, ...Object.values(control.reversion ?? {})];
  const own = ownPoints(def);
  const points = names.flatMap(name => own.get(name ?? '') ?? []);
  const scales = points.flatMap(({ scale }) => (typeof scale === 'object' ? [scale] : []));
  return Math.max(...[...points, ...scales].map(point => point.offset + point.def.size));
}

/** The phases that bring `wanted` about: what guards the value and the value, then what puts it in force. */
export function planOf(control: Control, wanted: Wanted, seen: Seen): Result<readonly Phase[], PlanRefusal> {
  const missing = [control.value, control.enable].find(name => name !== undefined && !holds(seen, name));
  if (missing !== undefined)
    return refused('not-implemented', `${seen.def.id}.${missing} is not implemented`);
  if (wanted.value === undefined) return release(control, seen);
  const value = writeOf(control, seen, { name: control.value, value: wanted.value, role: 'order' });
  if (!value.ok) return value;
  const guards = guardsOf(control, wanted, seen);
  if (!guards.ok) return guards;
  const first = [...guards.value, value.value].toSorted((a, b) => a.address - b.address);
  return ok(control.enable === undefined ? [first] : [first, [bare(seen, control.enable, 1, 'order')]]);
}

function release(control: Control, seen: Seen): Result<readonly Phase[], PlanRefusal> {
  const write =
    control.enable === undefined
      ? bare(seen, control.value, control.released ?? 0, 'order')
      : bare(seen, control.enable, 0, 'order');
  return ok([[write]]);
}

/** The fall-back where one is wanted and possible; otherwise no timer may run, or the order would end unasked. */
function guardsOf(control: Control, wanted: Wanted, seen: Seen): Result<readonly Write[], PlanRefusal> {
  const { reversion } = control;
  const possible =
    reversion !== undefined &&
    Object.values(reversion).every(name => holds(seen, name)) &&
    wanted.reversion !== undefined;
  if (!possible)
    return ok(control.quiet.filter(name => isRunning(seen, name)).map(name => bare(seen, name, 0, 'guard')));
  const value = writeOf(control, seen, {
    name: reversion.value,
    value: wanted.reversion.value,
    role: 'guard',
  });
  if (!value.ok) return value;
  const timer = bare(seen, reversion.timer, wanted.reversion.afterS, 'guard');
  return ok([value.value, bare(seen, reversion.enable, 1, 'guard'), timer]);
}

function writeOf(
  control: Control,
  seen: Seen,
  { name, value, role }: { name: string; value: number; role: Write['role'] },
): Result<Write, PlanRefusal> {
  const point = seen.points.get(name);
  if (point === undefined) return refused('not-implemented', `model ${seen.def.id} has no ${name}`);
  const exponent = point.scale === undefined ? 0 : scaleOf(point, seen.words);
  if (exponent === undefined)
    return refused('not-implemented', `the scale factor of ${seen.def.id}.${name} is not implemented`);
  const words = encodeRaw(point.def, rawOf(control.unit, value, exponent));
  if (!words.ok)
    return refused('out-of-range', `${seen.def.id}.${name} cannot hold it: ${words.detail ?? ''}`);
  return ok({
    point: `${seen.def.id}.${name}`,
    address: seen.entry.address + point.offset,
    words: words.value,
    role,
  });
}

/** A write of an unscaled point that the definition is known to have. */
function bare(seen: Seen, name: string, value: number, role: Write['role']): Write {
  const point = seen.points.get(name);
  const words = point && encodeRaw(point.def, value);
  return {
    point: `${seen.def.id}.${name}`,
    address: seen.entry.address + (point?.offset ?? 0),
    words: words?.ok === true ? words.value : [],
    role,
  };
}

function holds(seen: Seen, name: string): boolean {
  return rawAt(seen, name) !== undefined;
}

function isRunning(seen: Seen, name: string): boolean {
  const raw = rawAt(seen, name);
  return raw !== undefined && raw !== 0;
}

function rawAt(seen: Seen, name: string): unknown {
  const point = seen.points.get(name);
  return point && decodeRaw(point.def, seen.words, point.offset);
}
