/** Everything a head end can be asked, by name. */
import type { Call } from '../desk.ts';
import { delivery } from './delivery.ts';
import { deliver, deliveries } from './deliver.ts';
import { gateways } from './gateways.ts';
import { groupChange, groupCreate, groupHistory, groupStatus } from './group.ts';
import { health } from './health.ts';
import { interrogate, modes, set } from './modes.ts';
import { readings } from './readings.ts';
import { seal } from './seal.ts';
import { cancel, send } from './send.ts';
import { target } from './target.ts';
import { trust } from './trust.ts';

export const CALLS: Readonly<Record<string, Call>> = {
  health,
  gateways,
  groupCreate,
  groupChange,
  groupStatus,
  groupHistory,
  delivery,
  target,
  send,
  cancel,
  interrogate,
  modes,
  set,
  readings,
  trust,
  deliver,
  seal,
  deliveries,
};
