/**
 * The steps of a profile's control as registers to write: each target found on the device, each number in the unit
 * and the words of its register. Models that a step writes to are read first, so that nothing is written to where a
 * model was. It writes nothing.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import type { Axis } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import { type ControlProfile, type PointProfile, registerOf, splitTarget } from '../profiles/mod.ts';
import { type ModelSet, type SunSpecDevice, describeFailure, isRefused, readOnce } from '../sunspec/mod.ts';
import { type Amount, plain, rawOf } from './amount.ts';
import type { AxisOrder } from './apply.ts';
import { ownAmount } from './own-amount.ts';
import { look, pointAt } from './seen.ts';
import { type Write, isHeld, writeOf } from './steps.ts';

type Step = ControlProfile['steps'][number];

/** Steps with the number they are about; of a release it is 0 and goes nowhere. */
export interface Wanted {
  readonly axis: Axis;
  readonly value: number;
  readonly reversion?: AxisOrder['reversion'];
  readonly steps: readonly Step[];
}

/** One register, or what adjoins, to be written by one request. */
export interface OwnStep {
  /** As the profile names it. */
  readonly name: string;
  readonly unit: number;
  readonly write: Write;
  readonly isReadable: boolean;
  /** Whether it held this before. */
  readonly isHeld: boolean;
}

export interface PlanParts {
  readonly control: ControlProfile;
  readonly points: Readonly<Record<string, PointProfile>>;
  readonly models: ModelSet;
  /** What is 100 % to the device, in W. */
  readonly base: number | undefined;
}

export type OwnPlanRefusal = 'silent' | 'cannot-carry';

/** All steps, or the first reason against one. Where the memory wears out, none for what is held already. */
export function* planSteps(
  device: SunSpecDevice,
  wanted: Wanted,
  parts: PlanParts,
): Conversation<Result<readonly OwnStep[], OwnPlanRefusal>> {
  const steps: OwnStep[] = [];
  for (const step of wanted.steps) {
    const planned = yield* planStep(device, { step, wanted }, parts);
    if (!planned.ok) return planned;
    const long = planned.value.write.words.length > 1;
    if (long && parts.control.functionCode === 6)
      return refused('cannot-carry', `${step.write} is longer than the one register this device takes`);
    steps.push(planned.value);
  }
  return ok(parts.control.storage === 'volatile' ? steps : spared(steps, parts.control));
}

/**
 * What is held already is not written again; the last step puts the others in force, so it goes with them. Where the
 * device forgets, it is the last step that reminds it, whatever is held.
 */
function spared(steps: readonly OwnStep[], { keepAlive }: ControlProfile): readonly OwnStep[] {
  const last = steps.at(-1);
  const needed = steps.filter(step => !step.isHeld);
  if (last === undefined || needed.includes(last)) return needed;
  return needed.length === 0 && keepAlive === undefined ? [] : [...needed, last];
}

interface Asked {
  readonly step: Step;
  readonly wanted: Wanted;
}

function* planStep(
  device: SunSpecDevice,
  asked: Asked,
  parts: PlanParts,
): Conversation<Result<OwnStep, OwnPlanRefusal>> {
  const { write: name } = asked.step;
  const [id, path] = splitTarget(name);
  if (id === undefined || path === undefined) return yield* planOwn(device, asked, parts);
  const seen = yield* look(device, { id: Number(id), models: parts.models, points: [path] });
  if (seen.kind === 'silent') return refused('silent', seen.why, 'later');
  if (seen.kind === 'no') return refused('cannot-carry', seen.why);
  const units = pointAt(seen.seen, path)?.def.units;
  const amount = amountOf(asked, { name, units, base: parts.base });
  if (!amount.ok) return amount;
  const write = writeOf(seen.seen, { point: path, amount: amount.value });
  if (!write.ok) return refused('cannot-carry', write.detail ?? write.refusal);
  return ok({
    name,
    unit: device.unit,
    write: write.value,
    isReadable: true,
    isHeld: isHeld(seen.seen, write.value),
  });
}

function* planOwn(
  device: SunSpecDevice,
  asked: Asked,
  { points, control, base }: PlanParts,
): Conversation<Result<OwnStep, OwnPlanRefusal>> {
  const { write: name } = asked.step;
  const point = points[name];
  const register = point && registerOf(point, device.unit);
  if (point === undefined || register === undefined) return refused('cannot-carry', `${name} is no register`);
  if (register.space !== 'holding') return refused('cannot-carry', `${name} is an input register`);
  const amount = amountOf(asked, { name, units: point.units, base });
  if (!amount.ok) return amount;
  const raw = rawOf(asMaker(amount.value, point), register.exponent);
  if (raw === undefined)
    return refused('cannot-carry', `${amount.value.value} is less than the step of ${name}`);
  const words = register.encode(raw);
  if (!words.ok) return refused('cannot-carry', `${name} cannot hold it: ${words.detail ?? ''}`);
  const { unit, address, isWriteOnly } = register;
  const write: Write = { point: name, address, words: words.value, role: 'order' };
  const its = { name, unit, write, isReadable: !isWriteOnly };
  if (isWriteOnly || control.storage === 'volatile') return ok({ ...its, isHeld: false });
  const held = yield* readOnce(unit, { from: address, to: address + words.value.length });
  if (!held.ok && !isRefused(held)) return refused('silent', describeFailure(held), 'later');
  return ok({ ...its, isHeld: held.ok && held.words.every((word, at) => word === words.value[at]) });
}

/** A point that the maker counts the other way round is so for what is written, too; 0 stays 0. */
function asMaker(amount: Amount, { negated }: PointProfile): Amount {
  return negated === true && amount.value !== 0 ? { ...amount, value: -amount.value } : amount;
}

/** The number of a step: its own, or the order's in the unit of the point. */
function amountOf(
  { step: { value: says }, wanted: { axis, value, reversion } }: Asked,
  taker: { readonly name: string; readonly units: string | undefined; readonly base: number | undefined },
): Result<Amount, 'cannot-carry'> {
  if (typeof says === 'number') return ok(plain(says));
  // Without one it is 0: the timer of an earlier order must not end this one.
  if (says === 'revert-after') return ok(plain(reversion?.afterS ?? 0));
  if (says === 'revert-to') return ownAmount(axis, reversion?.value ?? value, taker);
  const signed = { order: value, negated: -value, magnitude: Math.abs(value) }[says];
  return ownAmount(axis, signed, taker);
}
