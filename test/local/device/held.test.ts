/** What a device holds on its axes, in their units: the inverse of what orders write, on both generations. */
import { expect } from 'chai';
import { assert, integer, property } from 'fast-check';
import { CONTROLS, abilitiesIn, applyOrder, readHeld } from '../../../src/local/device/mod.ts';
import type { SunSpecDevice } from '../../../src/local/sunspec/mod.ts';
import { axisRow } from '../../../src/model/mod.ts';
import type { Axis, Held } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { TIMEOUT, run } from '../sunspec/table.ts';
import { type Plant, deviceOf, plant, registersOf } from './plant.ts';

/** 10 kW in both directions, WMax 8 kW, rates in whole percents. */
const BASES = {
  '121.WMax': [8000],
  '121.WMax_SF': [0],
  '124.WChaMax': [10_000],
  '124.WChaMax_SF': [0],
  '124.InOutWRte_SF': [0],
};

function heldOn(on: Plant, device: SunSpecDevice): Held {
  const abilities = run(abilitiesIn(device, MODELS), on);
  if (!abilities.ok) throw new Error(abilities.detail);
  return run(readHeld(device, { models: MODELS, abilities: abilities.value, wMaxW: 8000 }), on);
}

/** Each axis with a model that carries it, and another that makes a battery of the device where it has to be one. */
const ROWS = CONTROLS.flatMap(row =>
  row.kind !== 'value' || ['opModConnect', 'opModMaxLimW'].includes(row.mode)
    ? []
    : [{ axis: row.mode, model: row.model, device: deviceOf(121, row.model, ...(row.only ? [124] : [])) }],
).filter(({ device, model }) => !(model === 704 && device.models.length > 2));

describe('what a device holds on', () => {
  for (const { axis, model, device } of ROWS) {
    const { min, max } = axisRow(axis);
    const [low, high] = [Math.max(min, -8000), Math.min(max, 8000)];
    it(`${axis} by ${model} is what was ordered, but for what its register rounds`, () => {
      assert(
        property(integer({ min: low, max: high }), value => {
          const on = plant(BASES);
          const { outcome, why } = run(applyOrder(device, { axis, value }, MODELS), on);
          expect(outcome, why).to.equal('implemented');
          const held = heldOn(on, device)[axis];
          if (held === undefined || held === 'none') throw new Error(`${axis} holds ${held}`);
          expect(Math.abs(held.value - value), `${value}: ${held.value}`).to.be.below(
            Math.max(held.step, 0.001),
          );
        }),
        { numRuns: 50 },
      );
    });

    it(`${axis} by ${model} is none once it is released`, () => {
      const on = plant(BASES);
      run(applyOrder(device, { axis, value: 0 }, MODELS), on);
      run(applyOrder(device, { axis, value: undefined }, MODELS), on);
      expect(heldOn(on, device)[axis]).to.equal('none');
    });
  }

  it('an axis is none where the setpoint is meant as another axis means it', () => {
    const on = plant();
    run(applyOrder(deviceOf(704), { axis: 'opModTargetW', value: 3000 }, MODELS), on);
    const { opModFixedW, opModTargetW } = heldOn(on, deviceOf(704));
    expect(opModFixedW).to.equal('none');
    expect(opModTargetW).to.include({ value: 3000 });
  });

  it('storage is none where the rates of 124 leave a range', () => {
    const on = plant({ ...BASES, '124.OutWRte': [20], '124.InWRte': [20] });
    expect(heldOn(on, deviceOf(124)).opModStorageTargetW).to.equal('none');
  });

  it('an axis is not told where it cannot be read, and the other models are', () => {
    const on = plant(BASES);
    const [first = 0] = registersOf('704.PFWInjEna');
    on.fault = request =>
      request.kind === 'read' && Math.abs(request.address - first) < 200 ? TIMEOUT : undefined;
    const device = deviceOf(121, 124, 704);
    const axes = new Map<Axis, string>([
      ['opModFixedVar', '704.VarSetEna'],
      ['opModStorageTargetW', '124.StorCtl_Mod'],
    ]);
    const held = run(readHeld(device, { models: MODELS, abilities: axes, wMaxW: undefined }), on);
    expect(Object.keys(held)).to.deep.equal(['opModStorageTargetW']);
  });

  it('connection and limit is told by readings, and an axis that the profile carries out by nothing here', () => {
    const asked = heldOn(plant(), deviceOf(123, 704));
    expect(asked).to.not.have.any.keys('opModConnect', 'opModMaxLimW');
    const on = plant();
    const abilities = new Map<Axis, string>([['opModFixedVar', 'its profile']]);
    expect(run(readHeld(deviceOf(704), { models: MODELS, abilities, wMaxW: 1 }), on)).to.deep.equal({});
    expect(on.log).to.deep.equal([]);
  });
});
