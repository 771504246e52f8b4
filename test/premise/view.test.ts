import { eventKey } from '../../src/model/mod.ts';
import { expect } from 'chai';
import { hours, minutes } from '../../src/base/time.ts';
import type { Entry } from '../../src/control/mod.ts';
import type { DeviceId, GatewayId, MRID, Setpoint } from '../../src/model/mod.ts';
import { MAX_SHOWN, SHOW_ENDED, premiseView } from '../../src/premise/mod.ts';
import type { Site } from '../../src/premise/mod.ts';
import { T0, at, derEvent, mRID, openEnded, keyOf } from '../support/events.ts';

const SITE: Site = {
  gateway: 'gw-17' as GatewayId,
  online: true,
  clock: 'trusted',
  readings: [],
  setpoints: [],
  entries: [],
  holding: new Set(),
  terms: { directMayBeOverridden: [] },
};

describe('the view of the premise', () => {
  it('shows each event with its end, what it asks in words, and what the customer may do', () => {
    const event = derEvent({ axes: { opModMaxLimW: 0, opModExpLimW: 4000 }, note: 'Peak.' });
    const entry: Entry = { event, status: 'active', acknowledgedAt: T0 };
    expect(shown({ entries: [entry], holding: new Set([eventKey(event)]) })).to.deep.equal([
      {
        mRID: 'ev-1',
        class: 'dispatch',
        issuer: 'utility-a',
        status: 'active',
        start: T0,
        end: at(hours(1)),
        asks: 'limit of real power: 0 %, limit of export at the site: 4 kW',
        acknowledged: true,
        overridden: false,
        mayOverride: true,
        why: 'You may override this event with your code.',
        note: 'Peak.',
      },
    ]);
  });

  it('shows an isolation without an end, as disconnected, and that nobody here may lift it', () => {
    const [view] = shown({ entries: [{ event: openEnded(), status: 'active' }] });
    expect(view).to.include({
      asks: 'connection to the grid: disconnected',
      mayOverride: false,
      why: 'An emergency of the grid cannot be overridden.',
    });
    expect(view).to.not.have.any.keys('end', 'note');
  });

  it('tells superseded from overridden, and neither from an event still to come', () => {
    const entries: Entry[] = [
      { event: derEvent({ mRID: mRID('held') }), status: 'active' },
      { event: derEvent({ mRID: mRID('hidden') }), status: 'active' },
      { event: derEvent({ mRID: mRID('lifted') }), status: 'active', overriddenAt: T0 },
      { event: derEvent({ mRID: mRID('coming') }), status: 'scheduled' },
    ];
    const views = shown({ entries, holding: new Set([keyOf('held')]) });
    expect(views.map(v => `${v.mRID} ${v.status} ${v.overridden ? 'overridden' : ''}`.trim())).to.deep.equal([
      'held active',
      'hidden superseded',
      'lifted active overridden',
      'coming scheduled',
    ]);
  });

  it('shows an event for an hour after its end, and no override of it', () => {
    const entry: Entry = { event: derEvent(), status: 'completed', endedAt: at(hours(1)) };
    const [view] = shown({ entries: [entry] }, hours(1) + SHOW_ENDED - 1);
    expect(view).to.include({ mayOverride: false, why: 'This event is over.' });
    expect(shown({ entries: [entry] }, hours(1) + SHOW_ENDED)).to.deep.equal([]);
  });

  it('never hides an event in progress behind those still to come', () => {
    const coming = Array.from({ length: 2 * MAX_SHOWN }, (_, i): Entry => {
      return {
        event: derEvent({ mRID: `later-${i}` as MRID, start: at(hours(2 + i)) }),
        status: 'scheduled',
      };
    });
    const now: Entry = {
      event: openEnded({ mRID: mRID('em-7'), start: at(-500 * hours(1)) }),
      status: 'active',
    };
    const views = shown({ entries: [...coming, now] });
    expect(views).to.have.length(MAX_SHOWN);
    expect(views.at(-1)?.mRID, 'the oldest start comes last').to.equal('em-7');
    expect(views[0]?.mRID, 'the nearest of those to come are kept').to.equal(`later-${MAX_SHOWN - 2}`);
  });

  it('shows the setpoints that are values, 0 among them, and none that is none', () => {
    const reasons = [{ rule: 'default', text: 'test' }];
    const setpoints: Setpoint[] = [
      { axis: 'opModMaxLimW', order: { kind: 'value', value: 0 }, reasons },
      { axis: 'opModConnect', order: { kind: 'none' }, reasons },
    ];
    expect(premiseView({ ...SITE, setpoints }, T0).setpoints).to.deep.equal([setpoints[0]]);
  });

  it('DR-1: has no room for what is not of this premise', () => {
    const readings = [{ device: 'pv' as DeviceId, role: 'inverter', at: T0, points: { W: 1 } }] as const;
    const view = premiseView({ ...SITE, readings, entries: [{ event: derEvent(), status: 'active' }] }, T0);
    expect(JSON.stringify(view)).to.not.match(/feeder-7|0011223344556677|cti|audience|primacy/);
    expect(view.at).to.equal(T0);
    expect(view.readings).to.deep.equal(readings);
  });
});

function shown(site: Partial<Site>, ms: number = minutes(1)): ReturnType<typeof premiseView>['events'] {
  return premiseView({ ...SITE, ...site }, at(ms)).events;
}
