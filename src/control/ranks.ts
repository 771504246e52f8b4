/**
 * Who prevails, as tables one can read aloud. The highest class that has an active event on an axis holds it
 * alone; inside a class the lower primacy, then the newer event (IEEE 2030.5). Bounds of tariff, device and
 * interconnection are no ranks: they are intersected with every result (see decide.ts).
 */
import { classNumber } from '../model/mod.ts';
import type { CommandClass, DerEvent, Service } from '../model/mod.ts';

export interface RankRow {
  readonly class: CommandClass;
  readonly means: string;
  /** Whether a customer may override a demand-response event of this class, and by which rule. */
  readonly override: 'allowed' | 'never';
  readonly rule: string;
  /** The answer a customer reads. */
  readonly says: string;
}

/** From the one that beats all others down; default control, which is no event, stands below the last. */
export const RANKS: readonly RankRow[] = [
  {
    class: 'emergency',
    means: 'emergency isolation',
    override: 'never',
    rule: 'OVR-4',
    says: 'An emergency of the grid cannot be overridden.',
  },
  {
    class: 'transmission',
    means: 'transmission constraint',
    override: 'never',
    rule: 'OVR-3',
    says: 'A transmission constraint cannot be overridden.',
  },
  {
    class: 'reliability',
    means: 'voltage event',
    override: 'allowed',
    rule: 'OVR-1',
    says: 'You may override this event with your code.',
  },
  {
    class: 'dispatch',
    means: 'dispatch event',
    override: 'allowed',
    rule: 'OVR-1',
    says: 'You may override this event with your code.',
  },
  {
    class: 'market',
    means: 'market event',
    override: 'allowed',
    rule: 'OVR-1',
    says: 'You may override this event with your code.',
  },
];

export function rankOf(commandClass: CommandClass): RankRow {
  const row = RANKS[classNumber(commandClass)];
  if (row === undefined) throw new RangeError(`no rank for ${commandClass}`);
  return row;
}

/** Negative when `a` prevails over `b` on an axis both name. Never 0 for different events: mRID and issuer break the last tie. */
export function compareEvents(a: DerEvent, b: DerEvent): number {
  return (
    classNumber(a.class) - classNumber(b.class) ||
    a.primacy - b.primacy ||
    b.createdAt - a.createdAt ||
    b.sequence - a.sequence ||
    compareText(a.mRID, b.mRID) ||
    compareText(a.issuer, b.issuer)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** The tariff's word on direct orders to the DER: without one, a customer does not override them. */
export interface OverrideTerms {
  readonly directMayBeOverridden: readonly CommandClass[];
}

export interface OverrideVerdict {
  readonly allowed: boolean;
  readonly rule: string;
  readonly why: string;
}

/** Whether a customer may override an event of this service and class at all. */
export function mayOverride(
  event: { service: Service; class: CommandClass },
  terms: OverrideTerms,
): OverrideVerdict {
  const rank = rankOf(event.class);
  if (rank.override === 'never') return { allowed: false, rule: rank.rule, why: rank.says };
  if (event.service === 'demand-response') return { allowed: true, rule: rank.rule, why: rank.says };
  const granted = terms.directMayBeOverridden.includes(event.class);
  return {
    allowed: granted,
    rule: 'TAR-1',
    why: granted
      ? 'Your tariff lets you override this order with your code.'
      : 'This is a direct order to the equipment; your tariff does not let you override it.',
  };
}
