/**
 * Must-trip by 707 to 710: each point of the set in force is a threshold, in percent of nominal voltage or in Hz, and
 * the time that voltage or frequency may be beyond it; when that has passed, the device trips. It stays tripped until
 * it may enter service again. Points that may trip, and momentary cessation, are held and do nothing.
 *
 * Source: IEEE 1547-2018, 6.4.1 and 6.5.1; SunSpec models 707 to 710, sunspec/models 7abdf89.
 */
import type { Instant } from '../base/time.ts';
import { after, milliseconds } from '../base/time.ts';
import { earliest } from './device.ts';
import type { Grid } from './electrics.ts';
import type { Image } from './image.ts';

/** `alarm`: the bit of `701.Alrm` and `103.Evt1`, which count these alike. */
const TABLES = [
  { model: 707, x: 'V', beyond: 'below', alarm: 11 },
  { model: 708, x: 'V', beyond: 'above', alarm: 10 },
  { model: 709, x: 'Hz', beyond: 'below', alarm: 9 },
  { model: 710, x: 'Hz', beyond: 'above', alarm: 8 },
] as const;
type Table = (typeof TABLES)[number];

/** At a threshold is not beyond it: 110 % of 230 V is a hair more in floating point. */
const HAIR = 1e-9;

/** Voltage in percent of nominal, and frequency in Hz. */
export interface Terminals {
  readonly V: number;
  readonly Hz: number;
}

export function terminalsOf(image: Image, { voltageV, frequencyHz }: Grid): Terminals {
  return { V: (100 * voltageV) / image.get('702.VNomRtg'), Hz: frequencyHz };
}

export class Trips {
  readonly #image: Image;
  readonly #tables: readonly Table[];
  /** Since when a threshold has been passed, by table and point: at most four tables of five points. */
  readonly #since = new Map<string, Instant>();
  #alarms = 0;

  constructor(image: Image) {
    this.#image = image;
    this.#tables = TABLES.filter(({ model }) => image.has(`${model}.Ena`));
  }

  /** Bits of what tripped it last; 0 from the moment it enters service again. */
  get alarms(): number {
    return this.#alarms;
  }

  /** When the next trip is due, if the terminals stay as they are. */
  next(): Instant | undefined {
    let due: Instant | undefined;
    for (const { since, timeS } of this.#passed())
      due = earliest(due, after(since, milliseconds(1000 * timeS)));
    return due;
  }

  /** The terminals from `now` on. Whether the device is to trip now. */
  advance(now: Instant, terminals: Terminals): boolean {
    for (const table of this.#tables)
      for (const { key, at } of this.#points(table)) {
        const value = terminals[table.x];
        if ((table.beyond === 'below' ? at - value : value - at) <= HAIR) this.#since.delete(key);
        else if (!this.#since.has(key)) this.#since.set(key, now);
      }
    const due = this.#passed().filter(({ since, timeS }) => now >= after(since, milliseconds(1000 * timeS)));
    for (const { alarm } of due) this.#alarms |= 1 << alarm;
    return due.length > 0;
  }

  entered(): void {
    this.#alarms = 0;
  }

  #passed(): readonly { readonly since: Instant; readonly timeS: number; readonly alarm: number }[] {
    return this.#tables.flatMap(table =>
      this.#points(table).flatMap(({ key, timeS }) => {
        const since = this.#since.get(key);
        return since === undefined ? [] : [{ since, timeS, alarm: table.alarm }];
      }),
    );
  }

  #points({
    model,
    x,
  }: Table): readonly { readonly key: string; readonly at: number; readonly timeS: number }[] {
    if (this.#image.get(`${model}.Ena`) !== 1) return [];
    const set = `${model}.Crv[0].MustTrip.`;
    return Array.from({ length: this.#image.get(`${set}ActPt`) }, (_, n) => ({
      key: `${model} ${n}`,
      at: this.#image.get(`${set}Pt[${n}].${x}`),
      timeS: this.#image.get(`${set}Pt[${n}].Tms`),
    }));
  }
}
