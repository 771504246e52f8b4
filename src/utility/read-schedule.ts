/**
 * Scheduled reads, spread over time (NMS-1): each gateway is asked for its readings once a period, at a moment of its
 * own that a hash of seed and id gives. So ten thousand gateways are asked some eleven a second in a quarter of an
 * hour, not all at the quarter; at the same moments after a restart; and nobody has to keep a list of them.
 *
 * What is not answered is repeated by the head end until half the period is over; the next turn asks anew.
 */
import { after, milliseconds } from '../base/time.ts';
import type { Duration, Now, UnixTime } from '../base/time.ts';
import type { GatewayId } from '../model/mod.ts';
import type { ClockPort } from './ports.ts';
import { Wakes } from './wakes.ts';

export interface ReadDoors {
  readonly clock: ClockPort;
  /** Asks one gateway for its readings, in vain after `expires`. Rejects only where a promise of ours is broken. */
  readonly ask: (gateway: GatewayId, expires: UnixTime) => Promise<void>;
}

export interface ReadPlan {
  readonly gateways: readonly GatewayId[];
  readonly every: Duration;
  readonly seed: string;
}

/** 0 … `every`, the same for the same gateway and seed, as good as drawn for different ones. */
export function offsetOf(gateway: GatewayId, { every, seed }: Pick<ReadPlan, 'every' | 'seed'>): Duration {
  return milliseconds(Math.floor((hash(`${seed} ${gateway}`) / 2 ** 32) * every));
}

export class ReadSchedule {
  readonly #plan: ReadPlan;
  readonly #doors: ReadDoors;
  /** One entry a gateway of the plan. */
  readonly #wakes = new Wakes<GatewayId>();
  #cancelWake: (() => void) | undefined;
  #closed = false;

  /** Begins at once: whose moment in the running period is over is asked in the next one. */
  constructor(plan: ReadPlan, doors: ReadDoors) {
    this.#plan = plan;
    this.#doors = doors;
    const now = doors.clock.now();
    for (const gateway of plan.gateways) this.#enter(gateway, { now, earliest: milliseconds(0) });
    this.#sleep();
  }

  close(): void {
    this.#closed = true;
    this.#cancelWake?.();
  }

  #enter(
    gateway: GatewayId,
    { now: { instant, unix }, earliest }: { readonly now: Now; readonly earliest: Duration },
  ): void {
    const { every } = this.#plan;
    const left = every - ((((unix - offsetOf(gateway, this.#plan)) % every) + every) % every);
    this.#wakes.set(gateway, after(instant, milliseconds(left < earliest ? left + every : left)));
  }

  #sleep(): void {
    const at = this.#wakes.next();
    if (at === undefined || this.#closed) return;
    this.#cancelWake = this.#doors.clock.at(at, () => {
      const now = this.#doors.clock.now();
      for (const gateway of this.#wakes.due(now.instant)) {
        void this.#doors.ask(gateway, after(now.unix, milliseconds(this.#plan.every / 2)));
        // Who was just asked has its turn a period later, also where the wall clock lags behind the other.
        this.#enter(gateway, { now, earliest: milliseconds(this.#plan.every / 2) });
      }
      this.#sleep();
    });
  }
}

/** FNV-1a over the text, then mixed as MurmurHash3 ends, because ids that differ in their last letter are the rule. */
function hash(text: string): number {
  let sum = 0x81_1c_9d_c5;
  for (const letter of text) sum = Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 0x01_00_01_93);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85_eb_ca_6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2_b2_ae_35);
  return (sum ^ (sum >>> 16)) >>> 0;
}
