/**
 * An order carried out step by step as a device's profile says: registers of the maker's own table, an unlock code
 * before them, a command behind them, a percentage of something else than WMax.
 *
 * All of it is planned before any of it is written. Each step is read back before the next is made, as far as it can
 * be read; where the profile judges by effect, what a register holds decides nothing. Nothing here knows a maker.
 */
import { type Axis, axisRow } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import { type ControlProfile, type PointProfile, ownPointsOf, readOwn } from '../profiles/mod.ts';
import { type ModelSet, type SunSpecDevice, readOnce } from '../sunspec/mod.ts';
import { type ApplyResult, type AxisOrder, outweighsWear, reversionFault } from './apply.ts';
import { effectOf, hintOf } from './from-profile.ts';
import { type Back, type Verdict, verdictOf } from './judge.ts';
import { doubted, isolates, obeys } from './local-control.ts';
import { type OwnStep, type Wanted, planSteps } from './own-plan.ts';
import { type Done, writePhase } from './write.ts';

/** What is carried out by whom. */
export interface ByProfile {
  readonly control: ControlProfile;
  /** Those of the same profile. */
  readonly points: Readonly<Record<string, PointProfile>>;
  readonly models: ModelSet;
  /** Flash registers written today already for the axis. 0 unless told. */
  readonly flashWritesToday?: number;
}

/** The controls of a profile that name the axis they carry. */
export function controlsByAxis(
  controls: Readonly<Record<string, ControlProfile>>,
): ReadonlyMap<Axis, ControlProfile> {
  return new Map(
    Object.values(controls).flatMap(control =>
      control.carries === undefined ? [] : [[control.carries, control] as const],
    ),
  );
}

export function* applyByProfile(
  device: SunSpecDevice,
  order: AxisOrder,
  by: ByProfile,
): Conversation<ApplyResult> {
  const whom = yield* obeys(device, by.models);
  if (whom.kind === 'remote') return yield* bySteps(device, order, by);
  if (isolates(order.axis, order.value)) return doubted(yield* bySteps(device, order, by), whom.why);
  return whom.kind === 'local'
    ? no(whom.why)
    : { outcome: 'unknown', why: `${whom.why}; nothing was written`, evidence: [] };
}

function* bySteps(device: SunSpecDevice, order: AxisOrder, by: ByProfile): Conversation<ApplyResult> {
  const { control } = by;
  const wanted = wantedOf(order, control);
  if (typeof wanted === 'string') return no(wanted);
  const base = yield* baseOf(device, by);
  if (base.kind === 'silent')
    return { outcome: 'unknown', why: `${base.why}; nothing was written`, evidence: [] };
  if (base.kind === 'unknown') return no(base.why);
  const plan = yield* planSteps(device, wanted, { ...by, base: base.value });
  if (!plan.ok)
    return plan.refusal === 'silent'
      ? { outcome: 'unknown', why: `${plan.detail ?? 'no answer'}; nothing was written`, evidence: [] }
      : no(plan.detail ?? plan.refusal);
  const steps = plan.value;
  if (steps.length === 0) return { ...HELD_ALREADY, ...told(control, 0) };
  const words = steps.reduce((sum, { write }) => sum + write.words.length, 0);
  const spent = outweighsWear(order.value) ? undefined : budgetFault(words, by);
  if (spent !== undefined) return no(spent);
  return yield* carryOn({ control, left: steps, verdicts: [], words });
}

const HELD_ALREADY = {
  outcome: 'implemented',
  why: 'the device holds it already; nothing was written',
  evidence: [],
} as const;

function no(why: string): ApplyResult {
  return { outcome: 'refused', why: `${why}; nothing was written`, evidence: [] };
}

/** The steps of the profile that are meant, or why there are none. */
function wantedOf({ axis, value, reversion }: AxisOrder, control: ControlProfile): Wanted | string {
  if (value === undefined) {
    if ('expiresAfterS' in control.release)
      return `nothing ends it but time, ${control.release.expiresAfterS} s after the last order`;
    return { axis, value: 0, steps: control.release.steps };
  }
  const { min, max } = axisRow(axis);
  if (!Number.isInteger(value) || value < min || value > max) return `${value} is no value of ${axis}`;
  const fault = reversionFault(axis, reversion);
  if (fault !== undefined) return fault;
  const sign = value > 0 ? 'positive' : value < 0 ? 'negative' : 'zero';
  const steps = control.steps.filter(
    ({ when = sign, value: says }) => when === sign && (says !== 'revert-to' || reversion !== undefined),
  );
  // The number must go somewhere, or the sign alone be what a step is for; a switch is carried by numbers alone.
  const isSaid = steps.some(
    step => ['order', 'negated', 'magnitude'].includes(String(step.value)) || step.when !== undefined,
  );
  if (!isSaid && axisRow(axis).unit !== 'switch')
    return `the profile has no way to order ${value} of ${axis}`;
  return { axis, value, steps, ...(reversion === undefined ? {} : { reversion }) };
}

