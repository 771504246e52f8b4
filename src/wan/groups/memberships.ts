/**
 * Memberships: in which groups this gateway is, by the newest grant it was given, and whether a command is for
 * it. A group it was removed from keeps its row, so that an older grant cannot bring it back.
 *
 * Who may grant is decided by the envelope; here every grant is taken to be authentic.
 */
import { hash } from 'node:crypto';
import { assert, ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { Command, GatewayId, GrantBody, GroupId } from '../../model/mod.ts';

/** What is held of one group; a type, not an interface, so that it is JSON to the compiler too. */
export type Membership = {
  /** The group's list of members this gateway was last told of: 1, 2, 3 … */
  readonly epoch: number;
  readonly member: boolean;
};

export type Memberships = Map<GroupId, Membership>;

/**
 * A premise is in a handful of groups: feeder, programme, model and version. 256 leaves room for those it was
 * removed from; at the limit a grant for another group is refused and the head end sees it in the receipt.
 */
export const MAX_GROUPS = 256;

/**
 * `not-addressed`: for another gateway. `not-member`: never granted, or removed. `group-epoch-stale`: written
 * for an older list of members. `group-epoch-future`: for a newer one; the gateway asks for its grant.
 */
export type AudienceRefusal = 'not-addressed' | 'not-member' | 'group-epoch-stale' | 'group-epoch-future';

/** Whether `command` is for the gateway `self`. */
export function judgeAudience(
  memberships: Memberships,
  self: GatewayId,
  command: Command,
): Result<'addressed', AudienceRefusal> {
  const { audience, groupEpoch } = command;
  if (audience.kind === 'device') return audience.id === self ? ok('addressed') : refused('not-addressed');
  assert(groupEpoch !== undefined, 'a command to a group names its epoch');
  const membership = memberships.get(audience.id);
  if (membership === undefined) return refused('not-member');
  const detail = `group ${audience.id} at epoch ${membership.epoch}, the command is for ${groupEpoch}`;
  if (groupEpoch > membership.epoch) return refused('group-epoch-future', detail, 'later');
  if (!membership.member) return refused('not-member', detail);
  return groupEpoch < membership.epoch ? refused('group-epoch-stale', detail) : ok('addressed');
}

/** `grant-stale`: older than what is held, or the same epoch with other content. */
export type GrantRefusal = 'grant-stale' | 'too-many-groups';

export interface MembershipRow {
  readonly kind: 'membership';
  readonly key: GroupId;
  readonly value: Membership;
}

/** Takes a grant in. The row is to be made durable; `undefined`: the grant says what is held already. */
export function applyGrant(
  memberships: Memberships,
  { group, epoch, member }: GrantBody,
): Result<MembershipRow | undefined, GrantRefusal> {
  const held = memberships.get(group);
  if (held?.epoch === epoch && held.member === member) return ok(undefined);
  if (held !== undefined && epoch <= held.epoch)
    return refused('grant-stale', `group ${group} is held at epoch ${held.epoch}, the grant is for ${epoch}`);
  if (held === undefined && memberships.size >= MAX_GROUPS) return refused('too-many-groups');
  memberships.set(group, { epoch, member });
  return ok({ kind: 'membership', key: group, value: { epoch, member } });
}

/** The memberships that rows of kind `membership` hold. */
export function membershipsFromRows(
  rows: readonly { readonly key: string; readonly value: unknown }[],
): Memberships {
  assert(rows.length <= MAX_GROUPS, 'no more memberships were stored than are allowed');
  return new Map(rows.map(({ key, value }) => [key as GroupId, readMembership(value)]));
}

/** The store vouches for its rows; a row that is not ours is a broken promise. */
function readMembership(value: unknown): Membership {
  const { epoch, member } = value as Partial<Record<keyof Membership, unknown>>;
  assert(typeof epoch === 'number' && typeof member === 'boolean', 'a membership row holds epoch and member');
  return { epoch, member };
}

/** The groups this gateway is in, in bytewise order: what it subscribes to. */
export function groupsOf(memberships: Memberships): readonly GroupId[] {
  return [...memberships].flatMap(([group, { member }]) => (member ? [group] : [])).sort();
}

/**
 * 8 bytes, hexadecimal: the first of SHA-256 over one line `<group> <epoch>\n` for each group it is in, in
 * bytewise order. The head end computes the same from its registry, so drift shows without a query.
 */
export function membershipDigest(memberships: Memberships): string {
  const lines = groupsOf(memberships).map(group => `${group} ${memberships.get(group)?.epoch}\n`);
  return hash('sha256', lines.join(''), 'hex').slice(0, 16);
}
