/**
 * A fence around instruments: nothing beyond the limits of this bench is ever asked of a source, and a measurement
 * beyond them stops everything. What trips it stays tripped: a person looks before it goes on.
 */
import { refused } from '../../src/base/assert.ts';
import type { Result } from '../../src/base/assert.ts';
import type { InstrumentPort, InstrumentRefusal, Sample, Stimulus } from './ports.ts';

/** Inclusive; a range that is absent forbids the quantity to be set, and leaves its measurement unjudged. */
export interface Limits {
  readonly voltageV?: readonly [low: number, high: number];
  readonly frequencyHz?: readonly [low: number, high: number];
  readonly irradianceWm2?: readonly [low: number, high: number];
  /** Largest real power either way, W. */
  readonly powerW?: number;
}

/** A de-energised source is no danger: below this share of the lower limit the voltage is taken for off. */
const OFF_SHARE = 0.1;

export function fence(inner: InstrumentPort, limits: Limits): InstrumentPort {
  let tripped: string | undefined;
  const stop = async (why: string): Promise<Result<never, InstrumentRefusal>> => {
    tripped ??= why;
    await inner.safe();
    return refused('limit', why);
  };
  return {
    name: inner.name,
    ...(inner.byHand === true ? { byHand: true } : {}),
    set: async stimulus => {
      if (tripped !== undefined) return refused('limit', `stopped before: ${tripped}`);
      const why = beyond(stimulus, limits);
      if (why !== undefined) return refused('limit', why);
      const done = await inner.set(stimulus);
      // A source that did not obey is in a state nobody knows.
      return done.ok || done.refusal === 'unable' ? done : stop(done.detail ?? done.refusal);
    },
    measure: async () => {
      const sample = await inner.measure();
      const why = sample.ok ? dangerous(sample.value, limits) : undefined;
      return why === undefined ? sample : stop(why);
    },
    safe: () => inner.safe(),
    close: () => inner.close(),
  };
}

const SETTABLE = [
  ['voltageV', 'V'],
  ['frequencyHz', 'Hz'],
  ['irradianceWm2', 'W/m²'],
] as const;

function beyond(stimulus: Stimulus, limits: Limits): string | undefined {
  for (const [quantity, unit] of SETTABLE) {
    const value = stimulus[quantity];
    if (value === undefined) continue;
    const range = limits[quantity];
    if (range === undefined) return `this bench sets no ${quantity}`;
    if (!isWithin(value, range)) return `${value} ${unit} is beyond ${range[0]} to ${range[1]} ${unit}`;
  }
  return undefined;
}

function dangerous({ powerW, voltageV, frequencyHz }: Sample, limits: Limits): string | undefined {
  const { voltageV: volts, frequencyHz: hertz, powerW: mostW } = limits;
  if (volts !== undefined && voltageV !== undefined && voltageV > OFF_SHARE * volts[0]) {
    if (!isWithin(voltageV, volts)) return `${voltageV} V measured`;
    if (hertz !== undefined && frequencyHz !== undefined && !isWithin(frequencyHz, hertz))
      return `${frequencyHz} Hz measured`;
  }
  if (mostW !== undefined && powerW !== undefined && Math.abs(powerW) > mostW) return `${powerW} W measured`;
  return undefined;
}

function isWithin(value: number, [low, high]: readonly [number, number]): boolean {
  return Number.isFinite(value) && value >= low && value <= high;
}
