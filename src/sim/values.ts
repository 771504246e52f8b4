/**
 * What the registers of simulated devices start with, model by model. Numbers are in the points' units; `_SF` points
 * are powers of ten. Only points named here are implemented.
 */
import type { ModelValues, Values } from './image.ts';

export interface Nameplate {
  readonly manufacturer: string;
  readonly model: string;
  readonly version: string;
  readonly serial: string;
  readonly unit: number;
}

export function common(plate: Nameplate): ModelValues {
  const { manufacturer, model, version, serial, unit } = plate;
  return {
    id: 1,
    values: { Mn: manufacturer, Md: model, Opt: '', Vr: version, SN: serial, DA: unit },
  };
}

/** The smallest power of ten with which `largest` fits into an int16, at least `finest`. */
export function exponentFor(largest: number, finest = 0): number {
  let exponent = finest;
  while (largest / 10 ** exponent > 32_000) exponent += 1;
  return exponent;
}

/** 103 before the first moment: everything still. */
export function inverter103(ratedW: number): ModelValues {
  const power = exponentFor(1.2 * ratedW);
  const zero = ['A', 'AphA', 'AphB', 'AphC', 'W', 'VA', 'VAr', 'WH', 'DCW', 'Evt1', 'Evt2'];
  const volts = ['PPVphAB', 'PPVphBC', 'PPVphCA', 'PhVphA', 'PhVphB', 'PhVphC'];
  return {
    id: 103,
    values: values(
      all(zero, 0),
      all(volts, 230),
      { Hz: 50, PF: 100, DCV: 600, DCA: 0, TmpCab: 25, TmpSnk: 25, St: 4 },
      { A_SF: exponentFor(ratedW / 100, -2), V_SF: -1, W_SF: power, Hz_SF: -2, VA_SF: power, VAr_SF: power },
      { PF_SF: -2, WH_SF: 0, DCA_SF: -2, DCV_SF: -1, DCW_SF: power, Tmp_SF: -1 },
    ),
  };
}

export function nameplate120(ratedW: number, ratedVA: number): ModelValues {
  const [power, apparent] = [exponentFor(ratedW), exponentFor(ratedVA)];
  return {
    id: 120,
    values: values(
      { DERTyp: 4, WRtg: ratedW, VARtg: ratedVA },
      // An array takes no power in, so the quadrants of absorbing (2 and 3) are rated at nothing.
      { VArRtgQ1: 0.44 * ratedVA, VArRtgQ2: 0, VArRtgQ3: 0, VArRtgQ4: -0.44 * ratedVA },
      { ARtg: ratedVA / 230 },
      // EEI: negative where active and reactive power go the same way.
      { PFRtgQ1: -0.9, PFRtgQ2: 0, PFRtgQ3: 0, PFRtgQ4: 0.9 },
      { WRtg_SF: power, VARtg_SF: apparent, VArRtg_SF: apparent, ARtg_SF: exponentFor(ratedVA / 200, -2) },
      { PFRtg_SF: -2 },
    ),
  };
}

export function settings121(ratedW: number, ratedVA: number): ModelValues {
  const [power, apparent] = [exponentFor(ratedW), exponentFor(ratedVA)];
  return {
    id: 121,
    values: values(
      { WMax: ratedW, VRef: 230, VRefOfs: 0 },
      { VMax: 264.5, VMin: 184, VAMax: ratedVA },
      { WMax_SF: power, VRef_SF: -1, VRefOfs_SF: -1, VMinMax_SF: -1, VAMax_SF: apparent },
    ),
  };
}

export function controls123(): ModelValues {
  return {
    id: 123,
    values: values(
      { Conn_RvrtTms: 0, Conn: 1 },
      { WMaxLimPct: 100, WMaxLimPct_RvrtTms: 0, WMaxLim_Ena: 0 },
      { OutPFSet: 1, OutPFSet_RvrtTms: 0, OutPFSet_Ena: 0 },
      { VArWMaxPct: 0, VArMaxPct: 0, VArPct_RvrtTms: 0, VArPct_Mod: 2, VArPct_Ena: 0 },
      { WMaxLimPct_SF: -2, OutPFSet_SF: -3, VArPct_SF: -1 },
    ),
  };
}

