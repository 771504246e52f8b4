/**
 * Memberships from below: a grant to this gateway, a probe to all members of a group, and a command of a group
 * whose grant is still missing. Each answer carries the digest of what is held then, so that the head end needs no
 * status to see it. Who may grant is the envelope's word; what a grant means is that of `wan/groups`.
 */
import { ok } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { minutes } from '../../base/time.ts';
import type { Now } from '../../base/time.ts';
import { schedule } from '../../control/mod.ts';
import { eventKey } from '../../model/mod.ts';
import type { Command, GrantBody, GroupHeld, GroupId, IssuerDigest, ProbeBody } from '../../model/mod.ts';
import {
  STRANGER_WAIT,
  applyGrants,
  applyProbe,
  grantedBy,
  heldBeyond,
  judgeAudience,
  membershipDigest,
  othersGroup,
} from '../../wan/groups/mod.ts';
import type { AudienceRefusal, GrantRefusal, Granter, MembershipRow } from '../../wan/groups/mod.ts';
import type { Work } from '../effects.ts';
import { aboutEvent, askForGrant, receipt } from '../uplink/reports.ts';
import { put } from '../state.ts';
import type { GatewayState } from '../state.ts';
import { trustedKeys } from './trust.ts';

/** A grant is asked for at most this often for one group. */
const ASK_GRANT_EVERY = minutes(1);
/** Groups whose times are kept; when full they are forgotten together, which costs one question too many each. */
const MAX_REMEMBERED = 1024;

/** Takes a grant in; what it ends leaves the schedule. */
export function grant(
  state: GatewayState,
  work: Work,
  command: Command,
  body: GrantBody,
  now: Now,
): Result<readonly [], GrantRefusal> {
  const before = new Map(state.memberships);
  const taken = applyGrants(state.memberships, body, granter(state, command));
  if (!taken.ok) return taken;
  for (const row of taken.value) keepRow(work, row);
  for (const { group } of [body, ...(body.also ?? [])]) listen(state, work, group);
  const held = heldBeyond(state.memberships, body);
  answer(state, work, command, describe(state, body), now, held);
  for (const { key, value } of taken.value)
    if (!value.member && before.get(key)?.member !== false)
      withdraw(state, work, { group: key, epoch: value.epoch }, now);
  return ok([]);
}

/** Takes a probe in. Answers only when it is asked, or when it has learnt that it has left. */
export function probe(
  state: GatewayState,
  work: Work,
  command: Command,
  body: ProbeBody,
  now: Now,
): Result<readonly [], AudienceRefusal | GrantRefusal> {
  const { audience, groupEpoch: epoch } = command;
  if (audience.kind !== 'group' || epoch === undefined) return ok([]);
  const group = audience.id;
  const foreign = othersGroup(state.memberships, [group], granter(state, command));
  if (foreign !== undefined) return foreign;
  const probed = applyProbe(state.memberships, { group, epoch }, body);
  if (!probed.ok) {
    if (probed.retry === 'later') requestGrant(state, work, group, now);
    return probed;
  }
  const { row, answer: asked } = probed.value;
  if (row !== undefined) keepRow(work, row);
  const left = row?.value.member === false;
  const why = left ? `no longer member of ${group} from epoch ${epoch}` : `hears ${group} at epoch ${epoch}`;
  if (asked) answer(state, work, command, why, now);
  if (left) {
    listen(state, work, group);
    withdraw(state, work, { group, epoch }, now);
  }
  return ok([]);
}

/**
 * Whether a command is for this gateway. Of a group in a newer epoch, or of one never heard of, the grant is asked
 * for; the latter may be a store that was lost, so for {@link STRANGER_WAIT} the command is refused for later only.
 */
