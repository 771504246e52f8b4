/**
 * A storage battery with its own inverter: models 1, 124, 701, 702, 703, 704, 713, 802. Left alone it follows the
 * wish of the house; a target of 704 goes before the wish, a window of 124 and the limit of 704 bound both, and what
 * the cells hold bounds all. Power is positive when it discharges, as 701 and 704 have it.
 */
import type { Instant } from '../base/time.ts';
import { between } from '../base/time.ts';
import { boundedVar, guardOf, limitW, reactiveOrder, targetW } from './controls.ts';
import { approach, earliest, steps, unitOf } from './device.ts';
import type { Grid, Power } from './electrics.ts';
import { show701 } from './electrics.ts';
import type { WrittenPoint } from './image.ts';
import { Image } from './image.ts';
import { Reversions } from './reversion.ts';
import type { Unit } from './server.ts';
import { Service } from './service.ts';
import { terminalsOf } from './trips.ts';
import {
  battery802,
  capacity702,
  capacity713,
  common,
  controls704,
  measure701,
  service703,
  storage124,
} from './values.ts';

export interface BatteryOptions {
  readonly unit?: number;
  readonly serial?: string;
  readonly capacityWh?: number;
  /** Charging and discharging at most, W. */
  readonly rateW?: number;
  readonly rampS?: number;
  /** State of charge at the start, percent. */
  readonly startPct?: number;
  readonly serviceDelayS?: number;
  readonly serviceRampS?: number;
}

/** Lost each way between grid and cells. */
const EFFICIENCY = 0.96;
/** `124.StorCtl_Mod`: which of the two windows hold. */
const HOLD_CHARGE = 1;
const HOLD_DISCHARGE = 2;
/** `802.ChaSt` and `124.ChaSt`. */
const CHARGE_STATE = { off: 1, empty: 2, discharging: 3, charging: 4, full: 5, holding: 6 } as const;
/** `802.State`. */
const CONNECTED = 3;
const DISCONNECTED = 1;
/** Below this a battery neither charges nor discharges, W. */
const STILL_W = 5;

export class Battery {
  readonly image: Image;
  readonly wire: Unit;
  readonly #capacityWh: number;
  readonly #rampS: number;
  readonly #reversions: Reversions;
  readonly #service: Service;
  #now: Instant;
  #powerW = 0;
  #reactiveVar = 0;
  #storedWh: number;
  #injectedWh = 0;
  #absorbedWh = 0;

  constructor(now: Instant, options: BatteryOptions = {}) {
    const { unit = 1, serial = 'UG-BAT-0001', capacityWh = 10_000, rateW = 5000 } = options;
    this.image = new Image([
      common({ manufacturer: 'Underglass', model: 'Sim Storage', version: '1.0', serial, unit }),
      storage124(rateW),
      measure701(rateW),
      capacity702(rateW, 1.1 * rateW, 'storage'),
      service703(options.serviceDelayS ?? 5, options.serviceRampS ?? 5),
      controls704(),
      capacity713(capacityWh),
      battery802(capacityWh, rateW),
    ]);
    this.#now = now;
    this.#capacityWh = capacityWh;
    this.#rampS = options.rampS ?? 1;
    this.#storedWh = (capacityWh * (options.startPct ?? 50)) / 100;
    this.#reversions = new Reversions(this.image);
    this.#service = new Service(this.image);
    const guard = guardOf(this.image);
    this.wire = unitOf({ unit, image: this.image, guard }, (points: readonly WrittenPoint[]) =>
      this.#reversions.written(points, this.#now),
    );
  }