type Base =
  | { readonly kind: 'known'; readonly value: number | undefined }
  | { readonly kind: 'unknown'; readonly why: string }
  | { readonly kind: 'silent'; readonly why: string };

/** What is 100 % to the device, as it says now. */
function* baseOf(device: SunSpecDevice, { control, points, models }: ByProfile): Conversation<Base> {
  const { percentOf } = control;
  if (percentOf === undefined) return { kind: 'known', value: undefined };
  const point = points[percentOf] ?? { from: [{ sunspec: percentOf }] };
  const own = ownPointsOf({ [percentOf]: point }, device, models);
  const read = yield* readOwn(own);
  if (!read.ok) return { kind: 'silent', why: `${read.detail ?? 'no answer'} reading ${percentOf}` };
  const value = read.value.values.get(percentOf);
  if (typeof value === 'number' && value > 0) return { kind: 'known', value };
  return { kind: 'unknown', why: `${percentOf}, which is 100 % to the device, is not known` };
}

function budgetFault(words: number, { control, flashWritesToday = 0 }: ByProfile): string | undefined {
  if (control.storage === 'volatile') return undefined;
  const { writesPerDay } = control.storage.flash;
  if (flashWritesToday + words <= writesPerDay) return undefined;
  return `${words} registers of flash on top of ${flashWritesToday} exceed the ${writesPerDay} of a day`;
}

interface Work {
  readonly control: ControlProfile;
  readonly left: readonly OwnStep[];
  readonly verdicts: readonly Verdict[];
  readonly words: number;
}

function* carryOn(work: Work): Conversation<ApplyResult> {
  const [step, ...left] = work.left;
  if (step === undefined) return resultOf(work);
  const { functionCode } = work.control;
  const door = { unit: step.unit, ...(functionCode === undefined ? {} : { functionCode }) };
  const [done] = yield* writePhase(door, [step.write]);
  if (done === undefined) return resultOf(work);
  return yield* look({ ...work, left }, step, done);
}

/** What the register holds now, and then the next step, or the end. */
function* look(work: Work, step: OwnStep, done: Done): Conversation<ApplyResult> {
  const verdict = yield* verdictOn(work.control, step, done);
  const after = { ...work, verdicts: [...work.verdicts, verdict] };
  if (verdict.outcome === 'refused' && verdict.late)
    return { ...resultOf(after), recheck: () => look(work, step, done) };
  // What was not taken, and what may not have been, is not built upon.
  const isBroken =
    verdict.outcome === 'refused' || (verdict.outcome === 'unknown' && step.isReadable && !done.reply.ok);
  return isBroken ? resultOf(after) : yield* carryOn(after);
}

function* verdictOn({ verify }: ControlProfile, step: OwnStep, done: Done): Conversation<Verdict> {
  if (verify.by === 'none' || !step.isReadable) {
    const blind = verdictOf(done, new Map(), 'blind');
    // A code that opens a lock leaves no trace, and need not: what it opened is looked at.
    const isAside = verify.by !== 'none' && step.name !== verify.point && blind.outcome === 'unknown';
    return isAside ? { ...blind, outcome: 'implemented', why: '' } : blind;
  }
  const verdict = verdictOf(done, yield* readBack(step), 'read-back');
  const undecided = verify.by === 'effect' && verdict.outcome === 'refused' && done.reply.ok;
  return undecided ? { ...verdict, outcome: 'unknown', late: false } : verdict;
}

function* readBack({ unit, write }: OwnStep): Conversation<Back> {
  const { address, words } = write;
  const reply = yield* readOnce(unit, { from: address, to: address + words.length });
  return reply.ok ? new Map(reply.words.map((word, at) => [address + at, word])) : reply;
}

function resultOf({ control, verdicts, words, left }: Work): ApplyResult {
  const evidence = verdicts.flatMap(verdict => verdict.evidence ?? []);
  const worst =
    verdicts.find(({ outcome }) => outcome === 'refused') ??
    verdicts.find(({ outcome }) => outcome === 'unknown');
  const more = told(control, words);
  if (worst === undefined) return { outcome: 'implemented', evidence, ...more };
  const notWritten = left.length === 0 ? [] : [`not written: ${left.map(({ name }) => name).join(', ')}`];
  const hint = worst.outcome === 'refused' ? hintOf(control) : undefined;
  return {
    outcome: worst.outcome,
    why: [worst.why, ...notWritten, ...(hint === undefined ? [] : [hint])].join('; '),
    evidence,
    ...more,
  };
}

function told(
  control: ControlProfile,
  words: number,
): Pick<ApplyResult, 'keepAliveS' | 'flashWrites' | 'effect' | 'recheckAfterMs'> {
  const { keepAlive, storage, verify } = control;
  const effect = effectOf(control);
  return {
    ...(keepAlive === undefined ? {} : { keepAliveS: keepAlive.everyS }),
    ...(storage === 'volatile' ? {} : { flashWrites: words }),
    ...(effect === undefined ? {} : { effect }),
    ...(verify.by === 'read-back' ? { recheckAfterMs: verify.withinMs } : {}),
  };
}
