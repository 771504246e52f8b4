/**
 * Orders to devices: what each device was told on each axis, what came of it, and when it is told again. A
 * newer order on an axis replaces the one before; an answer to an older one changes nothing.
 */
import { after, milliseconds, seconds } from '../../base/time.ts';
import type { Instant, Now } from '../../base/time.ts';
import { FULL_SCALE } from '../../base/units.ts';
import { eventKey, setpointOf } from '../../model/mod.ts';
import type { Applied, Axis, DerEvent, DeviceId, HeldOn, Reading, ReceiptBody } from '../../model/mod.ts';
import { allot, reversionOf } from './allot.ts';
import type { Work } from '../effects.ts';
import type { DeviceOrder, DeviceState } from '../ports.ts';
import { aboutEvent, describeApplied, receipt } from '../uplink/reports.ts';
import { put, standingKey } from '../state.ts';
import type { Awaiting, GatewayState, Standing } from '../state.ts';

/** A device that did not answer is ordered again this much later, and at once when it is found again. */
export const RETRY_UNKNOWN = seconds(5);
/** A device that refused is asked again: an installer may have switched remote control on meanwhile. */
export const RETRY_REFUSED = seconds(60);
/** After an answer, readings this young may still show the time before the write: two polls and a margin. */
export const SETTLE = seconds(3);
/** Receipts that wait for orders. One event waits once; more than this means orders never end. */
export const MAX_AWAITING = 256;

/** A receipt to be sent when the orders on `axes` that this step issues have ended. */
export interface Cause {
  readonly receipt: ReceiptBody;
  readonly axes: readonly Axis[];
}

/** Orders what differs from what each device was told, and what is due again. Says whether anything was ordered. */
export function issueOrders(state: GatewayState, work: Work, now: Now): 'ordered' | 'nothing' {
  let issued: 'ordered' | 'nothing' = 'nothing';
  for (const device of state.devices.values()) {
    for (const axis of releasesFirst(state, device)) {
      const told = state.standing.get(standingKey(device.device, axis))?.value;
      const standing = issueOne(state, work, { device, axis }, now);
      if (standing === undefined) continue;
      issued = 'ordered';
      work.wish({ do: 'actuate', order: orderOf(standing) });
      // A repetition of what is stored costs the card nothing.
      if (standing.value !== told) storeOrdered(work, standing);
    }
  }
  return issued;
}

/** Two axes may share a setpoint: what one leaves is released before the other takes it. */
function releasesFirst(state: GatewayState, { axes }: DeviceState): readonly Axis[] {
  const isAsked = (axis: Axis): boolean => state.decisions.get(axis)?.setpoint.order.kind === 'value';
  return [...axes.filter(axis => !isAsked(axis)), ...axes.filter(isAsked)];
}

/**
 * A value that was ordered is remembered until its release is implemented, so that a restart releases it too;
 * and with it the event that holds it, until a release is decided, so that damage to the event's row does not.
 */
function storeOrdered(work: Work, { device, axis, value, holder }: Standing): void {
  if (value === undefined) return;
  const row = { device, axis, value, ...(holder === undefined ? {} : { holder }) };
  work.store(put('ordered', standingKey(device, axis), row));
}

/** After a decision: every order knows the event that holds it now, also where the device cannot be reached. */
export function noteHolders(state: GatewayState, work: Work): void {
  for (const standing of state.standing.values()) {
    const key = state.decisions.get(standing.axis)?.holder;
    if (key === (standing.holder === undefined ? undefined : eventKey(standing.holder))) continue;
    const holder = key === undefined ? undefined : state.schedule.entries.get(key)?.event;
    if (holder === undefined) delete standing.holder;
    else standing.holder = holder;
    storeOrdered(work, standing);
  }
}

