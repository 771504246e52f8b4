/**
 * Every function on every model that can carry it, on a device where everything is on: the registers of the
 * order hold what they should, and no other register has changed. Raw words are worked out by hand: every scale
 * factor of the plant is −1, every bit field has a bit set that is not ours.
 */
import { expect } from 'chai';
import { applyIntent } from '../../../src/local/device/mod.ts';
import type { CurveMode, Intent, Mode } from '../../../src/model/mod.ts';
import { CURVE_MODES, SETTING_MODES, modeOf } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { run } from '../sunspec/table.ts';
import { changed, deviceOf, held, plant, registersOf } from './plant.ts';

interface Case {
  readonly model: number;
  readonly intent: Intent;
  /** What the registers hold afterwards, by point. */
  readonly holds: Readonly<Record<string, readonly number[]>>;
  /** Groups that may change as a whole: the slot that is filled, and the mirror. */
  readonly slots?: readonly string[];
}

const value = (mode: Extract<Intent, { kind: 'value' }>['mode'], number: number): Intent => ({
  kind: 'value',
  mode,
  value: number,
});
const release = (mode: Mode): Intent => ({ kind: 'release', mode });
const settings = (its: Extract<Intent, { kind: 'settings' }>['settings']): Intent => ({
  kind: 'settings',
  settings: its,
});

const VALUES: readonly Case[] = [
  { model: 123, intent: value('opModConnect', 0), holds: { Conn: [0] } },
  { model: 703, intent: value('opModConnect', 0), holds: { ES: [0] } },
  { model: 715, intent: value('opModConnect', 0), holds: { OpCtl: [0] } },
  { model: 704, intent: value('opModMaxLimW', 3333), holds: { WMaxLimPct: [333], WMaxLimPctEna: [1] } },
  { model: 123, intent: value('opModMaxLimW', 3333), holds: { WMaxLimPct: [333], WMaxLim_Ena: [1] } },
  { model: 704, intent: release('opModMaxLimW'), holds: { WMaxLimPctEna: [0] } },
  // −33.33 % is −33.3: towards nothing. −333 = 0xFEB3
  {
    model: 704,
    intent: value('opModFixedW', -3333),
    holds: { WSetPct: [0xfeb3], WSetMod: [0], WSetEna: [1] },
  },
  // 2000 W in tenths: 20000 = 0x4E20; −20000 = 0xFFFFB1E0
  {
    model: 704,
    intent: value('opModTargetW', 2000),
    holds: { WSet: [0, 0x4e20], WSetMod: [1], WSetEna: [1] },
  },
  {
    model: 704,
    intent: value('opModStorageTargetW', 2000),
    holds: { WSet: [0xffff, 0xb1e0], WSetMod: [1], WSetEna: [1] },
  },
  {
    model: 704,
    intent: value('opModFixedVar', 2500),
    holds: { VarSetPct: [250], VarSetMod: [1], VarSetEna: [1] },
  },
  {
    model: 123,
    intent: value('opModFixedVar', -2500),
    holds: { VArMaxPct: [0xff06], VArPct_Mod: [2], VArPct_Ena: [1] },
  },
  {
    model: 704,
    intent: value('opModFixedPFInjectW', 9000),
    holds: { 'PFWInj.PF': [9], 'PFWInj.Ext': [0], PFWInjEna: [1] },
  },
  {
    model: 704,
    intent: value('opModFixedPFAbsorbW', -9000),
    holds: { 'PFWAbs.PF': [9], 'PFWAbs.Ext': [1], PFWAbsEna: [1] },
  },
  // EEI: over-excited is negative
  {
    model: 123,
    intent: value('opModFixedPFInjectW', 9000),
    holds: { OutPFSet: [0xfff7], OutPFSet_Ena: [1] },
  },
];

