/**
 * An order carried out on a device: read what it holds, write, read back, and say how it went.
 *
 * Nothing is believed because a device acknowledged it. Each phase is read back before the next begins, so a
 * value that did not arrive is never put in force. A write without an answer is judged by what the register
 * holds afterwards; only where that cannot be read either is the outcome unknown.
 */
import { assert } from '../../base/assert.ts';
import {
  type Axis,
  type Evidence,
  type Intent,
  type Outcome,
  axisRow,
  curveFault,
  modeOf,
  settingsFault,
} from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import { type ModelSet, type SunSpecDevice, seamsOf } from '../sunspec/mod.ts';
import { type Control, controlsOf } from './controls.ts';
import { type Deviation, deviationOf } from './deviation.ts';
import { type Back, type Verdict, checked, verdictOf } from './judge.ts';
import { doubted, isolates, obeys } from './local-control.ts';
import { modelsBeside, planOf, pointsNeeded } from './plan.ts';
import { rivalsOf, withRivals } from './rivals.ts';
import { type Seen, look, readLong } from './seen.ts';
import type { Check, Phase, PlanRefusal } from './steps.ts';
import { type Done, type Door, MAX_WRITE, lengthOf, unitsOf, writePhase } from './write.ts';

/** What one axis of one device shall do. `value` in the unit of the axis; `undefined` releases it. */
export interface AxisOrder {
  readonly axis: Axis;
  readonly value: number | undefined;
  /** Fall back to `value` after `afterS` seconds, where the device can. */
  readonly reversion?: { readonly afterS: number; readonly value: number };
}

export interface ApplyResult {
  readonly outcome: Outcome;
  /** For a person; always there unless something was written and is implemented. */
  readonly why?: string;
  /** Every register written, or that should have been; of one written twice the last. */
  readonly evidence: readonly Evidence[];
  /** The order is repeated this often, or the device forgets it. Seconds. */
  readonly keepAliveS?: number;
  /** A register that holds its value is not enough on this device: what is to be watched, and how long. */
  readonly effect?: NonNullable<Deviation['effect']>;
  /** How long the device may take until a register shows what was written. SunSpec's 1000 ms unless told. */
  readonly recheckAfterMs?: number;
  /** Registers written to flash: what counts against the budget of the day. */
  readonly flashWrites?: number;
  /**
   * Where a write was acknowledged and its register holds another value as yet, or an adoption is in progress:
   * SunSpec gives a device 1000 ms to show what was written. Run it after that time; it reads back anew, goes
   * on where the order stopped, and its result replaces this one.
   */
  readonly recheck?: () => Conversation<ApplyResult>;
}

export interface ApplyOptions {
  /** How the product differs, from its profile. */
  readonly deviations?: readonly Deviation[];
  /** Most registers that the device takes in one write. What belongs together and is longer is refused. */
  readonly maxWrite?: number;
  /** Flash registers written today already for the mode at hand. 0 unless told. */
  readonly flashWritesToday?: number;
}

const HELD_ALREADY = 'the device holds it already; nothing was written';

/** Longest reversion a register of 32 bits can hold. */
const MAX_REVERSION_S = 0xffff_fffe;

export function* applyOrder(
  device: SunSpecDevice,
  { axis, value, reversion }: AxisOrder,
  models: ModelSet,
  options: ApplyOptions = {},
): Conversation<ApplyResult> {
  const fault = value === undefined && reversion !== undefined ? reversionFault(axis, reversion) : undefined;
  if (fault !== undefined) return no(fault);
  const intent: Intent =
    value === undefined
      ? { kind: 'release', mode: axis }
      : { kind: 'value', mode: axis, value, ...(reversion === undefined ? {} : { reversion }) };
  return yield* applyIntent(device, intent, models, options);
}

