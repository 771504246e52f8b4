/**
 * The gateway: one step for one input. It routes the input to the machine it concerns, then settles: what is
 * due starts and ends, the decision is made anew, devices are ordered, receipts and status follow.
 *
 * It may change its own state; it does no I/O, reads no clock, and draws no random number. What it wants done
 * it returns, and nothing of that happens before what it persists is on the disk.
 */
import { after, between } from '../base/time.ts';
import type { Duration, Instant, Now } from '../base/time.ts';
import { read } from '../wan/clock/mod.ts';
import { schedule } from '../control/mod.ts';
import type { Transition } from '../control/mod.ts';
import { axesOf, eventKey } from '../model/mod.ts';
import type { Axis, DerEvent, EventKey, PremiseView, Reading, ReceiptBody } from '../model/mod.ts';
import { balanceOf } from '../metering/mod.ts';
import { premiseView } from '../premise/mod.ts';
import {
  linkChanged,
  loaded,
  nextWake as uplinkWake,
  published,
  pump,
  tick as uplinkTick,
} from '../wan/uplink/mod.ts';
import { isBeyond, shortfalls } from './orders/allot.ts';
import { auditIfDue, nextAudit } from './uplink/audit.ts';
import { nextAttempts, tellAttempts } from './premise/attempts.ts';
import { storeEntry } from './commands/commands.ts';
import { delivery, nextDelivery, noteRead, settleDeliveries } from './commands/delivery.ts';
import { Work } from './effects.ts';
import type { Effect, Input } from './effects.ts';
import { answered, askDevices, deviceFound, nextInquiry } from './commands/inquiries.ts';
import {
  birth,
  birthIfDue,
  lookAtClock,
  nextBirth,
  nextClock,
  settleClock,
  started,
} from './commands/exchange.ts';
import { digestsByIssuer } from './commands/grants.ts';
import { message } from './commands/messages.ts';
import { noteMeter } from './uplink/metering.ts';
import {
  applied,
  attach,
  deviceChanged,
  issueOrders,
  noteHolders,
  nextOrderAt,
  noteDrift,
  sendComplete,
} from './orders/orders.ts';
import type { Cause } from './orders/orders.ts';
import { nextRefusals, tellRefusals } from './commands/refusals.ts';
import {
  aboutEvent,
  nextStatus,
  noteMisfit,
  overrideEnded,
  sendLoaded,
  sendWishes,
  statusIfDue,
  tellDamage,
  wholeSeconds,
  receipt,
} from './uplink/reports.ts';
import { checked, request } from './premise/requests.ts';
import { nextSample, sample } from './uplink/sampling.ts';
import { forgetSealed, openSealed, opened } from './commands/sealed.ts';
import { decideAnew } from './state.ts';
import type { GatewayState } from './state.ts';
import { tellUnread } from './commands/trust.ts';
import { fitReading } from './uplink/vetting.ts';

/** Takes one input, changes `state`, and returns what is to be done, in order. */
export function step(state: GatewayState, input: Input, system: Now): readonly Effect[] {
  const work = new Work();
  const taken = take(state, work, input, lookAtClock(state, work, system));
  // What was taken may have set the date.
  if (!work.untouched) settle(state, work, { taken, asked: ASKING.has(input.on) }, read(state.clock, system));
  return work.effects();
}

/** When the gateway wants a tick though nothing happens: on the monotonic clock. */
export function nextWake(state: GatewayState, system: Now): Instant | undefined {
  const now = read(state.clock, system);
  const event = schedule.nextWake(state.schedule);
  const wall = [event, nextStatus(state, now.unix)].flatMap(t =>
    t === undefined ? [] : [after(now.instant, between(now.unix, t))],
  );
  const own = [
    uplinkWake(state.uplink),
    nextOrderAt(state),
    nextAttempts(state),
    nextInquiry(state, now),
    nextDelivery(state),
    nextRefusals(state),
    nextBirth(state),
    nextClock(state),
    nextAudit(state),
    nextSample(state, now),
  ];
  const due = [...wall, ...own].flatMap(t => (t === undefined ? [] : [t]));
  return due.length === 0 ? undefined : (Math.min(...due) as Instant);
}

/** What the display may see of this state. */
export function view(state: GatewayState, system: Now): PremiseView {
  const { settings, uplink, readings, decisions, holding } = state;
  return premiseView(
    {
      gateway: settings.gateway,
      online: uplink.up,
      clock: state.clock.trust,
      readings: [...readings.values()],
      setpoints: [...decisions.values()].map(d => d.setpoint),
      entries: [...state.schedule.entries.values()],
      holding,
      terms: settings.terms,
      messages: [...state.sealed.messages.values()],
    },
    dateOf(state, system).unix,
  );
}

