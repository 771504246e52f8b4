/**
 * A device with every model that holds a mode, as a table of registers in which everything is on and holds a
 * number of its own, so that nothing can change unseen. It adopts curves as 705 to 712 say: a slot asked for is
 * copied to slot 1, which nobody else may write.
 *
 * The models stand 400 registers apart from 40000 on, in the order of {@link HELD}; between them are holes.
 */
import { type Result, ok } from '../../../src/base/assert.ts';
import {
  type GroupDef,
  type GroupValues,
  type PointDef,
  type SunSpecDevice,
  type Value,
  encodeModel,
  locate,
} from '../../../src/local/sunspec/mod.ts';
import { abilitiesIn } from '../../../src/local/device/mod.ts';
import type { Axis } from '../../../src/model/mod.ts';
import { MODELS, model } from '../sunspec/models.ts';
import { type Table, run, table } from '../sunspec/table.ts';

export const HELD: readonly number[] = [
  121, 123, 124, 126, 127, 128, 129, 130, 131, 132, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144,
  145, 703, 704, 705, 706, 707, 708, 709, 710, 711, 712, 715, 802,
];
const APART = 400;
const SLOTS = 3;
const COUNTS: Readonly<Record<string, number>> = { NPt: 4, NCrv: SLOTS, NCrvSet: SLOTS, NCtl: SLOTS };

export interface Plant extends Table {
  /** How it takes the next adoption. `late`: it acknowledges and says the result only once it was told to. */
  adopts: 'at-once' | 'in-progress' | 'fails' | 'late';
  /** Ends an adoption that is in progress. */
  finish: () => void;
}

/** With all of {@link HELD}, or only with `ids`. */
export function deviceOf(...ids: readonly number[]): SunSpecDevice {
  const wanted = ids.length === 0 ? HELD : ids;
  return {
    unit: 1,
    models: HELD.filter(id => wanted.includes(id)).map(id => ({
      id,
      name: model(id).name,
      address: addressOf(id),
      length: wordsOf(id).length - 2,
    })),
  };
}

/** The axes of `device`, as it tells them itself: what carries each out is left out. */
export function axesIn(device: SunSpecDevice, on: Plant): Result<readonly Axis[], 'silent'> {
  const abilities = run(abilitiesIn(device, MODELS), on);
  return abilities.ok ? ok([...abilities.value.keys()]) : abilities;
}

export function addressOf(id: number): number {
  return 40_000 + HELD.indexOf(id) * APART;
}

/** The registers of a point: `705.Crv[1].Pt[0].V`. */
export function registersOf(path: string): readonly number[] {
  const [id = '', ...rest] = path.split('.');
  const counts = { ...COUNTS, NPt: 4 };
  const point = locate(model(Number(id)), rest.join('.'), counts);
  if (!point.ok) throw new Error(point.detail);
  return Array.from(
    { length: point.value.def.size },
    (_, at) => addressOf(Number(id)) + point.value.offset + at,
  );
}

/** `changes` by point, raw words. */
export function plant(changes: Readonly<Record<string, readonly number[]>> = {}): Plant {
  const on = table(...HELD.map(id => [addressOf(id), wordsOf(id)] as const));
  for (const [path, words] of Object.entries(changes))
    for (const [at, address] of registersOf(path).entries()) on.registers.set(address, words[at] ?? 0);
  const plantOf: Plant = { ...on, adopts: 'at-once', finish: () => {} };
  const behaviours = HELD.flatMap(id => adoption(plantOf, id) ?? []);
  plantOf.onWrite = (address, word) => {
    if (behaviours.some(({ mirror }) => address >= mirror.from && address < mirror.to))
      return { exception: 3 };
    behaviours.find(({ request }) => address === request)?.adopt(word);
    return word;
  };
  return plantOf;
}

export function held(on: Table, path: string): readonly (number | undefined)[] {
  return registersOf(path).map(address => on.registers.get(address));
}

