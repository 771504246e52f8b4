/**
 * The orders of one device: written as its profile asks, looked at again where the device may only be late, and
 * repeated where it would forget. What an order is made of is the business of `local/`; finding the device is its
 * owner's.
 */
import type { Result } from '../../base/assert.ts';
import type { Duration } from '../../base/time.ts';
import { after, milliseconds } from '../../base/time.ts';
import type { DeviceOrder } from '../../gateway/mod.ts';
import type { Conversation, Turn } from '../../local/bus/mod.ts';
import type { ApplyResult, Effect, Goal } from '../../local/device/mod.ts';
import {
  applyByProfile,
  applyOrder,
  effectOf,
  goalOf,
  isMeasurable,
  isReached,
  judgeEffect,
  measure,
} from '../../local/device/mod.ts';
import type { ModelSet, SunSpecDevice } from '../../local/sunspec/mod.ts';
import type { Applied, Axis, DeviceId, Outcome, SharedSetpoints } from '../../model/mod.ts';
import { Setpoints } from './setpoints.ts';
import type { Wear } from './wear.ts';
import type { Treatment } from './treatment.ts';
import type { DevicesClock } from './parts.ts';

/** What orders need of the device's owner. */
export interface OrdersDoor {
  readonly device: DeviceId;
  readonly models: ModelSet;
  readonly clock: DevicesClock;
  /** What was written to flash today, of all devices. */
  readonly wear: Wear;
  /** As it stands: a device may turn out to be another product. */
  readonly treatment: () => Treatment;
  /** Which axes of the device share a setpoint; `undefined` until it was found. */
  setpoints(): SharedSetpoints | undefined;
  /** What is 100 % of an order, in W, where the device tells it. */
  rating(): Promise<number | undefined>;
  /** The device as it was last found; looked for first where it is not known or lost. */
  reach(): Promise<Result<{ readonly device: SunSpecDevice }, string>>;
  run<T>(conversation: Conversation<T>, turn: Turn): Promise<T>;
  wait(duration: Duration): Promise<void>;
  /** What was implemented is not any more: the device was reminded of it, and did not take that. */
  lapsed(order: number, applied: Applied): void;
}

type Order = Parameters<typeof applyOrder>[1] & { readonly number: number };

/** SunSpec gives a device this long until a register shows what was written to it. */
const READ_AFTER_WRITE = milliseconds(1000);
/** A device that is late at every step of a long control is given up: a control has at most 16 steps. */
const RECHECKS_MAX = 16;
/** Between two looks at what an order brings about. */
const LOOK_EVERY = milliseconds(1000);

interface Foreseen {
  readonly goal: Goal | undefined;
  readonly before: number | undefined;
}

export class DeviceOrders {
  readonly #door: OrdersDoor;
  #closed = false;
  /** The newest order of each axis. */
  readonly #newest = new Map<Axis, Order>();
  readonly #setpoints: Setpoints;
  /** What ends the repetition of an order that the device would forget, by axis. */
  readonly #keptAlive = new Map<Axis, () => void>();
  /** The order that was repeated last, by axis: it goes on where another is refused before anything is written. */
  readonly #reminded = new Map<Axis, { readonly order: Order; readonly keepAliveS: number }>();

  constructor(door: OrdersDoor) {
    this.#door = door;
    this.#setpoints = new Setpoints(() => door.setpoints());
  }

  async apply({ order: number, axis, value, reversion }: DeviceOrder): Promise<Applied> {
    const order: Order = { number, axis, value, ...(reversion === undefined ? {} : { reversion }) };
    this.#newest.set(axis, order);
    this.#keptAlive.get(axis)?.();
    return this.#told(order, await this.#setpoints.inTurn(order, () => this.#carryOut(order)));
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#keptAlive.values()) end();
  }

  #told({ axis }: Order, { outcome, why, evidence }: ApplyResult): Applied {
    return { device: this.#door.device, axis, outcome, evidence, ...(why === undefined ? {} : { why }) };
  }

  /** The device may drop an order of which it could not be reminded: whoever gave it has to know. */
  async #remind(order: Order, keepAliveS: number): Promise<void> {
    if (this.#setpoints.isTaken(order.axis)) return;
    const result = await this.#carryOut(order, keepAliveS);
    if (result.outcome === 'implemented' || !this.#isNewest(order) || this.#closed) return;
    this.#door.lapsed(order.number, this.#told(order, result));
  }

  /** `keepAliveS`: how often it is repeated, where that is known already. */
  async #carryOut(order: Order, keepAliveS?: number): Promise<ApplyResult> {
    const found = await this.#door.reach();
    const result: ApplyResult = found.ok
      ? await this.#write(found.value.device, order, keepAliveS !== undefined)
      : { outcome: 'unknown', why: `${found.detail ?? found.refusal}; nothing was written`, evidence: [] };
    if (result.flashWrites !== undefined) await this.#countFlash(order.axis, result.flashWrites);
    const stands = this.#standsAfter(order, result);
    if (stands === undefined) this.#keepAlive(order, { keepAliveS, ...result });
    else {
      this.#newest.set(order.axis, stands.order);
      this.#keepAlive(stands.order, { keepAliveS: stands.keepAliveS, outcome: 'implemented' });
    }
    return result;
  }

