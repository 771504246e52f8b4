/** What a device is asked about its modes, and the packets that are known by name. */
import { expect } from 'chai';
import { PACKETS, applyIntent, interrogate } from '../../../src/local/device/mod.ts';
import type { Interrogation, Mode, ModeHeld } from '../../../src/model/mod.ts';
import { modeOf } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { TIMEOUT, run, writes } from '../sunspec/table.ts';
import { type Plant, addressOf, deviceOf, held, plant } from './plant.ts';

function ask(on: Plant, ...ids: readonly number[]): Interrogation {
  return run(interrogate(deviceOf(...ids), MODELS), on);
}

function found(on: Plant, mode: Mode, model: number): ModeHeld | undefined {
  return ask(on, model, 802).modes.find(each => each.mode === mode && each.model === model);
}

describe('the interrogation of a device', () => {
  it('tells the curve in force with its points, and what else could be', () => {
    const on = plant({
      '705.Crv[0].ActPt': [3],
      '705.Crv[0].Pt[0].V': [920],
      '705.Crv[0].Pt[0].Var': [440],
      '705.Crv[0].Pt[1].V': [1000],
      '705.Crv[0].Pt[1].Var': [0],
      '705.Crv[0].Pt[2].V': [1080],
      '705.Crv[0].Pt[2].Var': [0xfe48],
      '705.Crv[0].DeptRef': [3],
      '705.Crv[0].Pri': [0],
      '705.Crv[0].RspTms': [0, 50],
      '705.Crv[0].VRef': [1000],
      '705.Crv[0].VRefAutoEna': [0],
      '705.Crv[2].ReadOnly': [1],
      '705.RvrtTms': [0, 600],
      '705.RvrtRem': [0, 42],
      '705.AdptCrvRslt': [0],
    });
    const mode = found(on, 'opModVoltVar', 705);
    expect(mode).to.deep.include({
      state: 'on',
      adoption: 'in-progress',
      reversion: { afterS: 600, remainsS: 42, slot: 3 },
      curve: {
        mode: 'opModVoltVar',
        points: [
          { x: 92, y: 44 },
          { x: 100, y: 0 },
          { x: 108, y: -44 },
        ],
        reference: 'VAMax',
        priority: 'active',
        responseS: 5,
        vRefPct: 100,
        autonomousVRefS: 0,
      },
    });
    expect(mode?.slots?.map(({ number, access }) => [number, access])).to.deep.equal([
      [2, 'read-write'],
      [3, 'read-only'],
    ]);
  });

  it('tells which slot is selected, or that none is', () => {
    const second = found(plant({ '126.ActCrv': [2], '126.curve[1].V1': [920] }), 'opModVoltVar', 126);
    expect(second).to.include({ state: 'on', activeSlot: 2 });
    expect(second?.curve?.points[0]?.x).to.equal(92);
    const none = found(plant({ '126.ActCrv': [0], '126.ModEna': [4] }), 'opModVoltVar', 126);
    expect(none).to.include({ state: 'off', activeSlot: 0 });
    expect(none).not.to.have.property('curve');
    const beyond = found(plant({ '126.ActCrv': [9] }), 'opModVoltVar', 126);
    expect(beyond).to.include({ activeSlot: 0 }).and.not.to.have.property('curve');
  });

  it('tells a setpoint with its fall-back, and on only where it is meant so', () => {
    const on = plant({ '704.WSetMod': [0], '704.WSetPct': [0xff06], '704.WSetRvrtTms': [0, 60] });
    expect(found(on, 'opModFixedW', 704)).to.deep.include({
      state: 'on',
      points: { WSetPct: -25 },
    });
    expect(found(on, 'opModFixedW', 704)?.reversion).to.include({ afterS: 60, remainsS: 0, state: 'on' });
    expect(found(on, 'opModTargetW', 704)).to.include({ state: 'off' });
    expect(found(on, 'opModStorageTargetW', 704)).to.include({ state: 'off' });
  });

  it('tells settings by the names they are ordered by', () => {
    const on = plant({ '127.WGra': [400], '145.ConnRmpUpRte': [20], '703.ESVLo': [917] });
    // 40 % a Hz is 100 % in 2.5 Hz, of 60 Hz
    const droop = found(on, 'opModFreqDroop', 127)?.settings ?? {};
    expect(droop['kOf']).to.be.closeTo(2.5 / 60, 1e-12);
    expect(found(on, 'setES', 145)?.settings).to.deep.equal({ rampS: 50 });
    expect(found(on, 'setES', 703)?.settings).to.deep.include({ lowVoltPct: 91.7 });
  });

  it('leaves out what a device does not implement, and says what it could not read', () => {
    const bare = plant({ '704.PFWInj.PF': [0xffff], '704.AntiIslEna': [0xffff], '705.NCrv': [0] });
    const modes = ask(bare, 704, 705).modes.map(({ mode }) => mode);
    expect(modes).to.include('opModMaxLimW').and.to.include('opModFixedPFAbsorbW');
    for (const absent of ['opModFixedPFInjectW', 'setAntiIsl', 'opModVoltVar'])
      expect(modes).not.to.include(absent);
    const deaf = plant();
    deaf.fault = request => (request.address >= addressOf(705) ? TIMEOUT : undefined);
    const heard = ask(deaf, 704, 705);
    expect(heard.unread).to.deep.equal([{ model: 705, why: 'no answer while reading model 705' }]);
    expect(heard.modes.every(({ model }) => model === 704)).to.equal(true);
  });

  it('goes around holes: what cannot be read is not told', () => {
    const on = plant();
    for (const address of [addressOf(705) + 25, addressOf(705) + 26]) on.registers.delete(address);
    const mode = found(on, 'opModVoltVar', 705);
    expect(mode, 'its first point is in the hole').not.to.have.property('curve');
    expect(mode?.slots).to.have.length(2);
  });

  it('writes nothing, and reads each model once', () => {
    const on = plant();
    const { modes, unread } = ask(on);
    expect(unread).to.deep.equal([]);
    expect(modes.length).to.be.above(50);
    expect(writes(on)).to.deep.equal([]);
    const asked = on.log.flatMap(request => (request.kind === 'read' ? [request.address] : []));
    expect(new Set(asked).size).to.equal(asked.length);
  });
});

