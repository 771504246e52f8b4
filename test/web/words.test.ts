import { expect } from 'chai';
import { unixTime } from '../../src/base/time.ts';
import type { DeviceId, EventView } from '../../src/model/mod.ts';
import {
  eventCard,
  flows,
  formatAge,
  headline,
  limits,
  STALE_AFTER_MS,
} from '../../src/web/display/words.ts';
import { AFTERNOON, eventView, premiseView } from '../support/premise.ts';

const clock = (unixMs: number) => new Date(unixMs).toISOString().slice(11, 16);
const card = (changes: Partial<EventView>) => eventCard(eventView(changes), clock);
const meter = { device: 'meter' as DeviceId, role: 'meter', at: AFTERNOON, points: { W: 500 } } as const;

describe('the words of the display', () => {
  it('tells each flow as an amount without sign and a direction, and the home as what is left', () => {
    expect(flows(premiseView(), 0)).to.deep.equal([
      { name: 'Solar', amount: '3.2 kW', says: 'producing' },
      { name: 'Battery', amount: '1.1 kW', says: 'charging, 62 % full' },
      { name: 'Grid', amount: '1.3 kW', says: 'exporting' },
      { name: 'Home', amount: '803 W', says: 'using' },
    ]);
  });

  it('calls a flow unknown when one device of the role is unknown, and the home with it', () => {
    const readings = [
      { device: 'a' as DeviceId, role: 'inverter', at: AFTERNOON, points: { W: 1000 } },
      { device: 'b' as DeviceId, role: 'inverter', at: AFTERNOON, points: {} },
      meter,
    ] as const;
    expect(flows(premiseView({ readings }), 0).map(flow => flow.amount)).to.deep.equal([
      'unknown',
      '500 W',
      'unknown',
    ]);
  });

  it('leaves out what the site does not have', () => {
    expect(flows(premiseView({ readings: [meter] }), 0).map(flow => flow.name)).to.deep.equal([
      'Grid',
      'Home',
    ]);
    expect(flows(premiseView({ readings: [] }), 0)).to.deep.equal([]);
  });

  it('says idle below 10 W of either sign', () => {
    for (const [W, says] of [
      [9, 'idle'],
      [-9, 'idle'],
      [10, 'importing'],
      [-10, 'exporting'],
    ] as const)
      expect(flows(premiseView({ readings: [{ ...meter, points: { W } }] }), 0)[0]).to.include({ says });
  });

  it('shows a reading as old only past the limit, counting how long ago the view came', () => {
    const readings = [{ ...meter, at: unixTime(AFTERNOON - 20_000) }];
    const grid = (ageMs: number) => flows(premiseView({ readings }), ageMs)[0];
    expect(grid(STALE_AFTER_MS - 20_000)).not.to.have.property('stale');
    expect(grid(STALE_AFTER_MS - 20_000 + 1)).to.include({ stale: '30 s old' });
  });

  it('writes an age in the one unit a person judges by', () => {
    const ages = [45_000, 89_999, 90_000, 90 * 60_000, 36 * 3_600_000].map(formatAge);
    expect(ages).to.deep.equal(['45 s', '90 s', '2 min', '2 h', '2 days']);
  });

  it('puts isolation above every event in the headline', () => {
    const view = premiseView({
      setpoints: [
        {
          axis: 'opModConnect',
          order: { kind: 'value', value: 0 },
          reasons: [{ rule: 'OVR-4', text: 'em-7' }],
        },
      ],
    });
    expect(headline(view))
      .to.include({ tone: 'urgent' })
      .and.to.have.property('text')
      .that.contains('disconnected');
  });

  it('tells in the headline what a running event asks, and counts several', () => {
    expect(headline(premiseView())).to.deep.equal({
      tone: 'limited',
      text: 'Peak demand: limit of real power 50 %',
    });
    const events = [eventView(), eventView({ class: 'emergency' })];
    expect(headline(premiseView({ events }))).to.deep.equal({
      tone: 'urgent',
      text: '2 utility events are running',
    });
  });

  it('is calm about an event that is overridden, over or still to come', () => {
    for (const changes of [{ overridden: true }, { status: 'completed' }, { status: 'scheduled' }] as const)
      expect(headline(premiseView({ events: [eventView(changes)] }))).to.include({ tone: 'calm' });
  });

  it('tells a limit of zero apart from no limit', () => {
    const setpoint = (order: { kind: 'none' } | { kind: 'value'; value: number }) =>
      premiseView({
        setpoints: [{ axis: 'opModExpLimW', order, reasons: [{ rule: 'r', text: 'because' }] }],
      });
    expect(limits(setpoint({ kind: 'value', value: 0 }))).to.deep.equal([
      { axis: 'opModExpLimW', what: 'Limit of export at the site: 0 W', reasons: ['because'] },
    ]);
    expect(limits(setpoint({ kind: 'none' }))).to.deep.equal([]);
  });

  it('OVR-1 asks for the code only after the event is acknowledged', () => {
    expect(card({}).action).to.equal('acknowledge');
    expect(card({ acknowledged: true }).action).to.equal('enter-code');
    expect(card({ acknowledged: true, overridden: true }).action).to.equal('end-override');
  });

  it('OVR-3 offers no code field for an event that cannot be overridden, and says why', () => {
    const why = 'A transmission constraint cannot be overridden.';
    const transmission = card({ class: 'transmission', mayOverride: false, acknowledged: true, why });
    expect(transmission).to.include({ action: 'none', why, title: 'Transmission constraint' });
  });

  it('offers nothing for an event that is over', () => {
    for (const status of ['completed', 'cancelled'] as const)
      expect(card({ status }).action).to.equal('none');
  });

  it('says of each status when it holds', () => {
    const when = (changes: Partial<EventView>) => card(changes).when;
    expect(when({ status: 'scheduled' })).to.equal('from 13:50 until 15:00');
    expect(when({})).to.equal('running until 15:00');
    expect(when({ overridden: true })).to.equal('you opted out, the event runs until 15:00');
    expect(when({ status: 'superseded' })).to.equal('set aside by another event, until 15:00');
    expect(when({ status: 'completed' })).to.equal('over since 15:00');
    expect(when({ status: 'cancelled' })).to.equal('cancelled by the utility');
    const { end: _, ...open } = eventView();
    expect(eventCard(open, clock).when).to.equal('running until the utility releases it');
  });
});
