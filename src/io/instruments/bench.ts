/**
 * The instruments of a bench as one: several that speak SCPI, or a person who reads and turns. What is set goes to
 * each that can set it, what is measured is asked of the first that measures it.
 */
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';
import type { Instant } from '../../base/time.ts';
import { systemClock } from '../clock.ts';
import type { ScpiInstrument } from './scpi.ts';

/** What a source is asked for; phase to neutral, W/m² for what stands in for the sun. */
export interface Wish {
  readonly voltageV?: number;
  readonly frequencyHz?: number;
  readonly irradianceWm2?: number;
}

/** Positive is given out and injected. */
export interface Measured {
  readonly at: Instant;
  readonly powerW?: number;
  readonly reactiveVar?: number;
  readonly voltageV?: number;
  readonly frequencyHz?: number;
}

export type Trouble = 'limit' | 'unable' | 'instrument';

export interface Instruments {
  readonly name: string;
  /** Each measurement costs a person's attention. */
  readonly byHand?: true;
  set(wish: Wish): Promise<Result<undefined, Trouble>>;
  measure(): Promise<Result<Measured, Trouble>>;
  safe(): Promise<void>;
  close(): Promise<void>;
}

const QUANTITIES = ['powerW', 'reactiveVar', 'voltageV', 'frequencyHz'] as const;

/** Several SCPI instruments as the bench's own. */
export function scpiBench(instruments: readonly ScpiInstrument[]): Instruments {
  const setOne = async (quantity: string, value: number): Promise<Result<undefined, Trouble>> => {
    let done = false;
    for (const instrument of instruments) {
      const result = await instrument.set(quantity, value);
      if (!result.ok && result.refusal === 'instrument') return result;
      done ||= result.ok;
    }
    return done ? ok(undefined) : refused('unable', `no instrument sets ${quantity}`);
  };
  return {
    name: instruments.map(({ name }) => name).join('; '),
    set: async wish => {
      for (const [quantity, value] of Object.entries(wish)) {
        if (typeof value !== 'number') continue;
        const result = await setOne(quantity, value);
        if (!result.ok) return result;
      }
      return ok(undefined);
    },
    measure: async () => {
      const values: Partial<Record<(typeof QUANTITIES)[number], number>> = {};
      for (const quantity of QUANTITIES)
        for (const instrument of instruments) {
          const result = await instrument.measure(quantity);
          if (!result.ok && result.refusal === 'instrument') return result;
          if (result.ok) values[quantity] ??= result.value;
        }
      return ok({ at: systemClock.now().instant, ...values });
    },
    // All are told, whatever becomes of the first: one that hangs must not keep another from switching off.
    safe: async () => void (await Promise.allSettled(instruments.map(instrument => instrument.safe()))),
    close: async () => void (await Promise.allSettled(instruments.map(instrument => instrument.close()))),
  };
}

/** Asks a person and resolves with the line typed; `undefined`: nobody is there any more. */
export type AskPerson = (question: string) => Promise<string | undefined>;

const UNITS = { voltageV: 'V', frequencyHz: 'Hz', irradianceWm2: 'W/m²' } as const;

/** A person at the knobs and the meter. An empty answer to a wish means done, any other that it cannot be. */
export function person(ask: AskPerson): Instruments {
  /** Whoever has switched the source off is not asked again before it is set anew. */
  let off = false;
  return {
    name: 'a person at the instruments',
    byHand: true,
    set: async wish => {
      off = false;
      const text = Object.entries(UNITS).flatMap(([quantity, unit]) => {
        const value = wish[quantity as keyof Wish];
        return value === undefined ? [] : [`${Number(value.toPrecision(6))} ${unit}`];
      });
      const answer = await ask(`Set ${text.join(', ')}. Enter when done, or say why not: `);
      if (answer === undefined) return refused('instrument', 'nobody answered');
      return answer.trim() === '' ? ok(undefined) : refused('unable', answer.trim());
    },
    measure: async () => {
      const answer = await ask('Read P in W, Q in var, V, f in Hz, with blanks between, "-" for none: ');
      if (answer === undefined) return refused('instrument', 'nobody answered');
      return readingOf(answer);
    },
    safe: async () => {
      if (!off) off = (await ask('STOP: switch the source off, then press Enter. ')) !== undefined;
    },
    close: () => Promise.resolve(),
  };
}

function readingOf(line: string): Result<Measured, Trouble> {
  const values: Partial<Record<(typeof QUANTITIES)[number], number>> = {};
  const fields = line.trim().split(/\s+/);
  for (const [at, quantity] of QUANTITIES.entries()) {
    const field = fields[at] ?? '-';
    if (field === '-' || field === '') continue;
    const value = Number(field.replace(',', '.'));
    if (!Number.isFinite(value)) return refused('instrument', `${field} is no number`);
    values[quantity] = value;
  }
  return ok({ at: systemClock.now().instant, ...values });
}