  /** Real and reactive power given out; negative real power charges. */
  get power(): Power {
    return { powerW: this.#powerW, reactiveVar: this.#reactiveVar };
  }

  /** State of charge, percent of the rated energy. */
  get chargePct(): number {
    return (100 * this.#storedWh) / this.#capacityWh;
  }

  /** Moves the device to `now`, while the house wishes it to give `wishW` (negative: to take). */
  advance(now: Instant, wishW: number, grid: Grid): void {
    const next = (): Instant | undefined => earliest(this.#reversions.next(), this.#service.next());
    for (const at of steps(this.#now, now, next)) {
      this.#settle(grid);
      this.#step(at, wishW);
      this.#now = at;
    }
    this.#settle(grid);
    this.#show(grid);
  }

  /** What a write or a timer changed by now. */
  #settle(grid: Grid): void {
    this.#reversions.advance(this.#now);
    this.#service.advance(this.#now, terminalsOf(this.image, grid));
    if (this.#service.state === 'on') return;
    this.#powerW = 0;
    this.#reactiveVar = 0;
  }

  #step(at: Instant, wishW: number): void {
    if (this.#service.state !== 'on') return;
    const elapsedS = between(this.#now, at) / 1000;
    const rampS = Math.max(this.#service.rampS(this.#now, this.#rampS), 0.001);
    const most = (elapsedS * this.image.get('702.WMax')) / rampS;
    this.#powerW = this.#moveEnergy(approach(this.#powerW, this.#wantedW(wishW), most), elapsedS);
    this.#reactiveVar = boundedVar(this.image, this.#powerW, reactiveOrder(this.image, this.#powerW));
  }

  #wantedW(wishW: number): number {
    const { image } = this;
    const mode = image.get('124.StorCtl_Mod');
    const rate = image.get('124.WChaMax');
    // Fronius and SolarEdge read a negative rate as a command the other way: the window may lie off zero.
    const low = -rate * (mode & HOLD_CHARGE ? image.get('124.InWRte') / 100 : 1);
    const high = rate * (mode & HOLD_DISCHARGE ? image.get('124.OutWRte') / 100 : 1);
    const most = Math.min(limitW(image), image.get('702.WDisChaRteMax'));
    const least = -image.get('702.WChaRteMax');
    return within(within(targetW(image) ?? wishW, [low, high]), [least, most]);
  }

  /** The power that the cells can sustain for `elapsedS`; what is stored changes with it. */
  #moveEnergy(powerW: number, elapsedS: number): number {
    const floorWh = (this.#capacityWh * this.image.get('802.SoCMin')) / 100;
    const hours = elapsedS / 3600;
    const giveW = hours === 0 ? 0 : (Math.max(0, this.#storedWh - floorWh) * EFFICIENCY) / hours;
    const takeW = hours === 0 ? 0 : (this.#capacityWh - this.#storedWh) / EFFICIENCY / hours;
    const actualW = within(powerW, [-takeW, giveW]);
    this.#storedWh -= (actualW > 0 ? actualW / EFFICIENCY : actualW * EFFICIENCY) * hours;
    this.#injectedWh += Math.max(0, actualW) * hours;
    this.#absorbedWh += Math.max(0, -actualW) * hours;
    return actualW;
  }

  #chargeState(): keyof typeof CHARGE_STATE {
    if (this.#service.state !== 'on') return 'off';
    if (this.#powerW > STILL_W) return 'discharging';
    if (this.#powerW < -STILL_W) return 'charging';
    if (this.chargePct >= 99.9) return 'full';
    return this.chargePct <= this.image.get('802.SoCMin') + 0.1 ? 'empty' : 'holding';
  }

  #show(grid: Grid): void {
    const { image } = this;
    const on = this.#service.state === 'on';
    show701(image, this.power, grid);
    image.set('701.St', on ? 1 : 0);
    image.set('701.InvSt', on ? 3 : 0);
    image.set('701.ConnSt', on ? 1 : 0);
    image.set('701.TotWhInj', Math.floor(this.#injectedWh));
    image.set('701.TotWhAbs', Math.floor(this.#absorbedWh));
    for (const point of ['713.SoC', '802.SoC', '124.ChaState']) image.set(point, this.chargePct);
    image.set('713.WHAvail', this.#storedWh);
    const charge = CHARGE_STATE[this.#chargeState()];
    image.set('124.ChaSt', charge);
    image.set('802.ChaSt', charge);
    image.set('802.State', on ? CONNECTED : DISCONNECTED);
    // Lithium iron phosphate: nearly flat, a little higher when full.
    const cellsV = 50 + (3 * this.chargePct) / 100;
    image.set('802.V', cellsV);
    image.set('124.InBatV', cellsV);
    image.set('802.W', this.#powerW);
    image.set('802.A', this.#powerW / cellsV);
  }
}

function within(value: number, [low, high]: readonly [number, number]): number {
  return Math.min(high, Math.max(low, value));
}
