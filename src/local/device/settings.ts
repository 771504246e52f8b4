/**
 * Settings and the points they go to, one row a model, best first. Facts of the SunSpec models 121, 124, 127,
 * 128, 145, 703, 704 and 802.
 */
import type { SettingMode } from '../../model/mod.ts';
import { type FieldValues, type Fields, to } from './fields.ts';

/** Settings: each is written where it stands, the others stay. */
export interface SettingControl {
  readonly kind: 'settings';
  readonly mode: SettingMode;
  readonly model: number;
  readonly fields: Fields;
  readonly enable?: string;
}

/** Nominal frequency of per-unit droop unless the order says another: the 60 Hz of IEEE 1547. */
export const NOMINAL_HZ = 60;

/** A droop of k per unit takes 100 % of power in k × nominal Hz. */
const gradient = {
  by: (droop: number, { nominalHz }: FieldValues) => 100 / (droop * Number(nominalHz ?? NOMINAL_HZ)),
  back: (pctPerHz: number) => 100 / (pctPerHz * NOMINAL_HZ),
};

/** A ramp that takes so many seconds from nothing to all, in % a second; and back. */
const perSecond = { by: (seconds: number) => 100 / seconds, back: (pct: number) => 100 / pct };

const FIELDS: readonly (readonly [SettingControl['mode'], number, Fields, string?])[] = [
  [
    'setES',
    703,
    {
      highVoltPct: to('ESVHi'),
      lowVoltPct: to('ESVLo'),
      highHz: to('ESHzHi'),
      lowHz: to('ESHzLo'),
      delayS: to('ESDlyTms'),
      randomDelayS: to('ESRndTms'),
      rampS: to('ESRmpTms'),
    },
  ],
  // The model gives no unit of time; % a second as DERSettings.setSoftGradW of IEEE 2030.5.
  ['setES', 145, { rampS: to('ConnRmpUpRte', perSecond) }],
  // WRmpRef 1: of WMax.
  ['setGradW', 704, { rampPctPerS: [...to('WRmp'), ...to('WRmpRef', { by: () => 1, optional: true })] }],
  ['setGradW', 121, { rampPctPerS: to('WGra') }],
  ['setGradW', 145, { rampPctPerS: to('NomRmpUpRte') }],
  ['setReserve', 802, { minPct: to('SoCRsvMin'), maxPct: to('SocRsvMax') }],
  ['setReserve', 124, { minPct: to('MinRsvPct') }],
  ['setAntiIsl', 704, { enabled: to('AntiIslEna') }],
  // 127 answers over-frequency alone: an order that names under-frequency is not carried by it.
  ['opModFreqDroop', 127, { dbOfHz: to('HzStr'), kOf: to('WGra', gradient), nominalHz: [] }, 'ModEna'],
  [
    'opModDynamicReactiveCurrent',
    128,
    {
      sagGradient: to('ArGraSag'),
      swellGradient: to('ArGraSwell'),
      filterS: to('FilTms'),
      dbMinPct: to('DbVMin'),
      dbMaxPct: to('DbVMax'),
      blockBelowPct: to('BlkZnV'),
      blockHysteresisPct: to('HysBlkZnV'),
      blockAfterMs: to('BlkZnTmms'),
      holdMs: to('HoldTmms'),
    },
    'ModEna',
  ],
];

export const SETTING_CONTROLS: readonly SettingControl[] = FIELDS.map(([mode, model, fields, enable]) => ({
  kind: 'settings',
  mode,
  model,
  fields,
  ...(enable === undefined ? {} : { enable }),
}));
