/**
 * The simulated inverter in virtual time. Rules: SunSpec models 123, 703 and 704.
 */
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import { Inverter } from '../../src/sim/mod.ts';
import { point } from './points.ts';

const GRID = { voltageV: 230, frequencyHz: 50 };
const SUN_W = 6000;

/** An inverter under a steady sun, and a clock. */
function scene(options: ConstructorParameters<typeof Inverter>[1] = {}) {
  const inverter = new Inverter(instant(0), { rampS: 1, serviceDelayS: 3, serviceRampS: 2, ...options });
  const to = (ms: number): void => inverter.advance(instant(ms), SUN_W, GRID);
  const write = (name: string, ...words: number[]) => inverter.wire.write(point(name, inverter.image), words);
  to(2000);
  return { inverter, image: inverter.image, to, write, power: () => inverter.image.get('103.W') };
}

describe('sim inverter', () => {
  it('gives what the sun offers, and shows it alike in 103 and 701', () => {
    const { image, power } = scene();
    expect(power()).to.equal(SUN_W);
    expect(image.get('701.W')).to.equal(SUN_W);
    expect([image.get('103.St'), image.get('701.InvSt'), image.get('701.ThrotPct')]).to.deep.equal([4, 3, 0]);
    // Three phases at 230 V: 6000 / 3 / 230 = 8.70 A each.
    expect(image.get('103.AphA')).to.equal(8.7);
    expect(image.get('103.A')).to.equal(26.09);
  });

  for (const [model, value, enable] of [
    ['704', '704.WMaxLimPct', '704.WMaxLimPctEna'],
    ['123', '123.WMaxLimPct', '123.WMaxLim_Ena'],
  ] as const)
    it(`obeys a limit of ${model} once it is enabled, along its ramp, and not before`, () => {
      const { to, write, power, image } = scene();
      expect(write(value, 2500)).to.equal(undefined);
      to(4000);
      expect(power()).to.equal(SUN_W);
      expect(write(enable, 1)).to.equal(undefined);
      to(4250);
      // 8000 W in one second: a quarter of it in 250 ms.
      expect(power()).to.equal(4000);
      to(5000);
      expect(power()).to.equal(2000);
      expect([image.get('103.St'), image.get('701.InvSt'), image.get('701.ThrotSrc')]).to.deep.equal([
        5, 4, 1,
      ]);
      write(enable, 0);
      to(7000);
      expect(power()).to.equal(SUN_W);
    });

  it('obeys the lower of two limits', () => {
    const { to, write, power } = scene();
    write('704.WMaxLimPct', 5000);
    write('704.WMaxLimPctEna', 1);
    write('123.WMaxLimPct', 2500);
    write('123.WMaxLim_Ena', 1);
    to(4000);
    expect(power()).to.equal(2000);
    write('123.WMaxLim_Ena', 0);
    to(6000);
    expect(power()).to.equal(4000);
  });

  it('lets a limit of 704 fall to its reversion value in the millisecond the timer ends', () => {
    const { to, write, image } = scene();
    write('704.WMaxLimPct', 1000);
    write('704.WMaxLimPctRvrt', 4000);
    write('704.WMaxLimPctEnaRvrt', 1);
    write('704.WMaxLimPctRvrtTms', 0, 60);
    write('704.WMaxLimPctEna', 1);
    to(2000);
    expect(image.get('704.WMaxLimPctRvrtRem')).to.equal(60);
    to(32_500);
    expect(image.get('704.WMaxLimPctRvrtRem')).to.equal(30);
    to(61_999);
    expect([image.get('704.WMaxLimPct'), image.get('704.WMaxLimPctRvrtRem')]).to.deep.equal([10, 1]);
    to(62_000);
    expect([image.get('704.WMaxLimPct'), image.get('704.WMaxLimPctEna')]).to.deep.equal([40, 1]);
    expect(image.get('704.WMaxLimPctRvrtRem')).to.equal(0);
    to(64_000);
    expect(image.get('103.W')).to.equal(3200);
  });

  it('releases a limit of 704 whose reversion is not enabled, and one of 123 always', () => {
    const { to, write, image, power } = scene();
    write('704.WMaxLimPct', 1000);
    write('704.WMaxLimPctRvrtTms', 0, 10);
    write('704.WMaxLimPctEna', 1);
    write('123.WMaxLimPct', 1000);
    write('123.WMaxLimPct_RvrtTms', 20);
    write('123.WMaxLim_Ena', 1);
    to(11_999);
    expect([image.get('704.WMaxLimPctEna'), image.get('123.WMaxLim_Ena')]).to.deep.equal([1, 1]);
    to(12_000);
    expect([image.get('704.WMaxLimPctEna'), image.get('123.WMaxLim_Ena')]).to.deep.equal([0, 1]);
    to(21_999);
    expect(power()).to.equal(800);
    to(22_000);
    expect(image.get('123.WMaxLim_Ena')).to.equal(0);
    to(24_000);
    expect(power()).to.equal(SUN_W);
  });

  it('starts the timer anew when the limit is written again, and stops it with 0 seconds', () => {
    const { to, write, image } = scene();
    write('704.WMaxLimPctRvrtTms', 0, 10);
    write('704.WMaxLimPct', 1000);
    write('704.WMaxLimPctEna', 1);
    to(9000);
    write('704.WMaxLimPct', 1000);
    to(18_999);
    expect(image.get('704.WMaxLimPctEna')).to.equal(1);
    write('704.WMaxLimPctRvrtTms', 0, 0);
    to(100_000);
    expect([image.get('704.WMaxLimPctEna'), image.get('704.WMaxLimPctRvrtRem')]).to.deep.equal([1, 0]);
  });

  for (const [name, off, on] of [
    ['123.Conn', 0, 1],
    ['703.ES', 0, 1],
  ] as const)
    it(`OVR-4: ceases to energise with ${name} ${off}, and comes back after delay and ramp only when told`, () => {
      const { to, write, power, image } = scene();
      write(name, off);
      to(2001);
      expect(power()).to.equal(0);
      expect([image.get('103.St'), image.get('701.St'), image.get('701.ConnSt')]).to.deep.equal([1, 0, 0]);
      expect(image.get('103.A')).to.equal(0);
      to(3_600_000);
      expect(power()).to.equal(0);
      write(name, on);
      to(3_600_001);
      expect([image.get('103.St'), image.get('703.ESDlyRemTms')]).to.deep.equal([3, 3]);
      to(3_603_000);
      expect(power()).to.equal(0);
      to(3_604_000);
      // One second into a ramp of two: half of 8000 W.
      expect(power()).to.equal(4000);
      to(3_606_000);
      expect([power(), image.get('103.St')]).to.deep.equal([SUN_W, 4]);
    });

  it('comes back by itself where Conn carries a reversion time', () => {
    const { to, write, power, image } = scene();
    write('123.Conn_RvrtTms', 30);
    write('123.Conn', 0);
    to(31_999);
    expect([image.get('123.Conn'), power()]).to.deep.equal([0, 0]);
    to(32_000);
    expect(image.get('123.Conn')).to.equal(1);
    to(38_000);
    expect(power()).to.equal(SUN_W);
  });

  it('gives the reactive power that 704 orders, inside its apparent power', () => {
    const { to, write, image } = scene();
    write('704.PFWInj.PF', 900);
    write('704.PFWInj.Ext', 1);
    write('704.PFWInjEna', 1);
    to(3000);
    // Under-excited 0.9 at 6000 W: −6000 · tan(acos 0.9) = −2906 var.
    expect(image.get('701.Var')).to.equal(-2906);
    write('704.VarSetMod', 4);
    write('704.VarSet', 0, 3000);
    write('704.VarSetEna', 1);
    to(4000);
    expect(image.get('103.VAr')).to.equal(3000);
  });

  it('takes a negative power factor of 123 for over-excited, and a positive one for under-excited', () => {
    const { to, write, image } = scene();
    // EEI, as makers print it: negative in quadrant 1, where reactive power is given out too.
    write('123.OutPFSet', 0x1_0000 - 900);
    write('123.OutPFSet_Ena', 1);
    to(3000);
    expect(image.get('103.VAr')).to.equal(2906);
    write('123.OutPFSet', 900);
    to(4000);
    expect(image.get('103.VAr')).to.equal(-2906);
  });

  it('refuses with exception 2 what may only be read, is not implemented, or is not there', () => {
    const { inverter, write, image } = scene();
    expect(write('103.W', 1)).to.deep.equal({ exception: 2 });
    expect(write('704.WMaxLimPctRvrtRem', 0, 1)).to.deep.equal({ exception: 2 });
    expect(inverter.wire.write(point('123.Conn', image) - 2, [0])).to.deep.equal({ exception: 2 });
    for (const address of [0, 39_999, 40_000, 40_001, 40_002, 50_000, 65_535])
      expect(inverter.wire.write(address, [1]), String(address)).to.deep.equal({ exception: 2 });
    expect(inverter.wire.read(39_999, 2)).to.deep.equal({ exception: 2 });
  });

  it('refuses with exception 3 what is out of range, and keeps what it had', () => {
    const { inverter, write, image } = scene();
    for (const [name, ...words] of [
      ['704.WMaxLimPct', 10_001],
      ['123.WMaxLimPct', 10_001],
      ['704.WMaxLimPctEna', 2],
      ['123.Conn', 7],
      ['702.WMax', 8001],
      ['121.WMax', 0],
      ['704.WSetPct', 0x8001],
    ] as const)
      expect(write(name, ...words), name).to.deep.equal({ exception: 3 });
    // One request over both: neither takes effect.
    expect(inverter.wire.write(point('704.WMaxLimPctEna', image), [1, 10_001])).to.deep.equal({
      exception: 3,
    });
    expect([image.get('704.WMaxLimPctEna'), image.get('704.WMaxLimPct')]).to.deep.equal([0, 100]);
  });

  it('keeps WMax the same in 121 and 702, and takes limits as a share of it', () => {
    const { to, write, power, image } = scene();
    write('702.WMax', 4000);
    expect(image.get('121.WMax')).to.equal(4000);
    write('704.WMaxLimPct', 5000);
    write('704.WMaxLimPctEna', 1);
    to(5000);
    expect(power()).to.equal(2000);
  });

  it('sleeps without sun', () => {
    const { inverter, image } = scene();
    inverter.advance(instant(5000), 0, GRID);
    expect([image.get('103.W'), image.get('103.St'), image.get('701.InvSt')]).to.deep.equal([0, 2, 1]);
  });

  it('counts its energy the same however it is advanced', () => {
    const [often, seldom] = [scene(), scene()];
    for (let at = 2000; at <= 602_000; at += 100) often.to(at);
    seldom.to(602_000);
    // Ten minutes at 6000 W after the first two seconds: 1000 Wh and what the start gave.
    expect(often.image.get('103.WH')).to.be.within(1001, 1004);
    expect(seldom.image.get('103.WH')).to.equal(often.image.get('103.WH'));
  });
});
