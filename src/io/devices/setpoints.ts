/**
 * Whom the setpoints of one device serve, where several axes share one (704 has one WSet for three). Orders that share
 * a setpoint are carried out one after the other, so that each knows whom it serves by then.
 *
 * Which order prevails is not decided here; the last one that was implemented does.
 */
import type { ApplyResult, AxisOrder } from '../../local/device/mod.ts';
import type { Axis, SharedSetpoints } from '../../model/mod.ts';
import { setpointOf } from '../../model/mod.ts';

export class Setpoints {
  /** Which axes of the device share one, as far as it is known. */
  readonly #shared: () => SharedSetpoints | undefined;
  /** The last order of each setpoint, by the first of its axes. */
  readonly #turns = new Map<Axis, Promise<unknown>>();
  readonly #serves = new Map<Axis, Axis>();

  constructor(shared: () => SharedSetpoints | undefined = () => undefined) {
    this.#shared = shared;
  }

  /** A release of what serves another axis by now writes nothing: it would end the other's order. */
  async inTurn(order: AxisOrder, carryOut: () => Promise<ApplyResult>): Promise<ApplyResult> {
    const [setpoint = order.axis, ...others] = setpointOf(order.axis, this.#shared());
    if (others.length === 0) return carryOut();
    const mine = this.#after(this.#turns.get(setpoint), setpoint, { order, carryOut });
    this.#turns.set(setpoint, mine);
    return mine;
  }

  /** Whether the setpoint of `axis` serves another. */
  isTaken(axis: Axis): boolean {
    const serves = this.#serves.get(setpointOf(axis, this.#shared())[0] ?? axis);
    return serves !== undefined && serves !== axis;
  }

  async #after(
    before: Promise<unknown> | undefined,
    setpoint: Axis,
    { order, carryOut }: { readonly order: AxisOrder; readonly carryOut: () => Promise<ApplyResult> },
  ): Promise<ApplyResult> {
    await before;
    const serves = this.#serves.get(setpoint);
    if (order.value === undefined && serves !== undefined && serves !== order.axis)
      return { outcome: 'implemented', why: `its setpoint serves ${serves} by now`, evidence: [] };
    const result = await carryOut();
    const isDone = result.outcome === 'implemented';
    if (order.value !== undefined && isDone) this.#serves.set(setpoint, order.axis);
    // An order that did not end well may have overwritten what served another: whoever is released next releases it.
    else if (order.value !== undefined || isDone) this.#serves.delete(setpoint);
    return result;
  }
}
