/**
 * What of the numbers this gateway gave has not been audited: kept in memory, and from the store after a start.
 */
import type { Instant } from '../../base/time.ts';
import type { AuditedStretch, StreamName, UplinkRecord } from '../../model/mod.ts';
import { CHAIN_START, chained } from '../../wan/envelope/mod.ts';
import type { Snapshot } from '../ports.ts';

/** At most two entries a stream. */
export interface Audit {
  /** Numbered in an earlier run and not audited. */
  readonly before: AuditedStretch[];
  readonly running: Map<StreamName, AuditedStretch>;
  dueAt: Instant | undefined;
}

/** What the store knows to be numbered and not audited. */
export function newAudit({ rows, streams }: Snapshot): Audit {
  const before = streams.flatMap(({ stream, last }): AuditedStretch[] => {
    const told = rows.find(row => row.kind === 'audited' && row.key === stream)?.value;
    const first = 1 + (typeof told === 'number' ? told : 0);
    return first > last ? [] : [{ stream, first, last, count: last - first + 1 }];
  });
  return { before, running: new Map(), dueAt: undefined };
}

/** A record has been numbered. */
export function noteNumbered({ running }: Audit, record: UplinkRecord): void {
  const { stream, sequence } = record;
  const known = running.get(stream);
  const first = known?.first ?? sequence;
  // Where one was numbered beside this, or its hash is not known, the chain is broken: the count can still be proven.
  const isChained = known === undefined || (known.hash !== undefined && sequence === known.last + 1);
  const hash = isChained ? { hash: chained(known?.hash ?? CHAIN_START, record) } : {};
  running.set(stream, { stream, first, last: sequence, count: sequence - first + 1, ...hash });
}

/** The numbers of a stream were moved: what had them before is no stretch any more. */
export function noteLifted(audit: Audit, stream: StreamName): void {
  audit.running.delete(stream);
  const at = audit.before.findIndex(stretch => stretch.stream === stream);
  if (at >= 0) audit.before.splice(at, 1);
}
