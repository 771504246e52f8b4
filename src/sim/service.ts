/**
 * Whether a device energises the grid. `123.Conn` 0, `703.ES` 0 or a trip makes it cease at once. Permitted again, it
 * waits until voltage and frequency have been within 703 for its delay without a break, and then ramps (IEEE 1547-2018,
 * 4.10.3). A device is in service when it is switched on.
 */
import type { Instant } from '../base/time.ts';
import { after, between, seconds } from '../base/time.ts';
import type { Image } from './image.ts';
import type { Terminals } from './trips.ts';

export type ServiceState = 'off' | 'starting' | 'on';

export class Service {
  readonly #image: Image;
  #state: ServiceState = 'on';
  #startsAt: Instant | undefined;
  /** Until when the ramp of 703 holds instead of the device's own. */
  #rampUntil: Instant | undefined;

  constructor(image: Image) {
    this.#image = image;
  }

  get state(): ServiceState {
    return this.#state;
  }

  next(): Instant | undefined {
    return this.#startsAt;
  }

  /** `tripped`: it ceases now, whatever the terminals do in this moment. */
  advance(now: Instant, terminals: Terminals, tripped = false): void {
    const waits = this.#state !== 'on' && !this.#within(terminals);
    if (!this.permitted || tripped || waits) {
      this.#state = 'off';
      this.#startsAt = undefined;
    } else if (this.#state === 'off') {
      this.#state = 'starting';
      this.#startsAt = after(now, seconds(this.#image.get('703.ESDlyTms')));
    }
    if (this.#startsAt !== undefined && now >= this.#startsAt) {
      this.#state = 'on';
      this.#rampUntil = after(this.#startsAt, seconds(this.#image.get('703.ESRmpTms')));
      this.#startsAt = undefined;
    }
    const left = this.#startsAt === undefined ? 0 : between(now, this.#startsAt) / 1000;
    this.#image.set('703.ESDlyRemTms', Math.ceil(left));
  }

  /** Seconds from nothing to all of WMax: those of 703 while entering service, else the device's own. */
  rampS(now: Instant, ownS: number): number {
    if (this.#rampUntil !== undefined && now < this.#rampUntil)
      return Math.max(ownS, this.#image.get('703.ESRmpTms'));
    this.#rampUntil = undefined;
    return ownS;
  }

  /** Whether its orders let it be in service. */
  get permitted(): boolean {
    const connected = !this.#image.has('123.Conn') || this.#image.get('123.Conn') === 1;
    return connected && this.#image.get('703.ES') === 1;
  }

  #within({ V, Hz }: Terminals): boolean {
    const value = (point: string) => this.#image.get(`703.${point}`);
    return V >= value('ESVLo') && V <= value('ESVHi') && Hz >= value('ESHzLo') && Hz <= value('ESHzHi');
  }
}
