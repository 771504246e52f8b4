/**
 * What a device holds on each axis it can be ordered on, in the unit of the axis: the setpoint where it is in force,
 * or that none is. Read seldom, in requests of its own, so that whoever ordered can see that somebody undid it.
 *
 * The inverse of an order: the same rows, the same powers of ten. Writes nothing; what cannot be read is left out.
 */
import type { Axis, Held, HeldOn } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import { type ModelSet, type SunSpecDevice, scaleOf } from '../sunspec/mod.ts';
import { type Abilities, carrierOf } from './axes.ts';
import { type ValueControl, valueControlsOf } from './controls.ts';
import { pointsNeeded } from './plan.ts';
import { type Seen, look, pointAt, rawAt, valueAt } from './seen.ts';
import { isOn } from './steps.ts';

/** What is needed beside the registers of an order. */
export interface HeldOptions {
  readonly models: ModelSet;
  /** What carries each axis out on this device. */
  readonly abilities: Abilities;
  /** 100 % of a power in percent, W; as a reading has it. */
  readonly wMaxW: number | undefined;
}

/** Connection and limit of power are read with every reading, from all models that have them. */
const READ_ALWAYS: readonly Axis[] = ['opModConnect', 'opModMaxLimW'];

/** The axes that are looked at here, with the row that carries each out. */
function heldRowsOf(device: SunSpecDevice, abilities: Abilities): readonly ValueControl[] {
  return valueControlsOf(device).filter(
    row => !READ_ALWAYS.includes(row.mode) && abilities.get(row.mode) === carrierOf(row),
  );
}

/** One or two requests a model. A model that cannot be read now says nothing. */
export function* readHeld(device: SunSpecDevice, options: HeldOptions): Conversation<Held> {
  const { models, abilities } = options;
  const rows = heldRowsOf(device, abilities);
  const held: Partial<Record<Axis, HeldOn>> = {};
  for (const id of new Set(rows.map(({ model }) => model))) {
    const own = rows.filter(({ model }) => model === id);
    const points = own.flatMap(row => pointsNeeded(row) ?? []);
    const found = yield* look(device, { id, models, points });
    if (found.kind !== 'seen') continue;
    for (const row of own) {
      const on = heldOn(row, found.seen, options.wMaxW);
      if (on !== undefined) held[row.mode] = on;
    }
  }
  return held;
}

/** `undefined`: it cannot be told, which is no news of anything. */
export function heldOn(row: ValueControl, seen: Seen, wMaxW?: number): HeldOn | undefined {
  const { enable, bits, meant = {}, values } = row;
  const needed = [...Object.keys(values), ...Object.keys(meant), ...(enable === undefined ? [] : [enable])];
  if (needed.some(path => rawAt(seen, path) === undefined)) return undefined;
  const isMeant = Object.entries(meant).every(([path, symbol]) => rawAt(seen, path) === symbol);
  if (!isMeant || (enable !== undefined && !isOn(seen, enable, bits))) return 'none';
  return row.base === undefined ? setpointIn(row, seen) : rateIn(row, seen, wMaxW);
}

/** One value, or the size of a power factor and beside it which way it lags. */
function setpointIn({ values }: ValueControl, seen: Seen): HeldOn | undefined {
  const [first, ...rest] = Object.entries(values);
  if (first === undefined) return undefined;
  const [path, say] = first;
  const exponent = exponentOf(seen, path);
  const raw = rawAt(seen, path);
  if (exponent === undefined || typeof raw !== 'number') return undefined;
  const { value: sign, decimals } = say(1);
  const beside = rest.map(([name, its]) => ({ is: rawAt(seen, name), negative: its(-1).value }));
  const isNegative = beside.some(({ is, negative }) => is === negative);
  const step = 10 ** (exponent + decimals);
  return { value: sign * raw * step * (isNegative ? -1 : 1), step: Math.abs(step) };
}

/**
 * Power pinned between the two rates of 124. Rates that leave a range pin nothing: whatever was ordered, this is not
 * it. The sign of an axis is that of its row's order of discharge.
 */
function rateIn({ mode }: ValueControl, seen: Seen, wMaxW: number | undefined): HeldOn | undefined {
  const [out, into] = [rawAt(seen, 'OutWRte'), rawAt(seen, 'InWRte')];
  const exponent = exponentOf(seen, 'OutWRte');
  const baseW = valueAt(seen, 'WChaMax');
  if (typeof out !== 'number' || typeof into !== 'number') return undefined;
  if (exponent === undefined || baseW === undefined) return undefined;
  if (out !== -into) return 'none';
  const stepW = (baseW * 10 ** exponent) / 100;
  const unit = unitOf(mode, wMaxW);
  return unit === undefined ? undefined : { value: out * stepW * unit, step: Math.abs(stepW * unit) };
}

/** What 1 W given out is in the unit of the axis. */
function unitOf(axis: Axis, wMaxW: number | undefined): number | undefined {
  if (axis === 'opModTargetW') return 1;
  if (axis === 'opModStorageTargetW') return -1;
  return wMaxW === undefined || wMaxW <= 0 ? undefined : 10_000 / wMaxW;
}

function exponentOf(seen: Seen, path: string): number | undefined {
  const point = pointAt(seen, path);
  if (point === undefined) return undefined;
  return point.scale === undefined ? 0 : scaleOf(point, seen.words);
}
