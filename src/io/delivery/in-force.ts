/**
 * What a gateway starts with: each start with a file on trial is counted before it happens, and every file is
 * compared with its hash before it is believed. One that is damaged is left out, and said to be.
 */
import type { FileId } from '../../model/mod.ts';
import { countStart, inForce, rollBack } from '../../wan/delivery/mod.ts';
import type { Slots } from '../../wan/delivery/mod.ts';
import type { Disk } from './disk.ts';
import { isIntact } from './fetching.ts';
import { loadSlots, saveSlots } from './slots-file.ts';

/** Where a version is laid out. */
export function unpackedName(file: FileId): string {
  return `${file}.unpacked`;
}

export interface InForceFiles {
  /** The one on trial among them. */
  readonly trial?: FileId;
  readonly configuration?: string;
  /** By name. */
  readonly profiles: ReadonlyMap<string, string>;
  /** The folder of a version. */
  readonly version?: string;
  /** One line each, for the log. */
  readonly damaged: readonly string[];
}

/** A gateway is about to start: durable when it resolves. */
export async function countedStart(disk: Disk): Promise<Slots> {
  const before = await loadSlots(disk);
  const { trial } = before;
  const isLost = trial !== undefined && !(await isIntact(disk, trial.file));
  const slots = isLost
    ? rollBack(before, 'its bytes on the disk are not what they were')
    : countStart(before);
  await saveSlots(disk, slots, before);
  return slots;
}

/** The files in force. */
export async function readInForce(disk: Disk): Promise<InForceFiles> {
  const slots = await loadSlots(disk);
  const { configuration, version, profiles } = inForce(slots);
  const damaged: string[] = [];
  const intact = async (file: FileId | undefined, what: string): Promise<FileId | undefined> => {
    if (file === undefined || (await isIntact(disk, file))) return file;
    damaged.push(`${what} ${file.slice(0, 8)} is damaged; what was installed is in force instead`);
    return undefined;
  };
  const text = async (file: FileId): Promise<string> =>
    Buffer.from((await disk.read(file)) ?? []).toString('utf8');
  const texts = new Map<string, string>();
  for (const [name, file] of Object.entries(profiles)) {
    const whole = await intact(file, `profile ${name}`);
    if (whole !== undefined) texts.set(name, await text(whole));
  }
  const own = await intact(configuration, 'configuration');
  const program = await intact(version, 'version');
  return {
    profiles: texts,
    damaged,
    ...(slots.trial === undefined ? {} : { trial: slots.trial.file }),
    ...(own === undefined ? {} : { configuration: await text(own) }),
    ...(program === undefined ? {} : { version: disk.path(unpackedName(program)) }),
  };
}