const SETTINGS: readonly Case[] = [
  {
    model: 703,
    intent: settings({
      mode: 'setES',
      values: { lowVoltPct: 91.7, highVoltPct: 105, lowHz: 59.5, highHz: 60.1, delayS: 300, rampS: 200 },
    }),
    holds: {
      ESVHi: [1050],
      ESVLo: [917],
      ESHzHi: [0, 601],
      ESHzLo: [0, 595],
      ESDlyTms: [0, 300],
      ESRmpTms: [0, 200],
    },
  },
  // all in 50 s is 2 % a second
  { model: 145, intent: settings({ mode: 'setES', values: { rampS: 50 } }), holds: { ConnRmpUpRte: [20] } },
  {
    model: 704,
    intent: settings({ mode: 'setGradW', values: { rampPctPerS: 7 } }),
    holds: { WRmp: [7], WRmpRef: [1] },
  },
  { model: 121, intent: settings({ mode: 'setGradW', values: { rampPctPerS: 7 } }), holds: { WGra: [70] } },
  {
    model: 145,
    intent: settings({ mode: 'setGradW', values: { rampPctPerS: 7 } }),
    holds: { NomRmpUpRte: [70] },
  },
  {
    model: 802,
    intent: settings({ mode: 'setReserve', values: { minPct: 15, maxPct: 90 } }),
    holds: { SoCRsvMin: [150], SocRsvMax: [900] },
  },
  {
    model: 124,
    intent: settings({ mode: 'setReserve', values: { minPct: 15 } }),
    holds: { MinRsvPct: [150] },
  },
  {
    model: 704,
    intent: settings({ mode: 'setAntiIsl', values: { enabled: 0 } }),
    holds: { AntiIslEna: [0] },
  },
  // 5 % of 50 Hz is 2.5 Hz for all: 40 % a Hz
  {
    model: 127,
    intent: settings({ mode: 'opModFreqDroop', values: { dbOfHz: 0.2, kOf: 0.05, nominalHz: 50 } }),
    holds: { HzStr: [2], WGra: [400], ModEna: [5] },
  },
  {
    model: 128,
    intent: settings({
      mode: 'opModDynamicReactiveCurrent',
      values: { sagGradient: 2, swellGradient: 3, dbMinPct: 90, dbMaxPct: 110, holdMs: 400 },
    }),
    holds: {
      ArGraSag: [20],
      ArGraSwell: [30],
      DbVMin: [900],
      DbVMax: [1100],
      HoldTmms: [400],
      ModEna: [5],
    },
  },
  { model: 128, intent: release('opModDynamicReactiveCurrent'), holds: { ModEna: [4] } },
  {
    model: 711,
    intent: settings({ mode: 'opModFreqDroop', values: { dbOfHz: 0.5, kOf: 0.4, responseS: 5 } }),
    holds: {
      'Ctl[1].DbOf': [0, 5],
      'Ctl[1].KOf': [4],
      'Ctl[1].RspTms': [0, 50],
      'Ctl[0].DbOf': [0, 5],
      'Ctl[0].KOf': [4],
      // not named: as it was in force, 21 Hz
      'Ctl[1].DbUf': [0, 210],
      'Ctl[0].DbUf': [0, 210],
      AdptCtlReq: [2],
      Ena: [1],
    },
    slots: ['Ctl[1]', 'Ctl[0]'],
  },
];

const POINTS = [
  { x: 50, y: 2 },
  { x: 88, y: 21 },
];

/** Coordinates of a 1xx curve: x and y of the first two points. */
const NUMBERED: readonly (readonly [CurveMode, number, string, string])[] = [
  ['opModVoltVar', 126, 'V', 'VAr'],
  ['opModLVRTMustTrip', 129, 'V', 'Tms'],
  ['opModHVRTMustTrip', 130, 'V', 'Tms'],
  ['opModWattPF', 131, 'W', 'PF'],
  ['opModVoltWatt', 132, 'V', 'W'],
  ['opModFreqWatt', 134, 'Hz', 'W'],
  ['opModLFRTMustTrip', 135, 'Hz', 'Tms'],
  ['opModHFRTMustTrip', 136, 'Hz', 'Tms'],
  ['opModLVRTMayTrip', 137, 'V', 'Tms'],
  ['opModHVRTMayTrip', 138, 'V', 'Tms'],
  ['opModLVRTMomentaryCessation', 139, 'V', 'Tms'],
  ['opModHVRTMomentaryCessation', 140, 'V', 'Tms'],
  ['opModLFRTMayTrip', 141, 'Hz', 'Tms'],
  ['opModHFRTMayTrip', 142, 'Hz', 'Tms'],
  ['opModLFRTMomentaryCessation', 143, 'Hz', 'Tms'],
  ['opModHFRTMomentaryCessation', 144, 'Hz', 'Tms'],
];

