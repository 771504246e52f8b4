/**
 * Models 705 to 712 of the simulated inverter: adoption, reversion, and what the curves do. Expected powers are
 * worked out by hand from IEEE 1547-2018: formula A of IEEE 1547.1 (90 % of the way at the response time) and the
 * droop equation P = Ppre − (f − fn − db) / (fn k) of the rated power.
 */
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import { Inverter } from '../../src/sim/mod.ts';
import { point } from './points.ts';

const SUN_W = 6000;

/** An inverter of 8000 W and 8800 VA in steady sun, a grid to be changed, and a clock. */
function scene() {
  const inverter = new Inverter(instant(0), { rampS: 1 });
  const grid = { voltageV: 230, frequencyHz: 50 };
  let sunW = SUN_W;
  const to = (ms: number): void => inverter.advance(instant(ms), sunW, { ...grid });
  const write = (name: string, ...words: number[]) => inverter.wire.write(point(name, inverter.image), words);
  to(2000);
  const { image } = inverter;
  const get = (name: string): number => image.get(name);
  const shine = (watts: number): void => void (sunW = watts);
  return { grid, to, write, get, shine };
}

describe('sim curves', () => {
  for (const [model, group, request, result, count] of [
    [705, 'Crv', 'AdptCrvReq', 'AdptCrvRslt', 'NCrv'],
    [706, 'Crv', 'AdptCrvReq', 'AdptCrvRslt', 'NCrv'],
    [707, 'Crv', 'AdptCrvReq', 'AdptCrvRslt', 'NCrvSet'],
    [708, 'Crv', 'AdptCrvReq', 'AdptCrvRslt', 'NCrvSet'],
    [709, 'Crv', 'AdptCrvReq', 'AdptCrvRslt', 'NCrvSet'],
    [710, 'Crv', 'AdptCrvReq', 'AdptCrvRslt', 'NCrvSet'],
    [711, 'Ctl', 'AdptCtlReq', 'AdptCtlRslt', 'NCtl'],
    [712, 'Crv', 'AdptCrvReq', 'AdptCrvRslt', 'NCrv'],
  ] as const) {
    const edited: Readonly<Record<number, string>> = { 711: 'KOf' };
    const inside = edited[model] ?? (model >= 707 && model <= 710 ? 'MustTrip.ActPt' : 'ActPt');

    it(`${model}: slot 1 is read-only and shows slot 2 only once that was asked for and adopted`, () => {
      const { to, write, get } = scene();
      const [active, other] = [`${model}.${group}[0].`, `${model}.${group}[1].`];
      const before = get(active + inside);
      expect([get(`${active}ReadOnly`), get(`${other}ReadOnly`), get(`${model}.${count}`)]).to.deep.equal([
        1, 0, 3,
      ]);
      expect(write(active + inside, 1)).to.deep.equal({ exception: 2 });
      expect(write(other + inside, 1)).to.equal(undefined);
      to(3000);
      expect(get(active + inside)).to.equal(before);
      expect(write(`${model}.${request}`, 2)).to.equal(undefined);
      expect([get(`${model}.${result}`), get(active + inside)]).to.deep.equal([0, before]);
      to(3001);
      expect([get(`${model}.${result}`), get(active + inside)]).to.deep.equal([1, get(other + inside)]);
      expect(get(active + inside)).to.not.equal(before);
      expect(get(`${active}ReadOnly`)).to.equal(1);
    });

    for (const asked of [0, 4, 65_534])
      it(`${model}: fails to adopt slot ${asked}, and keeps what is in force`, () => {
        const { to, write, get } = scene();
        const before = get(`${model}.${group}[0].${inside}`);
        write(`${model}.${request}`, asked);
        to(3000);
        expect([get(`${model}.${result}`), get(`${model}.${group}[0].${inside}`)]).to.deep.equal([2, before]);
      });
  }

  it('refuses more points than a slot has, and a curve that goes backwards', () => {
    const { to, write, get } = scene();
    expect(write('705.Crv[1].ActPt', 7)).to.deep.equal({ exception: 3 });
    write('705.Crv[1].Pt[1].V', 8000);
    write('705.AdptCrvReq', 2);
    to(3000);
    expect([get('705.AdptCrvRslt'), get('705.Crv[0].Pt[1].V')]).to.deep.equal([2, 98]);
  });

  it('volt-var goes 90 % of its way in its response time, and back when it is switched off', () => {
    const { grid, to, write, get } = scene();
    write('705.Ena', 1);
    to(60_000);
    expect(get('701.Var')).to.equal(0);
    grid.voltageV = 1.08 * 230;
    to(65_000);
    // −44 % of 8800 VA is −3872 var; 90 % of it after RspTms = 5 s.
    expect(get('701.Var')).to.be.closeTo(-0.9 * 3872, 1);
    to(70_000);
    expect(get('701.Var')).to.be.closeTo(-0.99 * 3872, 1);
    grid.voltageV = 0.95 * 230;
    to(130_000);
    // Half way between 92 % and 98 %.
    expect(get('701.Var')).to.be.closeTo(1936, 1);
    write('705.Ena', 0);
    to(135_000);
    expect(get('701.Var')).to.be.closeTo(194, 1);
    to(200_000);
    expect(get('701.Var')).to.equal(0);
  });

  it('volt-var moves with Vref, also with the one it finds by itself', () => {
    const { grid, to, write, get } = scene();
    write('705.Crv[1].VRef', 9500);
    write('705.AdptCrvReq', 2);
    write('705.Ena', 1);
    grid.voltageV = 0.95 * 1.08 * 230;
    to(100_000);
    expect(get('701.Var')).to.be.closeTo(-3872, 2);
    write('705.Crv[1].VRefAutoEna', 1);
    write('705.AdptCrvReq', 2);
    to(3_600_000);
    // An hour is twelve of its time constants of 300 s: the voltage is its own reference now.
    expect(get('705.Crv[0].VRefAuto')).to.be.closeTo(102.6, 0.01);
    expect(get('701.Var')).to.equal(0);
  });

  it('var goes before watt where the curve says so, and after it where not', () => {
    const { grid, to, write, get, shine } = scene();
    shine(9000);
    write('702.VAMax', 8000);
    write('705.Ena', 1);
    grid.voltageV = 1.1 * 230;
    to(100_000);
    // −44 % of 8000 VA; sqrt(8000² − 3520²) = 7184 W.
    expect([get('701.Var'), get('701.W')]).to.deep.equal([-3520, 7184]);
    write('705.Crv[1].Pri', 0);
    write('705.AdptCrvReq', 2);
    to(200_000);
    expect([get('701.Var'), get('701.W')]).to.deep.equal([0, 8000]);
  });

  it('volt-watt holds the power down along its response, says so, and lets it rise again', () => {
    const { grid, to, write, get } = scene();
    write('706.Ena', 1);
    grid.voltageV = 1.08 * 230;
    to(12_000);
    // Half of 8000 W at 108 %; from 6000 W nine tenths of the way in 10 s.
    expect(get('701.W')).to.be.closeTo(4200, 1);
    expect([get('701.InvSt'), get('701.ThrotSrc')]).to.deep.equal([4, 1 << 10]);
    to(100_000);
    expect(get('701.W')).to.equal(4000);
    grid.voltageV = 230;
    to(110_000);
    expect(get('701.W')).to.be.closeTo(5800, 1);
    to(200_000);
    expect([get('701.W'), get('701.InvSt'), get('701.ThrotSrc')]).to.deep.equal([SUN_W, 3, 0]);
  });

  it('a limit is obeyed while volt-watt is on its way', () => {
    const { grid, to, write, get } = scene();
    write('706.Ena', 1);
    grid.voltageV = 1.08 * 230;
    to(3000);
    write('704.WMaxLimPct', 1000);
    write('704.WMaxLimPctEna', 1);
    to(5000);
    expect(get('701.W')).to.equal(800);
  });

  it('droop lowers the power of rated by frequency, from what it was, and never below PMin', () => {
    const { grid, to, get, write } = scene();
    grid.frequencyHz = 50.5;
    to(100_000);
    // 6000 − 8000 · (0.5 − 0.036) / (50 · 0.05) = 4515.2 W.
    expect(get('701.W')).to.equal(4515);
    expect(get('701.ThrotSrc')).to.equal(1 << 5);
    write('711.Ctl[1].PMin', 40);
    write('711.AdptCtlReq', 2);
    grid.frequencyHz = 52;
    to(200_000);
    expect(get('701.W')).to.equal(3200);
    grid.frequencyHz = 50.02;
    to(300_000);
    expect(get('701.W')).to.equal(SUN_W);
  });

  it('droop raises the power of an inverter that was ordered to give less, up to its limit', () => {
    const { grid, to, get, write } = scene();
    write('704.WSetMod', 1);
    write('704.WSet', 0, 2000);
    write('704.WSetEna', 1);
    to(10_000);
    expect(get('701.W')).to.equal(2000);
    grid.frequencyHz = 49.464;
    to(100_000);
    // 2000 + 8000 · 0.5 / 2.5 = 3600 W.
    expect(get('701.W')).to.equal(3600);
    write('704.WMaxLimPct', 3000);
    write('704.WMaxLimPctEna', 1);
    to(200_000);
    expect(get('701.W')).to.equal(2400);
  });

  it('watt-var follows the power, and gives way to volt-var and to an order of 704', () => {
    const { to, get, write, grid } = scene();
    write('712.Ena', 1);
    to(100_000);
    // 75 % of WMax: half way from 50 % to 100 %, −22 % of 8800 VA.
    expect(get('701.Var')).to.equal(-1936);
    write('705.Ena', 1);
    grid.voltageV = 0.92 * 230;
    to(200_000);
    expect(get('701.Var')).to.equal(3872);
    write('704.VarSetMod', 4);
    write('704.VarSet', 0, 1000);
    write('704.VarSetEna', 1);
    to(300_000);
    expect(get('701.Var')).to.equal(1000);
  });

  it('falls to another slot, or is released, in the millisecond its reversion ends', () => {
    const { to, get, write } = scene();
    write('705.Crv[2].RspTms', 0, 900);
    write('705.RvrtCrv', 3);
    write('705.RvrtTms', 0, 30);
    write('705.Ena', 1);
    to(31_999);
    expect([get('705.RvrtRem'), get('705.Crv[0].RspTms')]).to.deep.equal([1, 5]);
    to(32_000);
    expect([get('705.RvrtRem'), get('705.Crv[0].RspTms'), get('705.Ena')]).to.deep.equal([0, 90, 1]);
    write('705.RvrtCrv', 0);
    write('705.RvrtTms', 0, 10);
    to(42_000);
    expect([get('705.Crv[0].RspTms'), get('705.Ena')]).to.deep.equal([90, 0]);
  });
});
