/**
 * A target for a group, from the split to what became of it (GRP-4): each member is sent its own share as its own
 * command and learns of nobody else's; what refuses is made up for by those who have room left; the sum that is proven
 * by receipts is reported against the target.
 *
 * Who does not answer is not made up for: its command may still be carried out, and then the group would give too
 * much. Its share is reported as unproven.
 */
import { between, minutes } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import type { Axis, GatewayId, Reading } from '../model/mod.ts';
import { RULE, apportion } from './apportion.ts';

/** Axes whose value is watts of the whole site. */
export const TARGET_AXES = ['opModTargetW', 'opModStorageTargetW'] as const satisfies readonly Axis[];
export type TargetAxis = (typeof TARGET_AXES)[number];

/** A reading that is older says nothing about what is there now; a status comes every five minutes. */
export const READING_VALID = minutes(15);
/** The first split, and twice made up for. */
export const MAX_ROUNDS = 3;

/** What a member could take; without `roomW` nobody knows, and `why` says so. */
export interface MemberRoom {
  readonly gateway: GatewayId;
  readonly roomW?: number;
  readonly why: string;
}

/**
 * What became of one order. `refused`: its gateway did not take it. `undone`: it did, and no device carried it out.
 * `partly`: of its devices some did, so nothing is counted.
 */
export interface Ended {
  readonly state: 'implemented' | 'partly' | 'undone' | 'refused' | 'silent';
  readonly why: string;
}

export interface MemberReport {
  readonly gateway: GatewayId;
  /** Absent: it is not known what it could take, and it was asked for nothing. */
  readonly roomW?: number;
  readonly askedW: number;
  /** What its receipts prove. */
  readonly implementedW: number;
  readonly state: Ended['state'] | 'room-unknown' | 'not-asked';
  readonly why: string;
}

export interface TargetReport {
  readonly targetW: number;
  /** The sum that receipts prove. */
  readonly implementedW: number;
  /** Asked of members who have not answered, or not wholly: it may be there or not. */
  readonly unprovenW: number;
  /** What is missing even if all of that is there. */
  readonly shortW: number;
  readonly rule: string;
  readonly rounds: number;
  readonly members: readonly MemberReport[];
}

/** Sends one member its whole share in round 1, 2 or 3, and waits for what becomes of it. Never rejects. */
export type Order = (share: {
  readonly gateway: GatewayId;
  readonly watts: number;
  readonly round: number;
}) => Promise<Ended>;

interface Standing {
  readonly gateway: GatewayId;
  readonly roomW: number;
  askedW: number;
  implementedW: number;
  unprovenW: number;
  /** It takes part in the next round. */
  isOpen: boolean;
  state: MemberReport['state'];
  why: string;
}

/** Splits, orders, makes up, and reports. */
export async function reachTarget(
  targetW: number,
  members: readonly MemberRoom[],
  order: Order,
): Promise<TargetReport> {
  const known = members.flatMap(({ gateway, roomW, why }): readonly Standing[] =>
    roomW === undefined
      ? []
      : [
          {
            gateway,
            roomW,
            askedW: 0,
            implementedW: 0,
            unprovenW: 0,
            isOpen: true,
            state: 'not-asked',
            why,
          },
        ],
  );
  let rounds = 0;
  for (let missing = targetW; missing !== 0 && rounds < MAX_ROUNDS; missing = missingOf(targetW, known)) {
    const open = known.filter(({ isOpen }) => isOpen);
    const left = open.map(({ gateway, roomW, askedW }) => ({ gateway, roomW: roomW - Math.abs(askedW) }));
    const { shares } = apportion(missing, left);
    const more = shares.flatMap(({ watts }, n) => {
      const member = open[n];
      return watts === 0 || member === undefined ? [] : [{ member, watts: member.askedW + watts }];
    });
    if (more.length === 0) break;
    rounds++;
    const round = rounds;
    await Promise.all(
      more.map(async ({ member, watts }) => {
        const ended = await order({ gateway: member.gateway, watts, round });
        note(member, watts, ended);
      }),
    );
  }
  return report(targetW, known, { members, rounds });
}

