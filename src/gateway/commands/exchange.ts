/**
 * The nonce exchange after a start, and the date. The birth record carries a nonce; each issuer with a key that may
 * welcome answers it with the date and with how far it has used its streams. Until then stored events go on and that
 * issuer's new commands wait: a store that was restored from a backup, or deleted, would take its old ones again.
 *
 * Rules:
 * - Every issuer is waited for apart. One without a key that may welcome is obeyed at once, for nobody could answer;
 *   its streams are guarded by the stored marks alone. Once a welcome of another has shown that memory was lost, its
 *   commands issued before that moment are refused.
 * - An answer counts once. A repeated one changes nothing.
 * - The birth record is said again with the same nonce, and an answer may be to any of them: it was signed after the
 *   nonce was drawn, and that is all it proves of the date. What came too late for that is asked for by a new nonce.
 * - Until the answer, {@link QUIET_FOR} at most, no other record goes out. So what the head end holds is of before this
 *   run, and a number above all that we remember to have given shows that our memory was lost. Marks and record
 *   numbers are lifted, and an alarm tells it. Marks above ours alone only mean that commands passed us by.
 * - With an untrusted clock only answers to a nonce are taken, and emergencies that make the site safer.
 * - Documents of trust wait for nothing: their versions only go up, and the key of the answer may come with them.
 */
import { refused } from '../../base/assert.ts';
import type { Refused } from '../../base/assert.ts';
import { after, between, seconds } from '../../base/time.ts';
import type { Instant, Now } from '../../base/time.ts';
import { STREAMS } from '../../model/mod.ts';
import type { Command, Nonce, StreamName, TimeBody, WelcomeBody } from '../../model/mod.ts';
import {
  ASK_AGAIN,
  assume,
  atLeast,
  floorToStore,
  look,
  nextAging,
  nextQuestion,
  nonceOf,
  prove,
} from '../../wan/clock/mod.ts';
import { forgetEpochs, liftReplay, marksOf } from '../../wan/envelope/mod.ts';
import { lift } from '../../wan/uplink/mod.ts';
import { noteLifted } from '../uplink/audit-rows.ts';
import type { Work } from '../effects.ts';
import { report } from '../uplink/reports.ts';
import { count, put } from '../state.ts';
import type { GatewayState } from '../state.ts';
import { trustedKey, trustedKeys } from './trust.ts';

/** Marks told in a birth record at most: an issuer that welcomes has some streams a key epoch. */
const MAX_MARKS_TOLD = 256;

/** A command of an issuer that is waited for shows that it is there: it is asked again, but not more often. */
export const HEARD_AGAIN = seconds(5);

/** Without an answer records go out all the same after this long; an answer that comes later can lift less. */
export const QUIET_FOR = seconds(10);
/** No gateway comes near it in a lifetime; a larger number is a mistake and would leave no room to count on. */
const MOST_HELD = 2 ** 50;

/** Why a command waits, or is not taken, before what it says is looked at. */
export type ExchangeRefusal = 'not-welcomed' | 'issued-before-loss' | 'clock-untrusted';

/** The run begins: `seed` is 32 unpredictable bytes in hexadecimal, from which its nonces are made. */
export function started(state: GatewayState, work: Work, seed: string): void {
  state.exchange.seed = seed;
  const lowest = new Map<string, number>();
  for (const { issuer, epoch } of trustedKeys(state))
    lowest.set(issuer, Math.min(epoch, lowest.get(issuer) ?? epoch));
  for (const row of forgetEpochs(state.replay, lowest)) work.store({ op: 'delete', ...row });
}

/** The first record after a start says who we are and how often we have started, and asks to be welcomed. */
export function birth(state: GatewayState, work: Work, now: Now): void {
  const { exchange, replay, settings } = state;
  const first = !state.born;
  if (first) {
    state.born = true;
    state.starts++;
    work.store(put('meta', 'starts', state.starts));
  }
  const devices = [...state.devices.values()].map(({ device, model }) => ({ device, model }));
  const { version, boxKey } = settings;
  const sealing = boxKey === undefined ? {} : { boxKey };
  const who = { kind: 'birth', version, start: state.starts, devices, ...sealing } as const;
  if (exchange.seed === undefined) return void report(state, work, 'birth', who, now);
  exchange.birth ??= { nonce: drawNonce(state), drawn: now.instant, asked: now.instant };
  exchange.birth.asked = now.instant;
  if (awaited(state).length > 0) exchange.question ??= exchange.birth;
  state.uplink.quiet = first && awaited(state).length > 0;
  const marks = welcomers(state).flatMap(issuer =>
    marksOf(replay, issuer).map(mark => ({ issuer, ...mark })),
  );
  const asks = { nonce: exchange.birth.nonce, marks: marks.slice(0, MAX_MARKS_TOLD) };
  report(state, work, 'birth', { ...who, ...asks }, now);
}

