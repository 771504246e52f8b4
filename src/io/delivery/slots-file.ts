/**
 * The slots on the disk: what is in force and what is on trial, in one small file that is replaced whole. Text that
 * is none of ours means that everything is as it was installed.
 */
import { NO_SLOTS, readSlots } from '../../wan/delivery/mod.ts';
import type { Slots } from '../../wan/delivery/mod.ts';
import type { Disk } from './disk.ts';

const NAME = 'slots.json';

export async function loadSlots(disk: Disk): Promise<Slots> {
  const bytes = await disk.read(NAME);
  return (bytes === undefined ? undefined : readSlots(Buffer.from(bytes).toString('utf8'))) ?? NO_SLOTS;
}

/** Durable when it resolves. Nothing is written where nothing changed. */
export async function saveSlots(disk: Disk, slots: Slots, before?: Slots): Promise<void> {
  const text = JSON.stringify(slots);
  if (before !== undefined && JSON.stringify(before) === text) return;
  await disk.replace(NAME, new TextEncoder().encode(`${text}\n`));
}