/** Carries `intent` out by the first model of `device` that can, all of it or nothing. */
export function* applyIntent(
  device: SunSpecDevice,
  intent: Intent,
  models: ModelSet,
  options: ApplyOptions = {},
): Conversation<ApplyResult> {
  const planned = yield* planIntent(device, intent, models, options);
  if ('outcome' in planned) return planned;
  const rivals = () => rivalsOf(device, intent, models);
  const before = yield* rivals();
  const result = yield* withRivals(yield* begin(planned, device), before, rivals);
  return planned.doubt === undefined ? result : doubted(result, planned.doubt);
}

/** What would be written, by which model, as it stands now; or why nothing would be. */
interface Planned {
  readonly phases: readonly Phase[];
  readonly seen: Seen;
  readonly deviation: Deviation | undefined;
  /** Why the device may not obey what its registers hold. */
  readonly doubt?: string;
}

/** Reads what a plan needs and makes it. Writes nothing. */
export function* planIntent(
  device: SunSpecDevice,
  intent: Intent,
  models: ModelSet,
  options: ApplyOptions = {},
): Conversation<Planned | ApplyResult> {
  const fault = intentFault(intent);
  if (fault !== undefined) return no(fault);
  const mode = modeOf(intent);
  let why = `no model of this device controls ${mode}`;
  for (const control of controlsOf(device, mode)) {
    const points = pointsNeeded(control);
    const found = yield* look(device, {
      id: control.model,
      models,
      ...(points === undefined ? {} : { points }),
    });
    if (found.kind === 'silent') return unknown(found.why);
    if (found.kind === 'no') {
      ({ why } = found);
      continue;
    }
    const { seen } = found;
    const whom = yield* obeys(device, models, control.model);
    if (whom.kind !== 'remote' && !(intent.kind === 'value' && isolates(intent.mode, intent.value)))
      return whom.kind === 'local' ? no(whom.why) : unknown(whom.why);
    const deviation = deviationOf(options.deviations ?? [], control);
    const beside = yield* lookBeside(device, control, models);
    if (beside.kind === 'silent') return unknown(beside.why);
    const plan = planOf(control, intent, { seen, beside: beside.seen }, deviation);
    const isWeighty = intent.kind === 'release' || (intent.kind === 'value' && outweighsWear(intent.value));
    const spent = plan.ok && !isWeighty ? budgetFault(plan.value, deviation, options) : undefined;
    if (spent !== undefined) return no(spent);
    const long = plan.ok ? longFault(plan.value, options) : undefined;
    if (long !== undefined) return no(long);
    if (plan.ok)
      return {
        phases: plan.value,
        seen,
        deviation,
        ...(whom.kind === 'remote' ? {} : { doubt: whom.why }),
      };
    why = plan.detail ?? plan.refusal;
    if (!mayTryNext(plan.refusal, control)) break;
  }
  return no(why);
}

/** The other models that the plan depends on, as far as the device has them and can be read. */
function* lookBeside(
  device: SunSpecDevice,
  control: Control,
  models: ModelSet,
): Conversation<
  | { readonly kind: 'seen'; readonly seen: readonly Seen[] }
  | { readonly kind: 'silent'; readonly why: string }
> {
  const seen: Seen[] = [];
  for (const [id, points] of Object.entries(modelsBeside(control))) {
    const found = yield* look(device, { id: Number(id), models, points });
    if (found.kind === 'silent') return found;
    if (found.kind === 'seen') seen.push(found.seen);
  }
  return { kind: 'seen', seen };
}

function no(why: string): ApplyResult {
  return { outcome: 'refused', why: `${why}; nothing was written`, evidence: [] };
}

function unknown(why: string): ApplyResult {
  return { outcome: 'unknown', why: `${why}; nothing was written`, evidence: [] };
}

/** What can be released must be released where it was ordered: no other model is tried for it. */
function mayTryNext(refusal: PlanRefusal, control: Control): boolean {
  if (refusal === 'not-implemented') return true;
  const setsOnly = control.kind === 'settings' && control.enable === undefined;
  return setsOnly && (refusal === 'too-coarse' || refusal === 'cannot-carry');
}

