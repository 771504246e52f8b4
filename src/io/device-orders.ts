/**
 * The orders of one device: written as its profile asks, looked at again where the device may only be late, and
 * repeated where it would forget. What an order is made of is the business of `local/`; finding the device is its
 * owner's.
 */
import type { Result } from '../base/assert.ts';
import type { Duration } from '../base/time.ts';
import { after, milliseconds } from '../base/time.ts';
import type { DeviceOrder } from '../gateway/mod.ts';
import type { Conversation, Turn } from '../local/bus/mod.ts';
import type { ApplyResult } from '../local/device/mod.ts';
import { applyOrder } from '../local/device/mod.ts';
import type { ModelSet, SunSpecDevice } from '../local/sunspec/mod.ts';
import type { Applied, Axis, Outcome } from '../model/mod.ts';
import { Setpoints } from './device-setpoints.ts';
import type { Treatment } from './device-treatment.ts';
import type { DevicesClock } from './device.ts';

/** What orders need of the device's owner. */
export interface OrdersDoor {
  readonly models: ModelSet;
  readonly clock: DevicesClock;
  /** As it stands: a device may turn out to be another product. */
  readonly treatment: () => Treatment;
  /** The device as it was last found; looked for first where it is not known or lost. */
  reach(): Promise<Result<{ readonly device: SunSpecDevice }, string>>;
  run<T>(conversation: Conversation<T>, turn: Turn): Promise<T>;
  wait(duration: Duration): Promise<void>;
}

type Order = Parameters<typeof applyOrder>[1];

/** SunSpec gives a device this long until a register shows what was written to it. */
const READ_AFTER_WRITE = milliseconds(1000);
const MS_A_DAY = 86_400_000;

export class DeviceOrders {
  readonly #door: OrdersDoor;
  #closed = false;
  /** The newest order of each axis. */
  readonly #newest = new Map<Axis, Order>();
  readonly #setpoints = new Setpoints();
  /** What ends the repetition of an order that the device would forget, by axis. */
  readonly #keptAlive = new Map<Axis, () => void>();
  /** Registers of flash written by axis on one day, counted in days since 1970; a restart begins anew. */
  readonly #flash = new Map<Axis, { readonly day: number; readonly words: number }>();

  constructor(door: OrdersDoor) {
    this.#door = door;
  }

  async apply({ device, axis, value, reversion }: DeviceOrder): Promise<Applied> {
    const order: Order = { axis, value, ...(reversion === undefined ? {} : { reversion }) };
    this.#newest.set(axis, order);
    this.#keptAlive.get(axis)?.();
    const { outcome, why, evidence } = await this.#setpoints.inTurn(order, () => this.#carryOut(order));
    return { device, axis, outcome, evidence, ...(why === undefined ? {} : { why }) };
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#keptAlive.values()) end();
  }

  /** `keepAliveS`: how often it is repeated, where that is known already. */
  async #carryOut(order: Order, keepAliveS?: number): Promise<ApplyResult> {
    const found = await this.#door.reach();
    const result: ApplyResult = found.ok
      ? await this.#write(found.value.device, order)
      : { outcome: 'unknown', why: `${found.detail ?? found.refusal}; nothing was written`, evidence: [] };
    if (result.flashWrites !== undefined) this.#countFlash(order.axis, result.flashWrites);
    this.#keepAlive(order, { keepAliveS, ...result });
    return result;
  }

  async #write(device: SunSpecDevice, order: Order): Promise<ApplyResult> {
    const { models, treatment } = this.#door;
    const { deviations } = treatment();
    const options = { deviations, flashWritesToday: this.#flashToday(order.axis) };
    const first = await this.#door.run(applyOrder(device, order, models, options), 'write');
    if (first.recheck === undefined) return first;
    await this.#door.wait(READ_AFTER_WRITE);
    // What is left of an order that was replaced must not be written over its successor.
    return this.#newest.get(order.axis) === order ? this.#door.run(first.recheck(), 'write') : first;
  }

  /** Repeats what the device would forget, until another order comes for the axis or the device refuses. */
  #keepAlive(
    order: Order,
    { keepAliveS, outcome }: { readonly keepAliveS: number | undefined; readonly outcome: Outcome },
  ): void {
    const isDone =
      order.value === undefined || outcome === 'refused' || this.#newest.get(order.axis) !== order;
    if (keepAliveS === undefined || isDone || this.#closed) return;
    const { clock } = this.#door;
    const due = after(clock.now().instant, milliseconds(keepAliveS * 1000));
    const repeat = (): void =>
      void (this.#setpoints.isTaken(order.axis) ? undefined : this.#carryOut(order, keepAliveS));
    this.#keptAlive.set(order.axis, clock.at(due, repeat));
  }

  #flashToday(axis: Axis): number {
    const counted = this.#flash.get(axis);
    return counted?.day === this.#day() ? counted.words : 0;
  }

  #countFlash(axis: Axis, words: number): void {
    this.#flash.set(axis, { day: this.#day(), words: this.#flashToday(axis) + words });
  }

  #day(): number {
    return Math.floor(this.#door.clock.now().unix / MS_A_DAY);
  }
}
