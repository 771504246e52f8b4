/**
 * A photovoltaic inverter: models 1, 103, 120, 121, 123, 701 to 712 and 714, and on demand 126 to 134 and 145. It gives what the sun offers, held
 * down by the limits and targets in its registers, along a ramp, and by what its curves make of voltage and frequency;
 * it ceases to energise when told to or when its trip curves say so, and comes back with the delay and ramp of entering service.
 */
import type { Instant } from '../base/time.ts';
import { between } from '../base/time.ts';
import { boundedVar, guardOf, limitW, roomVar, targetW } from './controls.ts';
import { droop711, measure714, trips, voltVar705, voltWatt706, wattVar712 } from './curve-values.ts';
import { Curves } from './curves.ts';
import { approach, earliest, steps, unitOf } from './device.ts';
import type { Grid, Power } from './electrics.ts';
import { show103, show701, show714 } from './electrics.ts';
import { Functions } from './functions.ts';
import type { FunctionStep } from './functions.ts';
import type { ModelValues, WriteGuard, WrittenPoint } from './image.ts';
import { Image } from './image.ts';
import { Reversions } from './reversion.ts';
import { guardSelected, models1xx } from './selected.ts';
import type { Unit } from './server.ts';
import { Service } from './service.ts';
import { Trips, terminalsOf } from './trips.ts';
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
  /** Whether it also has the curves of 126 to 134 and the ramps of 145, at the end of its map. */
  readonly curves?: '7xx' | 'both';
  /** What the frequency of droop is counted from; 50 unless told. */
  readonly nominalHz?: number;
}

/** Below this share of its rating the sun does not wake an inverter. */
const WAKE_SHARE = 0.005;

/** `103.St` and `701.InvSt` of one state, which count differently. */
const STATES = {
  off: { st: 1, invSt: 0 },
  tripped: { st: 7, invSt: 6 },
  sleeping: { st: 2, invSt: 1 },
  starting: { st: 3, invSt: 2 },
  running: { st: 4, invSt: 3 },
  throttled: { st: 5, invSt: 4 },
} as const;
type InverterState = keyof typeof STATES;

/** `103.Evt1` and `701.Alrm`: the manual shutdown that Conn and ES are. */
const MANUAL_SHUTDOWN = 1 << 6;
/** `701.DERMode`: follows the grid, and whether the array offers more than the inverter can pass on. */
const GRID_FOLLOWING = 1 << 0;
const PV_CLIPPED = 1 << 2;
/** `701.ThrotSrc`: MAX_W, FIXED_W, FREQ_WATT, VOLT_WATT. */
const THROTTLED_BY = { limit: 1 << 0, target: 1 << 1, droop: 1 << 5, voltWatt: 1 << 10 } as const;

