/**
 * A view of a premise to show: an afternoon with one event a customer may override. Tests change what they need.
 */
import { unixTime } from '../../src/base/time.ts';
import type { DeviceId, EventView, MRID, PremiseView } from '../../src/model/mod.ts';

/** 2026-06-21T14:00:00Z. */
export const AFTERNOON = unixTime(Date.UTC(2026, 5, 21, 14));

export function eventView(changes: Partial<EventView> = {}): EventView {
  return {
    mRID: 'ev-7' as MRID,
    class: 'dispatch',
    issuer: 'demo-utility',
    status: 'active',
    start: unixTime(AFTERNOON - 600_000),
    end: unixTime(AFTERNOON + 3_600_000),
    asks: 'limit of real power: 50 %',
    acknowledged: false,
    overridden: false,
    mayOverride: true,
    why: 'You may opt out of this event with your code.',
    ...changes,
  };
}

export function premiseView(changes: Partial<PremiseView> = {}): PremiseView {
  return {
    gateway: 'gw-17',
    at: AFTERNOON,
    online: true,
    clock: 'trusted',
    readings: [
      { device: 'pv' as DeviceId, role: 'inverter', at: AFTERNOON, points: { W: 3187 } },
      { device: 'battery' as DeviceId, role: 'storage', at: AFTERNOON, points: { W: -1130, SoC: 62.4 } },
      { device: 'meter' as DeviceId, role: 'meter', at: AFTERNOON, points: { W: -1254 } },
    ],
    setpoints: [
      {
        axis: 'opModMaxLimW',
        order: { kind: 'value', value: 5000 },
        reasons: [{ rule: 'dispatch', text: '50 %: dispatch ev-7 by demo-utility until 15:00 UTC' }],
      },
    ],
    events: [eventView()],
    ...changes,
  };
}
