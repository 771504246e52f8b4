/**
 * Events to schedule and decide on: one at {@link T0} that halves the real power for an hour. Tests change
 * what they need.
 */
import { hours, unixTime } from '../../src/base/time.ts';
import type { UnixTime } from '../../src/base/time.ts';
import { eventKey } from '../../src/model/mod.ts';
import type { Cti, DerEvent, EventKey, GroupId, KeyId, MRID } from '../../src/model/mod.ts';

/** 2026-06-21T14:00:00Z. */
export const T0 = unixTime(Date.UTC(2026, 5, 21, 14));

/** `ms` milliseconds after {@link T0}. */
export const at = (ms: number): UnixTime => unixTime(T0 + ms);

export const mRID = (text: string): MRID => text as MRID;

/** The key of an event of `utility-a`, whose all events are unless a test says otherwise. */
export const keyOf = (text: string): EventKey => eventKey({ issuer: 'utility-a', mRID: mRID(text) });

export function derEvent(changes: Partial<DerEvent> = {}): DerEvent {
  return {
    mRID: mRID('ev-1'),
    service: 'demand-response',
    class: 'dispatch',
    primacy: 10,
    issuer: 'utility-a',
    kid: '0011223344556677' as KeyId,
    cti: '00000000000000000000000000000001' as Cti,
    audience: { kind: 'group', id: 'feeder-7' as GroupId },
    createdAt: at(-60_000),
    sequence: 1,
    start: T0,
    duration: hours(1),
    axes: { opModMaxLimW: 5000 },
    ...changes,
  };
}

/** The same event without an end: only an emergency may be. */
export function openEnded(changes: Partial<DerEvent> = {}): DerEvent {
  const { duration: _, ...event } = derEvent({ class: 'emergency', axes: { opModConnect: 0 }, ...changes });
  return event;
}
