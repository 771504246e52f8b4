/**
 * What the group registry keeps, as types and as rows of the ledger, and the pure changes of them: how far a member
 * may go from where it stands, and which leavers a probe still tells of.
 *
 * Decides nothing about who is in a group; that is group-registry.
 */
import type { UnixTime } from '../base/time.ts';
import type { GatewayId, GroupId } from '../model/mod.ts';
import { MAX_LEFT } from '../wan/envelope/mod.ts';
import { HISTORY, STEPS, changeKey, stepKey } from './membership-history.ts';
import type { Json, LedgerChange } from './ports.ts';

/**
 * How far a membership, or its end, has come. `requested`: in the record. `delivered`: the broker has the grant.
 * `acknowledged`: the gateway's signed receipt is here. `verified`: it answered a probe on the group's own topic.
 * `active`: verified, and what it says it holds is what the record says. In this order; `lapsed` is beside it: it
 * did not answer, or says that it holds something else, and is granted anew. `removed` ends it.
 */
export const MEMBER_STATES = ['requested', 'delivered', 'acknowledged', 'verified', 'active'] as const;
export type MemberState = (typeof MEMBER_STATES)[number] | 'lapsed';

/** What a group is for; a command of another purpose is not sent to it. */
export const PURPOSES = ['load-control', 'meter-reading', 'delivery'] as const;
export type Purpose = (typeof PURPOSES)[number];

export interface Member {
  readonly gateway: GatewayId;
  /** `false`: removed, and its gateway is being told. */
  readonly member: boolean;
  readonly state: MemberState;
  readonly since: UnixTime;
  /** Why it is in that state, for a person. */
  readonly cause: string;
  /** The epoch in which it joined or left. */
  readonly epoch: number;
  /** By which the group's probe tells it alone that it has left. */
  readonly tag: string;
  /** It has answered a probe since it joined. */
  readonly proven?: true;
}

export interface GroupTraits {
  readonly purposes: readonly Purpose[];
  /** The third party whose group it is; the utility's own unless given. */
  readonly owner?: string;
  /** Its members are shown to its owner alone (CS-3). */
  readonly opaque?: true;
}

export interface Group extends GroupTraits {
  readonly group: GroupId;
  readonly epoch: number;
  /** When that epoch began. */
  readonly changedAt: UnixTime;
  readonly members: readonly Member[];
}

/** Who changes the record, and why: kept with every change. */
export interface Act {
  readonly by: string;
  readonly why?: string;
}

export interface Change {
  readonly group: GroupId;
  readonly gateway: GatewayId;
  readonly member: boolean;
}

export type GroupRefusal =
  | 'invalid-id'
  | 'no-purpose'
  | 'exists'
  | 'no-such-group'
  | 'already-member'
  | 'not-a-member'
  | 'too-many';

/** Feeders, programmes, models and versions of one utility. */
export const MAX_GROUPS = 10_000;
/** One group is repeated to all its members in one topic; a larger one is better split. */
export const MAX_MEMBERS = 20_000;
/** A group's commands are numbered in the stream `g-<group>`, which is an id of at most 64 characters itself. */
export const MAX_ID_LENGTH = 62;
/** Longest text of who and why. */
export const MAX_TEXT = 280;

export const ACTOR = 'group-registry';
export const UNNAMED: Act = { by: 'utility' };

export interface GroupRecord {
  readonly traits: GroupTraits;
  readonly epoch: number;
  readonly changedAt: UnixTime;
  readonly members: Map<GatewayId, Member>;
  /** Who left, by tag, since `from`: what a probe tells. The oldest epochs go when there are too many. */
  readonly left: readonly (readonly [epoch: number, tag: string])[];
  readonly from: number;
  /** The newest epoch that a probe has carried to those who stay. */
  readonly probed: number;
}

/** How far one member has come, as the executor sees it. */
export interface Advance {
  readonly gateway: GatewayId;
  /** The group's epoch it speaks of. */
  readonly epoch: number;
  readonly state: MemberState;
  readonly cause: string;
}

/**
 * `member` after a report, or `undefined` when it changes nothing. Nobody is active without a proof that it hears
 * its group, and who lapses has to prove it anew.
 */
