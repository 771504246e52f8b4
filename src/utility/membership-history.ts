/**
 * Who was in which group, when, and by whom (CS-3): questions to the rows that the group registry leaves behind,
 * which are never deleted. A group's record changes at the moment of the change; what its gateway knew of it, and
 * when, stands beside it as the steps of each membership.
 *
 * A third party's group may be opaque: whoever is not its owner sees that it exists and how many are in it.
 */
import { unixTime } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import type { GatewayId, GroupId } from '../model/mod.ts';
import type { GroupTraits, MemberState } from './group-rows.ts';
import type { Json, LedgerPort } from './ports.ts';

/** Actors of the ledger, whose rows these are. */
export const HISTORY = 'group-registry-history';
export const STEPS = 'group-registry-steps';

/** Digits of a number in a key, so that rows come in its order. */
const DIGITS = 16;
const padded = (number: number): string => `${number}`.padStart(DIGITS, '0');

export function changeKey(group: GroupId, epoch: number): string {
  return `${group}@${padded(epoch)}`;
}

/** Of one step: a membership can lapse and come back more than once. */
export function stepKey(gateway: GatewayId, { group, epoch, state, at }: Omit<Step, 'cause'>): string {
  return `${gateway}/${padded(at)}/${changeKey(group, epoch)}/${state}`;
}

/** One change of a group: what epoch it made, when, by whom. */
export interface RecordedChange {
  readonly group: GroupId;
  readonly epoch: number;
  readonly at: UnixTime;
  readonly by: string;
  readonly why?: string;
  readonly changes: readonly { readonly gateway: GatewayId; readonly member: boolean }[];
  /** With the first: what the group was made as. */
  readonly traits?: GroupTraits;
}

/** One membership from its beginning to its end. */
export interface Spell {
  readonly group: GroupId;
  readonly gateway: GatewayId;
  readonly from: UnixTime;
  readonly addedBy: string;
  /** Absent while it lasts. */
  readonly until?: UnixTime;
  readonly removedBy?: string;
}

/** A step of a membership or of its end, as its gateway took it. */
export interface Step {
  readonly group: GroupId;
  readonly epoch: number;
  readonly state: MemberState | 'removed';
  readonly at: UnixTime;
  readonly cause: string;
}

/** Who asks. The owner of an opaque group sees its members; the utility, as any other, does not. */
export interface Asker {
  readonly asker?: string;
}

/** Every change of one group, or of all, in the order of group and epoch. */
export async function changesOf(ledger: LedgerPort, group?: GroupId): Promise<readonly RecordedChange[]> {
  const rows = await ledger.rows(HISTORY, group === undefined ? '' : `${group}@`);
  return rows.map(({ key, value }) => asChange(key, value));
}

/** Every membership that `changes` tell of, in the order in which they began. */
export function spells(changes: readonly RecordedChange[], { asker }: Asker = {}): readonly Spell[] {
  const open = new Map<string, Spell>();
  const ended: Spell[] = [];
  const hidden = hiddenGroups(changes, asker);
  for (const { group, at, by, changes: each } of changes) {
    if (hidden.has(group)) continue;
    for (const { gateway, member } of each) {
      const key = `${group}/${gateway}`;
      const spell = open.get(key);
      if (member) open.set(key, { group, gateway, from: at, addedBy: by });
      else if (spell !== undefined) {
        ended.push({ ...spell, until: at, removedBy: by });
        open.delete(key);
      }
    }
  }
  return [...ended, ...open.values()].sort((a, b) => a.from - b.from);
}

/** The memberships in force at one moment: from their first millisecond to the last before their end. */
export function spellsAt(all: readonly Spell[], at: UnixTime): readonly Spell[] {
  return all.filter(({ from, until }) => from <= at && (until === undefined || at < until));
}

/** How many were in each group that `asker` may not look into, at one moment: all that is told of it. */
export function countsWithheld(
  changes: readonly RecordedChange[],
  at: UnixTime,
  { asker }: Asker = {},
): ReadonlyMap<GroupId, number> {
  const hidden = hiddenGroups(changes, asker);
  const counts = new Map<GroupId, number>();
  for (const { group, at: when, changes: each } of changes) {
    if (!hidden.has(group) || when > at) continue;
    const by = each.reduce((sum, { member }) => sum + (member ? 1 : -1), 0);
    counts.set(group, (counts.get(group) ?? 0) + by);
  }
  return counts;
}

/** The steps of every membership of one gateway, oldest first. */
export async function stepsOf(ledger: LedgerPort, gateway: GatewayId): Promise<readonly Step[]> {
  const rows = await ledger.rows(STEPS, `${gateway}/`);
  return rows.map(({ key, value }) => asStep(key, value));
}

function hiddenGroups(changes: readonly RecordedChange[], asker: string | undefined): ReadonlySet<GroupId> {
  return new Set(
    changes.flatMap(({ group, traits }) =>
      traits?.opaque === true && (asker === undefined || traits.owner !== asker) ? [group] : [],
    ),
  );
}

function asChange(key: string, value: Json): RecordedChange {
  const [group, epoch] = key.split('@') as [GroupId, string];
  const stored = value as unknown as Omit<RecordedChange, 'group' | 'epoch'>;
  return { ...stored, group, epoch: Number(epoch), at: unixTime(stored.at) };
}

function asStep(key: string, value: Json): Step {
  const [, at, change = '', state] = key.split('/') as [string, string?, string?, Step['state']?];
  const [group, epoch] = change.split('@') as [GroupId, string];
  const { cause } = value as { cause: string };
  return { group, epoch: Number(epoch), state: state ?? 'requested', at: unixTime(Number(at)), cause };
}
