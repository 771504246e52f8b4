/**
 * What an inverter does by itself with the voltage and frequency at its terminals: volt-var (705), volt-watt (706),
 * frequency droop (711) and watt-var (712), each with its open-loop response. An order of 704 for power factor or
 * var goes before the curves of reactive power, volt-var before watt-var; limits of 704 bound them all. Where one of
 * these is off, the model that came before it acts if it is on: 126, 132, 127 or 134, and 131.
 *
 * Source: IEEE 1547-2018 tables 8, 10, 24 and 31, with the droop equations as OpenDER fe7877c has them.
 */
import { reactiveOrder } from './controls.ts';
import { along, curveInForce } from './curves.ts';
import type { Grid } from './electrics.ts';
import type { Image } from './image.ts';
import { Response, lagged } from './response.ts';
import { isOn, selectedCurve, slotInForce } from './selected.ts';

/** One step of the physics. */
export interface FunctionStep {
  readonly grid: Grid;
  readonly elapsedS: number;
  /** What the sun offers and the limits allow, W. */
  readonly offeredW: number;
}

/** The Vref of 705 stays inside this when the inverter finds it by itself, percent (IEEE 1547-2018, 5.3.3). */
const VREF_PERCENT = [95, 105] as const;

/** 712 has no response time of its own; the standard's is 10 s at most. */
const WATT_VAR_RESPONSE_S = 10;

export class Functions {
  readonly #image: Image;
  readonly #nominalHz: number;
  readonly #droop = new Response();
  readonly #voltWatt = new Response();
  readonly #reactive = new Response();
  /** The response time of the curve of reactive power that was in force last. */
  #responseS = 0;
  /** The power when the frequency left the dead band. */
  #beforeW: number | undefined;

  constructor(image: Image, nominalHz: number) {
    this.#image = image;
    this.#nominalHz = nominalHz;
  }

