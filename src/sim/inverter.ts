/**
 * A photovoltaic inverter: models 1, 103, 120, 121, 123, 701, 702, 703, 704. It gives what the sun offers, held down
 * by the limits and targets in its registers, along a ramp; it ceases to energise when told to, and comes back with
 * the delay and ramp of entering service.
 */
import type { Instant } from '../base/time.ts';
import { between } from '../base/time.ts';
import { guardOf, limitW, reactiveVar, targetW } from './controls.ts';
import { approach, earliest, steps, unitOf } from './device.ts';
import type { Grid, Power } from './electrics.ts';
import { show103, show701 } from './electrics.ts';
import type { WrittenPoint } from './image.ts';
import { Image } from './image.ts';
import { Reversions } from './reversion.ts';
import type { Unit } from './server.ts';
import { Service } from './service.ts';
import {
  capacity702,
  common,
  controls123,
  controls704,
  inverter103,
  measure701,
  nameplate120,
  service703,
  settings121,
} from './values.ts';

export interface InverterOptions {
  readonly unit?: number;
  readonly serial?: string;
  /** Rated real power, W. */
  readonly ratedW?: number;
  /** Seconds from nothing to all of WMax, when an order or the sun changes. */
  readonly rampS?: number;
  /** Entering service: delay and ramp, in seconds. IEEE 1547-2018 has 300 and 300 by default. */
  readonly serviceDelayS?: number;
  readonly serviceRampS?: number;
}

/** Below this share of its rating the sun does not wake an inverter. */
const WAKE_SHARE = 0.005;

/** `103.St` and `701.InvSt` of one state, which count differently. */
const STATES = {
  off: { st: 1, invSt: 0 },
  sleeping: { st: 2, invSt: 1 },
  starting: { st: 3, invSt: 2 },
  running: { st: 4, invSt: 3 },
  throttled: { st: 5, invSt: 4 },
} as const;
type InverterState = keyof typeof STATES;

/** `103.Evt1`: the manual shutdown that Conn and ES are. */
const MANUAL_SHUTDOWN = 1 << 6;
/** `701.DERMode`: follows the grid, and whether the array offers more than the inverter can pass on. */
const GRID_FOLLOWING = 1 << 0;
const PV_CLIPPED = 1 << 2;
/** `701.ThrotSrc`. */
const THROTTLED_BY = { limit: 1, target: 2 } as const;

export class Inverter {
  readonly image: Image;
  readonly wire: Unit;
  readonly #rampS: number;
  readonly #reversions: Reversions;
  readonly #service: Service;
  #now: Instant;
  #powerW = 0;
  #reactiveVar = 0;
  #energyWh = 0;