export function addressed(
  state: GatewayState,
  work: Work,
  command: Command,
  now: Now,
): Result<'addressed', AudienceRefusal> {
  const judged = judgeAudience(state.memberships, state.settings.gateway, command);
  if (judged.ok || command.audience.kind !== 'group') return judged;
  const group = command.audience.id;
  if (judged.refusal === 'group-epoch-future') requestGrant(state, work, group, now);
  if (judged.refusal !== 'not-member' || state.memberships.has(group)) return judged;
  if (state.strangers.size >= MAX_REMEMBERED) state.strangers.clear();
  const since = state.strangers.get(group) ?? now.instant;
  state.strangers.set(group, since);
  if (now.instant - since >= STRANGER_WAIT) return judged;
  requestGrant(state, work, group, now);
  return { ...judged, retry: 'later' };
}

/**
 * The digest of each issuer's groups apart, for a status; nothing where one issuer alone has a say in groups. Each head
 * end knows its own record only.
 */
export function digestsByIssuer(state: GatewayState): readonly IssuerDigest[] {
  const may = trustedKeys(state).filter(({ scope }) => scope.operations.includes('grant'));
  const held = [...state.memberships.values()].flatMap(({ issuer }) =>
    issuer === undefined ? [] : [issuer],
  );
  const issuers = [...new Set([...may.map(({ issuer }) => issuer), ...held])].sort();
  if (issuers.length < 2) return [];
  return issuers.map(issuer => ({ issuer, digest: membershipDigest(grantedBy(state.memberships, issuer)) }));
}

function granter(state: GatewayState, { issuer }: Pick<Command, 'issuer'>): Granter {
  const isThere = (other: string): boolean =>
    trustedKeys(state).some(key => key.issuer === other && key.scope.operations.includes('grant'));
  return { issuer, isThere };
}

function requestGrant(state: GatewayState, work: Work, group: GroupId, now: Now): void {
  const asked = state.askedGrant.get(group);
  if (asked !== undefined && now.instant - asked < ASK_GRANT_EVERY) return;
  if (state.askedGrant.size >= MAX_REMEMBERED) state.askedGrant.clear();
  state.askedGrant.set(group, now.instant);
  const news = state.memberships.has(group) ? 'a newer epoch of' : 'a group never granted:';
  askForGrant(state, work, { group, why: `a command names ${news} ${group}` }, now);
}

/**
 * Response 13, aborted by server: the utility's own act takes the events away, yet none of them was cancelled (6),
 * which is said of an event for all who have it, and no other program took its place (14).
 */
function withdraw(
  state: GatewayState,
  work: Work,
  { group, epoch }: { readonly group: GroupId; readonly epoch: number },
  now: Now,
): void {
  for (const { entry } of schedule.withdraw(state.schedule, group, now.unix)) {
    const { event: gone } = entry;
    work.store(put('event', eventKey(gone), entry));
    const why = `event ${gone.mRID} is dropped before its start: no longer member of ${group} from epoch ${epoch}`;
    receipt(state, work, aboutEvent(gone, 'abortedByServer', why), now);
  }
}

function answer(
  state: GatewayState,
  work: Work,
  { cti, issuer }: Pick<Command, 'cti' | 'issuer'>,
  why: string,
  now: Now,
  held: readonly GroupHeld[] = [],
): void {
  const digest = membershipDigest(grantedBy(state.memberships, issuer));
  receipt(
    state,
    work,
    {
      kind: 'receipt',
      cti,
      issuer,
      response: 'completed',
      why,
      membershipDigest: digest,
      ...(held.length === 0 ? {} : { held }),
    },
    now,
  );
}

function keepRow(work: Work, { kind, key, value }: MembershipRow): void {
  work.store(put(kind, key, value));
}

function listen(state: GatewayState, work: Work, group: GroupId): void {
  work.wish({ do: 'listen', group, member: state.memberships.get(group)?.member === true });
}

function describe(state: GatewayState, { also = [], only, ...first }: GrantBody): string {
  const each = [first, ...also].map(({ group }) => {
    const held = state.memberships.get(group);
    return `${held?.member === true ? 'member' : 'no longer member'} of ${group} from epoch ${held?.epoch}`;
  });
  return `${each.join(', ')}${only === undefined ? '' : ', and of no other group of this issuer'}`;
}