  /** The real power of an inverter that would give `freeW` if it looked at its orders alone; never above both. */
  realW(freeW: number, step: FunctionStep): number {
    const mostW = Math.max(freeW, step.offeredW);
    const droopedW = this.#droop.follow(freeW, this.#droopW(freeW, step), {
      elapsedS: step.elapsedS,
      responseS: this.#enabled(711) ? this.#seconds('711.Ctl[0].RspTms') : this.#lag(134, 'RmpPT1Tms'),
    });
    const heldW = this.#voltWatt.follow(droopedW, this.#voltWattW(droopedW, step), {
      elapsedS: step.elapsedS,
      responseS: this.#enabled(706) ? this.#seconds('706.Crv[0].RspTms') : this.#lag(132, 'RmpPt1Tms'),
    });
    return Math.min(mostW, heldW);
  }

  /** Which function holds the real power below what it could be. */
  get holding(): 'droop' | 'voltWatt' | undefined {
    return this.#voltWatt.following ? 'voltWatt' : this.#droop.following ? 'droop' : undefined;
  }

  /** The reactive power for `powerW`, positive injected, before what the apparent power leaves room for. */
  reactiveVar(powerW: number, step: FunctionStep): number {
    const free = reactiveOrder(this.#image, powerW);
    const ordered = free !== 0 || this.#anyOrder();
    const curve = ordered ? undefined : (this.#voltVar(powerW, step) ?? this.#wattVar(powerW));
    if (curve !== undefined) this.#responseS = this.#reactiveResponseS();
    return this.#reactive.follow(free, curve, { elapsedS: step.elapsedS, responseS: this.#responseS });
  }

  #reactiveResponseS(): number {
    if (this.#enabled(705)) return this.#seconds('705.Crv[0].RspTms');
    if (isOn(this.#image, 126)) return this.#lag(126, 'RmpTms');
    return this.#enabled(712) ? WATT_VAR_RESPONSE_S : this.#lag(131, 'RmpPT1Tms');
  }

  /** The times of 126 to 134 are to 95 % of the way, those here to 90 %. */
  #lag(model: number, point: string): number {
    const slot = slotInForce(this.#image, model);
    return slot === undefined ? 0 : (this.#seconds(slot + point) * Math.log(10)) / Math.log(20);
  }

  /** Whether reactive power goes before real power where the apparent power does not hold both. */
  get reactiveFirst(): boolean {
    const model = [705, 712].find(each => this.#enabled(each));
    return model !== undefined && !this.#anyOrder() && this.#image.get(`${model}.Crv[0].Pri`) === 1;
  }

  #droopW(freeW: number, { grid, offeredW }: FunctionStep): number | undefined {
    const [over, under] = [grid.frequencyHz - this.#nominalHz, this.#nominalHz - grid.frequencyHz];
    const value = (point: string): number => this.#image.get(`711.Ctl[0].${point}`);
    if (!this.#enabled(711)) return this.#freqWattW(freeW, over);
    if (over <= value('DbOf') && under <= value('DbUf')) {
      this.#beforeW = undefined;
      return undefined;
    }
    this.#beforeW ??= freeW;
    const ratedW = this.#image.get('702.WMaxRtg');
    if (over > 0) {
      const least = (ratedW * value('PMin')) / 100;
      const cap = this.#beforeW - (ratedW * (over - value('DbOf'))) / (this.#nominalHz * value('KOf'));
      return Math.min(freeW, Math.max(cap, least));
    }
    const raised = this.#beforeW + (ratedW * (under - value('DbUf'))) / (this.#nominalHz * value('KUf'));
    return Math.min(Math.max(freeW, raised), offeredW);
  }

  /** 134 holds to a percentage of WMax by its curve, 127 takes so much of the power that was for each Hz above. */
  #freqWattW(freeW: number, over: number): number | undefined {
    const curve = selectedCurve(this.#image, 134);
    const percent = curve.length === 0 ? 100 : along(curve, this.#nominalHz + over);
    const cap = Math.max(0, (this.#image.get('702.WMax') * percent) / 100);
    const above = isOn(this.#image, 127) ? over - this.#image.get('127.HzStr') : 0;
    if (above <= 0) this.#beforeW = undefined;
    else this.#beforeW ??= freeW;
    const left = above <= 0 ? 1 : Math.max(0, 1 - (this.#image.get('127.WGra') / 100) * above);
    const held = Math.min(cap, (this.#beforeW ?? freeW) * left);
    return held < freeW ? held : undefined;
  }

  #voltWattW(freeW: number, { grid, offeredW }: FunctionStep): number | undefined {
    if (!this.#enabled(706)) return this.#olderVoltWattW(freeW, { grid, offeredW });
    const percent = along(curveInForce(this.#image, 706, { x: 'V', y: 'W' }), this.#percentV(grid));
    const wholeW = this.#image.get('706.Crv[0].DeptRef') === 0 ? this.#image.get('702.WMax') : offeredW;
    const limitW = (wholeW * percent) / 100;
    return limitW < freeW ? Math.max(0, limitW) : undefined;
  }

  #olderVoltWattW(
    freeW: number,
    { grid, offeredW }: Pick<FunctionStep, 'grid' | 'offeredW'>,
  ): number | undefined {
    const slot = slotInForce(this.#image, 132);
    if (slot === undefined) return undefined;
    const percent = along(selectedCurve(this.#image, 132), this.#percentV(grid));
    const wholeW = this.#image.get(`${slot}DeptRef`) === 1 ? this.#image.get('702.WMax') : offeredW;
    const limitW = (wholeW * percent) / 100;
    return limitW < freeW ? Math.max(0, limitW) : undefined;
  }

  #voltVar(powerW: number, { grid, elapsedS }: FunctionStep): number | undefined {
    if (!this.#enabled(705)) return this.#olderVoltVar(powerW, grid);
    this.#findReference(grid, elapsedS);
    const own = this.#image.get('705.Crv[0].VRefAutoEna') === 1 ? 'VRefAuto' : 'VRef';
    const reference = this.#image.get(`705.Crv[0].${own}`) / 100;
    const percent = along(
      curveInForce(this.#image, 705, { x: 'V', y: 'Var' }),
      this.#percentV(grid) / (reference || 1),
    );
    return this.#ofVars({ percent, of: this.#image.get('705.Crv[0].DeptRef'), powerW });
  }

  /** `DeptRef` of 126 counts from 1 what that of 705 counts from 0. */
  #olderVoltVar(powerW: number, grid: Grid): number | undefined {
    const slot = slotInForce(this.#image, 126);
    if (slot === undefined) return undefined;
    const percent = along(selectedCurve(this.#image, 126), this.#percentV(grid));
    return this.#ofVars({ percent, of: this.#image.get(`${slot}DeptRef`) - 1, powerW });
  }

  /** The autonomous Vref follows the voltage with its own time constant. */
  #findReference(grid: Grid, elapsedS: number): void {
    const [low, high] = VREF_PERCENT;
    const seen = Math.min(high, Math.max(low, this.#percentV(grid)));
    this.#reference = lagged(this.#reference, seen, elapsedS / this.#seconds('705.Crv[0].VRefAutoTms'));
    this.#image.set('705.Crv[0].VRefAuto', this.#reference);
  }

  #reference = 100;

  #wattVar(powerW: number): number | undefined {
    const x = (100 * powerW) / this.#image.get('702.WMax');
    if (!this.#enabled(712)) return this.#wattPF(powerW, x);
    const percent = along(curveInForce(this.#image, 712, { x: 'W', y: 'Var' }), x);
    return this.#ofVars({ percent, of: this.#image.get('712.Crv[0].DeptRef'), powerW });
  }

  /** A power factor by 131, with the sign of EEI. Between two points it is the tangent that is straight. */
  #wattPF(powerW: number, x: number): number | undefined {
    const curve = selectedCurve(this.#image, 131);
    if (curve.length === 0) return undefined;
    const tangents = curve.map(({ x: at, y: factor }) => ({
      x: at,
      y: -Math.sign(factor) * (Math.sqrt(1 - factor ** 2) / Math.abs(factor)),
    }));
    return powerW * along(tangents, x);
  }

  /** `DeptRef`: of WMax, of VarMax on its side, of what the power leaves, of VAMax. */
  #ofVars({ percent, of, powerW }: { percent: number; of: number; powerW: number }): number {
    const apparentVA = this.#image.get('702.VAMax');
    const wholes = [
      this.#image.get('702.WMax'),
      this.#image.get(percent >= 0 ? '702.VarMaxInj' : '702.VarMaxAbs'),
      Math.sqrt(Math.max(0, apparentVA ** 2 - powerW ** 2)),
      apparentVA,
    ];
    return ((wholes[of] ?? apparentVA) * percent) / 100;
  }

  #anyOrder(): boolean {
    const switches = ['704.VarSetEna', '704.PFWInjEna', '123.VArPct_Ena', '123.OutPFSet_Ena'];
    return switches.some(point => this.#image.has(point) && this.#image.get(point) === 1);
  }

  #enabled(model: number): boolean {
    return this.#image.has(`${model}.Ena`) && this.#image.get(`${model}.Ena`) === 1;
  }

  #seconds(point: string): number {
    return this.#image.has(point) ? this.#image.get(point) : 0;
  }

  #percentV({ voltageV }: Grid): number {
    return (100 * voltageV) / this.#image.get('702.VNomRtg');
  }
}
