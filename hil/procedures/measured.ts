/**
 * What the device gives, by a meter where there is one, else by its own word; and how to say which.
 */
import type { Bench } from '../bench/mod.ts';
import { numberIn } from '../bench/mod.ts';

export interface Given {
  readonly atS: number;
  readonly powerW: number;
}

/** Real power now; `undefined`: nobody can tell. */
export async function givenPower(bench: Bench): Promise<Given | undefined> {
  const { instruments } = bench.ports;
  if (instruments !== undefined) {
    const sample = await instruments.measure();
    const powerW = sample.ok ? sample.value.powerW : undefined;
    return powerW === undefined ? undefined : { atS: bench.elapsedMs() / 1000, powerW };
  }
  for (const model of [701, 103, 102, 101]) {
    if (!bench.has(model)) continue;
    const sheet = await bench.sheet(model);
    const powerW = sheet.ok ? numberIn(sheet.value, 'W') : undefined;
    if (powerW !== undefined) return { atS: bench.elapsedMs() / 1000, powerW };
  }
  return undefined;
}

/** Rated real power, W. */
export function ratedW(bench: Bench): number | undefined {
  for (const [model, path] of [
    [702, 'WMaxRtg'],
    [120, 'WRtg'],
  ] as const) {
    const value = bench.has(model) ? numberIn(bench.found(model), path) : undefined;
    if (value !== undefined && value > 0) return value;
  }
  return undefined;
}

/** The setting that a limit in percent refers to, W. */
export function settingW(bench: Bench): number | undefined {
  for (const model of [702, 121]) {
    const value = bench.has(model) ? numberIn(bench.found(model), 'WMax') : undefined;
    if (value !== undefined && value > 0) return value;
  }
  return ratedW(bench);
}