function intentFault(intent: Intent): string | undefined {
  if (intent.kind === 'settings') return settingsFault(intent.settings);
  if (intent.kind === 'release') return undefined;
  const { reversion } = intent;
  if (intent.kind === 'value')
    return (
      valueFault(intent.mode, intent.value) ??
      (reversion === undefined ? undefined : reversionFault(intent.mode, intent.reversion))
    );
  const other = intent.reversion?.curve;
  return (
    curveFault(intent.curve) ??
    (other === undefined ? undefined : curveFault(other)) ??
    (other === undefined || other.mode === intent.curve.mode
      ? undefined
      : `a reversion from ${intent.curve.mode} to ${other.mode} is none`) ??
    (intent.reversion === undefined ? undefined : timerFault(intent.reversion.afterS))
  );
}

function valueFault(axis: Axis, value: number): string | undefined {
  const { min, max } = axisRow(axis);
  const fits = Number.isInteger(value) && value >= min && value <= max;
  return fits ? undefined : `${value} is no value of ${axis}`;
}

/** Why it is none; `undefined` where it is one, or there is none. */
export function reversionFault(axis: Axis, reversion: AxisOrder['reversion']): string | undefined {
  if (reversion === undefined) return undefined;
  return valueFault(axis, reversion.value) ?? timerFault(reversion.afterS);
}

function timerFault(afterS: number): string | undefined {
  const fits = Number.isInteger(afterS) && afterS > 0 && afterS <= MAX_REVERSION_S;
  return fits ? undefined : `${afterS} s is no reversion`;
}

/**
 * What takes all power off, and what gives it back (`undefined`: a release), is never refused to spare a memory: a
 * house that stays on the grid against an isolation, or limited for the rest of the day, is worse than a worn register.
 */
export function outweighsWear(value: number | undefined): boolean {
  return value === undefined || value === 0;
}

function budgetFault(
  phases: readonly Phase[],
  deviation: Deviation | undefined,
  { flashWritesToday = 0 }: ApplyOptions,
): string | undefined {
  const most = deviation?.writeBudget?.perDay;
  const wanted = wordsOf(phases);
  if (most === undefined || flashWritesToday + wanted <= most) return undefined;
  return `${wanted} registers of flash on top of ${flashWritesToday} exceed the ${most} of a day`;
}

/** A guard that is too long is told of, like any that fails; an order is not begun. */
function longFault(phases: readonly Phase[], { maxWrite = MAX_WRITE }: ApplyOptions): string | undefined {
  const units = phases.flatMap(({ writes }) => unitsOf(writes));
  const long = units.find(unit => lengthOf(unit) > maxWrite && unit.some(({ role }) => role === 'order'));
  if (long === undefined) return undefined;
  const points = long.map(({ point }) => point).join(' and ');
  return `${points}: ${lengthOf(long)} registers that belong together, and this device takes ${maxWrite} in one write`;
}

function wordsOf(phases: readonly Phase[]): number {
  return phases.flatMap(phase => phase.writes.flatMap(write => write.words)).length;
}

interface Work {
  readonly door: Door;
  readonly seen: Seen;
  readonly deviation: Deviation | undefined;
  /** Still to be written. */
  readonly phases: readonly Phase[];
  readonly written: readonly Done[];
  /** Of the phases written so far. */
  readonly checks: readonly Check[];
}

function* begin({ phases, seen, deviation }: Planned, { unit }: SunSpecDevice): Conversation<ApplyResult> {
  const told = toldBy(phases, deviation);
  if (phases.length === 0) return withTold({ outcome: 'implemented', why: HELD_ALREADY, evidence: [] }, told);
  const { functionCode } = deviation ?? {};
  const door = { unit, ...(functionCode === undefined ? {} : { functionCode }) };
  const result = yield* carryOut({ door, seen, deviation, phases, written: [], checks: [] });
  return withTold(result, told);
}

