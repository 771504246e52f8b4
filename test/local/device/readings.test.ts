/** Readings: one vocabulary and one sign convention, whatever models a device speaks. */
import { expect } from 'chai';
import { pointsOf, pollPoints, roleOf, wantsOf } from '../../../src/local/device/mod.ts';
import {
  type ModelEntry,
  type ModelInstance,
  type SunSpecDevice,
  type Value,
} from '../../../src/local/sunspec/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { reads, run } from '../sunspec/table.ts';
import { AT, device, registers } from './site.ts';

function read(id: number, points: Record<string, Value | undefined>): ModelInstance {
  return { id, name: MODELS.get(id)?.name ?? null, address: 0, length: 0, points, groups: {} };
}

function chain(...ids: readonly number[]): SunSpecDevice {
  return {
    unit: 1,
    models: ids.map((id, at): ModelEntry => ({ id, name: null, address: 300 * at, length: 200 })),
  };
}

describe('a reading', () => {
  it('of an inverter comes from 701 before 103', () => {
    const points = pointsOf('inverter', [
      read(103, { W: 1, St: 4 }),
      read(701, {
        W: 4200,
        VA: 4300,
        Var: -300,
        Hz: 59.98,
        VL1: 240.1,
        ConnSt: 1,
        InvSt: 3,
        TotWhInj: 2n ** 53n,
      }),
    ]);
    expect(points).to.deep.equal({
      W: 4200,
      VA: 4300,
      Var: -300,
      Hz: 59.98,
      PhVphA: 240.1,
      ConnSt: 1,
      InvSt: 3,
      TotWhInj: 2 ** 53,
    });
  });

  it('of a single-phase inverter takes the one voltage there is', () => {
    expect(pointsOf('inverter', [read(701, { VL1: undefined, LNV: 231 })])).to.deep.equal({ PhVphA: 231 });
  });

  it('of a 103 speaks the words of 701: MPPT is 4 there and 3, RUNNING, here; 98.5 % is a factor of 0.985', () => {
    const points = pointsOf('inverter', [
      read(103, { W: 4200, VAr: 100, PF: 98.5, St: 4, WH: 77, PhVphA: 230 }),
    ]);
    expect(points).to.deep.equal({ W: 4200, Var: 100, PF: 0.985, InvSt: 3, TotWhInj: 77, PhVphA: 230 });
  });

  it('leaves out what is unknown and keeps what is 0', () => {
    expect(pointsOf('inverter', [read(701, { W: 0, VA: undefined })])).to.deep.equal({ W: 0 });
    expect(pointsOf('inverter', [])).to.deep.equal({});
  });

  const limits: readonly (readonly [string, readonly ModelInstance[], Record<string, number>])[] = [
    ['none in force', [read(704, { WMaxLimPctEna: 0, WMaxLimPct: 50 })], { WMaxLimPctEna: 0 }],
    ['one of 0 %', [read(704, { WMaxLimPctEna: 1, WMaxLimPct: 0 })], { WMaxLimPctEna: 1, WMaxLimPct: 0 }],
    ['one of unknown height', [read(704, { WMaxLimPctEna: 1, WMaxLimPct: undefined })], { WMaxLimPctEna: 1 }],
    [
      'the lower of two',
      [read(704, { WMaxLimPctEna: 1, WMaxLimPct: 60 }), read(123, { WMaxLim_Ena: 1, WMaxLimPct: 40 })],
      { WMaxLimPctEna: 1, WMaxLimPct: 40 },
    ],
    [
      'only what is in force',
      [read(704, { WMaxLimPctEna: 1, WMaxLimPct: 60 }), read(123, { WMaxLim_Ena: 0, WMaxLimPct: 40 })],
      { WMaxLimPctEna: 1, WMaxLimPct: 60 },
    ],
    ['unknown', [read(704, { WMaxLimPctEna: undefined, WMaxLimPct: 60 })], {}],
  ];
  for (const [what, instances, points] of limits)
    it(`tells the limit in force: ${what}`, () => {
      expect(pointsOf('inverter', instances)).to.deep.equal(points);
    });

  it('tells that any of the switches is open', () => {
    expect(pointsOf('inverter', [read(123, { Conn: 1 }), read(703, { ES: 1 })])).to.deep.equal({ Conn: 1 });
    expect(pointsOf('inverter', [read(123, { Conn: 1 }), read(703, { ES: 0 })])).to.deep.equal({ Conn: 0 });
  });

  it('of storage counts discharging as positive and takes its AC power before the DC of 802', () => {
    const battery = read(802, { W: 1500, SoC: 61, WHRtg: 10_000 });
    expect(pointsOf('storage', [battery])).to.deep.equal({ W: 1500, SoC: 61, WHRtg: 10_000 });
    expect(pointsOf('storage', [battery, read(701, { W: 1450 })])).to.include({ W: 1450, SoC: 61 });
    expect(pointsOf('storage', [battery, read(713, { SoC: 60, WHAvail: 6000 })])).to.include({
      SoC: 60,
      W: 1500,
    });
    expect(pointsOf('storage', [read(124, { ChaState: 42 })])).to.deep.equal({ SoC: 42 });
  });

  it('PQ-1: of a meter carries voltage, current, energy both ways, frequency, power factor and each phase', () => {
    const phases = { PhVphA: 120, PhVphB: 121, PhVphC: 122, AphA: 1, AphB: 2, AphC: 3 };
    const whole = { W: -500, VA: 510, A: 6, PhV: 121, Hz: 60, TotWhImp: 7, TotWhExp: 9 };
    const points = pointsOf('meter', [read(203, { ...phases, ...whole, VAR: 50, PF: -98 })]);
    expect(points).to.deep.equal({ ...phases, ...whole, Var: 50, PF: -0.98 });
  });
});

