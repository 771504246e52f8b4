/** What products do otherwise, one line of data each, and what becomes of an order by it. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import {
  type ApplyOptions,
  type Deviation,
  applyIntent,
  deviationsOf,
} from '../../../src/local/device/mod.ts';
import { profileFile } from '../../../src/local/profiles/mod.ts';
import type { Intent } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { type Table, exception, run, writes } from '../sunspec/table.ts';
import { deviceOf, held, plant, registersOf } from './plant.ts';

const HALF: Intent = { kind: 'value', mode: 'opModMaxLimW', value: 5000 };
const LIFT: Intent = { kind: 'release', mode: 'opModMaxLimW' };
const CURVE: Intent = { kind: 'curve', curve: { mode: 'opModVoltWatt', points: [{ x: 106, y: 100 }] } };
const LIMIT = registersOf('123.WMaxLimPct')[0] ?? 0;
const ENABLE = registersOf('123.WMaxLim_Ena')[0] ?? 0;

function apply(
  on: Table,
  deviation: Omit<Deviation, 'mode' | 'model'>,
  { intent = HALF, ...options }: ApplyOptions & { readonly intent?: Intent } = {},
) {
  const deviations: readonly Deviation[] = [
    { mode: 'opModMaxLimW', model: 123, ...deviation },
    { mode: 'opModVoltWatt', model: 706, ...deviation },
  ];
  return run(applyIntent(deviceOf(123, 706), intent, MODELS, { ...options, deviations }), on);
}

describe('a product that deviates', () => {
  it('has its enable toggled where a new value counts only from the edge', () => {
    const on = plant();
    expect(apply(on, { toggleEnable: true }).outcome).to.equal('implemented');
    expect(writes(on)).to.deep.equal([
      [LIMIT, [500]],
      [ENABLE, [0]],
      [ENABLE, [1]],
    ]);
    const wasOff = plant({ '123.WMaxLim_Ena': [0] });
    apply(wasOff, { toggleEnable: true });
    expect(writes(wasOff).map(([address]) => address)).to.deep.equal([LIMIT, ENABLE]);
    const released = plant();
    apply(released, { toggleEnable: true }, { intent: LIFT });
    expect(writes(released)).to.deep.equal([[ENABLE, [0]]]);
  });

  it('is written with the one function it knows', () => {
    const sixteen = plant();
    apply(sixteen, { functionCode: 16 });
    expect(sixteen.log.flatMap(request => (request.kind === 'write' ? [request.how] : []))).to.deep.equal([
      'multiple',
      'multiple',
    ]);
    const six = plant({ '123.WMaxLimPct_RvrtTms': [60] });
    expect(apply(six, { functionCode: 6 }).outcome).to.equal('implemented');
    expect(six.log.every(request => request.kind === 'read' || request.how === 'single')).to.equal(true);
    const long = plant();
    expect(apply(long, { functionCode: 6 }, { intent: CURVE }).why).to.match(/longer than the one register/);
    expect(writes(long)).to.deep.equal([]);
  });

  it('gets the whole set where points act only together', () => {
    const on = plant();
    const set = ['WMaxLimPct', 'WMaxLimPct_RmpTms', 'WMaxLimPct_WinTms', 'WMaxLimPct_RvrtTms'];
    const before = held(on, '123.WMaxLimPct_RmpTms')[0];
    expect(apply(on, { completeSet: set }).outcome).to.equal('implemented');
    expect(writes(on)[0]).to.deep.equal([LIMIT, [500, 0, 0, before]]);
  });

  it('is at best unknown where its registers cannot be read back', () => {
    const on = plant({ '123.WMaxLim_Ena': [0] });
    const result = apply(on, { verify: 'none' });
    expect(result).to.include({ outcome: 'unknown' });
    expect(held(on, '123.WMaxLim_Ena'), 'the order is carried to its end').to.deep.equal([1]);
    expect(result.evidence.every(each => each.readBack === undefined)).to.equal(true);
    const refuses = plant();
    refuses.onWrite = () => ({ exception: 3 });
    expect(apply(refuses, { verify: 'none' }).outcome).to.equal('refused');
  });

  it('is released by another value where its enable releases nothing', () => {
    const on = plant();
    expect(apply(on, { release: { value: 10_000 } }, { intent: LIFT }).outcome).to.equal('implemented');
    expect(held(on, '123.WMaxLimPct')).to.deep.equal([1000]);
    expect(held(on, '123.WMaxLim_Ena')).to.deep.equal([1]);
  });

  it('tells how often the order must be repeated, also by a recheck', () => {
    const on = plant();
    expect(apply(on, { keepAliveS: 30 })).to.include({ outcome: 'implemented', keepAliveS: 30 });
    const late = plant();
    late.onWrite = address => late.registers.get(address) ?? 0;
    const result = apply(late, { keepAliveS: 30 });
    late.registers.set(LIMIT, 500);
    delete late.onWrite;
    expect(result.recheck && run(result.recheck(), late)).to.include({
      outcome: 'implemented',
      keepAliveS: 30,
    });
  });

  it('says what an operator must have done, only where it refuses', () => {
    const on = plant();
    on.fault = request => (request.kind === 'write' ? exception(3) : undefined);
    const preconditions = 'switch on "inverter control via Modbus" in its menu';
    expect(apply(on, { preconditions }).why).to.match(/^exception 3 writing .*; switch on "inverter control/);
    expect(apply(plant(), { preconditions }).why).to.equal(undefined);
  });

  it('keeps its flash: what it holds already is not written again', () => {
    const on = plant();
    expect(apply(on, { storage: 'flash' })).to.include({ outcome: 'implemented', flashWrites: 2 });
    const before = writes(on).length;
    const again = apply(on, { storage: 'flash' });
    expect(again).to.include({ outcome: 'implemented', flashWrites: 0 });
    expect(again.why).to.match(/holds it already/);
    expect(writes(on).length).to.equal(before);
    const toggled = plant({ '123.WMaxLimPct': [500] });
    apply(toggled, { storage: 'flash', toggleEnable: true });
    expect(writes(toggled), 'nothing new, nothing to toggle').to.deep.equal([]);
  });

  it('keeps its flash: a curve that is in force is not adopted again', () => {
    const on = plant();
    expect(apply(on, { storage: 'flash' }, { intent: CURVE }).outcome).to.equal('implemented');
    const before = writes(on).length;
    expect(before).to.be.above(2);
    expect(apply(on, { storage: 'flash' }, { intent: CURVE })).to.include({ outcome: 'implemented' });
    expect(writes(on).length).to.equal(before);
  });

  it('is not written beyond the budget of its flash', () => {
    const on = plant();
    const budget = { storage: 'flash', writeBudget: { perDay: 10 } } as const;
    expect(apply(on, budget, { flashWritesToday: 9 })).to.include({
      outcome: 'refused',
      why: '2 registers of flash on top of 9 exceed the 10 of a day; nothing was written',
    });
    expect(writes(on)).to.deep.equal([]);
    expect(apply(on, budget, { flashWritesToday: 8 }).outcome).to.equal('implemented');
  });

  it('is written whatever its flash took where all power is taken off, and where it is given back', () => {
    const budget = { storage: 'flash', writeBudget: { perDay: 10 } } as const;
    const off: Intent = { kind: 'value', mode: 'opModMaxLimW', value: 0 };
    for (const [intent, last] of [
      [off, LIMIT],
      [LIFT, ENABLE],
    ] as const) {
      const on = plant();
      expect(apply(on, budget, { flashWritesToday: 10, intent })).to.include({ outcome: 'implemented' });
      expect(writes(on)).to.deep.include([last, [0]]);
    }
  });

  it('leaves alone who does not deviate: another mode, another model', () => {
    const on = plant();
    const deviations: readonly Deviation[] = [
      { mode: 'opModMaxLimW', model: 704, toggleEnable: true },
      { mode: 'opModFixedVar', model: 123, toggleEnable: true },
    ];
    run(applyIntent(deviceOf(123), HALF, MODELS, { deviations }), on);
    expect(writes(on)).to.deep.equal([
      [LIMIT, [500]],
      [ENABLE, [1]],
    ]);
  });
});

/** The deviations of a profile of the repository. */
function vendor(name: string): readonly Deviation[] {
  const file = new URL(`../../../device-profiles/vendors/${name}.yaml`, import.meta.url);
  return deviationsOf(profileFile.parse(parse(readFileSync(file, 'utf8'))).controls ?? {});
}