/** Points that hold other words than before, each once, in the order of their addresses. */
export function changed(on: Table, before: ReadonlyMap<number, number>): readonly number[] {
  return [...on.registers]
    .flatMap(([address, word]) => (before.get(address) === word ? [] : [address]))
    .toSorted((a, b) => a - b);
}

function adoption(on: Plant, id: number) {
  const def = model(id);
  const slots = def.groups?.[0];
  const request = def.points.find(point => /^Adpt(Crv|Ctl)Req$/.test(point.name));
  if (request === undefined || slots === undefined) return undefined;
  const header = def.points.reduce((words, point) => words + point.size, 0);
  const size = (wordsOf(id).length - header) / SLOTS;
  const mirror = { from: addressOf(id) + header, to: addressOf(id) + header + size };
  const result = registersOf(`${id}.${request.name.replace('Req', 'Rslt')}`)[0] ?? 0;
  const readOnly = (registersOf(`${id}.${slots.name}[0].ReadOnly`)[0] ?? 0) - mirror.from;
  const copy = (slot: number) => () => {
    for (let at = 0; at < size; at++)
      if (at !== readOnly)
        on.registers.set(mirror.from + at, on.registers.get(mirror.from + (slot - 1) * size + at) ?? 0);
    on.registers.set(result, 1);
  };
  const adopt = (slot: number) => {
    if (on.adopts === 'fails') on.registers.set(result, 2);
    else if (on.adopts === 'at-once') copy(slot)();
    else {
      on.finish = copy(slot);
      if (on.adopts === 'in-progress') on.registers.set(result, 0);
    }
  };
  return { request: registersOf(`${id}.${request.name}`)[0] ?? 0, mirror, adopt };
}

const images = new Map<number, readonly number[]>();

/** A model as registers, every point with a number of its own. */
export function wordsOf(id: number): readonly number[] {
  const known = images.get(id);
  if (known !== undefined) return known;
  const words = encodeModel(model(id), { ...groupOf(model(id), 0), points: pointsOf(model(id), 0, true) });
  if (!words.ok) throw new Error(`${id}: ${words.detail ?? words.refusal}`);
  images.set(id, words.value);
  return words.value;
}

function groupOf(def: GroupDef, slot: number): GroupValues {
  const groups = Object.fromEntries(
    (def.groups ?? []).map(group => [
      group.name,
      Array.from({ length: timesOf(group) }, (_, at) => groupOf(group, slot * 10 + at)),
    ]),
  );
  return { points: pointsOf(def, slot), groups };
}

function timesOf({ count }: GroupDef): number {
  return count === undefined ? 1 : typeof count === 'string' ? (COUNTS[count] ?? 1) : SLOTS;
}

function pointsOf(def: GroupDef, slot: number, isModel = false): Record<string, Value> {
  const named = def.points.filter(point => point.type !== 'pad' && !(isModel && /^(ID|L)$/.test(point.name)));
  return Object.fromEntries(named.map((point, at) => [point.name, valueOf(point, { slot, at })]));
}

/** A number of its own for every point: 20 for the first of slot 1, 21 for the next, 60 for the first of slot 2. */
function valueOf({ name, type }: PointDef, { slot, at }: { slot: number; at: number }): Value {
  if (type === 'sunssf') return -1;
  if (type === 'string') return `curve ${slot}`;
  if (name in COUNTS) return COUNTS[name] ?? 0;
  if (name === 'ReadOnly') return slot === 0 ? 1 : 0;
  if (name === 'ActPt') return 2;
  if (name === 'LocRemCtl' || /RvrtTms$|RvrtRem$|WinTms$|DlyRemTms$/.test(name)) return 0;
  if (name === 'ModEna') return 5;
  if (name === 'StorCtl_Mod') return 7;
  if (type.startsWith('enum')) return 1;
  if (name === 'ActCrv') return 1;
  if (/^Rvrt(Crv|Ctl)$/.test(name)) return 3;
  return 20 + ((slot * 40 + at) % 3000);
}
