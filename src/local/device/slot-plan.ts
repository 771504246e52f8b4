/**
 * A curve, a trip set or a droop as registers: fill a slot, see that it arrived, have it adopted, see that it
 * was, and only then switch the mode on. What the order does not name is copied from what is in force, so that
 * a curve for one trip leaves the others of its set as they are (AUTO-1). A mode that is on stays on throughout.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { Curve, Intent } from '../../model/mod.ts';
import { plain, setting } from './amount.ts';
import { type FieldValues, putsOf } from './fields.ts';
import { type Seen, groupAt, pointAt, rawAt, valueAt } from './seen.ts';
import type { SlotControl } from './slots.ts';
import {
  type Check,
  type Phase,
  type Plan,
  type PlanRefusal,
  type Put,
  type Write,
  isHeld,
  quieted,
  switchOf,
  writeOf,
  writesOf,
} from './steps.ts';

/** What a slot shall hold. */
interface Content {
  readonly points: Curve['points'];
  readonly values: FieldValues;
}

export function planSlot(control: SlotControl, intent: Intent, seen: Seen): Plan {
  const count = slotCount(control, seen);
  if (rawAt(seen, control.enable) === undefined || count === 0)
    return refused('not-implemented', `model ${seen.def.id} has no ${control.group} on this device`);
  if (intent.kind === 'release') return release(control, seen);
  const content = contentOf(intent);
  if (content === undefined) return refused('cannot-carry', `${control.mode} is no ${intent.kind}`);
  const slot = slotsFor(control, seen)[0];
  if (slot === undefined)
    return refused('cannot-carry', `model ${seen.def.id} has no slot that can be written`);
  const filled = fill(control, { content, slot }, seen);
  if (!filled.ok) return filled;
  const guards = guardsOf(control, { intent, slot }, seen);
  if (!guards.ok) return guards;
  const adopted = adopt(control, { slot, filled: filled.value }, seen);
  const on = switchOf(seen, { point: control.enable }, 'on');
  if (!adopted.ok) return adopted;
  if (!on.ok) return on;
  return ok([
    ...(filled.value.length === 0 ? [] : [{ writes: filled.value }]),
    ...guards.value,
    adopted.value,
    { writes: [on.value] },
  ]);
}

function release(control: SlotControl, seen: Seen): Plan {
  if (control.release === 'none')
    return refused('no-release', `${control.mode} has no off: another curve replaces it`);
  const off = switchOf(seen, { point: control.enable }, 'off');
  return off.ok ? ok([{ writes: [off.value] }]) : off;
}

function contentOf(intent: Intent): Content | undefined {
  if (intent.kind === 'settings') return { points: [], values: intent.settings.values };
  return intent.kind === 'curve' ? contentOfCurve(intent.curve) : undefined;
}

