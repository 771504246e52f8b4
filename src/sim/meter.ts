/**
 * The net/billing meter at the service entrance: models 1 and 203. Positive power is drawn from the grid. It can
 * only be read.
 */
import type { Instant } from '../base/time.ts';
import { between } from '../base/time.ts';
import { guardOf } from './controls.ts';
import { unitOf } from './device.ts';
import type { Grid, Power } from './electrics.ts';
import { show203 } from './electrics.ts';
import { Image } from './image.ts';
import type { Unit } from './server.ts';
import { common, meter203 } from './values.ts';

export interface MeterOptions {
  readonly unit?: number;
  readonly serial?: string;
  /** The largest power it can show, W. */
  readonly largestW?: number;
}

/** What the house draws, and what its sources give. */
export interface Flows {
  readonly load: Power;
  readonly sources: Power;
}

export class Meter {
  readonly image: Image;
  readonly wire: Unit;
  #now: Instant;
  #importedWh = 0;
  #exportedWh = 0;

  constructor(now: Instant, options: MeterOptions = {}) {
    const { unit = 1, serial = 'UG-MTR-0001', largestW = 25_000 } = options;
    this.image = new Image([
      common({ manufacturer: 'Underglass', model: 'Sim Meter', version: '1.0', serial, unit }),
      meter203(largestW),
    ]);
    this.#now = now;
    this.wire = unitOf({ unit, image: this.image, guard: guardOf(this.image) }, () => undefined);
  }

  /** Moves the meter to `now`: the flows are taken to have held since the last call. */
  advance(now: Instant, flows: Flows, grid: Grid): void {
    const hours = between(this.#now, now) / 3_600_000;
    const netW = flows.load.powerW - flows.sources.powerW;
    this.#importedWh += Math.max(0, netW) * hours;
    this.#exportedWh += Math.max(0, -netW) * hours;
    this.#now = now;
    show203(this.image, flows, grid);
    this.image.set('203.TotWhImp', Math.floor(this.#importedWh));
    this.image.set('203.TotWhExp', Math.floor(this.#exportedWh));
  }
}
