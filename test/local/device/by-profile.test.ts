/** Orders carried out as a profile says: which registers, with which numbers, in which order, and what is believed. */
import { expect } from 'chai';
import type { ApplyResult, AxisOrder } from '../../../src/local/device/mod.ts';
import { applyByProfile } from '../../../src/local/device/mod.ts';
import type { ControlProfile, PointProfile } from '../../../src/local/profiles/mod.ts';
import type { SunSpecDevice } from '../../../src/local/sunspec/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { type Table, TIMEOUT, exception, run, table, writes } from '../sunspec/table.ts';

const own = (register: number, more: object = {}): PointProfile => ({
  from: [{ table: 'holding', addressBase: 0, register, type: 'uint16', ...more }],
  units: 'W',
});

const POINTS: Readonly<Record<string, PointProfile>> = {
  lock: own(10, { writeOnly: true }),
  mode: own(20),
  power: own(30, { type: 'int32', wordOrder: 'little' }),
  percent: { ...own(40, { exponent: -1 }), units: '%' },
  rating: own(50),
  command: own(60),
};

const STORAGE: ControlProfile = {
  carries: 'opModStorageTargetW',
  steps: [
    { write: 'lock', value: 6868 },
    { write: 'mode', value: 2 },
    { write: 'power', value: 'magnitude', when: 'positive' },
    { write: 'command', value: 0xaa, when: 'positive' },
    { write: 'power', value: 'magnitude', when: 'negative' },
    { write: 'command', value: 0xbb, when: 'negative' },
  ],
  verify: { by: 'read-back', point: 'power', withinMs: 700 },
  release: { steps: [{ write: 'mode', value: 0 }] },
  storage: 'volatile',
};

const DEVICE: SunSpecDevice = { unit: 1, models: [] };

const registers = (): Table =>
  table([10, [0]], [20, [0]], [30, [0, 0]], [40, [1000]], [50, [8000]], [60, [0]]);

function apply(
  on: Table,
  order: Partial<AxisOrder>,
  control: Partial<ControlProfile> = {},
  more: { readonly flashWritesToday?: number } = {},
): ApplyResult {
  const whole = { ...STORAGE, ...control };
  const { carries: axis = 'opModStorageTargetW' } = whole;
  const by = { control: whole, points: POINTS, models: MODELS, ...more };
  return run(applyByProfile(DEVICE, { axis, value: undefined, ...order }, by), on);
}

