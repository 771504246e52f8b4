/**
 * The messages in the gateway's hands, until the broker may forget them: each is acknowledged once what it changed is
 * durable. The PUBACK of a message that came to nothing waits when the budget for such is spent.
 */
import type { Instant } from '../../base/time.ts';
import { between } from '../../base/time.ts';
import { newBudget, opens, spend } from './budget.ts';
import type { Budget } from './budget.ts';
import type { ClockPort } from './doors.ts';
import type { BrokerEvents } from '../ports.ts';

export type Message = Parameters<BrokerEvents['message']>[0];

/**
 * Messages taken from the broker and not yet acknowledged: more than a burst to every group of a premise. The
 * broker keeps further ones, and is asked for them by a new link when these are done.
 */
export const MAX_UNACKNOWLEDGED = 1024;

export class Pubacks {
  readonly #clock: ClockPort;
  readonly #renew: () => void;
  readonly #budget: Budget;
  readonly #waiting = new Map<number, { acknowledge: () => void; message?: Message }>();
  /** Of messages that came to nothing, in their order: a part of those that wait. */
  #held: number[] = [];
  #cancelWake: (() => void) | undefined;
  #nextToken = 1;
  /** A message was left with the broker for want of room; it delivers it again only on a new link. */
  #overflowed = false;

  /** `renew` makes the broker deliver again what it still holds. */
  constructor(clock: ClockPort, renew: () => void) {
    this.#clock = clock;
    this.#renew = renew;
    this.#budget = newBudget(clock.now().instant);
  }

  /** A token for a message that came; `undefined`: there is no room, and the broker keeps it. */
  take(acknowledge: () => void, message?: Message): number | undefined {
    if (this.#waiting.size >= MAX_UNACKNOWLEDGED) {
      this.#overflowed = true;
      return undefined;
    }
    const token = this.#nextToken++;
    this.#waiting.set(token, { acknowledge, ...(message === undefined ? {} : { message }) });
    return token;
  }

  /** A message that has been looked at since `began` came to nothing. */
  charge(began: Instant): void {
    const { instant } = this.#clock.now();
    spend(this.#budget, between(began, instant), instant);
  }

  /** What the message changed is durable. */
  acknowledge(token: number): void {
    this.#waiting.get(token)?.acknowledge();
    this.#waiting.delete(token);
    if (!this.#overflowed || this.#waiting.size > 0) return;
    this.#overflowed = false;
    this.#renew();
  }

  /** The message came to nothing: acknowledged when the budget allows. */
  acknowledgeLater(token: number): void {
    const when = opens(this.#budget);
    if (this.#held.length === 0 && when <= this.#clock.now().instant) return this.acknowledge(token);
    this.#held.push(token);
    this.#cancelWake ??= this.#clock.at(when, () => this.#release());
  }

  /** Nothing is acknowledged any more; the broker delivers all of it again on a new link. What that is. */
  drop(): readonly Message[] {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this.#held = [];
    const dropped = [...this.#waiting.values()].flatMap(({ message }) => message ?? []);
    this.#waiting.clear();
    return dropped;
  }

  /** All at once: their senders are not told apart, and the broker has no more under way than fits the loop. */
  #release(): void {
    this.#cancelWake = undefined;
    const when = opens(this.#budget);
    if (when > this.#clock.now().instant) {
      this.#cancelWake = this.#clock.at(when, () => this.#release());
      return;
    }
    const held = this.#held;
    this.#held = [];
    for (const token of held) this.acknowledge(token);
  }
}