function contentOfCurve(curve: Curve): Content {
  const { points, reference, responseS, priority, vRefPct, autonomousVRefS } = curve;
  const named = Object.entries({ reference, responseS, priority, vRefPct, autonomousVRefS });
  return {
    points,
    values: Object.fromEntries(
      named.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
  };
}

/** Slots that this device has, whole ones only. */
export function slotCount({ group }: SlotControl, seen: Seen): number {
  return seen.placed.groups.get(group)?.length ?? 0;
}

/** The path of a slot, counted from 0. */
export function slotPath({ group }: SlotControl, slot: number): string {
  return `${group}[${slot}].`;
}

/** The slot in force, from 0: the mirror of 1547's models, or the one selected; `undefined`: none. */
export function slotInForce(control: SlotControl, seen: Seen): number | undefined {
  if (control.way.how === 'adopt') return 0;
  const active = valueAt(seen, control.way.active) ?? 0;
  return active >= 1 && active <= slotCount(control, seen) ? active - 1 : undefined;
}

/**
 * Slots that may be written, best first: not the one a reversion would fall back to, and not the one in force
 * unless there is no other; that one is then written in place, without switching it off.
 */
function slotsFor(control: SlotControl, seen: Seen): readonly number[] {
  const { way, reversion } = control;
  const inForce = slotInForce(control, seen);
  const fallBack = reversion === undefined ? undefined : (valueAt(seen, reversion.slot) ?? 0) - 1;
  const rank = (slot: number) => (slot === inForce ? 2 : slot === fallBack ? 1 : 0);
  return Array.from({ length: slotCount(control, seen) }, (_, slot) => slot)
    .filter(slot => way.how === 'select' || slot > 0)
    .filter(slot => valueAt(seen, `${slotPath(control, slot)}ReadOnly`) !== 1)
    .toSorted((a, b) => rank(a) - rank(b));
}

/** The writes that make a slot hold `content`, and for the rest what is in force; ascending addresses. */
function fill(
  control: SlotControl,
  { content, slot }: { readonly content: Content; readonly slot: number },
  seen: Seen,
): Result<readonly Write[], PlanRefusal> {
  const under = slotPath(control, slot);
  const points = pointPuts(control, { points: content.points, under }, seen);
  if (!points.ok) return points;
  const fields = putsOf(seen, control.fields, { values: content.values, under });
  if (!fields.ok) return fields;
  const missing = fields.value.find(put => rawAt(seen, put.point) === undefined);
  if (missing !== undefined)
    return refused('cannot-carry', `${seen.def.id}.${missing.point} is not implemented`);
  const named = writesOf(seen, [...points.value, ...fields.value]);
  if (!named.ok) return named;
  const copied = copies(control, { slot, but: new Set(named.value.map(write => write.address)) }, seen);
  return ok([...named.value, ...copied].toSorted((a, b) => a.address - b.address));
}

/** How many points are in use, and the points. */
function pointPuts(
  { points: where, mode }: SlotControl,
  { points, under }: { readonly points: Content['points']; readonly under: string },
  seen: Seen,
): Result<readonly Put[], PlanRefusal> {
  if (where === undefined) return ok([]);
  const inside = under + (where.inside === undefined ? '' : `${where.inside}.`);
  const room = roomFor(where, inside, seen);
  if (points.length > room)
    return refused('out-of-range', `${mode} of model ${seen.def.id} has room for ${room} points`);
  return ok([
    { point: `${inside}ActPt`, amount: plain(points.length) },
    ...points.flatMap(({ x, y }, at) => [
      { point: inside + pathOf(where, where.x, at), amount: setting(x) },
      { point: inside + pathOf(where, where.y, at), amount: setting(y) },
    ]),
  ]);
}

/** Where the coordinate `name` of the point `at`, from 0, stands in its group. */
export function pathOf({ form }: { readonly form: 'list' | 'numbered' }, name: string, at: number): string {
  return form === 'list' ? `Pt[${at}].${name}` : `${name}${at + 1}`;
}

/** Points that a slot has room for: as many as it has, and for the numbered ones as many as NPt admits. */
function roomFor(where: NonNullable<SlotControl['points']>, inside: string, seen: Seen): number {
  if (where.form === 'list') return groupAt(seen, inside.slice(0, -1))?.groups.get('Pt')?.length ?? 0;
  return valueAt(seen, 'NPt') ?? 0;
}

/** What is in force and not named by the order, where the slot holds something else. Names of curves are not. */
function copies(
  control: SlotControl,
  { slot, but }: { readonly slot: number; readonly but: ReadonlySet<number> },
  seen: Seen,
): readonly Write[] {
  const from = slotInForce(control, seen);
  if (from === undefined || from === slot) return [];
  const source = slotPath(control, from);
  const target = slotPath(control, slot);
  return pathsIn(seen, source).flatMap((path): readonly Write[] => {
    const [here, there] = [pointAt(seen, source + path), pointAt(seen, target + path)];
    if (here === undefined || there === undefined || rawAt(seen, source + path) === undefined) return [];
    if (there.def.access !== 'RW' || there.def.type === 'string') return [];
    const words = seen.words.slice(here.offset, here.offset + here.def.size).flatMap(word => word ?? []);
    const write = { address: seen.entry.address + there.offset, words };
    if (but.has(write.address) || isHeld(seen, write)) return [];
    return [{ ...write, point: `${seen.def.id}.${target}${path}`, role: 'order' }];
  });
}

/** Every point of a group and of the groups in it, as paths from there. */
function pathsIn(seen: Seen, under: string): readonly string[] {
  const group = groupAt(seen, under.slice(0, -1));
  if (group === undefined) return [];
  const inner = [...group.groups].flatMap(([name, instances]) =>
    instances.flatMap((_, at) => {
      const step = `${name}[${at}].`;
      return pathsIn(seen, under + step).map(path => step + path);
    }),
  );
  return [...group.points.keys(), ...inner];
}

/** The fall-back where one is wanted and there is a slot for it; otherwise no timer may run. */
function guardsOf(
  control: SlotControl,
  { intent, slot }: { readonly intent: Intent; readonly slot: number },
  seen: Seen,
): Result<readonly Phase[], PlanRefusal> {
  const { reversion } = control;
  const wanted = intent.kind === 'curve' ? intent.reversion : undefined;
  const spare = slotsFor(control, seen).find(each => each !== slot);
  const can =
    reversion !== undefined &&
    spare !== undefined &&
    [reversion.slot, reversion.timer].every(path => rawAt(seen, path) !== undefined);
  if (wanted === undefined || !can) {
    const quiet = quieted(seen, control.quiet);
    return quiet.ok ? ok(quiet.value.length === 0 ? [] : [{ writes: quiet.value }]) : quiet;
  }
  const filled = fill(control, { content: contentOfCurve(wanted.curve), slot: spare }, seen);
  if (!filled.ok) return filled;
  const timer = writesOf(
    seen,
    [
      { point: reversion.slot, amount: plain(spare + 1) },
      { point: reversion.timer, amount: plain(wanted.afterS) },
    ],
    'guard',
  );
  if (!timer.ok) return timer;
  const guard = filled.value.map((write): Write => ({ ...write, role: 'guard' }));
  return ok([{ writes: [...guard, ...timer.value] }]);
}

/** Asks for the slot. Where it is mirrored, the device says when it is done, and the mirror shows what it took. */
function adopt(
  control: SlotControl,
  { slot, filled }: { readonly slot: number; readonly filled: readonly Write[] },
  seen: Seen,
): Result<Phase, PlanRefusal> {
  const { way } = control;
  const number = plain(slot + 1);
  if (way.how === 'select') {
    const select = writeOf(seen, { point: way.active, amount: number });
    return select.ok ? ok({ writes: [select.value] }) : select;
  }
  const request = writeOf(seen, { point: way.request, amount: number });
  const result = pointAt(seen, way.result);
  if (!request.ok) return request;
  if (result === undefined) return refused('not-implemented', `model ${seen.def.id} has no ${way.result}`);
  const back = mirrorOffset(control, slot, seen);
  const mirror = filled.map(
    ({ point, address, words }): Check => ({
      point: point.replace(slotPath(control, slot), slotPath(control, 0)),
      address: address - back,
      words,
    }),
  );
  const done: Check = {
    point: `${seen.def.id}.${way.result}`,
    address: seen.entry.address + result.offset,
    words: [COMPLETED],
    pending: IN_PROGRESS,
  };
  return ok({ writes: [{ ...request.value, proof: 'by-check' }], checks: [done, ...mirror] });
}

/** AdptCrvRslt. */
const IN_PROGRESS = 0;
const COMPLETED = 1;

/** Slots follow each other at equal distances: registers from a slot back to the mirror. */
function mirrorOffset({ group }: SlotControl, slot: number, seen: Seen): number {
  const slots = seen.placed.groups.get(group) ?? [];
  const size = (slots[1]?.end ?? 0) - (slots[0]?.end ?? 0);
  return slot * size;
}