/** Lets receipts wait for the orders being carried out on their axes, or sends them at once where there are none. */
export function attach(state: GatewayState, work: Work, causes: readonly Cause[], now: Now): void {
  for (const { receipt: body, axes } of causes) {
    const running = [...state.standing.values()].filter(s => s.outstanding && axes.includes(s.axis));
    const absent = absentDevices(state, axes);
    if (running.length > 0 && state.awaiting.length < MAX_AWAITING)
      wait(state, work, { receipt: body, orders: new Set(running.map(s => s.order)), applied: absent });
    else sendReceipt(state, work, { ...body, applied: [...absent, ...standingResults(state, axes)] }, now);
  }
}

/** The receipt is kept in the store while it waits: a restart must not swallow it. */
function wait(state: GatewayState, work: Work, awaiting: Omit<Awaiting, 'key'>): void {
  const key = state.nextAwaiting++;
  state.awaiting = [...state.awaiting, { key, ...awaiting }];
  work.store(put('awaiting', String(key), awaiting.receipt));
}

/** An order ended. */
export function applied(
  state: GatewayState,
  work: Work,
  answer: { order: number; applied: Applied },
  now: Now,
): void {
  const { device, axis, outcome } = answer.applied;
  const standing = state.standing.get(standingKey(device, axis));
  const about = { device };
  if (standing === undefined || standing.order !== answer.order) {
    return work.log(
      'info',
      'order.overtaken',
      `${axis} on ${device}: an older order ended ${outcome}`,
      about,
    );
  }
  const before = standing.applied;
  standing.outstanding = false;
  standing.applied = answer.applied;
  standing.answeredAt = now.instant;
  const again = orderAgainAt(state, standing, now.instant);
  if (again === undefined) delete standing.againAt;
  else standing.againAt = again;
  if (before?.outcome !== outcome) {
    state.reported.due = true;
    work.log(
      outcome === 'implemented' ? 'info' : 'warn',
      `order.${outcome}`,
      `${axis} on ${describeApplied([answer.applied])}`,
      about,
    );
  }
  if (standing.value === undefined && outcome === 'implemented') {
    forget(state, work, standingKey(device, axis));
  }
  if (!settleAwaiting(state, work, answer, now) && before?.outcome !== outcome) {
    lateReceipt(state, work, answer.applied, now);
  }
}

/** A device came back or was lost. One that came back may have lost everything it was told. */
export function deviceChanged(state: GatewayState, work: Work, device: DeviceState): void {
  state.devices.set(device.device, device);
  state.reported.due = true;
  work.log(device.present ? 'info' : 'warn', device.present ? 'device.found' : 'device.lost', device.why, {
    device: device.device,
  });
  if (!device.present) state.readings.delete(device.device);
  for (const standing of state.standing.values()) {
    if (standing.device === device.device) forgetAnswer(standing);
  }
}

/** A device seen to hold something else than it was told is told again (a reset, another master, a person). */
export function noteDrift(state: GatewayState, work: Work, reading: Reading, now: Now): void {
  for (const standing of state.standing.values()) {
    if (standing.device !== reading.device || !isSettled(standing, now)) continue;
    const { axis, value } = standing;
    const held = heldOn(axis, reading);
    if (held === undefined || value === undefined) continue;
    if (differs(axis, held, value)) drifted(state, work, { standing, held }, now);
    else delete standing.drifted;
  }
}

/** The first time it is news; a device that keeps to its own value is told again and again, without a word. */
function drifted(
  state: GatewayState,
  work: Work,
  seen: { standing: Standing; held: HeldOn },
  now: Now,
): void {
  const { standing, held } = seen;
  const { axis, device, value } = standing;
  standing.againAt = now.instant;
  if (standing.drifted === true) return;
  forgetAnswer(standing);
  standing.drifted = true;
  state.reported.due = true;
  const is = held === 'none' ? 'not in force' : held.value;
  const text = `${axis} on ${device} is ${is}, was ordered ${value}: ordering again`;
  work.log('warn', 'device.drifted', text, { device });
}

function isSettled({ outstanding, applied: last, answeredAt }: Standing, now: Now): boolean {
  if (outstanding || last?.outcome !== 'implemented' || answeredAt === undefined) return false;
  return now.instant - answeredAt >= SETTLE;
}

