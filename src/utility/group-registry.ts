/**
 * The group registry: the system of record that says which gateway is in which EndDeviceGroup (GRP-1). Every
 * change of a group's members makes a new epoch, and a command names the epoch it was written for. For each
 * member the registry shows how far the executor has come with it (GRP-2), and it keeps who was in when (CS-3).
 *
 * It sends nothing: ami-nms delivers the grants and reports back with {@link GroupRegistry.advance}.
 */
import { assert, ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { unixTime } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import { isId } from '../model/mod.ts';
import type { GatewayId, GroupId } from '../model/mod.ts';
import type { ClockPort, Json, LedgerChange, LedgerPort } from './ports.ts';

/**
 * How far a membership, or its end, has come. `requested`: in the record. `delivered`: the broker has the grant.
 * `acknowledged`: the gateway's signed receipt is here. `active`: a status of the gateway shows it.
 */
export const MEMBER_STATES = ['requested', 'delivered', 'acknowledged', 'active'] as const;
export type MemberState = (typeof MEMBER_STATES)[number];

export interface Member {
  readonly gateway: GatewayId;
  /** `false`: removed, and its gateway is being told. */
  readonly member: boolean;
  readonly state: MemberState;
  readonly since: UnixTime;
}

export interface Group {
  readonly group: GroupId;
  readonly epoch: number;
  readonly members: readonly Member[];
}

export type GroupRefusal =
  | 'invalid-id'
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
const MAX_ID_LENGTH = 62;

const ACTOR = 'group-registry';

interface GroupRecord {
  epoch: number;
  readonly members: Map<GatewayId, Member>;
}

export class GroupRegistry {
  readonly #ledger: LedgerPort;
  readonly #clock: ClockPort;
  readonly #groups = new Map<GroupId, GroupRecord>();
  readonly #listeners = new Set<(group: GroupId) => void>();
  /** Changes are made one after another: each builds on what the one before left durable. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(ledger: LedgerPort, clock: ClockPort) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  /** The registry as the ledger has it. */
  static async open(ledger: LedgerPort, clock: ClockPort): Promise<GroupRegistry> {
    const registry = new GroupRegistry(ledger, clock);
    for (const { key, value } of await ledger.rows(ACTOR)) registry.#restore(key, value);
    return registry;
  }

  /** A group without members, in epoch 1. Durable when it resolves, as every change here. */
  create(group: GroupId): Promise<Result<Group, GroupRefusal>> {
    return this.#inTurn(async () => {
      if (!isId(group) || group.length > MAX_ID_LENGTH)
        return refused('invalid-id', `1 to ${MAX_ID_LENGTH} of a-z, 0-9, -`);
      if (this.#groups.has(group)) return refused('exists', group);
      if (this.#groups.size >= MAX_GROUPS) return refused('too-many', `${MAX_GROUPS} groups`);
      await this.#commitChange(group, { epoch: 1, changes: [] });
      return ok(this.#view(group));
    });
  }

  /** New members: one new epoch for all of them together. */
  add(group: GroupId, gateways: readonly GatewayId[]): Promise<Result<Group, GroupRefusal>> {
    return this.#inTurn(async () => {
      const record = this.#groups.get(group);
      if (record === undefined) return refused('no-such-group', group);
      const known = gateways.find(gateway => record.members.get(gateway)?.member);
      if (known !== undefined) return refused('already-member', known);
      if (!gateways.every(isId)) return refused('invalid-id');
      if (record.members.size + gateways.length > MAX_MEMBERS)
        return refused('too-many', `${MAX_MEMBERS} members`);
      await this.#change(group, gateways, true);
      return ok(this.#view(group));
    });
  }

  /** Members leave: one new epoch for the others. Those who left are listed until their gateways know. */
  remove(group: GroupId, gateways: readonly GatewayId[]): Promise<Result<Group, GroupRefusal>> {
    return this.#inTurn(async () => {
      const record = this.#groups.get(group);
      if (record === undefined) return refused('no-such-group', group);
      const stranger = gateways.find(gateway => record.members.get(gateway)?.member !== true);
      if (stranger !== undefined) return refused('not-a-member', stranger);
      await this.#change(group, gateways, false);
      return ok(this.#view(group));
    });
  }

  list(): readonly Group[] {
    return [...this.#groups.keys()].map(group => this.#view(group));
  }

  get(group: GroupId): Group | undefined {
    return this.#groups.has(group) ? this.#view(group) : undefined;
  }

  /** The epoch of every group `gateway` is in. */
  membershipsOf(gateway: GatewayId): ReadonlyMap<GroupId, number> {
    const memberships = new Map<GroupId, number>();
    for (const [group, { epoch, members }] of this.#groups)
      if (members.get(gateway)?.member) memberships.set(group, epoch);
    return memberships;
  }

  /** Reports progress with one member in `epoch`. A report of another epoch, or of a step back, changes nothing. */
  advance(group: GroupId, at: { gateway: GatewayId; epoch: number; state: MemberState }): Promise<void> {
    return this.#inTurn(async () => {
      const record = this.#groups.get(group);
      const member = record?.members.get(at.gateway);
      if (record === undefined || member === undefined || record.epoch !== at.epoch) return;
      if (MEMBER_STATES.indexOf(at.state) <= MEMBER_STATES.indexOf(member.state)) return;
      // Who has left and knows it is no longer part of the group's record; the history keeps it.
      const forget = !member.member && at.state !== 'delivered';
      const changed = { ...member, state: at.state, since: this.#clock.now().unix };
      await this.#ledger.commit([forget ? removal(group, member) : row(group, changed)]);
      if (forget) record.members.delete(at.gateway);
      else record.members.set(at.gateway, changed);
    });
  }

  /** Calls `listener` after every change of a group's members; what it returns takes that back. */
  onChange(listener: (group: GroupId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #change(group: GroupId, gateways: readonly GatewayId[], member: boolean): Promise<void> {
    const record = this.#groups.get(group);
    assert(record !== undefined, 'a group is changed after it was made');
    await this.#commitChange(group, {
      epoch: record.epoch + 1,
      changes: gateways.map(gateway => ({ gateway, member })),
    });
    for (const listener of this.#listeners) listener(group);
  }

  /** A new epoch is news to every member, so all of them are `requested` again. */
  async #commitChange(
    group: GroupId,
    { epoch, changes }: { epoch: number; changes: readonly Pick<Member, 'gateway' | 'member'>[] },
  ): Promise<void> {
    const since = this.#clock.now().unix;
    const members = new Map<GatewayId, Member>();
    const standing = [...(this.#groups.get(group)?.members.values() ?? [])];
    for (const { gateway, member } of [...standing, ...changes])
      members.set(gateway, { gateway, member, state: 'requested', since });
    const history = changes.map(({ gateway, member }) => ({ gateway, member }));
    await this.#ledger.commit([
      { op: 'put', actor: ACTOR, key: group, value: { epoch } },
      {
        op: 'put',
        actor: `${ACTOR}-history`,
        key: `${group}@${epoch}`,
        value: { at: since, changes: history },
      },
      ...[...members.values()].map(member => row(group, member)),
    ]);
    this.#groups.set(group, { epoch, members });
  }

  #view(group: GroupId): Group {
    const record = this.#groups.get(group);
    assert(record !== undefined, 'a group is shown after it was made');
    return { group, epoch: record.epoch, members: [...record.members.values()] };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {}); // whoever asked hears of it; the next change stands on what is durable
    return done;
  }

  /** Rows come in the order of their keys, so a group (`feeder-7`) before its members (`feeder-7/gw-1`). */
  #restore(key: string, value: Json): void {
    const [group, gateway] = key.split('/') as [GroupId, GatewayId | undefined];
    const stored = value as { epoch: number; member: boolean; state: MemberState; since: number };
    if (gateway === undefined) this.#groups.set(group, { epoch: stored.epoch, members: new Map() });
    else {
      const { member, state, since } = stored;
      this.#groups.get(group)?.members.set(gateway, { gateway, member, state, since: unixTime(since) });
    }
  }
}

function row(group: GroupId, { gateway, member, state, since }: Member): LedgerChange {
  return { op: 'put', actor: ACTOR, key: `${group}/${gateway}`, value: { member, state, since } };
}

function removal(group: GroupId, { gateway }: Member): LedgerChange {
  return { op: 'delete', actor: ACTOR, key: `${group}/${gateway}` };
}
