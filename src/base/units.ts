/**
 * Units. Inside Underglass every quantity is in its SI unit and every name ends in it (`limitW`, `voltageV`).
 * What crosses a wire as hundredths of a percent is converted here and nowhere else.
 */

/** 0.01 %, the unit of IEEE 2030.5 PerCent and of every percentage in an envelope: 0 … 10000 is 0 … 100 %. */
export type CentiPercent = number;

export const FULL_SCALE: CentiPercent = 10_000;

/** `50 %`, `33.3 %`, `0.01 %`: at most two decimals, none that are zero. */
export function formatPercent(part: CentiPercent): string {
  return `${Number((part / 100).toFixed(2))} %`;
}

/** `812 W`, `4 kW`, `12.35 kW`: kilowatts from 10 kW up or where they are whole. */
export function formatW(watts: number): string {
  const kilo = watts / 1000;
  if (Math.abs(watts) >= 1000 && (Number.isInteger(kilo) || Math.abs(watts) >= 10_000))
    return `${Number(kilo.toFixed(2))} kW`;
  return `${Math.round(watts)} W`;
}