export function measure701(ratedW: number): ModelValues {
  const power = exponentFor(1.2 * ratedW);
  return {
    id: 701,
    values: values(
      { ACType: 2, St: 1, InvSt: 3, ConnSt: 1, Alrm: 0, DERMode: 1 },
      { W: 0, VA: 0, Var: 0, PF: 1, A: 0, LLV: 398.4, LNV: 230, Hz: 50 },
      { TotWhInj: 0, TotWhAbs: 0, ThrotPct: 0, ThrotSrc: 0, TmpCab: 25 },
      { A_SF: exponentFor(ratedW / 100, -2), V_SF: -1, Hz_SF: -3, W_SF: power, PF_SF: -3, VA_SF: power },
      { Var_SF: power, TotWh_SF: 0, Tmp_SF: -1 },
    ),
  };
}

/** 702. `storage`: the battery's own rates, equal in both directions. */
export function capacity702(ratedW: number, ratedVA: number, storage: 'none' | 'storage'): ModelValues {
  const [power, apparent] = [exponentFor(ratedW), exponentFor(ratedVA)];
  const vars = 0.44 * ratedVA;
  const rates = ['WChaRteMaxRtg', 'WDisChaRteMaxRtg', 'WChaRteMax', 'WDisChaRteMax'];
  return {
    id: 702,
    values: values(
      { WMaxRtg: ratedW, VAMaxRtg: ratedVA, VarMaxInjRtg: vars, VarMaxAbsRtg: vars },
      { VNomRtg: 230, VMaxRtg: 264.5, VMinRtg: 184, AMaxRtg: ratedVA / 230 },
      { PFOvrExtRtg: 0.9, PFUndExtRtg: 0.9, NorOpCatRtg: 1, AbnOpCatRtg: 2, CtrlModes: 0b1111 },
      { WMax: ratedW, VAMax: ratedVA, VarMaxInj: vars, VarMaxAbs: vars },
      storage === 'storage' ? all(rates, ratedW) : {},
      { W_SF: power, PF_SF: -3, VA_SF: apparent, Var_SF: apparent, V_SF: -1 },
      { A_SF: exponentFor(ratedVA / 200, -2) },
    ),
  };
}

/** 703 with the delay and ramp that the site was set to, in seconds; its window is that of IEEE 1547-2018, table 4. */
export function service703(delayS: number, rampS: number, nominalHz = 50): ModelValues {
  return {
    id: 703,
    values: values(
      { ES: 1, ESVHi: 105, ESVLo: 91.7, ESHzHi: nominalHz + 0.1, ESHzLo: nominalHz - 0.5 },
      { ESDlyTms: delayS, ESRndTms: 0, ESRmpTms: rampS, ESDlyRemTms: 0, V_SF: -1, Hz_SF: -2 },
    ),
  };
}

export function controls704(): ModelValues {
  const stems = ['PFWInj', 'PFWAbs', 'WMaxLimPct', 'WSet', 'VarSet'];
  const still = stems.flatMap(stem => ['Ena', 'EnaRvrt', 'RvrtTms', 'RvrtRem'].map(tail => stem + tail));
  const factors = ['PFWInj', 'PFWInjRvrt', 'PFWAbs', 'PFWAbsRvrt'];
  return {
    id: 704,
    values: values(
      all(still, 0),
      { WMaxLimPct: 100, WMaxLimPctRvrt: 100 },
      { WSetMod: 1, WSet: 0, WSetRvrt: 0, WSetPct: 0, WSetPctRvrt: 0 },
      { VarSetMod: 1, VarSetPri: 0, VarSet: 0, VarSetRvrt: 0, VarSetPct: 0, VarSetPctRvrt: 0 },
      { PF_SF: -3, WMaxLimPct_SF: -2, WSet_SF: 0, WSetPct_SF: -2, VarSet_SF: 0, VarSetPct_SF: -2 },
      Object.fromEntries(factors.flatMap(name => [[`${name}.PF`, 1] as const, [`${name}.Ext`, 0] as const])),
    ),
  };
}

