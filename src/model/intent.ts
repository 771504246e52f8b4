/**
 * What a device can be asked for beyond a number on an axis: curves and settings, in engineering values. Names
 * are those of IEEE 2030.5 DERControlBase and DERSettings. An intent says what shall be; which registers carry
 * it is the business of `local/`.
 */
import type { Axis } from './control.ts';

/** What x and y of a curve's points mean. Trip curves: one point an element, its threshold and clearing time. */
const CURVES = {
  opModVoltVar: { x: '% of VRef', y: '% of the reference', rises: true },
  opModVoltWatt: { x: '% of VRef', y: '% of the reference', rises: true },
  opModWattVar: { x: '% of WMax', y: '% of the reference', rises: true },
  opModWattPF: { x: '% of WMax', y: 'power factor, negative over-excited (EEI)', rises: true },
  opModFreqWatt: { x: 'Hz', y: '% of WMax', rises: true },
  opModLVRTMustTrip: { x: '% of VRef', y: 's', rises: false },
  opModLVRTMayTrip: { x: '% of VRef', y: 's', rises: false },
  opModLVRTMomentaryCessation: { x: '% of VRef', y: 's', rises: false },
  opModHVRTMustTrip: { x: '% of VRef', y: 's', rises: false },
  opModHVRTMayTrip: { x: '% of VRef', y: 's', rises: false },
  opModHVRTMomentaryCessation: { x: '% of VRef', y: 's', rises: false },
  opModLFRTMustTrip: { x: 'Hz', y: 's', rises: false },
  opModLFRTMayTrip: { x: 'Hz', y: 's', rises: false },
  opModLFRTMomentaryCessation: { x: 'Hz', y: 's', rises: false },
  opModHFRTMustTrip: { x: 'Hz', y: 's', rises: false },
  opModHFRTMayTrip: { x: 'Hz', y: 's', rises: false },
  opModHFRTMomentaryCessation: { x: 'Hz', y: 's', rises: false },
} as const;

export type CurveMode = keyof typeof CURVES;

/** In the order of the table. */
export const CURVE_MODES = Object.keys(CURVES) as readonly CurveMode[];

/** The units of a curve's points. */
export function curveUnits(mode: CurveMode): { readonly x: string; readonly y: string } {
  const { x, y } = CURVES[mode];
  return { x, y };
}

/** What y is a percentage of (DERCurve.yRefType): maximum power, reactive power now available, and so on. */
export type CurveReference = 'WMax' | 'WAval' | 'VArMax' | 'VArAval' | 'VAMax';

export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

/** A curve. What is left out stays as the device holds it. */
export interface Curve {
  readonly mode: CurveMode;
  /** 1 … {@link MAX_CURVE_POINTS}, in the units of {@link curveUnits}. */
  readonly points: readonly CurvePoint[];
  readonly reference?: CurveReference;
  /** Open-loop response: time to 90 % of a step (IEEE 1547-2018). */
  readonly responseS?: number;
  /** Which power gives way when both do not fit. */
  readonly priority?: 'active' | 'reactive';
  /** Reference voltage in % of nominal. */
  readonly vRefPct?: number;
  /** Time constant with which the reference voltage follows the measured one; 0: it does not. */
  readonly autonomousVRefS?: number;
}

/** The largest curve of any SunSpec model: 126 and its kin have 20 points. */
export const MAX_CURVE_POINTS = 20;