/** The earliest moment at which an order is due again; one for a device that is lost waits until it is found. */
export function nextOrderAt(state: GatewayState): Instant | undefined {
  const due = [...state.standing.values()].flatMap(s =>
    s.againAt === undefined || s.outstanding || !canOrder(state, s) ? [] : [s.againAt],
  );
  return due.length === 0 ? undefined : (Math.min(...due) as Instant);
}

function canOrder(state: GatewayState, { device, axis }: Standing): boolean {
  const known = state.devices.get(device);
  return known !== undefined && known.present && known.axes.includes(axis);
}

function issueOne(
  state: GatewayState,
  work: Work,
  { device, axis }: { readonly device: DeviceState; readonly axis: Axis },
  now: Now,
): Standing | undefined {
  const key = standingKey(device.device, axis);
  const standing = state.standing.get(key);
  const allotted = allot(state, device, axis);
  if (allotted.kind === 'waits' || !device.present) return undefined;
  const value = allotted.kind === 'order' ? allotted.value : undefined;
  if (standing === undefined && value === undefined) return undefined;
  if (allotted.kind === 'yields' || (value === undefined && isTaken(state, device, axis))) {
    forget(state, work, key);
    return undefined;
  }
  const reversion = reversionOf(state, device, { axis, value });
  if (standing !== undefined && standing.value === value && sameReversion(standing.reversion, reversion)) {
    const due = standing.againAt !== undefined && standing.againAt <= now.instant;
    if (standing.outstanding || (standing.applied !== undefined && !due)) return undefined;
  }
  const next: Standing = standing ?? newStanding(state, { device: device.device, axis, value });
  if (next.value !== value) delete next.applied;
  next.order = state.nextOrder++;
  next.value = value;
  next.outstanding = true;
  delete next.againAt;
  if (reversion === undefined) delete next.reversion;
  else next.reversion = reversion;
  state.standing.set(key, next);
  return next;
}

/** Whether the setpoint that `axis` would release serves another axis by now: there is nothing left to release. */
function isTaken(state: GatewayState, { device, setpoints }: DeviceState, axis: Axis): boolean {
  return setpointOf(axis, setpoints).some(rival => {
    const other = rival === axis ? undefined : state.standing.get(standingKey(device, rival));
    return other?.value !== undefined && other.applied?.outcome === 'implemented';
  });
}

/** Without a word to the device: what it was told has been replaced, or ended. */
function forget(state: GatewayState, work: Work, key: string): void {
  if (state.standing.delete(key)) work.store({ op: 'delete', kind: 'ordered', key });
}

function newStanding(state: GatewayState, told: Pick<Standing, 'device' | 'axis' | 'value'>): Standing {
  const key = state.decisions.get(told.axis)?.holder;
  const holder = key === undefined ? undefined : state.schedule.entries.get(key)?.event;
  return { ...told, order: 0, outstanding: true, ...(holder === undefined ? {} : { holder }) };
}

function orderOf({ order, device, axis, value, reversion }: Standing): DeviceOrder {
  return { order, device, axis, value, ...(reversion === undefined ? {} : { reversion }) };
}

function sameReversion(a: DeviceOrder['reversion'], b: DeviceOrder['reversion']): boolean {
  return a?.value === b?.value && a?.afterS === b?.afterS;
}

function orderAgainAt(state: GatewayState, standing: Standing, now: Instant): Instant | undefined {
  switch (standing.applied?.outcome) {
    case 'unknown':
      return after(now, RETRY_UNKNOWN);
    case 'refused':
      return after(now, RETRY_REFUSED);
    default:
      return standing.reversion === undefined
        ? undefined
        : after(now, milliseconds(state.settings.reversion / 2));
  }
}

/** Whether a receipt was waiting for this order. */
function settleAwaiting(
  state: GatewayState,
  work: Work,
  answer: { order: number; applied: Applied },
  now: Now,
): boolean {
  const waiting = state.awaiting.filter(a => a.orders.delete(answer.order));
  for (const entry of waiting) entry.applied.push(answer.applied);
  sendComplete(state, work, now);
  return waiting.length > 0;
}

