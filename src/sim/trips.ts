/**
 * Must-trip by 707 to 710: each point of the set in force is a threshold, in percent of nominal voltage or in Hz, and
 * the time that voltage or frequency may be beyond it; when that has passed, the device trips. It stays tripped until
 * it may enter service again. Momentary cessation is by points of the same form: it gives nothing until voltage and
 * frequency are back. Where a device may trip this one does not. 129 and 130 are of the same kind, by the curve that
 * ActCrv names.
 *
 * Source: IEEE 1547-2018, 6.4.1 and 6.5.1; SunSpec models 707 to 710, sunspec/models 7abdf89.
 */
import type { Instant } from '../base/time.ts';
import { after, milliseconds } from '../base/time.ts';
import { earliest } from './device.ts';
import type { Grid } from './electrics.ts';
import type { Image } from './image.ts';
import { selectedCurve } from './selected.ts';

/** `alarm`: the bit of `701.Alrm` and `103.Evt1`, which count these alike. */
const TABLES = [
  { model: 707, x: 'V', beyond: 'below', alarm: 11 },
  { model: 708, x: 'V', beyond: 'above', alarm: 10 },
  { model: 709, x: 'Hz', beyond: 'below', alarm: 9 },
  { model: 710, x: 'Hz', beyond: 'above', alarm: 8 },
  { model: 129, x: 'V', beyond: 'below', alarm: 11 },
  { model: 130, x: 'V', beyond: 'above', alarm: 10 },
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

/** What is done when a threshold has been passed for its time. */
const SETS = ['MustTrip', 'MomCess'] as const;
type TripSet = (typeof SETS)[number];

interface Threshold {
  readonly key: string;
  readonly set: TripSet;
  readonly at: number;
  readonly timeS: number;
}

interface Passed extends Pick<Threshold, 'set' | 'timeS'> {
  readonly since: Instant;
  readonly alarm: number;
}

export class Trips {
  readonly #image: Image;
  readonly #tables: readonly Table[];
  /** Since when a threshold has been passed, by table, set and point: at most six tables of ten points. */
  readonly #since = new Map<string, Instant>();
  #alarms = 0;
  #ceases = false;

  constructor(image: Image) {
    this.#image = image;
    this.#tables = TABLES.filter(({ model }) => image.has(`${model}.${model < 700 ? 'ModEna' : 'Ena'}`));
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
    const passed = this.#passed().filter(
      ({ since, timeS }) => now >= after(since, milliseconds(1000 * timeS)),
    );
    const due = passed.filter(({ set }) => set === 'MustTrip');
    for (const { alarm } of due) this.#alarms |= 1 << alarm;
    this.#ceases = passed.some(({ set }) => set === 'MomCess');
    return due.length > 0;
  }

  /** Whether it gives nothing for the moment, and stays connected. */
  get ceases(): boolean {
    return this.#ceases;
  }

  entered(): void {
    this.#alarms = 0;
  }

  #passed(): readonly Passed[] {
    return this.#tables.flatMap(table =>
      this.#points(table).flatMap(({ key, timeS, set }) => {
        const since = this.#since.get(key);
        return since === undefined ? [] : [{ since, timeS, set, alarm: table.alarm }];
      }),
    );
  }

  #points({ model, x }: Table): readonly Threshold[] {
    if (model < 700)
      return selectedCurve(this.#image, model).map(({ x: at, y: timeS }, n) => ({
        key: `${model} ${n}`,
        set: 'MustTrip',
        at,
        timeS,
      }));
    if (this.#image.get(`${model}.Ena`) !== 1) return [];
    return SETS.flatMap(set => {
      const under = `${model}.Crv[0].${set}.`;
      return Array.from({ length: this.#image.get(`${under}ActPt`) }, (_, n) => ({
        key: `${model} ${set} ${n}`,
        set,
        at: this.#image.get(`${under}Pt[${n}].${x}`),
        timeS: this.#image.get(`${under}Pt[${n}].Tms`),
      }));
    });
  }
}