/** Settings by mode, each with its unit last in the name; every one may be left out and then stays. */
const SETTINGS = {
  /** Frequency droop: dead bands, per-unit droop, response. `nominalHz` says what per unit means; 60 unless told. */
  opModFreqDroop: ['dbOfHz', 'dbUfHz', 'kOf', 'kUf', 'responseS', 'pMinPct', 'nominalHz'],
  /** Dynamic reactive current: additional current in % of rated per % of voltage, outside a dead band. */
  opModDynamicReactiveCurrent: [
    'sagGradient',
    'swellGradient',
    'filterS',
    'dbMinPct',
    'dbMaxPct',
    'blockBelowPct',
    'blockHysteresisPct',
    'blockAfterMs',
    'holdMs',
  ],
  /** Enter service: the window in which, the delay after which, and the ramp by which (soft start). */
  setES: ['highVoltPct', 'lowVoltPct', 'highHz', 'lowHz', 'delayS', 'randomDelayS', 'rampS'],
  /** Ramp of real power in normal operation, % of WMax a second. */
  setGradW: ['rampPctPerS'],
  /** How much of a battery is kept back, % of its capacity. */
  setReserve: ['minPct', 'maxPct'],
  /** Detection of unintended islanding: 1 on, 0 off. */
  setAntiIsl: ['enabled'],
} as const;

export type SettingMode = keyof typeof SETTINGS;
export type SettingName<M extends SettingMode = SettingMode> = (typeof SETTINGS)[M][number];
export const SETTING_MODES = Object.keys(SETTINGS) as readonly SettingMode[];

/** The names that `mode` has. */
export function settingNames(mode: SettingMode): readonly string[] {
  return SETTINGS[mode];
}

export type Settings<M extends SettingMode = SettingMode> = {
  readonly [K in SettingMode]: { readonly mode: K; readonly values: SettingValues<K> };
}[M];
export type SettingValues<M extends SettingMode> = Readonly<Partial<Record<SettingName<M>, number>>>;

export type Mode = Axis | CurveMode | SettingMode;

/**
 * One thing asked of one device. A value is an integer in the unit of its axis. A reversion is what the device
 * falls back to by itself after `afterS` whole seconds without a refresh, where it can. `release` ends what
 * was ordered: a limit is lifted, a mode is switched off; what has no off refuses it.
 */
export type Intent =
  | {
      readonly kind: 'value';
      readonly mode: Axis;
      readonly value: number;
      readonly reversion?: { readonly afterS: number; readonly value: number };
    }
  | {
      readonly kind: 'curve';
      readonly curve: Curve;
      readonly reversion?: { readonly afterS: number; readonly curve: Curve };
    }
  | { readonly kind: 'settings'; readonly settings: Settings }
  | { readonly kind: 'release'; readonly mode: Mode };

export function modeOf(intent: Intent): Mode {
  if (intent.kind === 'curve') return intent.curve.mode;
  return intent.kind === 'settings' ? intent.settings.mode : intent.mode;
}

/** What is wrong with a curve whatever the device, in words, or `undefined`. */
export function curveFault({ mode, points, ...rest }: Curve): string | undefined {
  if (points.length < 1 || points.length > MAX_CURVE_POINTS)
    return `a curve has 1 to ${MAX_CURVE_POINTS} points, not ${points.length}`;
  const numbers = [...points.flatMap(({ x, y }) => [x, y]), ...Object.values(rest)];
  const odd = numbers.find(value => typeof value === 'number' && !Number.isFinite(value));
  if (odd !== undefined) return `${odd} is no number`;
  const back = points.findIndex(({ x }, at) => x < (points[at - 1]?.x ?? Number.NEGATIVE_INFINITY));
  return CURVES[mode].rises && back > 0
    ? `point ${back + 1} of ${mode} lies before the one it follows`
    : undefined;
}

/** What is wrong with settings whatever the device, in words, or `undefined`. */
export function settingsFault({ mode, values }: Settings): string | undefined {
  const names = Object.keys(values);
  if (names.length === 0) return `${mode} names nothing to set`;
  const stranger = names.find(name => !settingNames(mode).includes(name));
  if (stranger !== undefined) return `${mode} has no ${stranger}`;
  const odd = Object.entries(values).find(([, value]) => !Number.isFinite(value));
  return odd === undefined ? undefined : `${odd[0]} is no number`;
}
