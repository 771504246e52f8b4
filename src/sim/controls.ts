/**
 * What the orders in a device's registers come to: the limit and the target of real power, and the reactive power,
 * from models 123 and 704. Where both limit, the lower holds. And what a client may write into them.
 */
import { EXCEPTION } from '../local/bus/mod.ts';
import type { Image, WriteGuard } from './image.ts';

/** The real power at most, in W: the lowest limit in force, or all of WMax. */
export function limitW(image: Image): number {
  const percent = Math.min(
    100,
    inForce(image, '704.WMaxLimPctEna', '704.WMaxLimPct'),
    inForce(image, '123.WMaxLim_Ena', '123.WMaxLimPct'),
  );
  return (image.get('702.WMax') * percent) / 100;
}

function inForce(image: Image, enable: string, value: string): number {
  return image.has(enable) && image.get(enable) === 1 ? image.get(value) : 100;
}

/** `704.WSetMod`: the unit of the target. */
const WATTS = 1;

/** The real power that 704 orders, in W and positive when given out; `undefined` when it orders none. */
export function targetW(image: Image): number | undefined {
  if (image.get('704.WSetEna') !== 1) return undefined;
  if (image.get('704.WSetMod') === WATTS) return image.get('704.WSet');
  return (image.get('702.WMax') * image.get('704.WSetPct')) / 100;
}

/**
 * The reactive power that is ordered for `powerW`, in var, positive injected; 0 where none is. An order in var goes
 * before a power factor.
 */
export function reactiveOrder(image: Image, powerW: number): number {
  return orderedVar(image, roomVar(image, powerW)) ?? powerFactorVar(image, powerW);
}

/** What VAMax leaves for the other power beside this one. */
export function roomVar(image: Image, power: number): number {
  return Math.sqrt(Math.max(0, image.get('702.VAMax') ** 2 - power ** 2));
}

/** `wishVar` inside what VAMax leaves beside `powerW`, and what VarMaxInj and VarMaxAbs allow. */
export function boundedVar(image: Image, powerW: number, wishVar: number): number {
  const room = roomVar(image, powerW);
  const injectVar = Math.min(room, image.get('702.VarMaxInj'));
  const absorbVar = Math.min(room, image.get('702.VarMaxAbs'));
  return Math.min(injectVar, Math.max(-absorbVar, wishVar));
}

function orderedVar(image: Image, room: number): number | undefined {
  if (image.get('704.VarSetEna') === 1) {
    const mode = image.get('704.VarSetMod');
    if (mode === 4) return image.get('704.VarSet');
    const whole = ['702.WMax', '702.VarMaxInj', undefined, '702.VAMax'][mode];
    return ((whole === undefined ? room : image.get(whole)) * image.get('704.VarSetPct')) / 100;
  }
  if (!image.has('123.VArPct_Ena') || image.get('123.VArPct_Ena') !== 1) return undefined;
  const mode = image.get('123.VArPct_Mod');
  if (mode === 1) return (image.get('702.WMax') * image.get('123.VArWMaxPct')) / 100;
  return mode === 2 ? (image.get('702.VarMaxInj') * image.get('123.VArMaxPct')) / 100 : undefined;
}

/**
 * `Ext` 0 is over-excited and injects. A factor of 123 has the sign of EEI, as 120 has it by quadrant: negative in 1
 * (over-excited) and 3, positive in 2 and 4.
 */
function powerFactorVar(image: Image, powerW: number): number {
  const side = powerW >= 0 ? '704.PFWInj' : '704.PFWAbs';
  if (image.get(`${side}Ena`) === 1) {
    const sign = image.get(`${side}.Ext`) === 0 ? 1 : -1;
    return sign * tangent(image.get(`${side}.PF`)) * Math.abs(powerW);
  }
  if (!image.has('123.OutPFSet_Ena') || image.get('123.OutPFSet_Ena') !== 1) return 0;
  const factor = image.get('123.OutPFSet');
  return -Math.sign(factor) * tangent(Math.abs(factor)) * powerW;
}

/** tan φ of cos φ, which the write guard keeps off 0. */
function tangent(factor: number): number {
  return Math.sqrt(1 - factor ** 2) / factor;
}

const PERCENT = [0, 100] as const;
const SIGNED_PERCENT = [-100, 100] as const;
/** 1 % of cos φ would be all but a short circuit of var; no device takes less than this. */
const FACTOR = [0.5, 1] as const;

/** Inclusive ranges, in the points' units. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  '123.WMaxLimPct': PERCENT,
  '123.VArMaxPct': SIGNED_PERCENT,
  '123.VArWMaxPct': SIGNED_PERCENT,
  '124.InWRte': SIGNED_PERCENT,
  '124.OutWRte': SIGNED_PERCENT,
  '124.MinRsvPct': PERCENT,
  '704.WMaxLimPct': PERCENT,
  '704.WMaxLimPctRvrt': PERCENT,
  '704.WSetPct': SIGNED_PERCENT,
  '704.WSetPctRvrt': SIGNED_PERCENT,
  '704.VarSetPct': SIGNED_PERCENT,
  '704.VarSetPctRvrt': SIGNED_PERCENT,
  '704.PFWInj.PF': FACTOR,
  '704.PFWInjRvrt.PF': FACTOR,
  '704.PFWAbs.PF': FACTOR,
  '704.PFWAbsRvrt.PF': FACTOR,
  '703.ESDlyTms': [0, 1000],
  '703.ESRmpTms': [0, 1000],
};

/** A setting is at most its rating (IEEE 1547-2018, 10.4). */
const RATINGS: Readonly<Record<string, string>> = {
  '121.WMax': '702.WMaxRtg',
  '702.WMax': '702.WMaxRtg',
  '702.VAMax': '702.VAMaxRtg',
  '702.VarMaxInj': '702.VarMaxInjRtg',
  '702.VarMaxAbs': '702.VarMaxAbsRtg',
  '124.WChaMax': '702.WChaRteMaxRtg',
};

/** Refuses with exception 3 what is out of range. */
export function guardOf(image: Image): WriteGuard {
  return (point, value) => {
    const rating = RATINGS[point];
    if (rating !== undefined)
      return value > 0 && value <= image.get(rating) ? undefined : EXCEPTION.illegalValue;
    if (point === '123.OutPFSet')
      return Math.abs(value) >= FACTOR[0] && Math.abs(value) <= 1 ? undefined : EXCEPTION.illegalValue;
    const [low, high] = RANGES[point] ?? [-Infinity, Infinity];
    return value >= low && value <= high ? undefined : EXCEPTION.illegalValue;
  };
}
