/**
 * A verified command: is it for this gateway, is it new, and what does it change of the schedule, the memberships or
 * the outbox? Each is answered by a receipt, or waits for its sender to repeat it.
 */
import { ok } from '../../base/assert.ts';
import type { Refused, Result } from '../../base/assert.ts';
import { between, seconds } from '../../base/time.ts';
import type { Now } from '../../base/time.ts';
import { schedule } from '../../control/mod.ts';
import type { ScheduleRefusal, Transition } from '../../control/mod.ts';
import { axesOf, eventKey } from '../../model/mod.ts';
import type {
  AckBody,
  CancelBody,
  Command,
  DerEvent,
  EventBody,
  KeyId,
  ProbeBody,
  Response,
  StreamName,
} from '../../model/mod.ts';
import { judgeReplay, markReplay, marksOf, scopeTrouble } from '../../wan/envelope/mod.ts';
import type { ReplayRefusal, ScopeRefusal } from '../../wan/envelope/mod.ts';
import { heldBeyond } from '../../wan/groups/mod.ts';
import type { GrantRefusal } from '../../wan/groups/mod.ts';
import type { TrustRefusal } from '../../wan/trust/mod.ts';
import { acknowledged } from '../../wan/uplink/mod.ts';
import { isBeyond, shortfalls } from '../orders/allot.ts';
import { takeManifest } from './delivery.ts';
import type { ManifestRefusal } from './delivery.ts';
import type { Work } from '../effects.ts';
import { inquire, tellReadings } from './inquiries.ts';
import { startSampling } from '../uplink/sampling.ts';
import type { InquiryRefusal } from './inquiries.ts';
import { askMarks, awaited, birth, birthOnHearing, exchangeTrouble } from './exchange.ts';
import { noteRefusal } from './refusals.ts';
import type { Cause } from '../orders/orders.ts';
import { addressed, grant, probe } from './grants.ts';
import { aboutEvent, isRefusalWithheld, overrideEnded, receipt, refusalReceipt } from '../uplink/reports.ts';
import type { RefusedCommand } from '../uplink/reports.ts';
import { takeSealed } from './sealed.ts';
import type { SealedCommandRefusal } from './sealed.ts';
import { commandKey, count, put } from '../state.ts';
import type { GatewayState } from '../state.ts';
import { learnTrust, trustedKey } from './trust.ts';

/** A repetition is answered at most this often for one command: its sender waits at least as long. */
const ANSWER_AGAIN_EVERY = seconds(1);
/** Times of answers kept; when full they are forgotten together, which costs one too many each. */
const MAX_REMEMBERED = 1024;

/**
 * A verified command: is it for us, is it new, and what does it change? One that is refused for later uses nothing
 * up: its sequence is not marked, so the same bytes are judged anew when they come again.
 */
export function receive(state: GatewayState, work: Work, command: Command, now: Now): readonly Cause[] {
  const replay = judgeReplay(state.replay, command);
  if (replay.verdict === 'duplicate') return answerAgain(state, work, command, now);
  if (replay.verdict === 'refused' && replay.refusal === 'sequence-jump' && replay.retry === 'later')
    askMarks(state, work, command.issuer, now);
  if (replay.verdict === 'refused')
    return refuse(
      state,
      work,
      command,
      {
        ...replay,
        detail: replayWhy(command, replay.refusal),
        ...takenAbove(state, command, replay.refusal),
      },
      now,
    );
  if (command.body.kind === 'probe') return heard(state, work, command, command.body, now);
  const waits = exchangeTrouble(state, command, now);
  if (waits?.refusal === 'not-welcomed') birthOnHearing(state, work, now);
  if (waits !== undefined) return refuse(state, work, command, waits, now);
  const isOurs = addressed(state, work, command, now);
  if (!isOurs.ok) return refuse(state, work, command, isOurs, now);
  work.log('info', 'command.verified', `${command.body.kind} from ${command.issuer} (${command.class})`, {
    cti: command.cti,
  });
  const done = carryOut(state, work, command, now);
  // Without a receipt it is not answered: the same bytes are judged anew when they come again, and refused then.
  const unanswered = !done.ok && isRefusalWithheld(state, command.kid, now);
  if (!done.ok && (done.retry === 'later' || unanswered)) return refuse(state, work, command, done, now);
  for (const row of markReplay(state.replay, command)) work.store({ op: 'put', ...row });
  count(state, 'commands');
  if (done.ok) return done.value;
  const held = command.body.kind === 'grant' ? heldBeyond(state.memberships, command.body) : [];
  return refuse(state, work, command, { ...done, ...(held.length === 0 ? {} : { proof: { held } }) }, now);
}

/**
 * A probe speaks to every member of a group; only who is asked answers. A refusal is counted and no more: the
 * receipts of refusals are for commands whose issuer waits for each member.
 */
