/**
 * Models 126 to 134 and 145 of the simulated inverter, ordered as the gateway orders them, and momentary cessation.
 * Expected powers are worked out by hand: straight lines between the points, 90 % of the way at the response time,
 * 100 % ÷ (k × nominal Hz) for each Hz of droop.
 */
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import type { Conversation, ModbusReply } from '../../src/local/bus/mod.ts';
import { applyIntent } from '../../src/local/device/mod.ts';
import type { ApplyResult } from '../../src/local/device/mod.ts';
import { discover } from '../../src/local/sunspec/mod.ts';
import type { Curve, Intent } from '../../src/model/mod.ts';
import { Inverter } from '../../src/sim/mod.ts';
import { MODELS } from '../local/sunspec/models.ts';
import { point } from './points.ts';

/** An inverter of 8000 W in 6000 W of sun; `order` goes by the models named alone. */
function scene() {
  const inverter = new Inverter(instant(0), { rampS: 1, curves: 'both' });
  const grid = { voltageV: 230, frequencyHz: 50 };
  const { image, wire } = inverter;
  let now = 0;
  const pass = (ms: number): void => inverter.advance(instant((now += ms)), 6000, { ...grid });
  const write = (name: string, ...words: number[]) => wire.write(point(name, image), words);
  const run = <T>(conversation: Conversation<T>): T => {
    let step = conversation.next();
    while (step.done !== true) {
      const { value } = step;
      const words =
        value.kind === 'read'
          ? wire.read(value.address, value.count)
          : wire.write(value.address, value.words);
      const reply: ModbusReply =
        words !== undefined && 'exception' in words
          ? { ok: false, refusal: 'exception', retry: 'never', ...words }
          : { ok: true, words: words ?? [] };
      step = conversation.next(reply);
    }
    return step.value;
  };
  const found = run(discover({ unit: 1, models: MODELS }));
  if (!found.ok) throw new Error(found.detail);
  const [whole] = found.value.devices;
  if (whole === undefined) throw new Error('no device');
  const order = (model: number, intent: Intent): ApplyResult =>
    run(applyIntent({ ...whole, models: whole.models.filter(({ id }) => id === model) }, intent, MODELS));
  for (const off of ['707.Ena', '708.Ena', '711.Ena']) write(off, 0);
  pass(2000);
  return { grid, pass, write, order, get: (name: string): number => image.get(name) };
}

const curve = (
  mode: Curve['mode'],
  points: readonly (readonly [number, number])[],
  rest: object = {},
): Intent => ({
  kind: 'curve',
  curve: { mode, points: points.map(([x, y]) => ({ x, y })), ...rest },
});

