/**
 * Memberships: in which groups this gateway is, by the newest grant it was given, and whether a command is for
 * it. A group it was removed from keeps its row, so that an older grant cannot bring it back.
 *
 * Who may grant is decided by the envelope; here every grant is taken to be authentic.
 */
import { hash } from 'node:crypto';
import { assert, ok, refused } from '../../base/assert.ts';
import type { Refused, Result } from '../../base/assert.ts';
import { minutes } from '../../base/time.ts';
import type {
  Command,
  GatewayId,
  GrantBody,
  GroupHeld,
  GroupId,
  MembershipChange,
  ProbeBody,
} from '../../model/mod.ts';

/** What is held of one group; a type, not an interface, so that it is JSON to the compiler too. */
export type Membership = {
  /** The group's list of members this gateway was last told of: 1, 2, 3 … */
  readonly epoch: number;
  readonly member: boolean;
  /** It has answered a probe since its own last grant. */
  readonly heard?: true;
  /** It learnt of its end by a probe to all. A grant in the same epoch knows better: it may be a member anew. */
  readonly probed?: true;
  /** By which a probe to all tells it that it has left; see ProbeBody. */
  readonly tag?: string;
  /** Who granted it. */
  readonly issuer?: string;
};

export type Memberships = Map<GroupId, Membership>;

/**
 * A premise is in a handful of groups: feeder, programme, model and version. 256 leaves room for those it was
 * removed from; at the limit a grant for another group is refused and the head end sees it in the receipt.
 */
export const MAX_GROUPS = 256;

/**
 * How long a command of a group that this gateway never heard of may be for it all the same: a store that was lost
 * is filled again by a grant, which is asked for. Longer, and the head end knows better than to send one.
 */
export const STRANGER_WAIT = minutes(10);

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
  if (membership === undefined) return refused('not-member', `never granted ${audience.id}`);
  const detail = `group ${audience.id} at epoch ${membership.epoch}, the command is for ${groupEpoch}`;
  if (groupEpoch > membership.epoch) return refused('group-epoch-future', detail, 'later');
  if (!membership.member) return refused('not-member', detail);
  return groupEpoch < membership.epoch ? refused('group-epoch-stale', detail) : ok('addressed');
}

/**
 * `grant-stale`: older than what is held, or the same epoch with other content. `group-of-another`: it was granted by
 * another issuer, who is still there to end it.
 */
export type GrantRefusal = 'grant-stale' | 'too-many-groups' | 'group-of-another';

/** Who speaks, and whether another issuer may still grant. */
export interface Granter {
  readonly issuer: string;
  readonly isThere: (issuer: string) => boolean;
}

/**
 * SIWG-3: a group belongs to who granted it, for two issuers may give two groups one name, and neither may take the
 * other's away or number its members. Ended, or with nobody there to speak for it, it is free.
 */
export function othersGroup(
  memberships: Memberships,
  groups: readonly GroupId[],
  { issuer, isThere }: Granter,
): Refused<'group-of-another'> | undefined {
  for (const group of groups) {
    const held = memberships.get(group);
    if (held?.member !== true || held.issuer === undefined || held.issuer === issuer) continue;
    if (isThere(held.issuer)) return refused('group-of-another', `${group} is ${held.issuer}'s`);
  }
  return undefined;
}

export interface MembershipRow {
  readonly kind: 'membership';
  readonly key: GroupId;
  readonly value: Membership;
}

/**
 * Takes one change in. The row is to be made durable; `undefined`: it says what is held already. In the same epoch
 * a new tag is news too, and so is that a proof is wanted again.
 */
export function applyGrant(
  memberships: Memberships,
  { group, epoch, member, tag }: MembershipChange,
  issuer?: string,
): Result<MembershipRow | undefined, GrantRefusal> {
  const held = memberships.get(group);
  const same = held?.epoch === epoch && held.member === member;
  const isNews = (tag !== undefined && held?.tag !== tag) || held?.heard === true;
  if (same && !isNews) return ok(undefined);
  if (held?.member === false && !member && epoch <= held.epoch) return ok(undefined);
  const isAnew = held?.probed === true && epoch === held.epoch;
  if (!same && !isAnew && held !== undefined && epoch <= held.epoch)
    return refused('grant-stale', `group ${group} is held at epoch ${held.epoch}, the grant is for ${epoch}`);
  if (held === undefined && memberships.size >= MAX_GROUPS) return refused('too-many-groups');
  const value: Membership = {
    epoch,
    member,
    ...(tag === undefined ? {} : { tag }),
    ...(issuer === undefined ? {} : { issuer }),
  };
  return ok(keep(memberships, group, value));
}

/**
 * Takes all changes of a grant in. One that is older than what is held is passed over when others are not: what
 * is held tells of a newer one. Nothing at all is taken when there is no room for all of them.
 */
