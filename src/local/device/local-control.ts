/**
 * Whom a device obeys. One in local control is in somebody's hands, for maintenance or by hand: nothing is written to
 * it, and the order is refused by name, until whoever stands before it gives it back.
 *
 * One order is tried all the same: to leave the grid, by which nobody at the device is harmed and which nobody there
 * may keep from it (OVR-4). Registers that hold it prove nothing then, so it is never more than unknown, and comes
 * again until the device obeys.
 */
import type { Axis } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import type { ModelSet, SunSpecDevice } from '../sunspec/mod.ts';
import type { ApplyResult } from './apply.ts';
import { look, rawAt } from './seen.ts';

export type Obeys =
  | { readonly kind: 'remote' }
  /** `silent`: it could not be read. */
  | { readonly kind: 'local' | 'silent'; readonly why: string };

/** What says so, and for orders through which models; of 715 for all. IEC 61850, DRCC.LocRemCtl. */
const SAYS: readonly { readonly model: number; readonly of?: readonly number[]; readonly who: string }[] = [
  { model: 715, who: 'the device' },
  { model: 802, of: [124, 802], who: 'the battery' },
];
const LOCAL = 1;

/**
 * Whom `device` obeys on orders through `model`, or through registers of its maker's. A device that has no word for
 * it is controlled remotely.
 */
export function* obeys(device: SunSpecDevice, models: ModelSet, model?: number): Conversation<Obeys> {
  const rows = SAYS.filter(({ of }) => of === undefined || (model !== undefined && of.includes(model)));
  for (const { model: id, who } of rows) {
    const found = yield* look(device, { id, models, points: ['LocRemCtl'] });
    if (found.kind === 'silent') return found;
    if (found.kind === 'seen' && rawAt(found.seen, 'LocRemCtl') === LOCAL)
      return { kind: 'local', why: `${id}.LocRemCtl: ${who} is in local control` };
  }
  return { kind: 'remote' };
}

/** Whether an order is tried whoever the device obeys. */
export function isolates(axis: Axis, value: number | undefined): boolean {
  return axis === 'opModConnect' && value === 0;
}

/** What is left of `result` where the device may not obey what its registers hold. */
export function doubted(result: ApplyResult, doubt: string): ApplyResult {
  const { outcome, why, recheck } = result;
  const isHeld = outcome === 'implemented';
  return {
    ...result,
    outcome: isHeld ? 'unknown' : outcome,
    why: isHeld
      ? `${doubt}: its registers hold the order, whether it obeys is not known`
      : `${why}; ${doubt}`,
    ...(recheck === undefined
      ? {}
      : {
          *recheck() {
            return doubted(yield* recheck(), doubt);
          },
        }),
  };
}
