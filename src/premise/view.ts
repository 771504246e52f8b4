/**
 * What the display may see: the site's own readings, setpoints with their reasons, and the events addressed
 * to it with what the customer may do about each. Nothing of other members, keys, or topics (DR-1).
 */
import { after, minutes } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import { formatValue, mayOverride, schedule } from '../control/mod.ts';
import type { Entry, OverrideTerms } from '../control/mod.ts';
import { axesOf, axisRow, eventKey } from '../model/mod.ts';
import type {
  EventKey,
  EventStatus,
  EventView,
  GatewayId,
  MessageView,
  PremiseView,
  Reading,
  Setpoint,
} from '../model/mod.ts';

/** Ended events stay on the display this long, so that a person sees what just happened. */
export const SHOW_ENDED = minutes(60);
/** Events shown at most: those in progress, then those nearest to now. The display is for a household. */
export const MAX_SHOWN = 50;

export interface Site {
  readonly gateway: GatewayId;
  readonly online: boolean;
  readonly clock: PremiseView['clock'];
  readonly readings: readonly Reading[];
  readonly setpoints: readonly Setpoint[];
  readonly entries: readonly Entry[];
  /** Active events that hold an axis now; an active event outside is superseded. */
  readonly holding: ReadonlySet<EventKey>;
  readonly terms: OverrideTerms;
  /** Oldest first. */
  readonly messages?: readonly MessageView[];
}

export function premiseView(site: Site, now: UnixTime): PremiseView {
  const events = site.entries
    .filter(entry => entry.endedAt === undefined || after(entry.endedAt, SHOW_ENDED) > now)
    .sort((a, b) => urgency(a, now) - urgency(b, now))
    .slice(0, MAX_SHOWN)
    .sort((a, b) => b.event.start - a.event.start)
    .map(entry => eventView(entry, site));
  const { gateway, online, clock, readings, setpoints, messages = [] } = site;
  return {
    gateway,
    at: now,
    online,
    clock,
    readings,
    setpoints: setpoints.filter(s => s.order.kind === 'value'),
    events,
    ...(messages.length === 0 ? {} : { messages: messages.map(messageView).reverse() }),
  };
}

function messageView({ issuer, at, text, mRID }: MessageView): MessageView {
  return { issuer, at, text, ...(mRID === undefined ? {} : { mRID }) };
}

/** Smaller is shown first: 0 for an event in progress, else how far its start is from now. */
function urgency({ event, status }: Entry, now: UnixTime): number {
  return status === 'active' ? 0 : 1 + Math.abs(event.start - now);
}

function eventView(entry: Entry, site: Site): EventView {
  const { event } = entry;
  const end = schedule.endOf(event);
  const verdict = mayOverride(event, site.terms);
  const over = entry.endedAt !== undefined;
  return {
    mRID: event.mRID,
    class: event.class,
    issuer: event.issuer,
    status: statusOf(entry, site.holding),
    start: event.start,
    ...(end === undefined ? {} : { end }),
    asks: axesOf(event.axes)
      .map(axis => `${axisRow(axis).does}: ${formatValue(axis, event.axes[axis] ?? 0)}`)
      .join(', '),
    acknowledged: entry.acknowledgedAt !== undefined,
    overridden: entry.overriddenAt !== undefined,
    mayOverride: verdict.allowed && !over,
    why: over ? 'This event is over.' : verdict.why,
    ...(event.note === undefined ? {} : { note: event.note }),
  };
}

function statusOf(entry: Entry, holding: ReadonlySet<EventKey>): EventStatus {
  const hidden =
    entry.status === 'active' && entry.overriddenAt === undefined && !holding.has(eventKey(entry.event));
  return hidden ? 'superseded' : entry.status;
}
