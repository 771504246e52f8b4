/**
 * The equipment behind a simulated gateway: each device holds a switch and a limit, falls back by its own timer, takes
 * its time, refuses, or says nothing though it obeyed; it loses its power and what it was told with it. It outlives the
 * gateways that speak to it.
 */
import type { DeviceEvents, DeviceOrder, DevicesPort } from '../../../src/gateway/mod.ts';
import type { Applied, Axis, DeviceId, Outcome } from '../../../src/model/mod.ts';
import type { Luck } from './luck.ts';
import type { VirtualTime } from './time.ts';

export const AXES_HELD: readonly Axis[] = ['opModConnect', 'opModMaxLimW'];
const FULL = 10_000;

/** Shares of orders; the rest are carried out and answered. */
export interface Temper {
  readonly refused: number;
  readonly unknown: number;
  readonly delayMs: readonly [number, number];
}

export const WILLING: Temper = { refused: 0, unknown: 0, delayMs: [5, 200] };
export const STUBBORN: Temper = { refused: 0.04, unknown: 0.08, delayMs: [5, 4000] };

export interface Held {
  isPowered: boolean;
  /** 1 connected, 0 isolated. */
  connect: number;
  /** 0.01 % of WMax; full scale when no limit is set. */
  limit: number;
  /** Rises with every write to the limit, so that an older timer does nothing. */
  writes: number;
}

/** What is told of everything that is done to a device, before it is done. */
export interface DeviceWatch {
  order(order: DeviceOrder, at: 'asked' | 'done'): void;
}

export class Devices {
  temper = WILLING;
  readonly held: ReadonlyMap<DeviceId, Held>;
  readonly #time: VirtualTime;
  readonly #luck: Luck;
  readonly #watch: DeviceWatch;
  readonly #offMs: () => number;
  #events: DeviceEvents | undefined;
  readonly #onTheWay = new Set<{ readonly held: Held; readonly order: DeviceOrder }>();

  constructor(
    time: VirtualTime,
    luck: Luck,
    parts: { ids: readonly DeviceId[]; watch: DeviceWatch; offMs: () => number },
  ) {
    this.#time = time;
    this.#luck = luck;
    this.#watch = parts.watch;
    this.#offMs = parts.offMs;
    const fresh = (): Held => ({ isPowered: true, connect: 1, limit: FULL, writes: 0 });
    this.held = new Map(parts.ids.map(id => [id, fresh()]));
  }

  connect(events: DeviceEvents): DevicesPort {
    this.#events = events;
    for (const id of this.held.keys()) this.#find(id, this.#luck.between(5, 1500), events);
    this.#pollIn(1000, events);
    return {
      apply: order => this.#apply(order, events),
      close: () => Promise.resolve(),
    };
  }

  /** The gateway's process died. What is on its way to a device may be carried out all the same. */
  gone(): void {
    this.#events = undefined;
    for (const { held, order } of this.#onTheWay)
      if (held.isPowered && this.#luck.chance(0.5)) this.#carryOut(held, order);
    this.#onTheWay.clear();
  }

  /** Loses its power for `ms`, and all it was told. */
  powerCut(id: DeviceId, ms: number): void {
    const held = this.held.get(id);
    if (held?.isPowered !== true) return;
    held.isPowered = false;
    held.connect = 1;
    held.limit = FULL;
    held.writes++;
    this.#tell(id, 'it does not answer');
    this.#time.after(ms, () => {
      held.isPowered = true;
      if (this.#events !== undefined) this.#find(id, this.#luck.between(100, 3000), this.#events);
    });
  }

  #find(id: DeviceId, ms: number, events: DeviceEvents): void {
    this.#time.after(ms, () => {
      if (this.#events === events) this.#tell(id, 'found');
    });
  }

  #tell(device: DeviceId, why: string): void {
    const present = this.held.get(device)?.isPowered === true;
    this.#events?.device({ device, present, model: 'World 1', axes: AXES_HELD, why });
  }

  #pollIn(ms: number, events: DeviceEvents): void {
    this.#time.after(ms, () => {
      if (this.#events !== events) return;
      for (const [device, { isPowered, connect, limit }] of this.held) {
        if (!isPowered) continue;
        const points = {
          WMax: 10_000,
          Conn: connect,
          WMaxLimPct: limit / 100,
          WMaxLimPctEna: limit < FULL ? 1 : 0,
          W: connect === 0 ? 0 : Math.min(6000, limit),
        };
        events.reading({ device, role: 'inverter', at: this.#time.now(this.#offMs()).unix, points });
      }
      this.#pollIn(this.#luck.between(4000, 6000), events);
    });
  }

  async #apply(order: DeviceOrder, from: DeviceEvents): Promise<Applied> {
    if (this.#events !== from) return new Promise(() => {});
    this.#watch.order(order, 'asked');
    const { device, axis } = order;
    const held = this.held.get(device);
    const { refused, unknown, delayMs } = this.temper;
    const draw = this.#luck.unit();
    const outcome: Outcome =
      draw < refused ? 'refused' : draw < refused + unknown ? 'unknown' : 'implemented';
    const obeys = outcome === 'implemented' || (outcome === 'unknown' && this.#luck.chance(0.5));
    const onTheWay = held !== undefined && obeys ? { held, order } : undefined;
    if (onTheWay !== undefined) this.#onTheWay.add(onTheWay);
    await this.#wait(this.#luck.between(...delayMs));
    const isThere = held?.isPowered === true;
    if (onTheWay !== undefined && this.#onTheWay.delete(onTheWay) && isThere)
      this.#carryOut(onTheWay.held, order);
    await this.#wait(this.#luck.between(...delayMs));
    // Of a gateway that died meanwhile nobody waits for the answer.
    if (this.#events !== from) return new Promise(() => {});
    this.#watch.order(order, 'done');
    const ended = isThere ? outcome : 'unknown';
    return {
      device,
      axis,
      outcome: ended,
      ...(ended === 'implemented' ? {} : { why: `it is ${ended}` }),
      evidence: [],
    };
  }

  #carryOut(held: Held, { axis, value, reversion }: DeviceOrder): void {
    if (axis === 'opModConnect') held.connect = value ?? 1;
    if (axis !== 'opModMaxLimW') return;
    held.limit = value ?? FULL;
    const mine = ++held.writes;
    if (reversion === undefined) return;
    this.#time.after(reversion.afterS * 1000, () => {
      if (held.isPowered && held.writes === mine) held.limit = reversion.value;
    });
  }

  #wait(ms: number): Promise<void> {
    return new Promise(resolve => void this.#time.after(ms, resolve));
  }
}
