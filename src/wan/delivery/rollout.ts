/**
 * The rule by which a delivery reaches a group: 1, then 10, then 100 % of its members, in an order drawn anew for each
 * file. The next stage is told when every member of this one has it and is well; one member that failed halts all.
 *
 * Members are told one by one, so a group's later members hear nothing of a file that failed its first ones.
 */
import { hash } from 'node:crypto';
import type { FileId, GatewayId } from '../../model/mod.ts';

/** Shares of the group, cumulative, in percent. */
export const STAGES: readonly number[] = [1, 10, 100];

/**
 * Of one member: `waiting` for its stage; `told`, the command is on its way; `fetching`, it has accepted; `applying`;
 * `done`, applied and healthy; `refused`, it does not fit there (no failure: nothing was changed); `failed`, it was
 * tried and taken back, or could not be.
 */
export type MemberProgress = 'waiting' | 'told' | 'fetching' | 'applying' | 'done' | 'refused' | 'failed';

export interface Rollout {
  /** In the order of their turn. */
  readonly members: readonly GatewayId[];
  readonly stages: readonly number[];
  readonly progress: ReadonlyMap<GatewayId, MemberProgress>;
}

export type NextStep =
  /** These are to be told now. */
  | { readonly is: 'tell'; readonly stage: number; readonly members: readonly GatewayId[] }
  | { readonly is: 'wait'; readonly stage: number; readonly open: number }
  /** `why` names the member. Nobody else is told. */
  | { readonly is: 'halted'; readonly stage: number; readonly why: string }
  | { readonly is: 'done' };

/** Members in the order in which they are told: by a hash of file and id, so that it is not always the same who is first. */
export function turns(file: FileId, members: readonly GatewayId[]): readonly GatewayId[] {
  const rank = (id: GatewayId): string => hash('sha256', `${file}/${id}`, 'hex');
  return members
    .map(id => ({ id, rank: rank(id) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ id }) => id);
}

/** How many of `count` members a share covers: rounded up, at least one. */
export function stageSize(count: number, percent: number): number {
  return Math.min(count, Math.max(1, Math.ceil((count * percent) / 100)));
}

/** What is to be done. */
export function nextStep({ members, stages, progress }: Rollout): NextStep {
  const of = (id: GatewayId): MemberProgress => progress.get(id) ?? 'waiting';
  for (const [stage, percent] of stages.entries()) {
    const included = members.slice(0, stageSize(members.length, percent));
    const failed = included.find(id => of(id) === 'failed');
    if (failed !== undefined) return { is: 'halted', stage, why: `${failed} failed` };
    const untold = included.filter(id => of(id) === 'waiting');
    if (untold.length > 0) return { is: 'tell', stage, members: untold };
    const open = included.filter(id => of(id) !== 'done' && of(id) !== 'refused').length;
    if (open > 0) return { is: 'wait', stage, open };
  }
  return { is: 'done' };
}