/** Receipts whose orders have all ended, or were replaced by newer ones, go out in the order they came. */
export function sendComplete(state: GatewayState, work: Work, now: Now): void {
  const current = new Set([...state.standing.values()].map(s => s.order));
  const isComplete = ({ orders }: Awaiting): boolean => [...orders].every(order => !current.has(order));
  const complete = state.awaiting.filter(isComplete);
  if (complete.length === 0) return;
  state.awaiting = state.awaiting.filter(entry => !isComplete(entry));
  for (const { key, receipt: body, orders, applied: results, interrupted } of complete) {
    work.store({ op: 'delete', kind: 'awaiting', key: String(key) });
    const replaced = orders.size > 0 ? ['a newer order replaced this one before it was carried out'] : [];
    const outcome = interrupted === undefined ? [describeApplied(results)] : [interrupted];
    const how = replaced.length > 0 && results.length === 0 ? replaced : [...replaced, ...outcome];
    receipt(state, work, { ...body, why: [body.why, ...how].join('; '), applied: results }, now);
  }
}

function sendReceipt(
  state: GatewayState,
  work: Work,
  body: ReceiptBody & { applied: readonly Applied[] },
  now: Now,
): void {
  receipt(state, work, { ...body, why: `${body.why}; ${describeApplied(body.applied)}` }, now);
}

/** An order ended otherwise than its receipt said: the holder's issuer is told. */
function lateReceipt(state: GatewayState, work: Work, result: Applied, now: Now): void {
  const holder = state.decisions.get(result.axis)?.holder;
  const event: DerEvent | undefined =
    holder === undefined ? undefined : state.schedule.entries.get(holder)?.event;
  if (event === undefined) return;
  const why = `${result.axis} is now ${describeApplied([result])}`;
  receipt(state, work, { ...aboutEvent(event, 'started', why), applied: [result] }, now);
}

function absentDevices(state: GatewayState, axes: readonly Axis[]): Applied[] {
  return [...state.devices.values()].flatMap(({ device, present, axes: can }) =>
    present ? [] : axes.filter(a => can.includes(a)).map(axis => unanswered(device, axis)),
  );
}

function unanswered(device: DeviceId, axis: Axis): Applied {
  return {
    device,
    axis,
    outcome: 'unknown',
    why: 'the device does not answer; it is ordered when it does',
    evidence: [],
  };
}

function standingResults(state: GatewayState, axes: readonly Axis[]): Applied[] {
  return [...state.standing.values()].flatMap(s =>
    s.applied !== undefined && axes.includes(s.axis) ? [s.applied] : [],
  );
}

function forgetAnswer(standing: Standing): void {
  standing.outstanding = false;
  delete standing.applied;
  delete standing.answeredAt;
  delete standing.againAt;
}

/** What a reading says the device holds on an axis, in the axis's unit; `undefined` where it does not say. */
function heldOn(axis: Axis, { points, held }: Reading): HeldOn | undefined {
  if (axis === 'opModConnect') return asHeld(points.Conn);
  if (axis !== 'opModMaxLimW') return held?.[axis];
  if (points.WMaxLimPctEna === 0) return asHeld(FULL_SCALE);
  return asHeld(points.WMaxLimPct === undefined ? undefined : points.WMaxLimPct * 100);
}

function asHeld(value: number | undefined): HeldOn | undefined {
  return value === undefined ? undefined : { value, step: 1 };
}

/**
 * A switch is exact. A limit differs when the device is held to more than was ordered; held to less, it was
 * rounded down, or somebody else (an installer, its own protection) holds it lower, which is theirs to do. Any other
 * setpoint differs by a step of its register, or more: less is how the order was rounded.
 */
function differs(axis: Axis, held: HeldOn, ordered: number): boolean {
  if (held === 'none') return true;
  const { value, step } = held;
  if (axis === 'opModConnect') return value !== ordered;
  if (axis === 'opModMaxLimW') return value > ordered + 1;
  const off = Math.abs(value - ordered);
  // What a number of the axis itself cannot tell apart is no difference, nor what arithmetic leaves.
  return off > 1 && off >= step * 0.999;
}
