/** Doors that lie, one at a time: whoever builds a gateway that does the same is to be found out by a simulated world. */
import type { Bound } from '../../../src/control/mod.ts';
import type { BrokerEvents } from '../../../src/gateway/mod.ts';
import type { DiskLies } from './disk.ts';

export interface Lies {
  readonly disk?: DiskLies;
  /** The tariff that the gateway is told instead of the true one. */
  readonly bounds?: readonly Bound[];
  /** What is said of any code. */
  readonly code?: boolean;
  readonly broker?: (events: BrokerEvents) => BrokerEvents;
}