/** Hundredths for times and thousandths for droop, as a device of 1547 has them. */
const FINE = {
  '707.Tms_SF': [0xfffe],
  '708.Tms_SF': [0xfffe],
  '709.Tms_SF': [0xfffe],
  '710.Tms_SF': [0xfffe],
  '711.Db_SF': [0xfffd],
  '711.K_SF': [0xfffd],
};

describe('standard packets', () => {
  for (const [name, packet] of Object.entries(PACKETS))
    it(`${name} is carried out and found in force`, () => {
      const on = plant(FINE);
      for (const intent of packet.intents) {
        const result = run(applyIntent(deviceOf(), intent, MODELS), on);
        expect(result, modeOf(intent)).to.include({ outcome: 'implemented' });
        const inForce = ask(on).modes.find(({ mode }) => mode === modeOf(intent));
        expect(inForce?.state).to.equal('on');
        if (intent.kind === 'curve') expect(inForce?.curve).to.deep.include(intent.curve);
        if (intent.kind === 'settings') expect(inForce?.settings).to.deep.include(intent.settings.values);
      }
    });

  it('the trips of category III, in registers: UV1 88 % in 21 s, UV2 50 % in 2 s, OF2 62 Hz in 0.16 s', () => {
    const on = plant(FINE);
    for (const intent of PACKETS['ieee1547-2018-trip-3'].intents)
      run(applyIntent(deviceOf(), intent, MODELS), on);
    expect(held(on, '707.Crv[0].MustTrip.Pt[0].V')).to.deep.equal([880]);
    expect(held(on, '707.Crv[0].MustTrip.Pt[0].Tms')).to.deep.equal([0, 2100]);
    expect(held(on, '707.Crv[0].MustTrip.Pt[1].V')).to.deep.equal([500]);
    expect(held(on, '707.Crv[0].MustTrip.Pt[1].Tms')).to.deep.equal([0, 200]);
    expect(held(on, '708.Crv[0].MustTrip.Pt[0].Tms')).to.deep.equal([0, 1300]);
    expect(held(on, '709.Crv[0].MustTrip.Pt[1].Hz')).to.deep.equal([0, 565]);
    expect(held(on, '710.Crv[0].MustTrip.Pt[1].Hz')).to.deep.equal([0, 620]);
    expect(held(on, '710.Crv[0].MustTrip.Pt[1].Tms')).to.deep.equal([0, 16]);
  });

  it('a trip in 0.16 s is refused by a device whose step is a second: 0 would be a trip at once', () => {
    const on = plant({ '708.Tms_SF': [0] });
    const intent = PACKETS['ieee1547-2018-trip-2'].intents.find(each => modeOf(each) === 'opModHVRTMustTrip');
    if (intent === undefined) throw new Error('category II has a high voltage trip');
    const result = run(applyIntent(deviceOf(708), intent, MODELS), on);
    expect(result.why).to.equal(
      '0.16 is less than the step of 708.Crv[1].MustTrip.Pt[1].Tms; nothing was written',
    );
    expect(writes(on)).to.deep.equal([]);
  });
});
