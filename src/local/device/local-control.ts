/**
 * Whom a device obeys. One in local control is in somebody's hands, for maintenance or by hand: nothing is written to
 * it, and the order is refused by name, until whoever stands before it gives it back.
 *
 * One order is tried all the same: to leave the grid, by which nobody at the device is harmed and which nobody there
 * may keep from it (OVR-4). Registers that hold it prove nothing then, so it is never more than unknown, and comes
 * again until the device obeys.
 */
import type { Intent } from '../../model/mod.ts';
import type { Conversation } from '../bus/conversation.ts';
import type { ModelSet, SunSpecDevice } from '../sunspec/mod.ts';
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

/** Whom `device` obeys on orders through `model`. A device that has no word for it is controlled remotely. */
export function* obeys(device: SunSpecDevice, model: number, models: ModelSet): Conversation<Obeys> {
  const rows = SAYS.filter(row => row.of?.includes(model) ?? true);
  for (const { model: id, who } of rows) {
    const found = yield* look(device, { id, models, points: ['LocRemCtl'] });
    if (found.kind === 'silent') return found;
    if (found.kind === 'seen' && rawAt(found.seen, 'LocRemCtl') === LOCAL)
      return { kind: 'local', why: `${id}.LocRemCtl: ${who} is in local control` };
  }
  return { kind: 'remote' };
}

/** Whether an order is tried whoever the device obeys. */
export function isolates(intent: Intent): boolean {
  return intent.kind === 'value' && intent.mode === 'opModConnect' && intent.value === 0;
}
