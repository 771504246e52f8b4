/**
 * The audit of what this gateway reports: every quarter of an hour it says which numbers it gave on each stream since,
 * how many, and the chain of hashes over them. The head end can prove by it that it holds all, and nothing else.
 *
 * The chain is in memory alone. For what was numbered in an earlier run there is none: its numbers are told without.
 */
import { after, minutes } from '../../base/time.ts';
import type { Instant, Now } from '../../base/time.ts';
import { STREAMS } from '../../model/mod.ts';
import type { Work } from '../effects.ts';
import { report } from './reports.ts';
import { put } from '../state.ts';
import type { GatewayState } from '../state.ts';

export const AUDIT_EVERY = minutes(15);

/** Says the audit when it is due, and when there is more to tell than earlier audits. */
export function auditIfDue(state: GatewayState, work: Work, now: Now): void {
  const { audit } = state;
  audit.dueAt ??= after(now.instant, AUDIT_EVERY);
  if (audit.dueAt > now.instant) return;
  audit.dueAt = after(now.instant, AUDIT_EVERY);
  const running = STREAMS.flatMap(stream => audit.running.get(stream) ?? []);
  const streams = [...audit.before, ...running];
  if (streams.every(({ stream }) => stream === 'audit')) return;
  audit.before.length = 0;
  audit.running.clear();
  const lasts = new Map(streams.map(({ stream, last }) => [stream, last]));
  for (const [stream, last] of lasts) work.store(put('audited', stream, last));
  report(state, work, 'audit', { kind: 'audit', streams }, now);
}

/** When {@link auditIfDue} has something to do. */
export function nextAudit({ audit }: GatewayState): Instant | undefined {
  return audit.dueAt;
}