/** Says the birth record again when it was not answered, and keeps quiet no longer than it may. */
export function birthIfDue(state: GatewayState, work: Work, now: Now): void {
  const ends = quietEnds(state);
  if (ends !== undefined && ends <= now.instant) {
    state.uplink.quiet = false;
    const who = awaited(state).join(', ');
    const why = `${who} did not answer this start within ${QUIET_FOR / 1000} s; until it does, its new commands wait (not-welcomed) and what is stored goes on`;
    work.log('warn', 'start.unanswered', why);
  }
  const due = birthAgain(state);
  if (due !== undefined && due <= now.instant) birth(state, work, now);
}

/**
 * A command of `issuer` leaps on a stream never heard of: a gateway that joins a group late hears of its stream for
 * the first time. The issuer is asked by a new nonce where its streams stand.
 */
export function askMarks(state: GatewayState, work: Work, issuer: string, now: Now): void {
  const { exchange } = state;
  if (exchange.birth === undefined || !exchange.welcomed.has(issuer)) return;
  if (after(exchange.birth.asked, ASK_AGAIN) > now.instant) return;
  exchange.birth = undefined;
  exchange.welcomed.delete(issuer);
  birth(state, work, now);
}

/** An issuer that is waited for was heard: it may have come after the birth record was said. */
export function birthOnHearing(state: GatewayState, work: Work, now: Now): void {
  const { exchange, uplink } = state;
  if (!uplink.up || uplink.quiet || exchange.birth === undefined) return;
  if (after(exchange.birth.asked, HEARD_AGAIN) <= now.instant) birth(state, work, now);
}

/** The issuers that are waited for and have not answered. */
export function awaited(state: GatewayState): readonly string[] {
  return welcomers(state).filter(issuer => !state.exchange.welcomed.has(issuer));
}

function quietEnds({ exchange, uplink }: GatewayState): Instant | undefined {
  if (!uplink.quiet || exchange.birth === undefined) return undefined;
  return after(exchange.birth.asked, QUIET_FOR);
}

/** When {@link birthIfDue} has something to do. */
export function nextBirth(state: GatewayState): Instant | undefined {
  return quietEnds(state) ?? birthAgain(state);
}

/** The answer may have been lost after the record was acknowledged. */
function birthAgain(state: GatewayState): Instant | undefined {
  const { birth } = state.exchange;
  if (!state.uplink.up || birth === undefined || awaited(state).length === 0) return undefined;
  return after(birth.asked, ASK_AGAIN);
}

/** Why `command` is not judged now; `undefined` when nothing of start or clock is in its way. */
export function exchangeTrouble(
  state: GatewayState,
  command: Command,
  now: Now,
): Refused<ExchangeRefusal> | undefined {
  const { issuer, body } = command;
  if (body.kind === 'trust') return undefined;
  if (awaited(state).includes(issuer)) {
    const detail = `${issuer} has not answered this start yet; what is stored goes on`;
    return refused('not-welcomed', detail, 'later');
  }
  const { lostAt } = state.exchange;
  if (lostAt !== undefined && command.issuedAt < lostAt && !state.exchange.welcomed.has(issuer)) {
    return refused('issued-before-loss', 'the memory of this gateway was lost after it was issued');
  }
  if (state.clock.trust !== 'untrusted') return undefined;
  if (makesSafer(state, command)) {
    assume(state.clock, command.issuedAt, now.instant);
    return undefined;
  }
  return refused('clock-untrusted', `${state.clock.why}; the time is asked for`, 'later');
}