function heard(
  state: GatewayState,
  work: Work,
  command: Command,
  body: ProbeBody,
  now: Now,
): readonly Cause[] {
  const done = exchangeTrouble(state, command, now) ?? probe(state, work, command, body, now);
  if (done.ok || done.retry !== 'later')
    for (const row of markReplay(state.replay, command)) work.store({ op: 'put', ...row });
  if (!done.ok) noteRefusal(state, work, done.refusal, done.detail ?? '', now);
  return [];
}

/** What the orders of a command are to be answered with, or why it changes nothing. */
type Carried = Result<
  readonly Cause[],
  | ScheduleRefusal
  | ScopeRefusal
  | GrantRefusal
  | SealedCommandRefusal
  | InquiryRefusal
  | TrustRefusal
  | ManifestRefusal
>;

function carryOut(state: GatewayState, work: Work, command: Command, now: Now): Carried {
  const { body } = command;
  switch (body.kind) {
    case 'event':
      return event(state, work, eventOf(command, body), now);
    case 'cancel':
      return cancel(state, work, command, body, now);
    case 'grant':
      return grant(state, work, command, body, now);
    case 'interrogate':
    case 'settings':
      return inquire(state, work, { ...command, body }, now);
    case 'read':
      if (body.every === undefined) tellReadings(state, work, command, now);
      else {
        const begun = startSampling(state, work, { command, every: body.every }, now);
        if (!begun.ok) return begun;
      }
      return ok([]);
    case 'probe':
    case 'ack':
    case 'time':
    case 'welcome':
      return ok([]);
    case 'sealed': {
      const taken = takeSealed(state, work, command, body);
      return taken.ok ? ok([]) : taken;
    }
    case 'trust': {
      const before = awaited(state).length;
      const learned = learnTrust(state, work, command, body, now);
      // Who may welcome from now on is asked at once: until the answer its commands wait.
      if (awaited(state).length > before) birth(state, work, now);
      return learned;
    }
    case 'manifest': {
      const taken = takeManifest(state, work, command, body, now);
      return taken.ok ? ok([]) : taken;
    }
  }
}

function event(state: GatewayState, work: Work, derEvent: DerEvent, now: Now): Carried {
  const early = state.schedule.early.get(eventKey(derEvent));
  if (early !== undefined && cancelTrouble(state, early.kid, derEvent) !== undefined) {
    state.schedule.early.delete(eventKey(derEvent));
    work.store({ op: 'delete', kind: 'cancel', key: eventKey(derEvent) });
  }
  const taken = schedule.receive(state.schedule, derEvent, now.unix);
  if (!taken.ok) return taken;
  storeEntry(work, taken.value);
  const { mRID, start } = derEvent;
  const { displaced } = taken.value;
  if (displaced !== undefined) work.store({ op: 'delete', kind: 'event', key: displaced });
  if (taken.value.to === 'cancelled') {
    work.store({ op: 'delete', kind: 'cancel', key: eventKey(derEvent) });
    const why = `event ${mRID} was cancelled before it came`;
    receipt(state, work, aboutEvent(derEvent, 'cancelled', why), now);
    return ok([]);
  }
  const waitS = Math.max(0, Math.ceil(between(now.unix, start) / 1000));
  const beyond = isBeyond(state, derEvent) ? shortfalls(state, derEvent).map(text => `; ${text}`) : [];
  const why = `event ${mRID} received${waitS > 0 ? `, starts in ${waitS} s` : ''}${beyond.join('')}`;
  receipt(state, work, aboutEvent(derEvent, 'received', why), now);
  return ok([]);
}

/**
 * A key ends what is for groups and gateways it may command, and nothing that another key of its issuer said to
 * others; by whichever topic its cancel came.
 */
function cancelTrouble(
  state: GatewayState,
  kid: KeyId | undefined,
  { audience, mRID }: DerEvent,
): Refused<ScopeRefusal> | undefined {
  const scope = kid === undefined ? undefined : trustedKey(state, kid)?.scope;
  if (scope === undefined) return undefined;
  const asked = { audience, class: scope.highestClass, primacy: scope.primacy.min } as const;
  return scopeTrouble({ ...asked, body: { kind: 'cancel', mRID } }, scope);
}