/** What the receipts leave open is not ordered a second time from others. */
function missingOf(targetW: number, members: readonly Standing[]): number {
  return members.reduce((left, { implementedW, unprovenW }) => left - implementedW - unprovenW, targetW);
}

/**
 * A gateway that does not take the order, or has not heard it, goes on with the one before. One that took it does not,
 * so what was proven before is proven no more where the devices did not follow.
 */
function note(member: Standing, watts: number, { state, why }: Ended): void {
  const before = member.implementedW;
  member.state = state;
  member.why = why;
  member.isOpen = state === 'implemented';
  member.askedW = watts;
  switch (state) {
    case 'implemented':
      member.implementedW = watts;
      return;
    case 'silent':
      member.unprovenW = watts - before;
      return;
    case 'partly':
    case 'undone':
      member.implementedW = 0;
      member.unprovenW = state === 'partly' ? watts : before;
      return;
    case 'refused':
  }
}

function report(
  targetW: number,
  known: readonly Standing[],
  { members, rounds }: { readonly members: readonly MemberRoom[]; readonly rounds: number },
): TargetReport {
  const sum = (of: (member: Standing) => number): number => known.reduce((total, m) => total + of(m), 0);
  const byName = new Map(known.map(member => [member.gateway, member]));
  return {
    targetW,
    implementedW: sum(({ implementedW }) => implementedW),
    unprovenW: sum(({ unprovenW }) => unprovenW),
    shortW: missingOf(targetW, known),
    rule: RULE,
    rounds,
    members: members.map(({ gateway, why }): MemberReport => {
      const member = byName.get(gateway);
      if (member === undefined) return { gateway, askedW: 0, implementedW: 0, state: 'room-unknown', why };
      const { roomW, askedW, implementedW, state } = member;
      return { gateway, roomW, askedW, implementedW, state, why: member.why };
    }),
  };
}

/**
 * What a site could take of a target, by its newest readings: the greatest power (WMax) of its devices that act in that
 * direction. Only storage takes power in, unless it is full; only storage that holds something, and every inverter,
 * gives it out. Storage that does not tell its charge counts as able: what becomes of its share is in its receipt.
 */
export function roomOf(
  gateway: GatewayId,
  readings: readonly Reading[] | undefined,
  { axis, targetW, now }: { readonly axis: TargetAxis; readonly targetW: number; readonly now: UnixTime },
): MemberRoom {
  const takesIn = axis === 'opModStorageTargetW' ? targetW > 0 : targetW < 0;
  if (readings === undefined) return { gateway, why: 'it has sent no status yet' };
  const roles = takesIn || axis === 'opModStorageTargetW' ? ['storage'] : ['storage', 'inverter'];
  const able = readings.filter(({ role }) => roles.includes(role));
  const old = able.find(({ at }) => between(at, now) > READING_VALID);
  if (old !== undefined)
    return {
      gateway,
      why: `${old.device} was read ${Math.floor(between(old.at, now) / 60_000)} minutes ago`,
    };
  const unsized = able.find(({ points }) => points['WMax'] === undefined);
  if (unsized !== undefined) return { gateway, why: `${unsized.device} does not tell its greatest power` };
  const free = able.filter(({ role, points: { SoC } }) =>
    role !== 'storage' || SoC === undefined ? true : takesIn ? SoC < 100 : SoC > 0,
  );
  const roomW = Math.floor(free.reduce((total, { points }) => total + (points['WMax'] ?? 0), 0));
  const names = free.map(({ device }) => device).join(', ');
  return {
    gateway,
    roomW,
    why: free.length === 0 ? 'no device there acts that way now' : `${names}: ${roomW} W`,
  };
}
