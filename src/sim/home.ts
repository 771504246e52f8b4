/**
 * A house whose devices belong together: sun on the inverter, a battery that evens out, loads, a feeder that rises
 * when the house gives and sags when it draws, and a meter that sees the sum. Time comes in; the same seed gives the
 * same day.
 */
import type { Instant } from '../base/time.ts';
import { between, instant } from '../base/time.ts';
import type { BatteryOptions } from './battery.ts';
import { Battery } from './battery.ts';
import type { Grid, Power } from './electrics.ts';
import type { InverterOptions } from './inverter.ts';
import { Inverter } from './inverter.ts';
import type { MeterOptions } from './meter.ts';
import { Meter } from './meter.ts';
import { clearSky, clouds, houseLoadW } from './weather.ts';

export interface HomeOptions {
  readonly seed?: number;
  /** Hour of the day at the first moment, 0 … 24; noon unless told. */
  readonly startHour?: number;
  /** Seconds of the day that pass in one second; 1 unless told. Ramps and timers keep real seconds. */
  readonly daySpeed?: number;
  readonly inverter?: InverterOptions;
  readonly battery?: BatteryOptions;
  readonly meter?: MeterOptions;
  /** Phase voltage of the feeder when the house draws nothing, V. */
  readonly feederV?: number;
}

/** The feeder's resistance a phase, in ohms: 8 kW given out raise the voltage by some 3 V. */
const FEEDER_OHM = 0.25;
/** A house draws lagging reactive power in this proportion to its load. */
const LOAD_TANGENT = 0.2;

export interface Home {
  readonly inverter: Inverter;
  readonly battery: Battery;
  readonly meter: Meter;
  /** What the house draws by its loads now, W. */
  readonly loadW: number;
  /** Moves everything to `now`. Earlier than the last call: a broken promise. */
  advance(now: Instant): void;
}

export function makeHome(start: Instant, options: HomeOptions = {}): Home {
  return new House(start, options);
}

class House implements Home {
  readonly inverter: Inverter;
  readonly battery: Battery;
  readonly meter: Meter;
  loadW = 0;
  readonly #start: Instant;
  readonly #options: HomeOptions;
  readonly #seed: number;

  constructor(start: Instant, options: HomeOptions) {
    this.#start = start;
    this.#options = options;
    this.#seed = options.seed ?? 1;
    this.inverter = new Inverter(start, options.inverter);
    this.battery = new Battery(start, options.battery);
    this.meter = new Meter(start, options.meter);
    this.advance(start);
  }

  advance(now: Instant): void {
    const second = this.#secondOfDay(now);
    const sun = clearSky(second) * clouds(this.#seed, second);
    this.loadW = houseLoadW(this.#seed, second);
    const grid = this.#grid();
    // An array is built somewhat larger than its inverter.
    this.inverter.advance(now, 1.1 * sun * this.inverter.image.get('702.WMaxRtg'), grid);
    this.battery.advance(now, this.loadW - this.inverter.power.powerW, grid);
    this.meter.advance(now, { load: this.#load(), sources: this.#sources() }, this.#grid());
  }

  #secondOfDay(now: Instant): number {
    const { startHour = 12, daySpeed = 1 } = this.#options;
    return startHour * 3600 + (between(this.#start, now) / 1000) * daySpeed;
  }

  #load(): Power {
    return { powerW: this.loadW, reactiveVar: this.loadW * LOAD_TANGENT };
  }

  #sources(): Power {
    const [sun, store] = [this.inverter.power, this.battery.power];
    return { powerW: sun.powerW + store.powerW, reactiveVar: sun.reactiveVar + store.reactiveVar };
  }

  #grid(): Grid {
    const feederV = this.#options.feederV ?? 230;
    const perPhaseA = (this.loadW - this.#sources().powerW) / 3 / feederV;
    return { voltageV: feederV - FEEDER_OHM * perPhaseA, frequencyHz: 50 };
  }
}

/** The first moment of a home in virtual time. */
export const HOME_START = instant(0);