describe('sim curves of 126 to 134', () => {
  it('126: volt-var by the slot that ActCrv names, 90 % of the way in its response time', () => {
    const { grid, pass, order, get } = scene();
    const points = [
      [90, 40],
      [100, 0],
      [110, -40],
    ] as const;
    const { outcome, why } = order(
      126,
      curve('opModVoltVar', points, { reference: 'VArMax', responseS: 10 }),
    );
    expect(outcome, why).to.equal('implemented');
    expect([get('126.ModEna'), get('126.ActCrv'), get('126.curve[1].V1')]).to.deep.equal([1, 2, 90]);
    grid.voltageV = 1.05 * 230;
    pass(10_000);
    const all = -0.2 * get('702.VarMaxAbs');
    expect(get('701.Var')).to.be.closeTo(0.9 * all, 0.01 * Math.abs(all));
    pass(60_000);
    expect(get('701.Var')).to.be.closeTo(all, 2);
    expect(order(126, { kind: 'release', mode: 'opModVoltVar' }).outcome).to.equal('implemented');
    pass(60_000);
    expect(get('701.Var')).to.equal(0);
  });

  it('132: volt-watt holds the power to its curve', () => {
    const { grid, pass, order, get } = scene();
    const points = [
      [106, 100],
      [110, 0],
    ] as const;
    expect(order(132, curve('opModVoltWatt', points, { reference: 'WMax' })).outcome).to.equal('implemented');
    grid.voltageV = 1.08 * 230;
    pass(120_000);
    expect(get('701.W')).to.be.closeTo(4000, 5);
  });

  it('134: frequency-watt holds the power to its curve, and 711 goes before it', () => {
    const { grid, pass, order, write, get } = scene();
    const points = [
      [50.2, 100],
      [51.2, 40],
    ] as const;
    expect(order(134, curve('opModFreqWatt', points)).outcome).to.equal('implemented');
    grid.frequencyHz = 50.95;
    pass(120_000);
    // Three quarters of the way from 100 % to 40 % of 8000 W.
    expect(get('701.W')).to.be.closeTo(4400, 5);
    write('711.Ena', 1);
    pass(120_000);
    expect(get('701.W')).to.be.closeTo(6000 - (8000 * (0.95 - 0.036)) / (50 * 0.05), 10);
  });

  it('127: takes so much of the power for each Hz above its dead band', () => {
    const { grid, pass, order, get } = scene();
    const values = { dbOfHz: 0.2, kOf: 0.05, nominalHz: 50 };
    const { outcome, why } = order(127, { kind: 'settings', settings: { mode: 'opModFreqDroop', values } });
    expect(outcome, why).to.equal('implemented');
    grid.frequencyHz = 51;
    pass(60_000);
    expect(get('701.W')).to.be.closeTo(6000 * (1 - 0.4 * 0.8), 5);
    grid.frequencyHz = 50;
    pass(60_000);
    expect(get('701.W')).to.be.closeTo(6000, 5);
  });

  it('131: a power factor by the power, under-excited above 0 as EEI has it', () => {
    const { pass, order, get } = scene();
    expect(
      order(
        131,
        curve('opModWattPF', [
          [50, 1],
          [100, 0.95],
        ]),
      ).outcome,
    ).to.equal('implemented');
    pass(120_000);
    // At 75 %: half of tan φ of 0.95, which is 0.3287.
    expect(get('701.Var')).to.be.closeTo((-0.3287 / 2) * 6000, 5);
  });

  for (const [model, mode, share, points] of [
    [129, 'opModLVRTMustTrip', 0.65, [[70, 3]]],
    [130, 'opModHVRTMustTrip', 1.15, [[110, 3]]],
  ] as const)
    it(`${model}: trips when the voltage was beyond for its time`, () => {
      const { grid, pass, order, get } = scene();
      expect(order(model, curve(mode, points)).outcome).to.equal('implemented');
      grid.voltageV = share * 230;
      pass(1);
      pass(2998);
      expect(get('701.ConnSt')).to.equal(1);
      pass(2);
      expect([get('701.ConnSt'), get('701.W')]).to.deep.equal([0, 0]);
    });

  it('are off again when nobody renews them', () => {
    const { pass, write, get } = scene();
    write('126.RvrtTms', 30);
    write('126.ModEna', 1);
    pass(29_999);
    expect(get('126.ModEna')).to.equal(1);
    pass(1);
    expect(get('126.ModEna')).to.equal(0);
  });

  it('refuse a slot that is not there, more points than it has, and a curve in force that goes backwards', () => {
    const { write, get } = scene();
    expect(write('126.ActCrv', 3)).to.deep.equal({ exception: 3 });
    expect(write('126.curve[0].ActPt', 5)).to.deep.equal({ exception: 3 });
    expect(write('126.curve[0].V2', 9000)).to.equal(undefined);
    expect(write('126.ModEna', 1)).to.deep.equal({ exception: 3 });
    expect(get('126.ModEna')).to.equal(0);
  });

  it('128 takes its settings and holds them', () => {
    const { order, get } = scene();
    const values = { sagGradient: 3, swellGradient: 2 };
    const intent: Intent = { kind: 'settings', settings: { mode: 'opModDynamicReactiveCurrent', values } };
    expect(order(128, intent).outcome).to.equal('implemented');
    expect([get('128.ArGraSag'), get('128.ModEna')]).to.deep.equal([3, 1]);
  });

  it('145: ramps by its rate, and enters service by the ramp it shares with 703', () => {
    const { pass, order, write, get } = scene();
    write('123.WMaxLimPct', 0);
    write('123.WMaxLim_Ena', 1);
    pass(5000);
    expect(get('701.W')).to.equal(0);
    const grade: Intent = { kind: 'settings', settings: { mode: 'setGradW', values: { rampPctPerS: 10 } } };
    expect(order(145, grade).outcome).to.equal('implemented');
    write('123.WMaxLim_Ena', 0);
    pass(5000);
    // 5 s at 10 % of 8000 W a second.
    expect(get('701.W')).to.be.closeTo(4000, 1);
    const enter: Intent = { kind: 'settings', settings: { mode: 'setES', values: { rampS: 20 } } };
    expect(order(145, enter).outcome).to.equal('implemented');
    expect(get('703.ESRmpTms')).to.equal(20);
  });
});

describe('sim momentary cessation', () => {
  it('gives nothing while the voltage is beyond, stays connected, and comes back without entering service', () => {
    const { grid, pass, order, write, get } = scene();
    write('707.Ena', 1);
    const points = [[50, 0.1]] as const;
    expect(order(707, curve('opModLVRTMomentaryCessation', points)).why ?? '').to.contain('in progress');
    pass(1);
    grid.voltageV = 0.48 * 230;
    pass(1);
    pass(98);
    expect(get('701.W')).to.be.above(5000);
    pass(2);
    expect([get('701.W'), get('701.ConnSt')]).to.deep.equal([0, 1]);
    grid.voltageV = 230;
    pass(1000);
    expect(get('701.W')).to.be.closeTo(6000, 10);
  });
});
