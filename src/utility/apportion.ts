/**
 * How a target for a group is split among its members (GRP-4). The rule, as people are told it: each gets watts in
 * proportion to the room it has, in whole watts; what rounding leaves over goes one watt each to those whose share was
 * cut most, in the order of their names where that is equal; nobody gets more than its room.
 *
 * It knows nothing of devices and of what became of a share; see target.
 */
import { assert } from '../base/assert.ts';
import type { GatewayId } from '../model/mod.ts';

/** That rule, for whoever reads a report. */
export const RULE =
  'in proportion to the room of each, in whole watts; the rest one watt each to the shares cut most; nobody above its room';

/** How much of the target a member could take, in whole watts and in the direction of the target; not negative. */
export interface Room {
  readonly gateway: GatewayId;
  readonly roomW: number;
}

export interface Apportioned {
  /** Watts of each, with the sign of the target; in the order of the members. Their sum and `shortW` make the target. */
  readonly shares: readonly { readonly gateway: GatewayId; readonly watts: number }[];
  /** What no member has room for, with the sign of the target. */
  readonly shortW: number;
}

/** Splits `targetW`, whole watts of either sign. Exact for all numbers up to 2^53. */
export function apportion(targetW: number, members: readonly Room[]): Apportioned {
  assert(Number.isSafeInteger(targetW), 'a target is in whole watts');
  assert(
    members.every(({ roomW }) => Number.isSafeInteger(roomW) && roomW >= 0),
    'a room is in whole watts, and not negative',
  );
  const sign = targetW < 0 ? -1 : 1;
  const wanted = BigInt(Math.abs(targetW));
  const whole = members.reduce((sum, { roomW }) => sum + BigInt(roomW), 0n);
  const given = wanted < whole ? proportional(wanted, whole, members) : members.map(m => BigInt(m.roomW));
  const sum = given.reduce((total, watts) => total + watts, 0n);
  return {
    shares: members.map(({ gateway }, n) => ({ gateway, watts: signed(sign, given[n] ?? 0n) })),
    shortW: signed(sign, wanted - sum),
  };
}

/** For less than all have room for together. */
function proportional(wanted: bigint, whole: bigint, members: readonly Room[]): readonly bigint[] {
  const exact = members.map(({ gateway, roomW }, n) => {
    const product = wanted * BigInt(roomW);
    return { n, gateway, floor: product / whole, cut: product % whole };
  });
  const given = exact.map(({ floor }) => floor);
  const rest = Number(wanted - given.reduce((sum, watts) => sum + watts, 0n));
  const byCut = exact.toSorted((a, b) =>
    a.cut === b.cut ? (a.gateway < b.gateway ? -1 : 1) : a.cut > b.cut ? -1 : 1,
  );
  // Fewer watts are left than shares were cut, so none goes to a share that was whole.
  for (const { n } of byCut.slice(0, rest)) given[n] = (given[n] ?? 0n) + 1n;
  return given;
}

/** Never -0. */
function signed(sign: number, watts: bigint): number {
  return watts === 0n ? 0 : sign * Number(watts);
}