/** Looks at the clocks; everything that follows in the step goes by the date returned. */
export function lookAtClock(state: GatewayState, work: Work, system: Now): Now {
  const { clock } = state;
  const was = clock.trust;
  clock.vouched = isVouched(state);
  const { now, jumped } = look(clock, system);
  if (jumped !== undefined) {
    count(state, 'clock.jump');
    work.log('warn', 'clock.jump', `the system's clock jumped by ${jumped / 1000} s; ${clock.why}`);
  }
  noteTrust(state, work, was);
  return now;
}

/** What the clock wants, after everything else of a step: a floor stored, a question asked. */
export function settleClock(state: GatewayState, work: Work, now: Now): void {
  const floor = floorToStore(state.clock, now);
  if (floor !== undefined) work.store(put('meta', 'clock-floor', floor));
  const due = nextAsk(state);
  if (due === undefined || due > now.instant) return;
  const nonce = drawNonce(state);
  state.exchange.question = { nonce, drawn: now.instant, asked: now.instant };
  report(state, work, 'request', { kind: 'request', wants: 'time', nonce, why: state.clock.why }, now);
}

/** When {@link settleClock} or {@link lookAtClock} has something to do by the clock alone. */
export function nextClock(state: GatewayState): Instant | undefined {
  const due = [nextAging(state.clock), nextAsk(state)].flatMap(t => (t === undefined ? [] : [t]));
  return due.length === 0 ? undefined : (Math.min(...due) as Instant);
}

/** Takes an issuer's answer to this start. Why it changes nothing, or `undefined`. */
export function welcome(
  state: GatewayState,
  work: Work,
  command: Command,
  body: WelcomeBody,
  now: Now,
): { refusal: string; detail: string } | undefined {
  const { exchange } = state;
  const { issuer, keyEpoch } = command;
  if (exchange.birth?.nonce !== body.nonce)
    return { refusal: 'nonce-unknown', detail: `a welcome by ${issuer} for another start` };
  if (exchange.welcomed.has(issuer))
    return { refusal: 'nonce-spent', detail: `${issuer} has answered this start already` };
  exchange.welcomed.add(issuer);
  const { rows, behind, ahead } = liftReplay(state.replay, { issuer, keyEpoch }, body.marks);
  for (const row of rows) work.store({ op: 'put', ...row });
  work.log('info', 'start.welcomed', `${issuer} answered this start; its commands are taken`);
  for (const { stream, ours, theirs } of ahead)
    work.log('error', 'start.ahead', `${issuer} says ${theirs} of stream ${stream}; ${ours} was taken here`);
  const { drawn } = exchange.birth;
  const was = state.clock.trust;
  const proven = prove(state.clock, { asked: drawn, time: body.time }, now.instant);
  noteTrust(state, work, was);
  // Where it came too late to prove the date, nobody else answers the birth record: the time is asked for at once.
  if (proven || exchange.question === exchange.birth) exchange.question = undefined;
  liftRecords(state, work, { issuer, behind, held: body.held }, now);
  state.uplink.quiet = false;
  return undefined;
}

/** Takes the date that a trusted key tells. Why it changes nothing, or `undefined`. */
export function time(
  state: GatewayState,
  work: Work,
  body: TimeBody,
  now: Now,
): { refusal: string; detail: string } | undefined {
  const was = state.clock.trust;
  if (body.nonce === undefined) {
    atLeast(state.clock, body.time, now.instant);
    noteTrust(state, work, was);
    return undefined;
  }
  const { question } = state.exchange;
  if (question?.nonce !== body.nonce)
    return { refusal: 'nonce-unknown', detail: 'a time for another question, or told twice' };
  state.exchange.question = undefined;
  prove(state.clock, { asked: question.drawn, time: body.time }, now.instant);
  noteTrust(state, work, was);
  return undefined;
}