describe('an order carried out as a profile says', () => {
  it('makes the steps of its sign in their order, each number in the words of its register', () => {
    const on = registers();
    expect(apply(on, { value: 70_000 })).to.include({ outcome: 'implemented', recheckAfterMs: 700 });
    expect(writes(on)).to.deep.equal([
      [10, [6868]],
      [20, [2]],
      // 70000 is 0x11170: the low word first.
      [30, [0x1170, 1]],
      [60, [0xaa]],
    ]);
    const other = registers();
    apply(other, { value: -5 });
    expect(writes(other).slice(2)).to.deep.equal([
      [30, [5, 0]],
      [60, [0xbb]],
    ]);
  });

  it('writes a point that the maker counts the other way round as it reads it', () => {
    const on = registers();
    const points = {
      ...POINTS,
      power: { ...own(30, { type: 'int32', wordOrder: 'little' }), negated: true },
    } as const;
    const control: ControlProfile = { ...STORAGE, steps: [{ write: 'power', value: 'order' }] };
    const order: AxisOrder = { axis: 'opModStorageTargetW', value: 5 };
    run(applyByProfile(DEVICE, order, { control, points, models: MODELS }), on);
    expect(writes(on)).to.deep.equal([[30, [0xfffb, 0xffff]]]);
    run(applyByProfile(DEVICE, { ...order, value: 0 }, { control, points, models: MODELS }), on);
    expect(writes(on).at(-1)).to.deep.equal([30, [0, 0]]);
  });

  it('is refused where the profile has no way to say it, and nothing is written', () => {
    const on = registers();
    expect(apply(on, { value: 0 }).why).to.match(/no way to order 0 of opModStorageTargetW/);
    expect(apply(on, { value: 1.5 }).why).to.match(/is no value of/);
    expect(apply(on, { value: 1e12 })).to.include({ outcome: 'refused' });
    expect(writes(on)).to.deep.equal([]);
  });

  it('plans all of it before any of it: a number that does not fit the last register writes no other', () => {
    const on = registers();
    const steps = [
      { write: 'mode', value: 2 },
      { write: 'command', value: 'order' as const },
    ];
    expect(apply(on, { value: 70_000 }, { steps }).why).to.match(/command cannot hold it/);
    expect(writes(on)).to.deep.equal([]);
  });

  it('goes no further than a step that does not hold, and says what was left', () => {
    const on = registers();
    on.onWrite = (address, word) => (address === 30 ? 0 : word);
    const result = apply(on, { value: 4000 }, { preconditions: ['Remote control is on.'] });
    expect(result.outcome).to.equal('refused');
    expect(result.why).to.equal('power holds 0 0, not 4000 0; not written: command; Remote control is on.');
    expect(writes(on).map(([address]) => address)).to.deep.equal([10, 20, 30]);
    on.registers.set(30, 4000);
    const again = result.recheck === undefined ? undefined : run(result.recheck(), on);
    expect(again, 'it was only late').to.include({ outcome: 'implemented' });
    expect(writes(on).at(-1)).to.deep.equal([60, [0xaa]]);
  });

  it('stops at an exception, and at silence that leaves it unknown', () => {
    const no = registers();
    no.fault = request => (request.kind === 'write' && request.address === 20 ? exception(2) : undefined);
    expect(apply(no, { value: 4000 })).to.include({ outcome: 'refused' });
    expect(writes(no).map(([address]) => address)).to.deep.equal([10, 20]);
    const mute = registers();
    let dead = false;
    mute.fault = request => {
      dead ||= request.kind === 'write' && request.address === 20;
      return dead ? TIMEOUT : undefined;
    };
    expect(apply(mute, { value: 4000 })).to.include({ outcome: 'unknown' });
    expect(writes(mute).at(-1)?.[0]).to.equal(20);
  });

  it('is released by the steps of the profile, or not at all where only time ends it', () => {
    const on = registers();
    expect(apply(on, {})).to.include({ outcome: 'implemented' });
    expect(writes(on)).to.deep.equal([[20, [0]]]);
    expect(apply(on, {}, { release: { expiresAfterS: 60 } }).why).to.match(/nothing ends it but time, 60 s/);
  });

  it('is never more than unknown where nothing can be read back', () => {
    const result = apply(registers(), { value: 4000 }, { verify: { by: 'none' } });
    expect(result).to.include({ outcome: 'unknown' });
  });

  it('leaves the verdict to what is measured where the profile judges by effect', () => {
    const on = registers();
    on.onWrite = () => 0;
    const verify = { by: 'effect', point: 'rating', withinMs: 30_000 } as const;
    const result = apply(on, { value: 4000 }, { verify });
    expect(result).to.include({ outcome: 'unknown' });
    expect(result.effect).to.deep.equal({ point: 'rating', withinMs: 30_000 });
    expect(writes(on).at(-1), 'all of it is written all the same').to.deep.equal([60, [0xaa]]);
  });

  it('passes a reversion to the timer that the profile names, and clears the timer where there is none', () => {
    const on = registers();
    const control: Partial<ControlProfile> = {
      carries: 'opModMaxLimW',
      steps: [
        { write: 'percent', value: 'order' },
        { write: 'rating', value: 'revert-to' },
        { write: 'command', value: 'revert-after' },
      ],
      verify: { by: 'none' },
    };
    const points = { ...POINTS, rating: { ...own(50, { exponent: -2 }), units: '%' } };
    const order = (reversion?: AxisOrder['reversion']) => {
      const axis: AxisOrder = { axis: 'opModMaxLimW', value: 5000, ...(reversion && { reversion }) };
      return run(
        applyByProfile(DEVICE, axis, { control: { ...STORAGE, ...control }, points, models: MODELS }),
        on,
      );
    };
    order({ afterS: 300, value: 2000 });
    order();
    expect(writes(on)).to.deep.equal([
      [40, [500]],
      [50, [2000]],
      [60, [300]],
      [40, [500]],
      [60, [0]],
    ]);
    for (const wrong of [
      { afterS: 0, value: 2000 },
      { afterS: 60, value: 10_001 },
    ])
      expect(order(wrong)).to.include({ outcome: 'refused' });
    expect(order({ afterS: 70_000, value: 2000 }).why).to.match(/command cannot hold it/);
    expect(writes(on)).to.have.length(5);
  });

  it('repeats what the device forgets, and takes the function the device knows', () => {
    const on = registers();
    const control = { keepAlive: { everyS: 20, deadManS: 60 }, functionCode: 16 } as const;
    expect(apply(on, { value: 4000 }, control)).to.include({ keepAliveS: 20 });
    expect(on.log.flatMap(request => (request.kind === 'write' ? [request.how] : []))).to.not.include(
      'single',
    );
    expect(apply(registers(), { value: 4000 }, { functionCode: 6 }).why).to.match(
      /longer than the one register/,
    );
  });
});