describe('a profile, as deviations', () => {
  it('of Fronius: the enable is toggled, a refusal says what to switch on', () => {
    const on = plant();
    const deviations = vendor('fronius');
    const result = run(applyIntent(deviceOf(123), HALF, MODELS, { deviations }), on);
    expect(result.outcome).to.equal('implemented');
    expect(writes(on).slice(1)).to.deep.equal([
      [ENABLE, [0]],
      [ENABLE, [1]],
    ]);
    const refuses = plant();
    refuses.onWrite = () => ({ exception: 1 });
    expect(run(applyIntent(deviceOf(123), HALF, MODELS, { deviations }), refuses).why).to.match(
      /enabled by hand at the inverter/,
    );
  });

  it('of SMA: the timeout goes with the limit, it is repeated, and a reading must show it', () => {
    const on = plant();
    const result = run(applyIntent(deviceOf(123), HALF, MODELS, { deviations: vendor('sma') }), on);
    expect(result).to.include({ outcome: 'implemented', keepAliveS: 60 });
    expect(result.effect).to.include({ point: 'power', withinMs: 30_000 });
    expect(result.effect?.hint).to.match(/external control by Modbus/);
    expect(held(on, '123.WMaxLimPct_RvrtTms'), 'not brought to 0 as elsewhere').to.deep.equal([1800]);
    const released = plant();
    run(applyIntent(deviceOf(123), LIFT, MODELS, { deviations: vendor('sma') }), released);
    expect(writes(released).at(-1), 'the set with what it holds, no timeout').to.deep.equal([ENABLE, [0]]);
    expect(held(released, '123.WMaxLimPct_RvrtTms')).to.deep.equal([0]);
  });

  it('of anything else that a profile can say', () => {
    const common = {
      steps: [{ write: '123.WMaxLimPct', value: 'order' as const }],
      storage: { flash: { writesPerDay: 24 } },
      verify: { by: 'none' as const },
    };
    expect(
      deviationsOf({
        limit: { ...common, functionCode: 6, release: { steps: [{ write: '123.WMaxLimPct', value: 100 }] } },
      }),
    ).to.deep.equal([
      {
        mode: 'opModMaxLimW',
        model: 123,
        verify: 'none',
        storage: 'flash',
        writeBudget: { perDay: 24 },
        functionCode: 6,
        release: { value: 10_000 },
      },
    ]);
    const [expires] = deviationsOf({ limit: { ...common, release: { expiresAfterS: 60 } } });
    expect(expires?.release).to.deep.equal({ expiresAfterS: 60 });
    const on = plant();
    const result = run(
      applyIntent(deviceOf(123), LIFT, MODELS, { deviations: expires ? [expires] : [] }),
      on,
    );
    expect(result.why).to.equal('nothing ends it but time, 60 s after the last order; nothing was written');
    expect(writes(on)).to.deep.equal([]);
  });

  it("says nothing here of registers that are the maker's own", () => {
    expect(vendor('victron')).to.deep.equal([]);
  });
});

