/** A device in local control: nothing is written to it, but the order to leave the grid, which proves nothing then. */
import { expect } from 'chai';
import { CONTROLS, type Control, applyByProfile, applyIntent } from '../../../src/local/device/mod.ts';
import type { ControlProfile, PointProfile } from '../../../src/local/profiles/mod.ts';
import type { Axis, Intent } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { TIMEOUT, run, writes } from '../sunspec/table.ts';
import { addressOf, deviceOf, held, plant } from './plant.ts';

const LOCAL = { '715.LocRemCtl': [1] };
const ISOLATE: Intent = { kind: 'value', mode: 'opModConnect', value: 0 };
const POINTS = [
  { x: 50, y: 2 },
  { x: 88, y: 21 },
];

/** An order on the mode of `control`, its release, and what else it may be told. */
function intentsOf(control: Control): readonly Intent[] {
  const release: Intent = { kind: 'release', mode: control.mode };
  if (control.kind === 'value') return [{ kind: 'value', mode: control.mode, value: 1 }, release];
  if (control.kind === 'slot' && control.mode !== 'opModFreqDroop')
    return [{ kind: 'curve', curve: { mode: control.mode, points: POINTS } }, release];
  const values = Object.fromEntries(Object.keys(control.fields).map(name => [name, 1]));
  const { mode } = control;
  return [{ kind: 'settings', settings: { mode, values } } as Intent, release];
}

const models = [...new Set(CONTROLS.map(({ model }) => model))];

describe('a device in local control', () => {
  for (const model of models)
    it(`is not written to by ${model}, and says why`, () => {
      for (const control of CONTROLS.filter(each => each.model === model))
        for (const intent of intentsOf(control)) {
          const on = plant(LOCAL);
          const result = run(applyIntent(deviceOf(model, 715, 802), intent, MODELS), on);
          const what = `${intent.kind} ${control.mode}`;
          expect(result.outcome, `${what}: ${result.why}`).to.equal('refused');
          expect(result.why, what).to.match(/local control; nothing was written$/);
          expect(writes(on), what).to.deep.equal([]);
        }
    });

  for (const [model, point] of [
    [123, 'Conn'],
    [703, 'ES'],
    [715, 'OpCtl'],
  ] as const)
    it(`OVR-4: is told by ${model} to leave the grid all the same, and that is unknown`, () => {
      const on = plant(LOCAL);
      const result = run(applyIntent(deviceOf(model, 715), ISOLATE, MODELS), on);
      expect(result.outcome).to.equal('unknown');
      expect(result.why).to.match(
        /^715.LocRemCtl: the device is in local control: its registers hold the order/,
      );
      expect(held(on, `${model}.${point}`)).to.deep.equal([0]);
      expect(result.evidence.map(({ readBack }) => readBack)).to.deep.equal([[0]]);
    });

  it('OVR-4: is told to leave the grid where nothing says whom it obeys, and that is unknown', () => {
    const silent = () => {
      const on = plant();
      on.fault = request => (request.address === addressOf(715) ? TIMEOUT : undefined);
      return on;
    };
    const [isolated, limited] = [silent(), silent()];
    expect(run(applyIntent(deviceOf(123, 715), ISOLATE, MODELS), isolated).outcome).to.equal('unknown');
    expect(held(isolated, '123.Conn')).to.deep.equal([0]);
    const limit: Intent = { kind: 'value', mode: 'opModMaxLimW', value: 5000 };
    const result = run(applyIntent(deviceOf(123, 715), limit, MODELS), limited);
    expect(result.outcome).to.equal('unknown');
    expect(result.why).to.match(/nothing was written$/);
    expect(writes(limited)).to.deep.equal([]);
  });

  it('that refuses to leave the grid has refused', () => {
    const on = plant(LOCAL);
    on.onWrite = () => ({ exception: 3 });
    const result = run(applyIntent(deviceOf(123, 715), ISOLATE, MODELS), on);
    expect(result.outcome).to.equal('refused');
    expect(result.why).to.match(/the device is in local control$/);
  });

  it("is not written to in its maker's own registers either, but to leave the grid", () => {
    const control: ControlProfile = {
      steps: [{ write: 'own', value: 'order' }],
      verify: { by: 'read-back', point: 'own', withinMs: 700 },
      release: { steps: [{ write: 'own', value: 1 }] },
      storage: 'volatile',
    };
    const points: Readonly<Record<string, PointProfile>> = {
      own: { from: [{ table: 'holding', addressBase: 0, register: 10, type: 'uint16' }] },
    };
    const order = (axis: Axis, value: number | undefined) => {
      const on = plant(LOCAL);
      on.registers.set(10, 1);
      const by = { control: { ...control, carries: axis }, points, models: MODELS };
      return { ...run(applyByProfile(deviceOf(715), { axis, value }, by), on), written: writes(on).length };
    };
    expect(order('opModConnect', 0)).to.include({ outcome: 'unknown', written: 1 });
    for (const [axis, value] of [
      ['opModConnect', 1],
      ['opModConnect', undefined],
      ['opModMaxLimW', 5000],
    ] as const)
      expect(order(axis, value)).to.include({
        outcome: 'refused',
        why: '715.LocRemCtl: the device is in local control; nothing was written',
        written: 0,
      });
  });

  it('is one whose battery is, for what goes to the battery alone', () => {
    const target: Intent = { kind: 'value', mode: 'opModStorageTargetW', value: 10 };
    const battery = { '802.LocRemCtl': [1], '124.WChaMax': [50_000] };
    const rates = plant(battery);
    const refused = run(applyIntent(deviceOf(124, 802), target, MODELS), rates);
    expect(refused.why).to.equal('802.LocRemCtl: the battery is in local control; nothing was written');
    const limit: Intent = { kind: 'value', mode: 'opModMaxLimW', value: 5000 };
    const on = plant(battery);
    expect(run(applyIntent(deviceOf(704, 802), limit, MODELS), on).outcome).to.equal('implemented');
  });

  it('is none where the point is not implemented, or says remote', () => {
    for (const word of [0, 0xffff]) {
      const on = plant({ '715.LocRemCtl': [word] });
      expect(run(applyIntent(deviceOf(123, 715), ISOLATE, MODELS), on).outcome).to.equal('implemented');
    }
  });
});