describe('a percentage of something else', () => {
  const step = (write: string): ControlProfile['steps'] => [{ write, value: 'order' }];
  const limit = { carries: 'opModMaxLimW', percentOf: 'rating', steps: step('power') } as const;

  it('becomes power by what is 100 % to the device, and never more than was ordered', () => {
    const on = registers();
    expect(apply(on, { value: 3333 }, limit)).to.include({ outcome: 'implemented' });
    // 33.33 % of 8000 W is 2666.4 W.
    expect(writes(on)).to.deep.equal([[30, [2666, 0]]]);
  });

  it('is made of power the same way, by steps of the register', () => {
    const on = registers();
    const storage = { percentOf: 'rating', steps: step('percent') };
    apply(on, { value: 3000 }, storage);
    // 37.5 % in tenths.
    expect(writes(on)).to.deep.equal([[40, [375]]]);
  });

  it('is no order while nobody knows what 100 % is', () => {
    const on = registers();
    on.registers.set(50, 0xffff);
    expect(apply(on, { value: 5000 }, limit).why).to.match(
      /rating, which is 100 % to the device, is not known/,
    );
    const { percentOf: _, ...without } = limit;
    expect(apply(on, { value: 5000 }, without).why).to.match(/in 0.01 % of WMax and power in W/);
    expect(writes(on)).to.deep.equal([]);
  });
});

describe('memory that wears out', () => {
  const flash = { storage: { flash: { writesPerDay: 6 } }, steps: STORAGE.steps.slice(1) } as const;

  it('is not written with what it holds, and no more often than the day allows', () => {
    const on = registers();
    expect(apply(on, { value: 4000 }, flash)).to.include({ outcome: 'implemented', flashWrites: 4 });
    const count = writes(on).length;
    expect(apply(on, { value: 4000 }, flash, { flashWritesToday: 4 })).to.include({ outcome: 'implemented' });
    expect(writes(on)).to.have.length(count);
    // Another power, and the command that puts it in force: three words.
    expect(apply(on, { value: 4001 }, flash, { flashWritesToday: 4 }).why).to.match(
      /3 registers of flash on top of 4 exceed the 6 of a day/,
    );
    expect(apply(on, { value: 4001 }, flash, { flashWritesToday: 3 })).to.include({ flashWrites: 3 });
  });
});

describe('memory that wears out, and what outweighs it', () => {
  const flash = { storage: { flash: { writesPerDay: 3 } }, steps: STORAGE.steps.slice(1) } as const;

  it('is written where all power is taken off, and where it is given back, whatever was written today', () => {
    const spent = { flashWritesToday: 3 };
    const off = registers();
    const steps = [{ write: 'power', value: 'order' }] as const;
    off.registers.set(30, 4000);
    expect(apply(off, { value: 0 }, { ...flash, steps: [...steps] }, spent)).to.include({
      outcome: 'implemented',
      flashWrites: 2,
    });
    const back = registers();
    back.registers.set(20, 2);
    expect(apply(back, {}, flash, spent)).to.include({ outcome: 'implemented', flashWrites: 1 });
    expect(apply(registers(), { value: 1 }, flash, spent)).to.include({ outcome: 'refused' });
  });

  it('is reminded by the last step alone, where the device forgets what it holds', () => {
    const on = registers();
    const control = {
      ...flash,
      storage: { flash: { writesPerDay: 9 } },
      keepAlive: { everyS: 1, deadManS: 3 },
    };
    apply(on, { value: 4000 }, control);
    const before = writes(on).length;
    expect(apply(on, { value: 4000 }, control)).to.include({ outcome: 'implemented', flashWrites: 1 });
    expect(writes(on).slice(before)).to.deep.equal([[60, [0xaa]]]);
  });
});

describe('a step to a model', () => {
  it('is scaled as the model says, and refused where the model no longer is', () => {
    // 124 at 40002: WChaMax at offset 2, OutWRte 12, InWRte 13, StorCtl_Mod 5, WChaMax_SF 18, InOutWRte_SF 25 (sunspec/models 7abdf89).
    const words = [124, 24, ...Array<number>(24).fill(0)];
    words[2] = 500;
    words[18] = 1;
    words[25] = 0xfffe;
    const on = table([40_002, words]);
    const device: SunSpecDevice = {
      unit: 1,
      models: [{ id: 124, name: 'storage', address: 40_002, length: 24 }],
    };
    const control: ControlProfile = {
      ...STORAGE,
      percentOf: '124.WChaMax',
      steps: [
        { write: '124.InWRte', value: 'order' },
        { write: '124.OutWRte', value: 'negated' },
        { write: '124.StorCtl_Mod', value: 3 },
      ],
    };
    const by = { control, points: {}, models: MODELS };
    const order: AxisOrder = { axis: 'opModStorageTargetW', value: 2000 };
    const result = run(applyByProfile(device, order, by), on);
    expect(result.outcome, result.why).to.equal('implemented');
    // 2000 of 5000 W is 40.00 %.
    expect(writes(on).map(([, its]) => its)).to.deep.equal([[4000], [0x1_0000 - 4000], [3]]);
    on.registers.set(40_002, 802);
    expect(run(applyByProfile(device, order, by), on).outcome).to.equal('refused');
  });
});