  constructor(now: Instant, options: InverterOptions = {}) {
    const { unit = 1, serial = 'UG-INV-0001', ratedW = 8000, rampS = 1 } = options;
    const ratedVA = 1.1 * ratedW;
    this.image = new Image([
      common({ manufacturer: 'Underglass', model: 'Sim PV', version: '1.0', serial, unit }),
      inverter103(ratedW),
      nameplate120(ratedW, ratedVA),
      settings121(ratedW, ratedVA),
      controls123(),
      measure701(ratedW),
      capacity702(ratedW, ratedVA, 'none'),
      service703(options.serviceDelayS ?? 5, options.serviceRampS ?? 5),
      controls704(),
    ]);
    this.#now = now;
    this.#rampS = rampS;
    this.#reversions = new Reversions(this.image);
    this.#service = new Service(this.image);
    const guard = guardOf(this.image);
    this.wire = unitOf({ unit, image: this.image, guard }, points => this.#written(points));
  }

  /** Real and reactive power given out. */
  get power(): Power {
    return { powerW: this.#powerW, reactiveVar: this.#reactiveVar };
  }

  /** Moves the device to `now`, while the sun offers `availableW`. */
  advance(now: Instant, availableW: number, grid: Grid): void {
    const next = (): Instant | undefined => earliest(this.#reversions.next(), this.#service.next());
    for (const at of steps(this.#now, now, next)) {
      this.#settle();
      this.#step(at, availableW);
      this.#now = at;
    }
    this.#settle();
    this.#show(availableW, grid);
  }

  /** What a write or a timer changed by now. To cease is not to ramp: the contactor opens. */
  #settle(): void {
    this.#reversions.advance(this.#now);
    this.#service.advance(this.#now);
    if (this.#service.state === 'on') return;
    this.#powerW = 0;
    this.#reactiveVar = 0;
  }

  #step(at: Instant, availableW: number): void {
    if (this.#service.state !== 'on') return;
    const elapsedS = between(this.#now, at) / 1000;
    const rampS = Math.max(this.#service.rampS(this.#now, this.#rampS), 0.001);
    const most = (elapsedS * this.image.get('702.WMax')) / rampS;
    const before = this.#powerW;
    const wanted = approach(before, this.#wantedW(availableW), most);
    // A cloud is not ramped: what is not there is not given.
    this.#powerW = Math.min(wanted, Math.max(availableW, 0));
    this.#reactiveVar = reactiveVar(this.image, this.#powerW);
    this.#energyWh += (((before + this.#powerW) / 2) * elapsedS) / 3600;
  }

  #wantedW(availableW: number): number {
    if (availableW < WAKE_SHARE * this.image.get('702.WMaxRtg')) return 0;
    // A photovoltaic array only gives: an order to draw power is an order to give none.
    const target = Math.max(0, targetW(this.image) ?? Number.POSITIVE_INFINITY);
    return Math.min(this.#offeredW(availableW), limitW(this.image), target);
  }

  /** What it would give if nobody held it down. */
  #offeredW(availableW: number): number {
    return Math.min(availableW, this.image.get('702.WMax'));
  }

  #written(points: readonly WrittenPoint[]): void {
    for (const { point, value } of points) {
      // One setting in two models.
      if (point === '121.WMax') this.image.set('702.WMax', value);
      if (point === '702.WMax') this.image.set('121.WMax', value);
    }
    this.#reversions.written(points, this.#now);
  }

  #state(availableW: number): InverterState {
    if (this.#service.state === 'off') return 'off';
    if (this.#service.state === 'starting') return 'starting';
    if (availableW < WAKE_SHARE * this.image.get('702.WMaxRtg')) return 'sleeping';
    return this.#wantedW(availableW) < this.#offeredW(availableW) ? 'throttled' : 'running';
  }

  #show(availableW: number, grid: Grid): void {
    const { image } = this;
    const state = this.#state(availableW);
    show103(image, this.power, grid);
    show701(image, this.power, grid);
    image.set('103.St', STATES[state].st);
    image.set('103.Evt1', state === 'off' ? MANUAL_SHUTDOWN : 0);
    image.set('103.WH', Math.floor(this.#energyWh));
    // Conversion loses 3 %; the string stands at 600 V.
    image.set('103.DCW', this.#powerW / 0.97);
    image.set('103.DCA', this.#powerW / 0.97 / 600);
    const warmth = 25 + (30 * this.#powerW) / image.get('702.WMaxRtg');
    for (const point of ['103.TmpCab', '103.TmpSnk', '701.TmpCab']) image.set(point, warmth);
    image.set('701.St', state === 'off' ? 0 : 1);
    image.set('701.InvSt', STATES[state].invSt);
    image.set('701.ConnSt', state === 'off' || state === 'starting' ? 0 : 1);
    image.set('701.TotWhInj', Math.floor(this.#energyWh));
    this.#showThrottle(state, availableW);
  }

  #showThrottle(state: InverterState, availableW: number): void {
    const throttled = state === 'throttled';
    const offeredW = this.#offeredW(availableW);
    const held = throttled ? 1 - this.#wantedW(availableW) / offeredW : 0;
    const byTarget = (targetW(this.image) ?? Number.POSITIVE_INFINITY) < limitW(this.image);
    const source = byTarget ? THROTTLED_BY.target : THROTTLED_BY.limit;
    this.image.set('701.ThrotPct', Math.round(100 * held));
    this.image.set('701.ThrotSrc', throttled ? source : 0);
    this.image.set('701.DERMode', GRID_FOLLOWING | (offeredW < availableW ? PV_CLIPPED : 0));
  }
}
