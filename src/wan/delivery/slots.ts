/**
 * What is in force and what is on trial, of the things a gateway is made of: its configuration, its version, its
 * device profiles. The last good of each is kept beside the new one. One thing is on trial at a time; it stays if it
 * proves healthy, and goes back by itself if it does not, or if it was started too often without saying so.
 *
 * A value and what becomes of it: whoever calls writes it down before acting on it.
 */
import type { FileId } from '../../model/mod.ts';

/** A trial that was started this often without an end has failed: twice, since power may fail once. */
export const MAX_STARTS = 2;
/** Failed trials remembered, so that their end can be told; the oldest goes first. */
const MAX_FAILED = 16;

/** Which file is in force; what is absent is as it was installed. */
export interface InForce {
  readonly configuration?: FileId;
  readonly version?: FileId;
  /** By name of profile. */
  readonly profiles: Readonly<Record<string, FileId>>;
}

export type SlotName =
  | { readonly is: 'configuration' | 'version' }
  | { readonly is: 'profile'; readonly name: string };

export interface Trial {
  readonly slot: SlotName;
  readonly file: FileId;
  /** How often the gateway was started with it. */
  readonly starts: number;
}

export interface Slots {
  readonly good: InForce;
  /** What was good before the last change. */
  readonly before?: InForce;
  readonly trial?: Trial;
  readonly failed: readonly { readonly file: FileId; readonly why: string }[];
}

export const NO_SLOTS: Slots = { good: { profiles: {} }, failed: [] };

/** Puts `file` on trial, in the place of a trial that has not ended; an earlier failure of the same file is forgotten. */
export function beginTrial(slots: Slots, slot: SlotName, file: FileId): Slots {
  const failed = slots.failed.filter(failure => failure.file !== file);
  return { ...slots, failed, trial: { slot, file, starts: 0 } };
}

/** The gateway is about to start. A trial that had its starts is over. */
export function countStart(slots: Slots): Slots {
  const { trial } = slots;
  if (trial === undefined) return slots;
  if (trial.starts >= MAX_STARTS)
    return rollBack(slots, `it was started ${trial.starts} times and never proved healthy`);
  return { ...slots, trial: { ...trial, starts: trial.starts + 1 } };
}

/** The trial proved healthy. */
export function keepTrial(slots: Slots): Slots {
  const { trial: _, ...rest } = slots;
  return { ...rest, good: inForce(slots), before: slots.good };
}

/** The trial is over; what was good is in force again. */
export function rollBack(slots: Slots, why: string): Slots {
  const { trial, ...rest } = slots;
  if (trial === undefined) return slots;
  return { ...rest, failed: [...slots.failed, { file: trial.file, why }].slice(-MAX_FAILED) };
}

/** What a gateway runs with now: the good, and what is on trial over it. */
export function inForce({ good, trial }: Slots): InForce {
  if (trial === undefined) return good;
  const { slot, file } = trial;
  if (slot.is === 'profile') return { ...good, profiles: { ...good.profiles, [slot.name]: file } };
  return { ...good, [slot.is]: file };
}

/** How a file stands. */
export function standing(
  { good, trial, failed }: Slots,
  file: FileId,
): { readonly is: 'good' | 'trial' | 'unknown' } | { readonly is: 'failed'; readonly why: string } {
  if (trial?.file === file) return { is: 'trial' };
  const failure = failed.findLast(each => each.file === file);
  if (failure !== undefined) return { is: 'failed', why: failure.why };
  return { is: filesOf(good).includes(file) ? 'good' : 'unknown' };
}

/** Every file that must stay on the disk. */
export function keptFiles({ good, before, trial }: Slots): readonly FileId[] {
  return [...filesOf(good), ...(before === undefined ? [] : filesOf(before)), ...(trial ? [trial.file] : [])];
}

/** The slots that text on a disk describes; `undefined` when it is none: then what was installed is in force. */
export function readSlots(text: string): Slots | undefined {
  try {
    const value = JSON.parse(text) as Partial<Slots> | null;
    return typeof value?.good?.profiles === 'object' && Array.isArray(value.failed)
      ? (value as Slots)
      : undefined;
  } catch {
    return undefined;
  }
}

function filesOf({ configuration, version, profiles }: InForce): readonly FileId[] {
  return [configuration, version, ...Object.values(profiles)].flatMap(file => file ?? []);
}