describe('points that belong together', () => {
  it('power factor and excitation go in one request, with the fall-back before its timer', () => {
    const on = plant();
    const intent: Intent = {
      kind: 'value',
      mode: 'opModFixedPFInjectW',
      value: 9000,
      reversion: { afterS: 60, value: -10_000 },
    };
    expect(run(applyIntent(deviceOf(704), intent, MODELS), on).outcome).to.equal('implemented');
    const [factor, timer] = [registersOf('704.PFWInj.PF')[0], registersOf('704.PFWInjEnaRvrt')[0]];
    expect(writes(on)).to.deep.equal([
      [factor, [9, 0, 10, 1]],
      [timer, [1, 0, 60]],
      [(timer ?? 0) - 1, [1]],
    ]);
  });

  it('are not torn by a device that refuses the larger block', () => {
    const on = plant();
    on.fault = request => (request.kind === 'write' && request.words.length > 3 ? exception(3) : undefined);
    const intent: Intent = {
      kind: 'value',
      mode: 'opModFixedPFInjectW',
      value: 9000,
      reversion: { afterS: 60, value: -10_000 },
    };
    expect(run(applyIntent(deviceOf(704), intent, MODELS), on).outcome).to.equal('implemented');
    const [factor] = registersOf('704.PFWInj.PF');
    const parts = writes(on).filter(([address]) => address >= (factor ?? 0));
    expect(parts.map(([, words]) => words.length)).to.deep.equal([4, 2, 2]);
  });

  it('a fall-back that is refused starts no timer, though the timer stands elsewhere', () => {
    const on = plant();
    const [fallBack] = registersOf('704.PFWInjRvrt.PF');
    on.onWrite = (address, word) => (address === fallBack ? { exception: 3 } : word);
    const intent: Intent = {
      kind: 'value',
      mode: 'opModFixedPFInjectW',
      value: 9000,
      reversion: { afterS: 60, value: -10_000 },
    };
    expect(run(applyIntent(deviceOf(704), intent, MODELS), on).outcome).to.equal('refused');
    expect(held(on, '704.PFWInjRvrtTms')).to.deep.equal([0, 0]);
    expect(held(on, '704.PFWInj.PF'), 'the order itself holds').to.deep.equal([9]);
  });
});