export function advanced(member: Member, at: Advance, since: UnixTime): Member | undefined {
  if (at.epoch < member.epoch || at.state === member.state) return undefined;
  const rank = (state: MemberState): number => MEMBER_STATES.findIndex(known => known === state);
  const forward = rank(at.state) > rank(member.state);
  if (!forward && at.state !== 'lapsed') return undefined;
  if (at.state === 'active' && member.proven !== true) return undefined;
  const { cause, state } = at;
  const { proven, ...rest } = member;
  const stillProven = state === 'verified' || (proven === true && state !== 'lapsed');
  return { ...rest, state, since, cause, ...(stillProven ? { proven: true } : {}) };
}

/** As many of the newest leavers as fit into a probe, whole epochs at a time, and from where they are complete. */
export function trimmed(left: GroupRecord['left'], from: number): Pick<GroupRecord, 'left' | 'from'> {
  const surplus = left.length - MAX_LEFT;
  const last = surplus > 0 ? left[surplus - 1]?.[0] : undefined;
  if (last === undefined) return { left, from };
  return { left: left.filter(([epoch]) => epoch > last), from: last };
}

/** What a gateway holds of a group. */
export interface Lifting {
  readonly gateway: GatewayId;
  readonly epoch: number;
  readonly member: boolean;
}

/**
 * More epochs than a group comes through between two copies of a ledger. One gateway may say what it likes, and the
 * numbers have to last.
 */
export const MAX_LIFT = 2 ** 20;

/** Whether a gateway holds what this record never said: a later epoch, or another word in its own. */
export function isBehind({ epoch, members }: GroupRecord, held: Lifting): boolean {
  if (held.epoch > epoch) return held.epoch <= epoch + MAX_LIFT;
  return held.epoch === epoch && held.member !== (members.get(held.gateway)?.member === true);
}

/** A record above what `held` says, of which nobody has been told. Who left before is not known to be whole any more. */
export function lifted(
  before: GroupRecord,
  { gateway, epoch: held }: Lifting,
  since: UnixTime,
): { readonly record: GroupRecord; readonly members: readonly Member[]; readonly act: Act } {
  const epoch = held + 1;
  const why = `${gateway} holds epoch ${held}, this record knew of ${before.epoch}: it is restored from an old copy`;
  const members = [...before.members.values()].map((one): Member => {
    const { proven: _, ...member } = one;
    return { ...member, state: 'requested', since, epoch, cause: why.slice(0, MAX_TEXT) };
  });
  const kept = new Map(members.map(member => [member.gateway, member]));
  const record = { ...before, epoch, changedAt: since, members: kept, left: [], from: epoch, probed: epoch };
  return { record, members, act: { by: 'head-end', why } };
}

export function groupRow(group: GroupId, record: GroupRecord): LedgerChange {
  const { traits, epoch, changedAt, left, from, probed } = record;
  const value = { traits, epoch, changedAt, left, from, probed };
  return { op: 'put', actor: ACTOR, key: group, value: value as unknown as Json };
}

export function memberRow(group: GroupId, { gateway, ...member }: Member): LedgerChange {
  return { op: 'put', actor: ACTOR, key: `${group}/${gateway}`, value: member as unknown as Json };
}

export function historyRow(
  group: GroupId,
  { epoch, changedAt: at, traits }: GroupRecord,
  { by, why }: Act,
  changed: readonly Member[],
): LedgerChange {
  const changes = changed.map(({ gateway, member }) => ({ gateway, member }));
  const value = {
    at,
    by: by.slice(0, MAX_TEXT),
    ...(why === undefined ? {} : { why: why.slice(0, MAX_TEXT) }),
    changes,
    ...(epoch === 1 ? { traits } : {}),
  };
  return { op: 'put', actor: HISTORY, key: changeKey(group, epoch), value: value as unknown as Json };
}

export function stepRow(
  group: GroupId,
  member: Member,
  state: MemberState | 'removed' = member.state,
): LedgerChange {
  const { gateway, epoch, since: at, cause } = member;
  return { op: 'put', actor: STEPS, key: stepKey(gateway, { group, epoch, state, at }), value: { cause } };
}

export function removal(group: GroupId, { gateway }: Member): LedgerChange {
  return { op: 'delete', actor: ACTOR, key: `${group}/${gateway}` };
}
