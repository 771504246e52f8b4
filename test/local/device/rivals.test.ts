/** A fixed number of var or power factor beside the curves that rule reactive power: none is switched off unseen. */
import { expect } from 'chai';
import { applyIntent } from '../../../src/local/device/mod.ts';
import type { Axis, Intent } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { TIMEOUT, run } from '../sunspec/table.ts';
import { type Plant, addressOf, deviceOf, held, plant, registersOf } from './plant.ts';

function apply(on: Plant, intent: Intent, ...ids: readonly number[]) {
  return run(applyIntent(deviceOf(...ids), intent, MODELS), on);
}

const order = (mode: Axis, value = 1000): Intent => ({ kind: 'value', mode, value });
const ACTS = 'is on and does not act while this order stands';

describe('reactive power by order, where a curve is on', () => {
  // axis, the model that carries it, the curve, and what is told
  const rows: readonly (readonly [Axis, number, number, string])[] = [
    ['opModFixedVar', 704, 705, `705, volt-var, ${ACTS}`],
    ['opModFixedVar', 704, 712, `712, watt-var, ${ACTS}`],
    ['opModFixedPFInjectW', 704, 705, `705, volt-var, ${ACTS}`],
    ['opModFixedPFAbsorbW', 704, 705, `705, volt-var, ${ACTS}`],
    ['opModFixedVar', 123, 126, `126, volt-var, ${ACTS}`],
    ['opModFixedPFInjectW', 123, 131, `131, watt-PF, ${ACTS}`],
  ];
  for (const [axis, by, curve, why] of rows)
    it(`AUTO-1: ${axis} by ${by} says so of ${curve}, which stays on`, () => {
      const on = plant();
      const enable = curve > 700 ? `${curve}.Ena` : `${curve}.ModEna`;
      const before = held(on, enable);
      const result = apply(on, order(axis), by, curve);
      expect(result).to.include({ outcome: 'implemented', why });
      expect(held(on, enable)).to.deep.equal(before);
    });

  it('says nothing where none is on, of other axes, and of a release', () => {
    const off = { '705.Ena': [0], '712.Ena': [0] };
    expect(apply(plant(off), order('opModFixedVar'), 704, 705, 712).why).to.equal(undefined);
    expect(apply(plant(), order('opModMaxLimW'), 704, 705, 712).why).to.equal(undefined);
    const release: Intent = { kind: 'release', mode: 'opModFixedVar' };
    expect(apply(plant(), release, 704, 705, 712).why).to.equal(undefined);
  });

  it('AUTO-1: tells of a curve that the device itself switched off with the order', () => {
    const on = plant();
    const [enable, curve] = [registersOf('704.VarSetEna')[0], registersOf('705.Ena')[0] ?? 0];
    const act = on.onWrite;
    on.onWrite = (address, word) => {
      if (address === enable && word === 1) on.registers.set(curve, 0);
      return act?.(address, word) ?? word;
    };
    expect(apply(on, order('opModFixedVar'), 704, 705)).to.include({
      outcome: 'implemented',
      why: '705, volt-var, was on before this order and is no more',
    });
  });

  it('tells of it once the device has shown the order, where it is late', () => {
    const on = plant({ '704.VarSetEna': [0] });
    const [enable = 0] = registersOf('704.VarSetEna');
    on.onWrite = (address, word) => (address === enable ? 0 : word);
    const first = apply(on, order('opModFixedVar'), 704, 705);
    expect(first.outcome).to.equal('refused');
    on.registers.set(enable, 1);
    const last = first.recheck && run(first.recheck(), on);
    expect(last).to.include({ outcome: 'implemented', why: `705, volt-var, ${ACTS}` });
  });

  it('does not take a curve that cannot be read any more for one that went off', () => {
    const on = plant();
    on.fault = ({ kind, address }) =>
      kind === 'read' && address === addressOf(705) && on.log.some(each => each.kind === 'write')
        ? TIMEOUT
        : undefined;
    expect(apply(on, order('opModFixedVar'), 704, 705).why).to.equal(undefined);
  });

  it('carries out an order though no curve can be read', () => {
    const on = plant();
    on.fault = request => (request.address === addressOf(705) ? TIMEOUT : undefined);
    const result = apply(on, order('opModFixedVar'), 704, 705);
    expect(result.outcome).to.equal('implemented');
    expect(result.why).to.equal(undefined);
  });
});