const LISTED: readonly (readonly [CurveMode, number, string, string, string])[] = [
  ['opModVoltVar', 705, '', 'V', 'Var'],
  ['opModVoltWatt', 706, '', 'V', 'W'],
  ['opModWattVar', 712, '', 'W', 'Var'],
  ['opModLVRTMustTrip', 707, 'MustTrip.', 'V', 'Tms'],
  ['opModLVRTMayTrip', 707, 'MayTrip.', 'V', 'Tms'],
  ['opModLVRTMomentaryCessation', 707, 'MomCess.', 'V', 'Tms'],
  ['opModHVRTMustTrip', 708, 'MustTrip.', 'V', 'Tms'],
  ['opModHVRTMayTrip', 708, 'MayTrip.', 'V', 'Tms'],
  ['opModHVRTMomentaryCessation', 708, 'MomCess.', 'V', 'Tms'],
  ['opModLFRTMustTrip', 709, 'MustTrip.', 'Hz', 'Tms'],
  ['opModLFRTMayTrip', 709, 'MayTrip.', 'Hz', 'Tms'],
  ['opModLFRTMomentaryCessation', 709, 'MomCess.', 'Hz', 'Tms'],
  ['opModHFRTMustTrip', 710, 'MustTrip.', 'Hz', 'Tms'],
  ['opModHFRTMayTrip', 710, 'MayTrip.', 'Hz', 'Tms'],
  ['opModHFRTMomentaryCessation', 710, 'MomCess.', 'Hz', 'Tms'],
];

const CURVES: readonly Case[] = [
  ...NUMBERED.map(
    ([mode, model, x, y]): Case => ({
      model,
      intent: { kind: 'curve', curve: { mode, points: POINTS } },
      holds: {
        'curve[1].ActPt': [2],
        [`curve[1].${x}1`]: [500],
        [`curve[1].${y}1`]: [20],
        [`curve[1].${x}2`]: [880],
        [`curve[1].${y}2`]: [210],
        ActCrv: [2],
        ModEna: [5],
      },
      slots: ['curve[1]'],
    }),
  ),
  ...LISTED.map(([mode, model, inside, x, y]): Case => {
    // Frequencies and times have two registers, powers one.
    const long = (name: string, word: number) => (name === 'Hz' || name === 'Tms' ? [0, word] : [word]);
    const slot = (at: number) => ({
      [`Crv[${at}].${inside}ActPt`]: [2],
      [`Crv[${at}].${inside}Pt[0].${x}`]: long(x, 500),
      [`Crv[${at}].${inside}Pt[0].${y}`]: long(y, 20),
      [`Crv[${at}].${inside}Pt[1].${x}`]: long(x, 880),
      [`Crv[${at}].${inside}Pt[1].${y}`]: long(y, 210),
    });
    return {
      model,
      intent: { kind: 'curve', curve: { mode, points: POINTS } },
      holds: { ...slot(1), ...slot(0), AdptCrvReq: [2], Ena: [1] },
      slots: ['Crv[1]', 'Crv[0]'],
    };
  }),
  { model: 705, intent: release('opModVoltVar'), holds: { Ena: [0] } },
  { model: 126, intent: release('opModVoltVar'), holds: { ModEna: [4] } },
];

const CASES = [...VALUES, ...SETTINGS, ...CURVES];

