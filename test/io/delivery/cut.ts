/**
 * A disk whose power fails: at one operation, drawn beforehand, what was to be written is written in part or not at
 * all, some of what was never synced is gone, and nothing works any more.
 */
import { nextUnit } from '../../../src/base/random.ts';
import type { RandomState } from '../../../src/base/random.ts';
import type { Disk } from '../../../src/io/delivery/mod.ts';

export class PowerCut extends Error {}

/** `real` until operation `at`; `wasCut` says whether it came to that. */
export function cutAt(real: Disk, at: number, random: RandomState): Disk & { wasCut(): boolean } {
  let operations = 0;
  let cut = false;
  const unsynced: { name: string; offset: number; length: number }[] = [];
  const draw = (below: number): number => Math.floor(nextUnit(random) * below);

  const mayFail = async (inPart: () => Promise<void>): Promise<void> => {
    if (cut) throw new PowerCut('there is no power');
    if (operations++ < at) return;
    cut = true;
    await inPart();
    for (const { name, offset, length } of unsynced)
      if (draw(3) === 0) await real.writeAt(name, offset, new Uint8Array(length));
    throw new PowerCut(`power fails at operation ${at}`);
  };
  const nothing = (): Promise<void> => Promise.resolve();

  return {
    wasCut: () => cut,
    path: name => real.path(name),
    read: async name => {
      await mayFail(nothing);
      return real.read(name);
    },
    readAt: async (name, offset, length) => {
      await mayFail(nothing);
      return real.readAt(name, offset, length);
    },
    list: async () => {
      await mayFail(nothing);
      return real.list();
    },
    writeAt: async (name, offset, bytes) => {
      await mayFail(() => real.writeAt(name, offset, bytes.subarray(0, draw(bytes.length + 1))));
      await real.writeAt(name, offset, bytes);
      unsynced.push({ name, offset, length: bytes.length });
    },
    sync: async name => {
      await mayFail(nothing);
      await real.sync(name);
      unsynced.splice(0, unsynced.length, ...unsynced.filter(each => each.name !== name));
    },
    replace: async (name, bytes) => {
      await mayFail(async () => {
        const how = draw(3);
        if (how === 0) await real.writeAt(`${name}.new`, 0, bytes.subarray(0, draw(bytes.length + 1)));
        if (how === 1) await real.replace(name, bytes);
      });
      await real.replace(name, bytes);
    },
    rename: async (from, to) => {
      await mayFail(() => (draw(2) === 0 ? real.rename(from, to) : nothing()));
      await real.rename(from, to);
      for (const each of unsynced) if (each.name === from) each.name = to;
    },
    remove: async name => {
      await mayFail(() => (draw(2) === 0 ? real.remove(name) : nothing()));
      await real.remove(name);
    },
  };
}
