/**
 * How evenly a meter's phases are loaded (PQ-1), from its readings. Decides nothing, and says nothing of a phase that
 * was not read.
 */
import type { Points } from '../model/mod.ts';

const VOLTAGES = ['PhVphA', 'PhVphB', 'PhVphC'] as const;
const CURRENTS = ['AphA', 'AphB', 'AphC'] as const;

/**
 * The largest deviation of a phase from the mean of all three, in % of that mean (NEMA MG 1, 14.36): `PhVUnb` of the
 * voltages, `AphUnb` of the currents. Absent without three phases, and where the mean is 0 or less.
 */
export function balanceOf(points: Points): Points {
  const voltage = unbalancePct(points, VOLTAGES);
  const current = unbalancePct(points, CURRENTS);
  return {
    ...(voltage === undefined ? {} : { PhVUnb: voltage }),
    ...(current === undefined ? {} : { AphUnb: current }),
  };
}

function unbalancePct(points: Points, names: readonly string[]): number | undefined {
  const phases = names.flatMap(name => points[name] ?? []);
  if (phases.length < names.length) return undefined;
  const mean = phases.reduce((sum, value) => sum + value, 0) / phases.length;
  if (!(mean > 0)) return undefined;
  const worst = Math.max(...phases.map(value => Math.abs(value - mean)));
  return Math.round((worst / mean) * 10_000) / 100;
}