describe('polling for a reading', () => {
  it('asks for one measurement, one setting, and every control', () => {
    const ids = wantsOf(chain(1, 103, 120, 121, 123, 701, 702, 703, 704), 'inverter').map(
      want => want.entry.id,
    );
    expect(ids).to.deep.equal([123, 701, 702, 703, 704]);
    expect(wantsOf(chain(1, 113, 121, 123), 'inverter').map(want => want.entry.id)).to.deep.equal([
      113, 121, 123,
    ]);
    expect(wantsOf(chain(1, 203, 704), 'meter').map(want => want.entry.id)).to.deep.equal([203]);
  });

  it('takes the first of a model that stands twice', () => {
    expect(wantsOf(chain(1, 203, 203), 'meter').map(want => want.entry.address)).to.deep.equal([300]);
  });

  it('reads controls and says what is in force', () => {
    const on = registers({ [AT.ena704]: 1, [AT.pct704]: 3333 });
    const result = run(pollPoints(device(123, 703, 704), 'inverter', { models: MODELS }), on);
    expect(result).to.deep.equal({ ok: true, value: { WMaxLimPctEna: 1, WMaxLimPct: 33.33, Conn: 1 } });
    // 123 up to its scale factor, 703 up to ES, 704 up to its scale factor
    expect(reads(on)).to.deep.equal([
      [40_000, 24],
      [40_100, 3],
      [40_200, 55],
    ]);
  });

  it('knows what a device is from its models', () => {
    expect(roleOf(chain(1, 203))).to.equal('meter');
    expect(roleOf(chain(1, 103, 123))).to.equal('inverter');
    expect(roleOf(chain(1, 124, 802, 713, 704))).to.equal('storage');
    expect(roleOf(chain(1, 701, 713))).to.equal('storage');
    expect(roleOf(chain(1, 103, 160, 124))).to.equal('inverter');
    expect(roleOf(chain(1))).to.equal(undefined);
  });
});
