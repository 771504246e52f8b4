/**
 * How one product differs from the standard where it is controlled, as data: what a device profile says about
 * one mode in one model. It is applied to plans; nothing in this room asks who made a device.
 */
import type { Mode } from '../../model/mod.ts';

/** What is measured where an order took effect. */
export interface Effect {
  /** A point of a model, or one of the device's profile. */
  readonly point: string;
  readonly withinMs: number;
  /** How far off counts as done, in the unit of the point. */
  readonly tolerance?: number;
  /** What must be so at the device before it obeys, in words. */
  readonly hint?: string;
}

export interface Deviation {
  readonly mode: Mode;
  /** The model whose way of carrying `mode` differs. */
  readonly model: number;
  /** A new value counts only when the enable goes off and on again. */
  readonly toggleEnable?: true;
  /** The only function it takes for writes: 6, one register a request, or 16. */
  readonly functionCode?: 6 | 16;
  /** Points that act only when written together: what the order leaves out is written with what it holds. */
  readonly completeSet?: readonly string[];
  /** Points that go with every order, each with this number unscaled: a timeout that the device insists on. */
  readonly constants?: Readonly<Record<string, number>>;
  /** The order is repeated this often, or the device forgets it. Whole seconds. */
  readonly keepAliveS?: number;
  /** For flash: most registers written for this mode on one day. */
  readonly writeBudget?: { readonly perDay: number };
  /** What must be so at the device before it obeys, in words; said whenever it refuses. */
  readonly preconditions?: string;
  /** `none`: the registers cannot be read back, so the outcome of an order is never better than unknown. */
  readonly verify?: 'read-back' | 'none';
  /** A register that holds its value is not enough: this point shows whether it took effect, and by when. */
  readonly effect?: Effect;
  /** How long a register may take to show what was written, where that is not SunSpec's 1000 ms. */
  readonly shownAfterMs?: number;
  /** How a value ends: by the enable, by ordering another in the unit of the axis, or only by its time. */
  readonly release?: 'disable' | { readonly value: number } | { readonly expiresAfterS: number };
  /** `flash`: a register that holds its value already is not written again. */
  readonly storage?: 'volatile' | 'flash';
}

/** The deviation for `mode` in `model`, if the device has one. */
export function deviationOf(
  deviations: readonly Deviation[],
  { mode, model }: { readonly mode: Mode; readonly model: number },
): Deviation | undefined {
  return deviations.find(each => each.mode === mode && each.model === model);
}
