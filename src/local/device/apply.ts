/**
 * An order carried out on a device: read what it holds, write, read back, and say how it went.
 *
 * Nothing is believed because a device acknowledged it. Each phase is read back before the next begins, so a
 * value that did not arrive is never put in force. A write without an answer is judged by what the register
 * holds afterwards; only where that cannot be read either is the outcome unknown.
 */
import { assert } from '../../base/assert.ts';
import { type Axis, type Evidence, type Outcome, axisRow } from '../../model/mod.ts';
import type { Conversation, ModbusReply } from '../bus/conversation.ts';
import {
  type ModelDef,
  type ModelEntry,
  type ModelSet,
  type ReadFailure,
  type SunSpecDevice,
  type Words,
  describeFailure,
  ownPoints,
  readAround,
  seamsOf,
} from '../sunspec/mod.ts';
import { type Control, controlsOf } from './controls.ts';
import { type Phase, type Seen, type Wanted, type Write, planOf, wordsNeeded } from './plan.ts';

/** What one axis of one device shall do. `value` in the unit of the axis; `undefined` releases it. */
export interface AxisOrder extends Wanted {
  readonly axis: Axis;
}

export interface ApplyResult {
  readonly outcome: Outcome;
  /** For a person; always there unless implemented. */
  readonly why?: string;
  /** Every register written, or that should have been. */
  readonly evidence: readonly Evidence[];
  /**
   * With `refused`, where a write was acknowledged and its register holds another value as yet: SunSpec gives
   * a device 1000 ms to show what was written. Run it after that time; it reads back anew, goes on where the
   * order stopped, and its result replaces this one.
   */
  readonly recheck?: () => Conversation<ApplyResult>;
}

/** Longest reversion a register of 32 bits can hold. */
const MAX_REVERSION_S = 0xffff_fffe;

export function* applyOrder(
  device: SunSpecDevice,
  order: AxisOrder,
  models: ModelSet,
): Conversation<ApplyResult> {
  const fault = faultOf(order);
  if (fault !== undefined) return no(fault);
  let why = `no model of this device controls ${order.axis}`;
  for (const control of controlsOf(device, order.axis)) {
    const seen = yield* look(device, control, models);
    if (seen.kind === 'silent')
      return { outcome: 'unknown', why: `${seen.why}; nothing was written`, evidence: [] };
    if (seen.kind === 'no') {
      ({ why } = seen);
      continue;
    }
    const plan = planOf(control, order, seen.seen);
    if (plan.ok)
      return yield* carryOut({ unit: device.unit, seen: seen.seen, phases: plan.value, written: [] });
    why = plan.detail ?? plan.refusal;
    if (plan.refusal === 'out-of-range') break;
  }
  return no(`${why}; nothing was written`);
}

function no(why: string): ApplyResult {
  return { outcome: 'refused', why, evidence: [] };
}

function faultOf({ axis, value, reversion }: AxisOrder): string | undefined {
  const { min, max } = axisRow(axis);
  const fits = (n: number) => Number.isInteger(n) && n >= min && n <= max;
  if (value !== undefined && !fits(value)) return `${value} is no value of ${axis}`;
  if (reversion === undefined) return undefined;
  const { afterS } = reversion;
  if (!fits(reversion.value)) return `${reversion.value} is no value of ${axis}`;
  return Number.isInteger(afterS) && afterS > 0 && afterS <= MAX_REVERSION_S
    ? undefined
    : `${afterS} s is no reversion`;
}

type Look =
  | { readonly kind: 'seen'; readonly seen: Seen }
  /** This model cannot be used. */
  | { readonly kind: 'no'; readonly why: string }
  | { readonly kind: 'silent'; readonly why: string };

/** Reads the model from its ID on: a map that has moved must not be written to. */
function* look(device: SunSpecDevice, control: Control, models: ModelSet): Conversation<Look> {
  const entry = device.models.find(each => each.id === control.model);
  const def = models.get(control.model);
  if (entry === undefined || def === undefined)
    return { kind: 'no', why: `model ${control.model} is not known` };
  const words = yield* readModel(device.unit, { def, entry }, wordsNeeded(def, control));
  if (!words.ok) return { kind: 'silent', why: `${describeFailure(words)} while reading model ${def.id}` };
  const [id, length] = words.words;
  if (id !== entry.id || length !== (entry.claims ?? entry.length))
    return { kind: 'no', why: `model ${entry.id} is no longer at ${entry.address}` };
  return { kind: 'seen', seen: { def, entry, points: ownPoints(def), words: words.words } };
}

function* readModel(
  unit: number,
  { def, entry }: { def: ModelDef; entry: ModelEntry },
  words: number,
): Conversation<{ readonly ok: true; readonly words: Words } | ReadFailure> {
  const to = entry.address + Math.min(words, entry.length + 2);
  return yield* readAround(unit, { from: entry.address, to }, () => seamsOf(def, entry));
}

interface Work {
  readonly unit: number;
  readonly seen: Seen;
  /** Still to be written. */
  readonly phases: readonly Phase[];
  readonly written: readonly Done[];
}

/** A write that was made, and what the device answered. */
interface Done extends Write {
  readonly reply: ModbusReply;
}

