/**
 * What a plan is made of: registers to be written, in phases, each phase read back before the next begins.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import { encodeRaw, scaleOf } from '../sunspec/mod.ts';
import { type Amount, plain, rawOf } from './amount.ts';
import { type Seen, pointAt, rawAt } from './seen.ts';

/** One point to be written. */
export interface Write {
  /** `704.WMaxLimPct`, `705.Crv[1].Pt[0].V`. */
  readonly point: string;
  readonly address: number;
  readonly words: readonly number[];
  /** The order itself, or what guards it: a guard that fails is reported but does not stop the order. */
  readonly role: 'order' | 'guard';
  /** Writes of one name go in one request or not at all: a power factor without its excitation is another one. */
  readonly atomic?: string;
  /** `by-check`: the register is a request that need not hold its value; a check of the phase tells. */
  readonly proof?: 'read-back' | 'by-check';
}

/** A register that must come to hold `words` before the phase is done. */
export interface Check {
  readonly point: string;
  readonly address: number;
  readonly words: readonly number[];
  /** What it holds while the device is still at it. */
  readonly pending?: number;
}

/** Written in this order; adjoining registers share a request. Then read back, and checked. */
export interface Phase {
  readonly writes: readonly Write[];
  readonly checks?: readonly Check[];
}

/**
 * `not-implemented`: the device leaves out a point without which nothing of the order can be carried; the next
 * model is tried. `too-coarse`: its step is larger than the value. `out-of-range`: it cannot hold the value.
 * `cannot-carry`: it has no place for a part of the order. `no-release`: what was ordered has no off.
 * `budget-spent`: the flash has been written as often as it may today. `no-base`: its unit is a percentage, and
 * of what is not known.
 */
export type PlanRefusal =
  | 'not-implemented'
  | 'too-coarse'
  | 'out-of-range'
  | 'cannot-carry'
  | 'no-release'
  | 'budget-spent'
  | 'no-base';

export type Plan = Result<readonly Phase[], PlanRefusal>;

export interface Put {
  readonly point: string;
  readonly amount: Amount;
}

/** The write that puts `amount` into a point. */
export function writeOf(
  seen: Seen,
  { point: path, amount }: Put,
  role: Write['role'] = 'order',
): Result<Write, PlanRefusal> {
  const name = `${seen.def.id}.${path}`;
  const point = pointAt(seen, path);
  if (point === undefined) return refused('not-implemented', `this device has no ${name}`);
  if (point.def.access !== 'RW') return refused('cannot-carry', `${name} is read-only`);
  const exponent = point.scale === undefined ? 0 : scaleOf(point, seen.words);
  if (exponent === undefined)
    return refused('not-implemented', `the scale factor of ${name} is not implemented`);
  const raw = rawOf(amount, exponent);
  if (raw === undefined) return refused('too-coarse', `${amount.value} is less than the step of ${name}`);
  const words = encodeRaw(point.def, raw);
  if (!words.ok) return refused('out-of-range', `${name} cannot hold it: ${words.detail ?? ''}`);
  return ok({ point: name, address: seen.entry.address + point.offset, words: words.value, role });
}

/** All of them, or the first refusal. */
export function writesOf(
  seen: Seen,
  puts: readonly Put[],
  role: Write['role'] = 'order',
): Result<readonly Write[], PlanRefusal> {
  const writes: Write[] = [];
  for (const put of puts) {
    const write = writeOf(seen, put, role);
    if (!write.ok) return write;
    writes.push(write.value);
  }
  return ok(writes);
}

/** Switches a mode: an enum is 1 or 0; of a bit field only `bits`, the others stay as they are. */
export function switchOf(
  seen: Seen,
  { point, bits = 1 }: { readonly point: string; readonly bits?: number },
  to: 'on' | 'off',
): Result<Write, PlanRefusal> {
  const held = rawAt(seen, point);
  const others = isBitField(seen, point) && typeof held === 'number' ? held & ~bits : 0;
  return writeOf(seen, { point, amount: plain(others | (to === 'on' ? bits : 0)) });
}

export function isOn(seen: Seen, point: string, bits = 1): boolean {
  const held = rawAt(seen, point);
  if (typeof held !== 'number') return false;
  return isBitField(seen, point) ? (held & bits) === bits : held === 1;
}

function isBitField(seen: Seen, point: string): boolean {
  return pointAt(seen, point)?.def.type.startsWith('bitfield') === true;
}

/** Writes of 0 to those timers that are implemented and hold anything else. */
export function quieted(seen: Seen, timers: readonly string[]): Result<readonly Write[], PlanRefusal> {
  const running = timers.filter(path => {
    const held = rawAt(seen, path);
    return held !== undefined && held !== 0;
  });
  return writesOf(
    seen,
    running.map(point => ({ point, amount: plain(0) })),
    'guard',
  );
}

/** Whether a register held these words when it was last looked at. */
export function isHeld(seen: Seen, { address, words }: Pick<Write, 'address' | 'words'>): boolean {
  const offset = address - seen.entry.address;
  return words.every((word, at) => seen.words[offset + at] === word);
}