function cancel(state: GatewayState, work: Work, command: Command, body: CancelBody, now: Now): Carried {
  const { mRID } = body;
  const { cti, issuer } = command;
  const by = { mRID, issuer, class: command.class, kid: command.kid };
  const known = state.schedule.entries.get(eventKey(by));
  const beyond = known === undefined ? undefined : cancelTrouble(state, command.kid, known.event);
  if (beyond !== undefined) return beyond;
  const before = known?.status;
  const done = schedule.cancel(state.schedule, by, now.unix);
  if (!done.ok) {
    const key = eventKey(by);
    const early = state.schedule.early.get(key);
    if (early !== undefined) work.store(put('cancel', key, early));
    return done;
  }
  overrideEnded(state, work, done.value.entry, now);
  storeEntry(work, done.value);
  const { event: ended } = done.value.entry;
  const axes = before === 'active' ? axesOf(ended.axes) : [];
  const why = `event ${mRID} cancelled by ${issuer}`;
  return ok([
    { receipt: aboutEvent(ended, 'cancelled', why), axes },
    { receipt: aboutEvent({ cti, issuer, mRID }, 'completed', why), axes },
  ]);
}

/** The head end holds records: they leave the outbox. Cumulative, so an old or repeated one changes nothing. */
export function ack(state: GatewayState, work: Work, body: AckBody, now: Now): readonly Cause[] {
  work.fruitless = true;
  for (const [name, through] of Object.entries(body.through)) {
    const stream = name as StreamName;
    const upTo = acknowledged(state.uplink, stream, through, now.instant);
    if (upTo === undefined) continue;
    work.fruitless = false;
    work.store({ op: 'trim', stream, through: upTo });
  }
  return [];
}

/** The same bytes again: nothing is done, the stored receipt is sent again as the record it was. */
function answerAgain(state: GatewayState, work: Work, command: Command, now: Now): readonly Cause[] {
  count(state, 'duplicate');
  work.fruitless = true;
  const key = commandKey(command);
  const record = state.receipts.get(key);
  const last = state.answeredAgain.get(key);
  // A probe is repeated for those who have not answered; the outbox sees to it that an answer arrives.
  if (command.body.kind === 'probe') return [];
  // Before the head end has said what it holds, nothing new of this run may reach it (see exchange.ts): it asks again.
  if (state.uplink.quiet) return [];
  if (record === undefined || (last !== undefined && now.instant - last < ANSWER_AGAIN_EVERY)) return [];
  if (state.answeredAgain.size >= MAX_REMEMBERED) state.answeredAgain.clear();
  state.answeredAgain.set(key, now.instant);
  work.wish({ do: 'publish', record, session: -1 });
  work.log('info', 'command.duplicate', 'the same command again: its receipt is repeated, nothing is done', {
    cti: command.cti,
  });
  return [];
}

export function refuse(
  state: GatewayState,
  work: Work,
  { cti, issuer, kid }: Pick<Command, 'cti' | 'issuer' | 'kid'>,
  no: Pick<Refused<string>, 'refusal' | 'retry' | 'detail'> & Pick<RefusedCommand, 'proof'>,
  now: Now,
): readonly Cause[] {
  const { refusal, retry, detail: why = refusal, proof } = no;
  noteRefusal(state, work, refusal, why, now);
  const said = { cti, issuer, kid, refusal, retry, response: responseTo(refusal), why };
  refusalReceipt(state, work, { ...said, ...(proof === undefined ? {} : { proof }) }, now);
  return [];
}

function responseTo(refusal: string): Response {
  if (refusal === 'expired' || refusal === 'event-expired') return 'expired';
  return refusal === 'not-member' || refusal === 'not-addressed' ? 'notApplicable' : 'invalid';
}

/** Whoever uses a number twice may have forgotten that it did. */
function takenAbove(
  state: GatewayState,
  { issuer, keyEpoch, stream }: Command,
  refusal: ReplayRefusal,
): Pick<RefusedCommand, 'proof'> {
  if (refusal !== 'replay' && refusal !== 'sequence-too-old') return {};
  const mark = marksOf(state.replay, issuer).find(m => m.keyEpoch === keyEpoch && m.stream === stream);
  return mark === undefined ? {} : { proof: { taken: mark.high } };
}

function replayWhy({ sequence, stream, issuer }: Command, refusal: ReplayRefusal): string {
  if (refusal === 'too-many-streams') return `there is no room to remember stream ${stream} by ${issuer}`;
  return `sequence ${sequence} of stream ${stream} by ${issuer} is used, or out of its window`;
}

/** Every change of an event's life is one row, so that a restart finds it where it stood. */
export function storeEntry(work: Work, { entry }: Pick<Transition, 'entry'>): void {
  work.store(put('event', eventKey(entry.event), entry));
}

function eventOf(command: Command, body: EventBody): DerEvent {
  const { issuer, kid, cti, audience, primacy, issuedAt, sequence } = command;
  const { mRID, service, start, axes, duration, note } = body;
  return {
    mRID,
    service,
    class: command.class,
    primacy,
    issuer,
    kid,
    cti,
    audience,
    createdAt: issuedAt,
    sequence,
    start,
    axes,
    ...(duration === undefined ? {} : { duration }),
    ...(note === undefined ? {} : { note }),
  };
}
