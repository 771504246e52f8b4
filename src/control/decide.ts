/**
 * THE decision: from everything that is asked, one setpoint an axis, with its reasons. Pure: the same
 * question gives the same answer, so an answer can be defended years later.
 *
 * On each axis apart: of the active events that the customer has not overridden, the one that prevails by
 * ranks.ts; without one, the default control; then the bounds of tariff, device and interconnection, which
 * no rank lifts (TAR-1, TAR-2).
 */
import { formatPercent, formatW } from '../base/units.ts';
import { clockTime } from '../base/time.ts';
import { AXES, axesOf, axisRow, eventKey } from '../model/mod.ts';
import type { Axis, AxisValues, DerEvent, EventKey, Reason, Setpoint } from '../model/mod.ts';
import { compareEvents, rankOf } from './ranks.ts';
import { endOf } from './schedule.ts';

/** Inclusive bounds on the integer of an axis; whose they are is said in `why`. */
export interface Bound {
  readonly axis: Axis;
  readonly min: number;
  readonly max: number;
  readonly rule: string;
  readonly why: string;
}

export interface Question {
  /** Active events, in any order. */
  readonly events: readonly { readonly event: DerEvent; readonly overridden: boolean }[];
  /** The default control last signed by the utility: holds where no event does. */
  readonly defaults: AxisValues;
  readonly bounds: readonly Bound[];
}

export interface Decision {
  readonly setpoint: Setpoint;
  /** The event that holds the axis. */
  readonly holder?: EventKey;
}

/** One decision for every axis of the table, in its order. An axis nothing is asked of is `none`. */
export function decide(question: Question): ReadonlyMap<Axis, Decision> {
  const claims = claimsOf(question.events);
  return new Map(AXES.map(({ axis }) => [axis, decideOne(axis, claims.get(axis), question)]));
}

/** The decision on one axis alone. */
export function decideAxis(axis: Axis, question: Question): Decision {
  return decideOne(axis, claimsOf(question.events).get(axis), question);
}

/** Who claims an axis: the event that prevails, and those the customer has lifted. */
interface Claims {
  holder?: DerEvent;
  readonly lifted: DerEvent[];
}

/** One pass over all events, so that a thousand of them cost a thousand comparisons an axis, not a sort each. */
function claimsOf(events: Question['events']): ReadonlyMap<Axis, Claims> {
  const claims = new Map<Axis, Claims>();
  for (const { event, overridden } of events) {
    for (const axis of axesOf(event.axes)) {
      const of = claims.get(axis) ?? { lifted: [] };
      claims.set(axis, of);
      if (overridden) of.lifted.push(event);
      else if (of.holder === undefined || compareEvents(event, of.holder) < 0) of.holder = event;
    }
  }
  return claims;
}

function decideOne(axis: Axis, claims: Claims | undefined, question: Question): Decision {
  const holder = claims?.holder;
  const lifted = (claims?.lifted ?? []).sort(compareEvents).map(liftedReason);
  const asked = holder === undefined ? question.defaults[axis] : holder.axes[axis];
  const base: Reason[] =
    holder !== undefined
      ? [eventReason(axis, holder)]
      : asked !== undefined
        ? [{ rule: 'default', text: `${formatValue(axis, asked)}: default control` }]
        : [];
  const bounded = bind(axis, asked, boundsFor(axis, holder, question.bounds));
  const reasons = [...bounded.reasons, ...base, ...lifted];
  const setpoint: Setpoint = {
    axis,
    order: bounded.value === undefined ? { kind: 'none' } : { kind: 'value', value: bounded.value },
    reasons:
      reasons.length > 0
        ? reasons
        : [{ rule: 'none', text: `no event and no default asks for a ${axisRow(axis).does}` }],
  };
  return holder === undefined ? { setpoint } : { setpoint, holder: eventKey(holder) };
}

/**
 * Axes on which a bound holds though nothing is asked: ceilings, and the connection. On every other axis a bound
 * narrows what may be asked and asks for nothing itself: the allowed range of a target is not a target.
 */
const HELD_UNASKED: ReadonlySet<Axis> = new Set([
  'opModConnect',
  'opModMaxLimW',
  'opModExpLimW',
  'opModImpLimW',
  'opModGenLimW',
  'opModLoadLimW',
]);

/**
 * OVR-4: nothing keeps an emergency from isolating. A bound that forbids 0 on the connection is a word about how a
 * site is operated, and an emergency of the grid stands above it; every other bound holds against every class.
 */
function boundsFor(axis: Axis, holder: DerEvent | undefined, bounds: readonly Bound[]): readonly Bound[] {
  if (axis !== 'opModConnect' || holder?.class !== 'emergency') return bounds;
  return bounds.map(bound => ({ ...bound, min: axisRow(axis).min }));
}

/** `asked` brought inside every bound. Where bounds leave no room between them, the lowest maximum holds. */
function bind(
  axis: Axis,
  asked: number | undefined,
  bounds: readonly Bound[],
): { value: number | undefined; reasons: Reason[] } {
  const own = bounds.filter(bound => bound.axis === axis);
  const value = asked ?? (HELD_UNASKED.has(axis) ? axisRow(axis).max : undefined);
  if (value === undefined) return { value, reasons: [] };
  const max = Math.min(...own.map(bound => bound.max));
  const min = Math.min(max, Math.max(...own.map(bound => bound.min)));
  if (value > max)
    return held(
      axis,
      max,
      own.filter(bound => bound.max === max),
    );
  if (value < min)
    return held(
      axis,
      min,
      own.filter(bound => bound.min === min || bound.max === min),
    );
  return { value: asked, reasons: [] };
}

/** One reason for each bound that makes it this value, in an order that does not depend on theirs. */
function held(axis: Axis, value: number, by: readonly Bound[]): { value: number; reasons: Reason[] } {
  const reasons = by.map(({ rule, why }) => ({ rule, text: `${formatValue(axis, value)}: ${why}` }));
  return { value, reasons: reasons.sort((a, b) => (a.text < b.text ? -1 : Number(a.text > b.text))) };
}

/** `50 %: dispatch event dr-1 by utility until 14:05 UTC`. */
function eventReason(axis: Axis, event: DerEvent): Reason {
  const rank = rankOf(event.class);
  const end = endOf(event);
  const until = end === undefined ? 'until released' : `until ${clockTime(end)}`;
  return {
    rule: event.class === 'emergency' ? 'OVR-4' : event.class === 'transmission' ? 'OVR-3' : 'PROF-1',
    text: `${formatValue(axis, event.axes[axis] ?? 0)}: ${nameOf(event, rank.means)} ${event.mRID} by ${event.issuer} ${until}`,
  };
}

function nameOf(event: DerEvent, means: string): string {
  return event.class === 'emergency' && event.axes.opModConnect !== 0 ? 'emergency event' : means;
}

function liftedReason(event: DerEvent): Reason {
  return {
    rule: 'OVR-1',
    text: `${rankOf(event.class).means} ${event.mRID} by ${event.issuer} is overridden by the customer`,
  };
}

/** The value of an axis in words: `disconnected`, `50 %`, `4 kW`. */
export function formatValue(axis: Axis, value: number): string {
  if (axis === 'opModConnect') return value === 0 ? 'disconnected' : 'connected';
  const { unit } = axisRow(axis);
  if (unit.startsWith('W')) return formatW(value);
  return unit.startsWith('0.0001') ? `power factor ${value / 10_000}` : formatPercent(value);
}