export class Inverter {
  readonly image: Image;
  readonly wire: Unit;
  readonly #rampS: number;
  readonly #reversions: Reversions;
  readonly #service: Service;
  readonly #trips: Trips;
  readonly #curves: Curves;
  readonly #functions: Functions;
  #now: Instant;
  /** What its orders alone come to, along the ramp. */
  #orderedW = 0;
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
      ...models1547(ratedW, {
        delayS: options.serviceDelayS ?? 5,
        rampS: options.serviceRampS ?? 5,
        nominalHz: options.nominalHz ?? 50,
      }),
      ...(options.curves === 'both' ? models1xx({ ownS: rampS, serviceS: options.serviceRampS ?? 5 }) : []),
    ]);
    this.#now = now;
    this.#rampS = rampS;
    this.#reversions = new Reversions(this.image);
    this.#service = new Service(this.image);
    this.#trips = new Trips(this.image);
    this.#curves = new Curves(this.image);
    this.#functions = new Functions(this.image, options.nominalHz ?? 50);
    const orders = guardOf(this.image);
    const selected = guardSelected(this.image);
    const guard: WriteGuard = (point, value) =>
      this.#curves.guard(point, value) ?? selected(point, value) ?? orders(point, value);
    this.wire = unitOf({ unit, image: this.image, guard }, points => this.#written(points));
  }

  /** Real and reactive power given out. */
  get power(): Power {
    return { powerW: this.#powerW, reactiveVar: this.#reactiveVar };
  }

  /** Moves the device to `now`, while the sun offers `availableW`. */
  advance(now: Instant, availableW: number, grid: Grid): void {
    const next = (): Instant | undefined =>
      earliest(earliest(this.#reversions.next(), this.#service.next()), this.#trips.next());
    for (const at of steps(this.#now, now, next)) {
      this.#settle(grid);
      this.#step(at, availableW, grid);
      this.#now = at;
    }
    this.#settle(grid);
    this.#show(availableW, grid);
  }

  /** What a write or a timer changed by now. To cease is not to ramp: the contactor opens. */
  #settle(grid: Grid): void {
    this.#reversions.advance(this.#now);
    this.#curves.advance();
    const terminals = terminalsOf(this.image, grid);
    this.#service.advance(this.#now, terminals, this.#trips.advance(this.#now, terminals));
    if (this.#service.state === 'on') this.#trips.entered();
    if (this.#service.state === 'on' && !this.#trips.ceases) return;
    this.#orderedW = 0;
    this.#powerW = 0;
    this.#reactiveVar = 0;
  }

  #step(at: Instant, availableW: number, grid: Grid): void {
    if (this.#service.state !== 'on' || this.#trips.ceases) return;
    const elapsedS = between(this.#now, at) / 1000;
    const rampS = Math.max(this.#service.rampS(this.#now, this.#ownRampS), 0.001);
    const most = (elapsedS * this.image.get('702.WMax')) / rampS;
    const sunW = Math.max(availableW, 0);
    // A cloud is not ramped: what is not there is not given.
    this.#orderedW = Math.min(approach(this.#orderedW, this.#wantedW(availableW), most), sunW);
    const before = this.#powerW;
    const step = { grid, elapsedS, offeredW: Math.min(this.#offeredW(sunW), limitW(this.image)) };
    this.#split(Math.min(this.#functions.realW(this.#orderedW, step), sunW), step);
    this.#energyWh += (((before + this.#powerW) / 2) * elapsedS) / 3600;
  }

  /** Real and reactive power inside VAMax: the one that goes first leaves the other the rest. */
  #split(wishW: number, step: FunctionStep): void {
    const wishVar = this.#functions.reactiveVar(wishW, step);
    const firstVar = this.#functions.reactiveFirst ? boundedVar(this.image, 0, wishVar) : 0;
    this.#powerW = Math.min(wishW, roomVar(this.image, firstVar));
    this.#reactiveVar = boundedVar(this.image, this.#powerW, wishVar);
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

  /** 145 has it in percent of WMax a second. */
  get #ownRampS(): number {
    const rate = this.image.has('145.NomRmpUpRte') ? this.image.get('145.NomRmpUpRte') : 0;
    return rate > 0 ? 100 / rate : this.#rampS;
  }

  #written(points: readonly WrittenPoint[]): void {
    for (const { point, value } of points) {
      // One setting in two models.
      if (point === '121.WMax') this.image.set('702.WMax', value);
      if (point === '702.WMax') this.image.set('121.WMax', value);
      if (point === '145.ConnRmpUpRte' && value > 0) this.image.set('703.ESRmpTms', 100 / value);
    }
    this.#curves.written(points);
    this.#reversions.written(points, this.#now);
  }

  #state(availableW: number): InverterState {
    if (this.#service.state === 'off') return this.#trips.alarms === 0 ? 'off' : 'tripped';
    if (this.#service.state === 'starting') return 'starting';
    if (availableW < WAKE_SHARE * this.image.get('702.WMaxRtg')) return 'sleeping';
    const held = this.#functions.holding !== undefined && this.#powerW < this.#orderedW;
    return held || this.#wantedW(availableW) < this.#offeredW(availableW) ? 'throttled' : 'running';
  }

  #holder(): keyof typeof THROTTLED_BY {
    if (this.#functions.holding !== undefined) return this.#functions.holding;
    return (targetW(this.image) ?? Number.POSITIVE_INFINITY) < limitW(this.image) ? 'target' : 'limit';
  }

  #show(availableW: number, grid: Grid): void {
    const { image } = this;
    const state = this.#state(availableW);
    const isOut = this.#service.state === 'off';
    show103(image, this.power, grid);
    show701(image, this.power, grid);
    image.set('103.St', STATES[state].st);
    const alarms = this.#trips.alarms | (this.#service.permitted ? 0 : MANUAL_SHUTDOWN);
    image.set('103.Evt1', alarms);
    image.set('701.Alrm', alarms);
    image.set('103.WH', Math.floor(this.#energyWh));
    // Conversion loses 3 %; the string stands at 600 V.
    image.set('103.DCW', this.#powerW / 0.97);
    image.set('103.DCA', this.#powerW / 0.97 / 600);
    show714(image, { powerW: this.#powerW / 0.97, voltageV: 600, energyWh: this.#energyWh / 0.97 });
    const warmth = 25 + (30 * this.#powerW) / image.get('702.WMaxRtg');
    for (const point of ['103.TmpCab', '103.TmpSnk', '701.TmpCab']) image.set(point, warmth);
    image.set('701.St', isOut ? 0 : 1);
    image.set('701.InvSt', STATES[state].invSt);
    image.set('701.ConnSt', isOut || state === 'starting' ? 0 : 1);
    image.set('701.TotWhInj', Math.floor(this.#energyWh));
    this.#showThrottle(state, availableW);
  }

  #showThrottle(state: InverterState, availableW: number): void {
    const throttled = state === 'throttled';
    const offeredW = this.#offeredW(availableW);
    const givesW = this.#functions.holding === undefined ? this.#wantedW(availableW) : this.#powerW;
    this.image.set('701.ThrotPct', throttled ? Math.round(100 * (1 - givesW / offeredW)) : 0);
    this.image.set('701.ThrotSrc', throttled ? THROTTLED_BY[this.#holder()] : 0);
    this.image.set('701.DERMode', GRID_FOLLOWING | (offeredW < availableW ? PV_CLIPPED : 0));
  }
}

/** Models 701 to 712 and 714: the control and monitoring of IEEE 1547-2018. Entering service in seconds. */
export function models1547(
  ratedW: number,
  service: { readonly delayS: number; readonly rampS: number; readonly nominalHz?: number },
): readonly ModelValues[] {
  const ratedVA = 1.1 * ratedW;
  return [
    measure701(ratedW),
    capacity702(ratedW, ratedVA, 'none'),
    service703(service.delayS, service.rampS, service.nominalHz),
    controls704(),
    voltVar705(),
    voltWatt706(),
    trips(707),
    trips(708),
    trips(709, service.nominalHz),
    trips(710, service.nominalHz),
    droop711(),
    wattVar712(),
    measure714(1.2 * ratedW),
  ];
}