export function storage124(rateW: number): ModelValues {
  const power = exponentFor(rateW);
  return {
    id: 124,
    values: values(
      { WChaMax: rateW, WChaGra: 100, WDisChaGra: 100, StorCtl_Mod: 0, MinRsvPct: 10 },
      { ChaState: 0, InBatV: 51.2, ChaSt: 6, OutWRte: 100, InWRte: 100, InOutWRte_RvrtTms: 0, ChaGriSet: 1 },
      { WChaMax_SF: power, WChaDisChaGra_SF: 0, MinRsvPct_SF: 0, ChaState_SF: -1 },
      { InBatV_SF: -1, InOutWRte_SF: -2 },
    ),
  };
}

export function capacity713(capacityWh: number): ModelValues {
  return {
    id: 713,
    values: values(
      { WHRtg: capacityWh, WHAvail: 0, SoC: 0, SoH: 100, Sta: 0 },
      { WH_SF: exponentFor(capacityWh), Pct_SF: -1 },
    ),
  };
}

export function battery802(capacityWh: number, rateW: number): ModelValues {
  const [power, nominalV] = [exponentFor(rateW), 51.2];
  return {
    id: 802,
    values: values(
      { AHRtg: capacityWh / nominalV, WHRtg: capacityWh, WChaRteMax: rateW, WDisChaRteMax: rateW },
      { SoCMax: 100, SoCMin: 5, SoC: 0, SoH: 100, ChaSt: 6, LocRemCtl: 0, AlmRst: 0, Typ: 4, State: 3 },
      { Evt1: 0, Evt2: 0, EvtVnd1: 0, EvtVnd2: 0, V: nominalV, A: 0, W: 0, SetOp: 1, SetInvState: 3 },
      { AHRtg_SF: exponentFor(capacityWh / nominalV, -1), WHRtg_SF: exponentFor(capacityWh) },
      { WChaDisChaMax_SF: power, SoC_SF: -1, SoH_SF: -1, V_SF: -1, CellV_SF: -3 },
      { A_SF: exponentFor(rateW / 40, -1), AMax_SF: exponentFor(rateW / 40, -1), W_SF: power },
    ),
  };
}

export function meter203(largestW: number): ModelValues {
  const power = exponentFor(1.2 * largestW);
  const perPhase = (stem: string): string[] => ['A', 'B', 'C'].map(phase => `${stem}ph${phase}`);
  const zero = ['A', 'W', 'VA', 'VAR', ...['A', 'W', 'VA', 'VAR'].flatMap(perPhase)];
  const volts = ['PhV', 'PhVphA', 'PhVphB', 'PhVphC', 'PPV', 'PhVphAB', 'PhVphBC', 'PhVphCA'];
  return {
    id: 203,
    values: values(
      all(zero, 0),
      all(volts, 230),
      all(['PF', ...perPhase('PF')], 100),
      { Hz: 50, TotWhExp: 0, TotWhImp: 0, Evt: 0 },
      {
        A_SF: exponentFor(largestW / 100, -2),
        V_SF: -1,
        Hz_SF: -2,
        W_SF: power,
        VA_SF: power,
        VAR_SF: power,
      },
      { PF_SF: -2, TotWh_SF: 0 },
    ),
  };
}

function all(names: readonly string[], value: number): Values {
  return Object.fromEntries(names.map(name => [name, value]));
}

/** The parts as one: later ones win. */
function values(...parts: readonly Values[]): Values {
  return Object.assign({}, ...parts) as Values;
}