export function applyGrants(
  memberships: Memberships,
  { also = [], only, ...first }: GrantBody,
  by: Granter,
): Result<readonly MembershipRow[], GrantRefusal> {
  const changes = [first, ...also];
  const { issuer } = by;
  const foreign = othersGroup(
    memberships,
    changes.map(({ group }) => group),
    by,
  );
  if (foreign !== undefined) return foreign;
  const news = changes.filter(({ group }) => !memberships.has(group)).length;
  if (memberships.size + news > MAX_GROUPS) return refused('too-many-groups', `${MAX_GROUPS} are known`);
  const applied = changes.map(change => applyGrant(memberships, change, issuer));
  const stale = applied.find(result => !result.ok);
  if (stale !== undefined && applied.every(result => !result.ok)) return stale;
  const rows = applied.flatMap(result => (result.ok && result.value !== undefined ? [result.value] : []));
  if (only === undefined) return ok(rows);
  const named = new Set(changes.map(({ group }) => group));
  return ok([...rows, ...leaveOthers(memberships, named, issuer)]);
}

/**
 * Of the groups that a grant names, those that are held in a later epoch than it says, or otherwise in that one: what
 * stands above it, in the order of the grant. To be asked when the grant has been judged.
 */
export function heldBeyond(memberships: Memberships, body: GrantBody): readonly GroupHeld[] {
  return [body, ...(body.also ?? [])].flatMap(({ group, epoch, member }) => {
    const held = memberships.get(group);
    if (held === undefined || held.epoch < epoch) return [];
    if (held.epoch === epoch && held.member === member) return [];
    return [{ group, epoch: held.epoch, member: held.member }];
  });
}

/** A membership of this issuer's that the whole list does not name ends in the epoch it is held at. */
function leaveOthers(
  memberships: Memberships,
  named: ReadonlySet<GroupId>,
  issuer: string,
): readonly MembershipRow[] {
  return [...memberships].flatMap(([group, held]) => {
    const isOver = held.member && !named.has(group) && (held.issuer ?? issuer) === issuer;
    return isOver ? [keep(memberships, group, { epoch: held.epoch, member: false, issuer })] : [];
  });
}

/** What a probe to all means for one member. `answer`: it is asked to prove that it hears. */
export interface Probed {
  /** To be made durable; `undefined`: nothing of it is new. */
  readonly row: MembershipRow | undefined;
  readonly answer: boolean;
}

/** Takes a probe of `group` in, whose list of members is in `epoch`. */
export function applyProbe(
  memberships: Memberships,
  { group, epoch }: { readonly group: GroupId; readonly epoch: number },
  { from, all, left }: ProbeBody,
): Result<Probed, AudienceRefusal> {
  const held = memberships.get(group);
  if (held === undefined) return refused('not-member', `never granted ${group}`);
  const detail = `group ${group} at epoch ${held.epoch}, the probe goes from ${from} to ${epoch}`;
  if (held.epoch > epoch) return refused('group-epoch-stale', detail);
  if (!held.member)
    return held.epoch === epoch
      ? refused('not-member', detail)
      : refused('group-epoch-future', detail, 'later');
  if (held.epoch < from) return refused('group-epoch-future', detail, 'later');
  const { tag, heard } = held;
  const answer = all === true || heard !== true;
  if (held.epoch === epoch)
    return ok({ row: heard ? undefined : keep(memberships, group, { ...held, heard: true }), answer });
  // Without a tag it cannot see whether it is among those who left.
  if (tag === undefined) return refused('group-epoch-future', `${detail}; no tag is held`, 'later');
  const { heard: _, ...rest } = held;
  if (left.includes(tag))
    return ok({
      row: keep(memberships, group, { ...rest, epoch, member: false, probed: true }),
      answer: true,
    });
  return ok({ row: keep(memberships, group, { ...held, epoch, heard: true }), answer });
}

function keep(memberships: Memberships, group: GroupId, value: Membership): MembershipRow {
  memberships.set(group, value);
  return { kind: 'membership', key: group, value };
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
  return value as Membership;
}

/** The groups this gateway is in, in bytewise order: what it subscribes to. */
export function groupsOf(memberships: Memberships): readonly GroupId[] {
  return [...memberships].flatMap(([group, { member }]) => (member ? [group] : [])).sort();
}

/** The memberships that `issuer` granted, and those of which nobody knows who did. */
export function grantedBy(memberships: Memberships, issuer: string): Memberships {
  return new Map([...memberships].filter(([, held]) => (held.issuer ?? issuer) === issuer));
}

/**
 * 8 bytes, hexadecimal: the first of SHA-256 over one line `<group> <epoch>\n` for each group it is in, in
 * bytewise order. The head end computes the same from its registry, so drift shows without a query.
 */
export function membershipDigest(memberships: Memberships): string {
  const lines = groupsOf(memberships).map(group => `${group} ${memberships.get(group)?.epoch}\n`);
  return hash('sha256', lines.join(''), 'hex').slice(0, 16);
}