  /** The order that the device goes on with where another is refused before anything is written. */
  #standsAfter(order: Order, { outcome, evidence }: ApplyResult) {
    const before = this.#reminded.get(order.axis);
    const changedNothing = outcome === 'refused' && evidence.length === 0 && this.#isNewest(order);
    // A release is heeded even where there is nothing to write: it is no longer wanted, and time ends it.
    return changedNothing && order.value !== undefined && before?.order !== order ? before : undefined;
  }

  async #write(device: SunSpecDevice, order: Order, isRepeat: boolean): Promise<ApplyResult> {
    const before = await this.#foresee(device, order, isRepeat);
    const first = await this.#door.run(this.#conversation(device, order, isRepeat), 'write');
    const result = await this.#recheck(order, first);
    const { effect } = result;
    if (effect === undefined || before === undefined || result.outcome === 'refused') return result;
    return this.#watch(device, order, { result, effect, ...before });
  }

  #conversation(device: SunSpecDevice, order: Order, isRepeat: boolean): Conversation<ApplyResult> {
    const { models, treatment } = this.#door;
    const { deviations, byAxis, points, maxWrite } = treatment();
    // A reminder is counted and never refused: the device would drop an order that stands, and nobody would hear.
    const flashWritesToday = isRepeat ? 0 : this.#flashToday(order.axis);
    const control = byAxis.get(order.axis);
    return control === undefined
      ? applyOrder(device, order, models, {
          deviations,
          flashWritesToday,
          ...(maxWrite === undefined ? {} : { maxWrite }),
        })
      : applyByProfile(device, order, { control, points, models, flashWritesToday });
  }

  /** Again, as often as the device may be late. What is left of an order that was replaced is not written any more. */
  async #recheck(order: Order, first: ApplyResult): Promise<ApplyResult> {
    let result = first;
    for (let tried = 0; result.recheck !== undefined && tried < RECHECKS_MAX; tried++) {
      const { recheck, recheckAfterMs } = result;
      await this.#door.wait(recheckAfterMs === undefined ? READ_AFTER_WRITE : milliseconds(recheckAfterMs));
      if (!this.#isNewest(order)) return result;
      result = await this.#door.run(recheck(), 'write');
    }
    return result;
  }

  /** What an order should bring about, and what is measured before it; `undefined` where nothing is measured. */
  async #foresee(device: SunSpecDevice, order: Order, isRepeat: boolean): Promise<Foreseen | undefined> {
    const { deviations, byAxis } = this.#door.treatment();
    const control = byAxis.get(order.axis);
    const effect =
      control === undefined ? deviations.find(each => each.mode === order.axis)?.effect : effectOf(control);
    if (effect === undefined || isRepeat || !isMeasurable(order)) return undefined;
    const goal = goalOf(order, { ratingW: await this.#door.rating(), tolerance: effect.tolerance });
    return { goal, before: await this.#measure(device, effect) };
  }

  /** Looks again and again until what was ordered is measured, or the profile's time is over. */
  async #watch(
    device: SunSpecDevice,
    order: Order,
    { result, effect, goal, before }: Foreseen & { readonly result: ApplyResult; readonly effect: Effect },
  ): Promise<ApplyResult> {
    const { clock } = this.#door;
    const until = after(clock.now().instant, milliseconds(effect.withinMs));
    for (;;) {
      const measured = await this.#measure(device, effect);
      const isDone = goal === undefined || (measured !== undefined && isReached(goal, measured));
      const isLate = clock.now().instant >= until || this.#closed;
      if (!this.#isNewest(order))
        return { ...result, outcome: 'unknown', why: 'another order came before it was seen to act' };
      if (isDone || isLate) return judgeEffect(result, { effect, goal, before, after: measured });
      await this.#door.wait(LOOK_EVERY);
    }
  }

  #measure(device: SunSpecDevice, effect: Effect): Promise<number | undefined> {
    const { models, treatment } = this.#door;
    return this.#door.run(measure(device, effect, { points: treatment().points, models }), 'read');
  }

  #isNewest(order: Order): boolean {
    return this.#newest.get(order.axis) === order;
  }

  /** Repeats what the device would forget, until another order comes for the axis or the device refuses. */
  #keepAlive(
    order: Order,
    { keepAliveS, outcome }: { readonly keepAliveS: number | undefined; readonly outcome: Outcome },
  ): void {
    const isDone = order.value === undefined || outcome === 'refused' || !this.#isNewest(order);
    if (this.#isNewest(order)) this.#reminded.delete(order.axis);
    if (keepAliveS === undefined || isDone || this.#closed) return;
    this.#reminded.set(order.axis, { order, keepAliveS });
    const { clock } = this.#door;
    const due = after(clock.now().instant, milliseconds(keepAliveS * 1000));
    this.#keptAlive.set(
      order.axis,
      clock.at(due, () => void this.#remind(order, keepAliveS)),
    );
  }

  #flashToday(axis: Axis): number {
    const { wear, clock, device } = this.#door;
    return wear.today({ device, axis }, clock.now().unix);
  }

  #countFlash(axis: Axis, words: number): Promise<void> {
    const { wear, clock, device } = this.#door;
    return wear.add({ device, axis, words }, clock.now().unix);
  }
}