/** Registers from the first to the last of a group. */
function spanOf(model: number, group: string): readonly number[] {
  const first = { Crv: 'ActPt', Ctl: 'DbOf', curve: 'ActPt' }[group.replace(/\[.*/, '')] ?? '';
  const trips = model >= 707 && model <= 710;
  const from = registersOf(`${model}.${group}.${trips ? 'ReadOnly' : first}`)[0] ?? 0;
  const size =
    (registersOf(`${model}.${group.replace(/\d/, '2')}.${trips ? 'ReadOnly' : first}`)[0] ?? 0) - from;
  const one = size / (2 - Number(/\d/.exec(group)?.[0]));
  return Array.from({ length: one }, (_, at) => from + at);
}

describe('every function on every model', () => {
  for (const { model, intent, holds, slots = [] } of CASES) {
    const what = intent.kind === 'release' ? 'released' : intent.kind;
    it(`AUTO-1: ${modeOf(intent)} ${what} in ${model} changes its own registers and disables nothing else`, () => {
      const on = plant();
      const before = new Map(on.registers);
      const beside = modeOf(intent) === 'opModStorageTargetW' ? [802] : [];
      const result = run(applyIntent(deviceOf(model, ...beside), intent, MODELS), on);
      expect(result.why ?? '').to.equal('');
      expect(result.outcome).to.equal('implemented');
      for (const [path, words] of Object.entries(holds))
        expect(held(on, `${model}.${path}`), path).to.deep.equal(words);
      const own = new Set([
        ...Object.keys(holds).flatMap(path => registersOf(`${model}.${path}`)),
        ...slots.flatMap(group => spanOf(model, group)),
      ]);
      expect(changed(on, before).filter(address => !own.has(address))).to.deep.equal([]);
      expect(changed(on, before)).not.to.deep.equal([]);
      for (const each of result.evidence) expect(each.readBack, each.point).to.be.an('array');
    });
  }

  it('AUTO-1: the release of one setpoint leaves the other alone that the same switch serves', () => {
    const on = plant({ '704.WSetMod': [0] });
    const result = run(applyIntent(deviceOf(704), release('opModTargetW'), MODELS), on);
    expect(result.outcome).to.equal('implemented');
    expect(held(on, '704.WSetEna')).to.deep.equal([1]);
    run(applyIntent(deviceOf(704), release('opModFixedW'), MODELS), on);
    expect(held(on, '704.WSetEna')).to.deep.equal([0]);
  });

  it('leaves out what only makes a value more precise, where the device has it not', () => {
    const on = plant({ '704.WRmpRef': [0xffff] });
    const intent = settings({ mode: 'setGradW', values: { rampPctPerS: 7 } });
    expect(run(applyIntent(deviceOf(704), intent, MODELS), on).outcome).to.equal('implemented');
    expect(held(on, '704.WRmp')).to.deep.equal([7]);
    expect(held(on, '704.WRmpRef')).to.deep.equal([0xffff]);
  });

  it('goes on to the next model with a ramp finer than the step of the first', () => {
    const on = plant();
    const intent = settings({ mode: 'setGradW', values: { rampPctPerS: 0.4 } });
    expect(run(applyIntent(deviceOf(704, 121), intent, MODELS), on).outcome).to.equal('implemented');
    expect(held(on, '704.WRmp'), '0 would be no ramp at all').not.to.deep.equal([0]);
    expect(held(on, '121.WGra')).to.deep.equal([4]);
  });

  it('is on the list: no mode goes without a case', () => {
    const tried = new Set<Mode>(CASES.map(({ intent }) => modeOf(intent)));
    expect([...CURVE_MODES, ...SETTING_MODES].filter(mode => !tried.has(mode))).to.deep.equal([]);
  });

  it('AUTO-1: the other curves of a trip set stay as they are in force', () => {
    const on = plant();
    const others = [
      'MayTrip.ActPt',
      'MayTrip.Pt[0].V',
      'MayTrip.Pt[1].Tms',
      'MomCess.Pt[0].V',
      'MomCess.Pt[3].V',
    ];
    const before = others.map(path => held(on, `707.Crv[0].${path}`));
    const intent: Intent = { kind: 'curve', curve: { mode: 'opModLVRTMustTrip', points: POINTS } };
    expect(run(applyIntent(deviceOf(707), intent, MODELS), on).outcome).to.equal('implemented');
    expect(others.map(path => held(on, `707.Crv[0].${path}`))).to.deep.equal(before);
    expect(
      others.map(path => held(on, `707.Crv[1].${path}`)),
      'copied to the slot',
    ).to.deep.equal(before);
  });
});