/** The date this gateway goes by, which the system's clock may have left. */
export function dateOf(state: GatewayState, system: Now): Now {
  return read(state.clock, system);
}

function take(state: GatewayState, work: Work, input: Input, now: Now): readonly Cause[] {
  switch (input.on) {
    case 'started':
      started(state, work, input.seed);
      return [];
    case 'message':
      return message(state, work, input, now);
    case 'request':
      return request(state, work, input, now);
    case 'codeChecked':
      return checked(state, work, input, now);
    case 'delivery':
      delivery(state, work, input, now);
      return [];
    case 'opened':
      opened(state, work, input, now);
      return [];
    case 'applied':
      applied(state, work, input, now);
      return [];
    case 'device':
      deviceChanged(state, work, input.state);
      deviceFound(state, input.state.device);
      return [];
    case 'reading':
      reading(state, work, input.reading, now);
      return [];
    case 'link':
      linkChanged(state.uplink, input.up, now.instant);
      work.log(input.up ? 'info' : 'warn', input.up ? 'link.up' : 'link.down', input.why);
      if (input.up && !state.born) birth(state, work, now);
      return [];
    case 'published':
      published(state.uplink, input.session, input.records);
      return [];
    case 'loaded':
      sendLoaded(state, work, loaded(state.uplink, input, now.unix));
      return [];
    case 'answered':
      answered(state, work, input, now);
      return [];
    case 'tick':
      uplinkTick(state.uplink, now.instant);
      return [];
  }
}

function reading(state: GatewayState, work: Work, { held, ...read }: Reading, now: Now): void {
  const { left: fitted = read, without } = fitReading(read);
  if (fitted !== read) noteMisfit(state, work, { what: `reading of ${read.device}`, left: fitted, without });
  const left =
    fitted.role === 'meter'
      ? { ...fitted, points: { ...balanceOf(fitted.points), ...fitted.points } }
      : fitted;
  state.readings.set(left.device, left);
  noteSize(state, left);
  noteRead(state, left.device);
  noteDrift(state, work, { ...left, ...(held === undefined ? {} : { held }) }, now);
  noteMeter(state, work, left, now);
}

function noteSize(state: GatewayState, { device, role, points }: Reading): void {
  const ratedW = points['WMax'] ?? state.sizes.get(device)?.ratedW;
  state.sizes.set(device, { role, ...(ratedW === undefined ? {} : { ratedW }) });
}

/** Inputs that can change what is asked; after any other only the clock can, and the decision stands. */
const ASKING: ReadonlySet<Input['on']> = new Set(['message', 'request', 'codeChecked']);

/** Everything that follows from the clock and from what was taken in, in one order, whatever the input was. */
function settle(
  state: GatewayState,
  work: Work,
  { taken, asked }: { taken: readonly Cause[]; asked: boolean },
  now: Now,
): void {
  const transitions = schedule.advance(state.schedule, now.unix);
  for (const gone of schedule.forget(state.schedule, now.unix)) work.store({ op: 'delete', ...gone });
  forgetSealed(state, work, now.unix);
  openSealed(state, work);
  settleDeliveries(state, work, now);
  const ended = completions(state, work, transitions, now);
  const decided = asked || transitions.length > 0 ? redecide(state, work, transitions) : [];
  const causes = [...taken, ...ended, ...decided];
  noteHolders(state, work);
  tellDamage(state, work, now);
  tellAdopted(state, work, now);
  tellUnread(state, work);
  const issued = issueOrders(state, work, now);
  // What waited tells of what was before: a start is told before its end.
  sendComplete(state, work, now);
  attach(state, work, causes, now);
  askDevices(state, work, now);
  tellAttempts(state, work, now);
  tellRefusals(state, work, now);
  birthIfDue(state, work, now);
  settleClock(state, work, now);
  sample(state, work, now);
  auditIfDue(state, work, now);
  if (issued === 'ordered' || causes.length > 0) state.reported.due = true;
  statusIfDue(state, work, now, digestsByIssuer);
  sendWishes(work, pump(state.uplink));
  work.wish({ do: 'show' });
}

/** An order outlived the row of its event: what it holds goes on, and both sides are told why. */
function tellAdopted(state: GatewayState, work: Work, now: Now): void {
  for (const event of state.adopted) {
    const why = `event ${event.mRID} goes on though its row in the store was damaged: the order remembers it`;
    work.log('error', 'store.event-recovered', why, { mRID: event.mRID });
    const entry = state.schedule.entries.get(eventKey(event));
    if (entry !== undefined) storeEntry(work, { entry });
    receipt(state, work, aboutEvent(event, 'started', why), now);
  }
  state.adopted = [];
}