function* carryOut(work: Work): Conversation<ApplyResult> {
  const [phase, ...later] = work.phases;
  assert(phase !== undefined, 'a plan has a phase');
  const done = yield* writePhase(work.unit, phase);
  return yield* judge({ ...work, phases: later, written: [...work.written, ...done] });
}

/** Reads back everything written so far, and either ends or goes on to the next phase. */
function* judge(work: Work): Conversation<ApplyResult> {
  const back = yield* readBack(work);
  const verdicts = work.written.map(done => verdictOf(done, back));
  const evidence = verdicts.map(verdict => verdict.evidence);
  const stopped = verdicts.find(verdict => verdict.role === 'order' && verdict.outcome !== 'implemented');
  if (stopped === undefined && work.phases.length > 0) return yield* carryOut(work);
  const worst =
    verdicts.find(verdict => verdict.outcome === 'refused') ??
    verdicts.find(verdict => verdict.outcome === 'unknown');
  if (worst === undefined) return { outcome: 'implemented', evidence };
  const late = verdicts.some(verdict => verdict.late);
  const result = { outcome: worst.outcome, why: worst.why, evidence };
  return late ? { ...result, recheck: () => judge(work) } : result;
}

/** The span from the first register written to the last; unreadable words stay unknown. */
function* readBack({ unit, seen, written }: Work): Conversation<Map<number, number> | ReadFailure> {
  const from = Math.min(...written.map(done => done.address));
  const to = Math.max(...written.map(done => done.address + done.words.length));
  const reply = yield* readAround(unit, { from, to }, () => seamsOf(seen.def, seen.entry));
  if (!reply.ok) return reply;
  return new Map(reply.words.flatMap((word, at) => (word === undefined ? [] : [[from + at, word] as const])));
}

interface Verdict {
  readonly role: Write['role'];
  readonly outcome: Outcome;
  readonly why: string;
  /** Acknowledged, but holds another value: it may only be late. */
  readonly late: boolean;
  readonly evidence: Evidence;
}

function verdictOf(done: Done, back: Map<number, number> | ReadFailure): Verdict {
  const { point, address, words, role, reply } = done;
  const held = back instanceof Map ? words.flatMap((_, at) => back.get(address + at) ?? []) : [];
  const isRead = held.length === words.length;
  const evidence = { point, address, wrote: words, ...(isRead ? { readBack: held } : {}) };
  const verdict = (outcome: Outcome, why: string, late = false) => ({ role, outcome, why, late, evidence });
  if (!reply.ok && reply.refusal === 'exception')
    return verdict(
      'refused',
      `${describeFailure(reply)} writing ${point}${isRead ? `; it holds ${held.join(' ')}` : ''}`,
    );
  if (!isRead) {
    const cause = back instanceof Map ? 'it cannot be read' : describeFailure(back);
    return verdict('unknown', `${point} was not read back: ${cause}`);
  }
  if (held.every((word, at) => word === words[at])) return verdict('implemented', '');
  const silence = reply.ok ? '' : `; ${describeFailure(reply)} to the write`;
  return verdict('refused', `${point} holds ${held.join(' ')}, not ${words.join(' ')}${silence}`, reply.ok);
}

/**
 * One request where the registers adjoin. A device that refuses the block is asked point by point, guards
 * first: a guard it refuses ends the guards, so that no timer starts towards a value that was not taken.
 */
function* writePhase(unit: number, phase: Phase): Conversation<readonly Done[]> {
  const done: Done[] = [];
  for (const block of blocksOf(phase)) {
    const reply = yield* writeWords(unit, block);
    if (block.length > 1 && !reply.ok && reply.refusal === 'exception')
      done.push(...(yield* writeSingly(unit, block)));
    else done.push(...block.map(write => ({ ...write, reply })));
  }
  return done;
}

function* writeSingly(unit: number, block: Phase): Conversation<readonly Done[]> {
  const done: Done[] = [];
  let refusal: ModbusReply | undefined;
  for (const write of [
    ...block.filter(each => each.role === 'guard'),
    ...block.filter(each => each.role === 'order'),
  ]) {
    const reply =
      write.role === 'guard' && refusal !== undefined ? refusal : yield* writeWords(unit, [write]);
    if (write.role === 'guard' && !reply.ok) refusal = reply;
    done.push({ ...write, reply });
  }
  return done;
}

/** SunSpec since 2024: FC 6 for one register. Some devices know only the other function: exception 1 says so. */
function* writeWords(unit: number, block: Phase): Conversation<ModbusReply> {
  const words = block.flatMap(write => write.words);
  const address = block[0]?.address ?? 0;
  const how = words.length === 1 ? 'single' : 'multiple';
  const reply = yield { kind: 'write', unit, address, words, how };
  const unknownFunction = !reply.ok && reply.refusal === 'exception' && reply.exception === 1;
  if (!unknownFunction || words.length > 1) return reply;
  return yield { kind: 'write', unit, address, words, how: 'multiple' };
}

function blocksOf(phase: Phase): readonly Phase[] {
  const blocks: Write[][] = [];
  for (const write of phase) {
    const last = blocks.at(-1)?.at(-1);
    if (last !== undefined && last.address + last.words.length === write.address) blocks.at(-1)?.push(write);
    else blocks.push([write]);
  }
  return blocks;
}