/** Records that were numbered in this run go on behind what the head end holds of an earlier life. */
function liftRecords(
  state: GatewayState,
  work: Work,
  told: { issuer: string; behind: ReturnType<typeof liftReplay>['behind']; held: WelcomeBody['held'] },
  now: Now,
): void {
  const heldAbove = (name: StreamName, known: number): boolean => {
    const held = told.held[name] ?? 0;
    // What it has acknowledged to us is ours, whatever this run has numbered.
    return held > Math.max(known, state.uplink.streams[name].acknowledged) && held <= MOST_HELD;
  };
  const lost = STREAMS.filter(name => heldAbove(name, ours(state, name)));
  // The birth record of this start may be held under its number, or another of before may; only beside others of
  // before is it sure enough to be said again.
  const again =
    lost.length > 0 && !lost.includes('birth') && heldAbove('birth', state.exchange.numbered.birth);
  for (const name of again ? [...lost, 'birth' as const] : lost) {
    const { by, above } = lift(state.uplink, name, told.held[name] ?? 0);
    work.store({ op: 'lift', stream: name, by });
    noteLifted(state.audit, name);
    work.store(put('audited', name, state.uplink.streams[name].last));
    if (name !== 'receipt') continue;
    for (const [key, record] of state.receipts) {
      if (record.sequence <= above) continue;
      const lifted = { ...record, sequence: record.sequence + by };
      state.receipts.set(key, lifted);
      work.store(put('receipt', key, lifted));
    }
  }
  if (lost.length === 0) return;
  state.exchange.lostAt = now.unix;
  work.store(put('meta', 'lost-at', now.unix));
  count(state, 'memory-lost');
  const streams = told.behind.map(({ stream, from, to }) => `${stream} from ${from} to ${to}`);
  const why = [
    'the store is older than what was done with it, or new: events, memberships and overrides since then are forgotten',
    ...(streams.length === 0 ? [] : [`replay marks of ${told.issuer} lifted: ${streams.join(', ')}`]),
  ].join('; ');
  work.log('error', 'store.memory-lost', why);
  report(state, work, 'alarm', { kind: 'alarm', alarm: 'memory-lost', why }, now);
}

/** The highest number of a stream that the head end can hold, if our memory is whole. */
function ours({ exchange, uplink }: GatewayState, name: StreamName): number {
  return uplink.quiet && name !== 'birth' ? exchange.numbered[name] : uplink.streams[name].last;
}

/** Whether some key may tell the time; asked in every step. */
function isVouched(state: GatewayState): boolean {
  for (const { scope, kid } of state.settings.keys.values())
    if (scope.operations.includes('time') && !state.trust.revoked.has(kid)) return true;
  for (const kid of state.trust.delegations.keys())
    if (trustedKey(state, kid)?.scope.operations.includes('time') === true) return true;
  return false;
}

function noteTrust(state: GatewayState, work: Work, was: GatewayState['clock']['trust']): void {
  const { trust, why } = state.clock;
  if (trust === was) return;
  work.log(trust === 'untrusted' ? 'error' : 'info', `clock.${trust}`, `the clock is ${trust}: ${why}`);
  state.reported.due = true;
}

function nextAsk(state: GatewayState): Instant | undefined {
  const { exchange, uplink, clock } = state;
  if (!uplink.up || !state.born || exchange.seed === undefined) return undefined;
  return nextQuestion(clock, exchange.question?.asked);
}

function drawNonce(state: GatewayState): Nonce {
  return nonceOf(state.exchange.seed ?? '', state.exchange.draws++);
}

function welcomers(state: GatewayState): readonly string[] {
  const may = trustedKeys(state).filter(({ scope }) => scope.operations.includes('welcome'));
  return [...new Set(may.map(({ issuer }) => issuer))];
}

/** Limits: what is not above the limit in force can only lower |P|. */
const LIMITS = ['opModMaxLimW', 'opModExpLimW', 'opModImpLimW', 'opModGenLimW', 'opModLoadLimW'];
/** Orders of real power: less of it in either direction is safer. */
const POWERS = ['opModFixedW', 'opModTargetW', 'opModStorageTargetW'];

/** An emergency for now that opens, or lowers |P| on every axis it names. */
function makesSafer(state: GatewayState, { body, class: asked, issuedAt }: Command): boolean {
  if (body.kind !== 'event' || asked !== 'emergency' || between(issuedAt, body.start) > 0) return false;
  return Object.entries(body.axes).every(([name, value]) => {
    const axis = name as keyof typeof body.axes;
    const order = state.decisions.get(axis)?.setpoint.order;
    const held = order?.kind === 'value' ? order.value : undefined;
    if (axis === 'opModConnect') return value === 0;
    if (LIMITS.includes(axis)) return held === undefined || value <= held;
    return POWERS.includes(axis) && Math.abs(value) <= Math.abs(held ?? 0);
  });
}