/** Decides anew; the causes tell what became of each event by it. */
function redecide(state: GatewayState, work: Work, transitions: readonly Transition[]): readonly Cause[] {
  const before = state.holding;
  const holders = decideAnew(state);
  return lifeCauses(state, { before, holders, started: startedNow(work, transitions) });
}

function startedNow(work: Work, transitions: readonly Transition[]): ReadonlySet<EventKey> {
  const started = transitions.filter(t => t.to === 'started' && t.entry.status === 'active');
  for (const transition of started) storeEntry(work, transition);
  return new Set(started.map(t => eventKey(t.entry.event)));
}

/**
 * Events whose time is up. An override ends with its event and is reported; the event's own receipt tells the total
 * over all its overrides, those that ended with an opt-in too (response 8).
 */
function completions(
  state: GatewayState,
  work: Work,
  transitions: readonly Transition[],
  now: Now,
): readonly Cause[] {
  const begun = new Set(transitions.filter(t => t.to === 'started').map(t => t.entry));
  return transitions.flatMap(({ entry, to }) => {
    if (to !== 'completed') return [];
    const { event } = entry;
    overrideEnded(state, work, entry, now);
    storeEntry(work, { entry });
    const how = begun.has(entry) ? 'missed' : isBeyond(state, event) ? 'beyond' : entry.overriddenMs;
    return [{ receipt: endReceipt(event, how), axes: axesOf(event.axes) }];
  });
}

/**
 * `missed`: it began and ended while nobody was awake to carry it out; `beyond`: no device here could. To call either
 * completed would be a lie.
 */
function endReceipt(event: DerEvent, how: 'missed' | 'beyond' | Duration | undefined): ReceiptBody {
  const { mRID } = event;
  if (how === 'beyond')
    return aboutEvent(event, 'completedNoParticipation', `event ${mRID} ended; no device here could do it`);
  if (how === 'missed')
    return aboutEvent(event, 'completedNoParticipation', `event ${mRID} passed while the gateway was down`);
  if (how === undefined) return aboutEvent(event, 'completed', `event ${mRID} completed`);
  return aboutEvent(event, 'partialOptOut', `event ${mRID} completed, overridden for ${wholeSeconds(how)} s`);
}

/** Started, superseded, resumed: what became of each active event by this decision (IEEE 2030.5, per axis). */
function lifeCauses(
  state: GatewayState,
  change: {
    before: ReadonlySet<EventKey>;
    holders: ReadonlyMap<EventKey, readonly Axis[]>;
    started: ReadonlySet<EventKey>;
  },
): Cause[] {
  // Only an event that held, holds or begins can have become anything; the others are not looked at.
  const touched = new Set([...change.before, ...change.holders.keys(), ...change.started]);
  return [...touched].flatMap((key): Cause[] => {
    const entry = state.schedule.live.get(key);
    if (entry?.status !== 'active' || entry.overriddenAt !== undefined) return [];
    const { event } = entry;
    const axes = change.holders.get(key);
    const isNew = change.started.has(key);
    if (!isNew && change.before.has(key) === (axes !== undefined)) return [];
    if (axes === undefined)
      return [{ receipt: aboutEvent(event, 'superseded', supersededWhy(state, event)), axes: [] }];
    if (isBeyond(state, event)) return [{ receipt: noDevice(state, event), axes: [] }];
    return [
      { receipt: aboutEvent(event, 'started', startedWhy(state, event, { axes, resumed: !isNew })), axes },
    ];
  });
}

function startedWhy(
  state: GatewayState,
  event: DerEvent,
  how: { axes: readonly Axis[]; resumed: boolean },
): string {
  const reasons = how.axes.flatMap(axis => state.decisions.get(axis)?.setpoint.reasons[0]?.text ?? []);
  return `${how.resumed ? 'resumed: ' : ''}${[...reasons, ...shortfalls(state, event)].join('; ')}`;
}

/** An event that is in force here and that nothing here can carry out is not started, and its issuer is told why. */
function noDevice(state: GatewayState, event: DerEvent): ReceiptBody {
  const why = shortfalls(state, event).join('; ');
  return { ...aboutEvent(event, 'notApplicable', why), refusal: 'no-device' };
}

function supersededWhy(state: GatewayState, event: DerEvent): string {
  const by = axesOf(event.axes).flatMap(axis => state.decisions.get(axis)?.holder ?? []);
  return `event ${event.mRID} is superseded by ${[...new Set(by)].join(', ')}`;
}
