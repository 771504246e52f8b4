/**
 * What each role may be delegated, as a table: the root says who speaks, the role bounds what about. A delegation
 * that asks for more than its roles hold is refused whole, however many signed it.
 *
 * A key may have several roles (a small utility has one head end); what it may say is then what any of them may.
 */
import { classNumber } from '../../model/mod.ts';
import type { CommandClass, Delivery } from '../../model/mod.ts';
import type { KindName } from '../envelope/mod.ts';

export interface RoleRow {
  readonly operations: readonly KindName[];
  /** The highest class of command it may ask for. */
  readonly highestClass: CommandClass;
  /** With `manifest`: what it may deliver. */
  readonly delivers?: readonly Delivery[];
  readonly does: string;
}

/** One row a role. `ack` comes with every role that is sent records. */
const TABLE = {
  registrar: {
    operations: ['grant', 'probe', 'ack'],
    highestClass: 'dispatch',
    does: 'who is in which group',
  },
  dispatcher: {
    operations: ['event', 'cancel', 'ack', 'price', 'sealed', 'interrogate', 'settings', 'read'],
    highestClass: 'transmission',
    does: 'events and settings, never an emergency',
  },
  emergency: {
    operations: ['event', 'cancel', 'ack'],
    highestClass: 'emergency',
    does: 'isolation and its release',
  },
  aggregator: {
    operations: ['event', 'cancel', 'ack', 'price', 'sealed', 'interrogate', 'read'],
    highestClass: 'dispatch',
    does: "a third party's events",
  },
  time: {
    operations: ['time', 'welcome'],
    highestClass: 'market',
    does: 'the time, and the start of a gateway',
  },
  config: {
    operations: ['configuration', 'manifest', 'settings', 'sealed'],
    highestClass: 'dispatch',
    delivers: ['device-profile', 'gateway-configuration'],
    does: 'configuration and profiles',
  },
  firmware: {
    operations: ['manifest'],
    highestClass: 'market',
    delivers: ['device-firmware', 'gateway-version'],
    does: 'firmware of devices and of the gateway',
  },
} as const satisfies Readonly<Record<string, RoleRow>>;

export type Role = keyof typeof TABLE;

export const ROLES = Object.keys(TABLE) as readonly Role[];

export function isRole(name: unknown): name is Role {
  return typeof name === 'string' && Object.hasOwn(TABLE, name);
}

export function roleRow(role: Role): RoleRow {
  return TABLE[role];
}

/** All that any of `roles` may do, in the order of the table. */
export function operationsOf(roles: readonly Role[]): readonly KindName[] {
  return [...new Set(roles.flatMap((role): readonly KindName[] => TABLE[role].operations))];
}

/** All that any of `roles` may deliver. */
export function deliveriesOf(roles: readonly Role[]): readonly Delivery[] {
  return [...new Set(roles.flatMap(role => roleRow(role).delivers ?? []))];
}

/** The highest class that any of `roles` may ask for. */
export function classOf(roles: readonly Role[]): CommandClass {
  return roles
    .map((role): CommandClass => TABLE[role].highestClass)
    .reduce((a, b) => (classNumber(b) < classNumber(a) ? b : a), 'market');
}

/** What a delegation asks for beyond its roles, in words; `undefined` when it stays within them. */
export function overreach(asks: {
  readonly roles: readonly Role[];
  readonly operations: readonly KindName[];
  readonly highestClass: CommandClass;
}): string | undefined {
  const { roles, operations, highestClass } = asks;
  const may = operationsOf(roles);
  const beyond = operations.filter(operation => !may.includes(operation));
  const names = roles.join(' and ');
  if (beyond.length > 0) return `${names} may not ${beyond.join(', ')}`;
  const highest = classOf(roles);
  if (classNumber(highestClass) < classNumber(highest))
    return `${names} may ask for ${highest} at most, not ${highestClass}`;
  return undefined;
}
