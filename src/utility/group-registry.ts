/**
 * The group registry: the system of record that says which gateway is in which EndDeviceGroup (GRP-1). Every
 * change of a group's members makes a new epoch, and a command names the epoch it was written for. For each
 * member the registry shows how far the executor has come with it (GRP-2), since when and why, and it keeps who was
 * in when and by whom for good (CS-3; the questions are in membership-history).
 *
 * It sends nothing: ami-nms delivers the changes and reports back with {@link GroupRegistry.advance}.
 */
import { assert, ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import { unixTime } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import { isId } from '../model/mod.ts';
import type { GatewayId, GroupId, MembershipChange } from '../model/mod.ts';
import { MAX_LEFT, TAG_BYTES } from '../wan/envelope/mod.ts';
import {
  ACTOR,
  MAX_GROUPS,
  MAX_ID_LENGTH,
  MAX_MEMBERS,
  MAX_TEXT,
  PURPOSES,
  UNNAMED,
  advanced,
  groupRow,
  historyRow,
  isBehind,
  lifted,
  memberRow,
  removal,
  stepRow,
  trimmed,
} from './group-rows.ts';
import type {
  Act,
  Advance,
  Change,
  Group,
  GroupRecord,
  GroupRefusal,
  GroupTraits,
  Lifting,
  Member,
} from './group-rows.ts';
import type { ClockPort, Json, LedgerChange, LedgerPort } from './ports.ts';

/** Called once for all groups that change together. */
export type ChangeListener = (
  changed: readonly { readonly group: GroupId; readonly gateways: readonly GatewayId[] }[],
) => void;

export class GroupRegistry {
  readonly #ledger: LedgerPort;
  readonly #clock: ClockPort;
  readonly #randomBytes: (length: number) => Uint8Array;
  readonly #groups = new Map<GroupId, GroupRecord>();
  /** The groups of each gateway, those it is being removed from included. */
  readonly #groupsOf = new Map<GatewayId, Set<GroupId>>();
  readonly #listeners = new Set<ChangeListener>();
  /** Changes are made one after another: each builds on what the one before left durable. */
  #last: Promise<unknown> = Promise.resolve();
  /** Reports that go to the ledger together in the next turn; as many as messages come in one turn. */
  #reports: { readonly group: GroupId; readonly at: Advance }[] = [];
  #reporting: Promise<void> | undefined;

  private constructor(ledger: LedgerPort, clock: ClockPort, randomBytes: (length: number) => Uint8Array) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#randomBytes = randomBytes;
  }

  /** The registry as the ledger has it. `randomBytes`: unpredictable, for the tags of members. */
  static async open(
    ledger: LedgerPort,
    clock: ClockPort,
    randomBytes: (length: number) => Uint8Array,
  ): Promise<GroupRegistry> {
    const registry = new GroupRegistry(ledger, clock, randomBytes);
    for (const { key, value } of await ledger.rows(ACTOR)) registry.#restore(key, value);
    return registry;
  }

  /** A group without members, in epoch 1. Durable when it resolves, as every change here. */
  create(
    group: GroupId,
    { by, why, ...traits }: Partial<GroupTraits> & Partial<Act> = {},
  ): Promise<Result<Group, GroupRefusal>> {
    return this.#inTurn(async () => {
      if (!isId(group) || group.length > MAX_ID_LENGTH)
        return refused('invalid-id', `1 to ${MAX_ID_LENGTH} of a-z, 0-9, -`);
      if (traits.purposes?.length === 0) return refused('no-purpose', PURPOSES.join(', '));
      if (this.#groups.has(group)) return refused('exists', group);
      if (this.#groups.size >= MAX_GROUPS) return refused('too-many', `${MAX_GROUPS} groups`);
      const record: GroupRecord = {
        traits: { purposes: PURPOSES, ...traits },
        epoch: 1,
        changedAt: this.#clock.now().unix,
        members: new Map(),
        left: [],
        from: 1,
        probed: 1,
      };
      const act = { by: by ?? UNNAMED.by, ...(why === undefined ? {} : { why }) };
      await this.#ledger.commit([groupRow(group, record), historyRow(group, record, act, [])]);
      this.#groups.set(group, record);
      return ok(this.#view(group));
    });
  }

  /** New members: one new epoch for all of them together. */
  async add(
    group: GroupId,
    gateways: readonly GatewayId[],
    act = UNNAMED,
  ): Promise<Result<Group, GroupRefusal>> {
    return this.#changeOne(group, gateways, { member: true }, act);
  }

  /** Members leave: one new epoch for the others. Those who left are listed until their gateways know. */
  async remove(
    group: GroupId,
    gateways: readonly GatewayId[],
    act = UNNAMED,
  ): Promise<Result<Group, GroupRefusal>> {
    return this.#changeOne(group, gateways, { member: false }, act);
  }

  /**
   * Any number of changes as one: all are durable together or none is made, each group has one new epoch, and
   * each gateway is told once. At most 1,024 leave one group at once: more do not fit into its probe.
   */
  change(changes: readonly Change[], act = UNNAMED): Promise<Result<readonly Group[], GroupRefusal>> {
    return this.#inTurn(async () => {
      const byGroup = new Map<GroupId, Map<GatewayId, boolean>>();
      for (const { group, gateway, member } of changes) {
        const trouble = this.#trouble({ group, gateway, member });
        if (trouble !== undefined) return trouble;
        byGroup.set(group, (byGroup.get(group) ?? new Map<GatewayId, boolean>()).set(gateway, member));
      }
      for (const [group, members] of byGroup) {
        const leaving = [...members.values()].filter(member => !member).length;
        const size = this.#record(group).members.size + members.size - leaving;
        if (leaving > MAX_LEFT) return refused('too-many', `${MAX_LEFT} can leave ${group} at once`);
        if (size > MAX_MEMBERS) return refused('too-many', `${MAX_MEMBERS} members of ${group}`);
      }
      await this.#commit(byGroup, act);
      return ok([...byGroup.keys()].map(group => this.#view(group)));
    });
  }

  list(): readonly Group[] {
    return [...this.#groups.keys()].map(group => this.#view(group));
  }

  get(group: GroupId): Group | undefined {
    return this.#groups.has(group) ? this.#view(group) : undefined;
  }

  has(group: GroupId): boolean {
    return this.#groups.has(group);
  }

  /** The group that was made first, if there is one. */
  anyGroup(): GroupId | undefined {
    return this.#groups.keys().next().value;
  }

  /** What a group that was made is for, and whose it is. */
  traitsOf(group: GroupId): GroupTraits {
    return this.#record(group).traits;
  }

  /** One member, without a copy of all. */
  member(group: GroupId, gateway: GatewayId): Member | undefined {
    return this.#groups.get(group)?.members.get(gateway);
  }

  /** The epoch of every group `gateway` is in. */
  membershipsOf(gateway: GatewayId): ReadonlyMap<GroupId, number> {
    const memberships = new Map<GroupId, number>();
    for (const { group, epoch, member } of this.rowsOf(gateway))
      if (member.member) memberships.set(group, epoch);
    return memberships;
  }

  /** Every row of `gateway`, those of groups it is being removed from included, with each group's epoch. */
  rowsOf(
    gateway: GatewayId,
  ): readonly { group: GroupId; epoch: number; changedAt: UnixTime; member: Member }[] {
    return [...(this.#groupsOf.get(gateway) ?? [])].flatMap(group => {
      const { epoch, changedAt, members } = this.#record(group);
      const member = members.get(gateway);
      return member === undefined ? [] : [{ group, epoch, changedAt, member }];
    });
  }

  /** What a grant says of one member. */
  changeFor(group: GroupId, gateway: GatewayId): MembershipChange {
    const { epoch, members } = this.#record(group);
    const member = members.get(gateway);
    return member?.member === true
      ? { group, epoch, member: true, tag: member.tag }
      : { group, epoch, member: false };
  }

  /** What a probe says of a group: its newest epoch, who left since `from`, and up to where a probe has told it. */
  leaversOf(group: GroupId): {
    readonly epoch: number;
    readonly from: number;
    readonly left: readonly string[];
    readonly probed: number;
  } {
    const { epoch, from, left, probed } = this.#record(group);
    return { epoch, from, left: left.map(([, tag]) => tag), probed };
  }

  /** A probe of `epoch` is on its way to those who stay. */
  noteProbed(group: GroupId, epoch: number): Promise<void> {
    return this.#inTurn(async () => {
      const record = { ...this.#record(group), probed: epoch };
      await this.#ledger.commit([groupRow(group, record)]);
      this.#groups.set(group, record);
    });
  }

  /**
   * Reports progress with one member. A report of an epoch before its last change, or of a step back, changes
   * nothing; only to `lapsed` there is a way from everywhere. Durable when it resolves.
   */
  advance(group: GroupId, at: Advance): Promise<void> {
    this.#reports.push({ group, at });
    this.#reporting ??= this.#inTurn(async () => {
      const reports = this.#reports;
      this.#reports = [];
      this.#reporting = undefined;
      await this.#take(reports);
    });
    return this.#reporting;
  }

  /**
   * Goes on above an epoch that a gateway was given by an earlier life of this registry: its ledger was restored from
   * an old copy. Who is in the group stays as the ledger says, and every member is told anew. Whether it had to.
   */
  lift(group: GroupId, beyond: Lifting): Promise<'lifted' | 'nothing'> {
    return this.#inTurn(async () => {
      const before = this.#groups.get(group);
      if (before === undefined || !isBehind(before, beyond)) return 'nothing';
      const since = this.#clock.now().unix;
      const { record, members, act } = lifted(before, beyond, since);
      const rows = members.flatMap(member => [memberRow(group, member), stepRow(group, member)]);
      await this.#ledger.commit([groupRow(group, record), historyRow(group, record, act, []), ...rows]);
      this.#groups.set(group, record);
      for (const member of members) this.#keep(group, record, member);
      const told = { group, gateways: members.map(({ gateway }) => gateway) };
      for (const listener of this.#listeners) listener([told]);
      return 'lifted';
    });
  }

  /** Resolves when every change and report of before is durable, or has failed. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Calls `listener` after every change of a group's members; what it returns takes that back. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #changeOne(
    group: GroupId,
    gateways: readonly GatewayId[],
    { member }: { readonly member: boolean },
    act: Act,
  ): Promise<Result<Group, GroupRefusal>> {
    if (!this.#groups.has(group) && gateways.length === 0) return refused('no-such-group', group);
    const done = await this.change(
      gateways.map(gateway => ({ group, gateway, member })),
      act,
    );
    return done.ok ? ok(this.#view(group)) : done;
  }

  #trouble({ group, gateway, member }: Change): Result<never, GroupRefusal> | undefined {
    const record = this.#groups.get(group);
    if (record === undefined) return refused('no-such-group', group);
    const isMember = record.members.get(gateway)?.member === true;
    if (member && isMember) return refused('already-member', gateway);
    if (!member && !isMember) return refused('not-a-member', gateway);
    return isId(gateway) ? undefined : refused('invalid-id', gateway.slice(0, MAX_TEXT));
  }

  /** A new epoch is news to those who join or leave; the others learn of it by the group's probe. */
  async #commit(byGroup: ReadonlyMap<GroupId, ReadonlyMap<GatewayId, boolean>>, act: Act): Promise<void> {
    const since = this.#clock.now().unix;
    const rows: LedgerChange[] = [];
    const after = [...byGroup].map(([group, members]) => {
      const before = this.#record(group);
      const epoch = before.epoch + 1;
      const changed = [...members].map(([gateway, member]): Member => {
        const cause = `${member ? 'added' : 'removed'} by ${act.by}`;
        const tag = member ? toHex(this.#randomBytes(TAG_BYTES)) : (before.members.get(gateway)?.tag ?? '');
        return { gateway, member, state: 'requested', since, cause, epoch, tag };
      });
      const gone = changed.flatMap(({ member, tag }) => (member ? [] : [[epoch, tag] as const]));
      const record = {
        ...before,
        epoch,
        changedAt: since,
        ...trimmed([...before.left, ...gone], before.from),
      };
      rows.push(groupRow(group, record), historyRow(group, record, act, changed));
      for (const member of changed) rows.push(memberRow(group, member), stepRow(group, member));
      return { group, record, changed };
    });
    await this.#ledger.commit(rows);
    for (const { group, record, changed } of after) {
      this.#groups.set(group, record);
      for (const member of changed) this.#keep(group, record, member);
    }
    const told = after.map(({ group, changed }) => ({
      group,
      gateways: changed.map(({ gateway }) => gateway),
    }));
    for (const listener of this.#listeners) listener(told);
  }

  async #take(reports: readonly { readonly group: GroupId; readonly at: Advance }[]): Promise<void> {
    const rows: LedgerChange[] = [];
    const changed = new Map<string, { group: GroupId; member: Member; forget: boolean }>();
    for (const { group, at } of reports) {
      const before =
        changed.get(`${group}/${at.gateway}`)?.member ?? this.#groups.get(group)?.members.get(at.gateway);
      const member = before === undefined ? undefined : advanced(before, at, this.#clock.now().unix);
      if (member === undefined) continue;
      // Who has left and knows it is no longer part of the group's record; the history keeps it.
      const forget = !member.member && !['requested', 'delivered', 'lapsed'].includes(member.state);
      changed.set(`${group}/${at.gateway}`, { group, member, forget });
      rows.push(stepRow(group, member, forget ? 'removed' : member.state));
    }
    if (changed.size === 0) return;
    const last = [...changed.values()];
    const put = last.map(({ group, member, forget }) =>
      forget ? removal(group, member) : memberRow(group, member),
    );
    await this.#ledger.commit([...put, ...rows]);
    for (const { group, member, forget } of last) {
      const record = this.#record(group);
      if (!forget) this.#keep(group, record, member);
      else {
        record.members.delete(member.gateway);
        this.#groupsOf.get(member.gateway)?.delete(group);
      }
    }
  }

  #keep(group: GroupId, record: GroupRecord, member: Member): void {
    record.members.set(member.gateway, member);
    const groups = this.#groupsOf.get(member.gateway) ?? new Set();
    this.#groupsOf.set(member.gateway, groups.add(group));
  }

  #record(group: GroupId): GroupRecord {
    const record = this.#groups.get(group);
    assert(record !== undefined, 'a group is used after it was made');
    return record;
  }

  #view(group: GroupId): Group {
    const { traits, epoch, changedAt, members } = this.#record(group);
    return { group, epoch, changedAt, ...traits, members: [...members.values()] };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {}); // whoever asked hears of it; the next change stands on what is durable
    return done;
  }

  /** Rows come in the order of their keys, so a group (`feeder-7`) before its members (`feeder-7/gw-1`). */
  #restore(key: string, value: Json): void {
    const [group, gateway] = key.split('/') as [GroupId, GatewayId | undefined];
    if (gateway === undefined) {
      const { changedAt, ...stored } = value as unknown as Omit<GroupRecord, 'members'>;
      this.#groups.set(group, { ...stored, changedAt: unixTime(changedAt), members: new Map() });
      return;
    }
    const record = this.#groups.get(group);
    if (record !== undefined)
      this.#keep(group, record, { gateway, ...(value as unknown as Omit<Member, 'gateway'>) });
  }
}