/** What the result says beside the outcome. */
type Told = Pick<ApplyResult, 'keepAliveS' | 'effect' | 'flashWrites' | 'recheckAfterMs'>;

function toldBy(phases: readonly Phase[], deviation: Deviation | undefined): Told {
  return {
    ...(deviation?.keepAliveS === undefined ? {} : { keepAliveS: deviation.keepAliveS }),
    ...(deviation?.effect === undefined ? {} : { effect: deviation.effect }),
    ...(deviation?.shownAfterMs === undefined ? {} : { recheckAfterMs: deviation.shownAfterMs }),
    ...(deviation?.storage === 'flash' ? { flashWrites: wordsOf(phases) } : {}),
  };
}

function withTold(result: ApplyResult, told: Told): ApplyResult {
  const { recheck } = result;
  if (recheck === undefined) return { ...result, ...told };
  return {
    ...result,
    ...told,
    *recheck() {
      return withTold(yield* recheck(), told);
    },
  };
}

function* carryOut(work: Work): Conversation<ApplyResult> {
  const [phase, ...later] = work.phases;
  assert(phase !== undefined, 'a plan has a phase');
  const done = yield* writePhase(work.door, phase.writes);
  const again = new Set(done.map(each => each.address));
  return yield* judge({
    ...work,
    phases: later,
    written: [...work.written.filter(each => !again.has(each.address)), ...done],
    checks: [...work.checks, ...(phase.checks ?? [])],
  });
}

/** Reads back everything written so far, and either ends or goes on to the next phase. */
function* judge(work: Work): Conversation<ApplyResult> {
  const { written, checks, deviation, phases } = work;
  const back = yield* readBack(work);
  const readable = deviation?.verify !== 'none';
  const verdicts = [
    ...written.map(done => verdictOf(done, back, readable ? 'read-back' : 'blind')),
    ...checked(checks, back),
  ];
  const stopped = verdicts.find(verdict => verdict.role === 'order' && stops(verdict, readable));
  if (stopped === undefined && phases.length > 0) return yield* carryOut(work);
  const result = resultOf(verdicts, deviation);
  const isFinal = verdicts.some(
    ({ role, outcome, late }) => role === 'order' && outcome === 'refused' && !late,
  );
  const mayChange = !isFinal && verdicts.some(verdict => verdict.late);
  return mayChange ? { ...result, recheck: () => judge(work) } : result;
}

/** Where nothing can be read back, only a refusal stops an order. */
function stops({ outcome }: Verdict, readable: boolean): boolean {
  return readable ? outcome !== 'implemented' : outcome === 'refused';
}

function resultOf(verdicts: readonly Verdict[], deviation: Deviation | undefined): ApplyResult {
  const evidence = verdicts.flatMap(verdict => verdict.evidence ?? []);
  const worst =
    verdicts.find(verdict => verdict.outcome === 'refused') ??
    verdicts.find(verdict => verdict.outcome === 'unknown');
  if (worst === undefined) return { outcome: 'implemented', evidence };
  const hint = worst.outcome === 'refused' ? deviation?.preconditions : undefined;
  const why = hint === undefined ? worst.why : `${worst.why}; ${hint}`;
  return { outcome: worst.outcome, why, evidence };
}

/** From the first register written or checked to the last; unreadable words stay unknown. */
function* readBack({ door, seen, written, checks }: Work): Conversation<Back> {
  const spans = [...written, ...checks];
  const from = Math.min(...spans.map(each => each.address));
  const to = Math.max(...spans.map(each => each.address + each.words.length));
  const seams = seamsOf(seen.def, seen.entry, seen.words);
  const reply = yield* readLong(door.unit, { from, to }, () => seams);
  if (!reply.ok) return reply;
  return new Map(reply.words.flatMap((word, at) => (word === undefined ? [] : [[from + at, word] as const])));
}
