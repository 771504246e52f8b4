/**
 * Firmware for the devices behind a gateway, one after the other, by the owner's hook. Before a device is begun it
 * stands on the disk, and when it is done too: after a power cut the hook is run again for the one it was at, and
 * not for those that are done.
 */
import { readJson } from './json.ts';
import type { Disk } from './disk.ts';
import { runHook } from './hook.ts';
import type { Hook, HookEnd } from './hook.ts';
import type { ManifestBody } from '../../model/mod.ts';
import type { Product } from '../../wan/delivery/mod.ts';

/** A device is begun this often at most: more than one cut is no accident, and a device may suffer. */
export const MAX_TRIES = 3;

export interface FirmwareDoors {
  readonly disk: Disk;
  readonly hook: Hook;
  /** Where the device is, for the hook: the link as it was configured. */
  readonly linkOf: (device: string) => string;
  readonly signal: AbortSignal;
  readonly told: (device: string, end: HookEnd) => void;
}

interface Done {
  readonly tries: Readonly<Record<string, number>>;
  readonly done: readonly string[];
}

/** `undefined` when every device took it; otherwise why not. */
export async function applyFirmware(
  manifest: ManifestBody,
  devices: readonly Product[],
  { disk, hook, linkOf, told, signal }: FirmwareDoors,
): Promise<{ readonly refusal: 'hook-failed' | 'hook-interrupted'; readonly why: string } | undefined> {
  const name = `${manifest.file}.hook`;
  let state: Done = (await readJson<Done>(disk, name)) ?? { tries: {}, done: [] };
  const save = async (next: Done): Promise<void> => {
    state = next;
    await disk.replace(name, new TextEncoder().encode(JSON.stringify(next)));
  };
  for (const product of devices) {
    const { device } = product;
    if (state.done.includes(device)) continue;
    const tries = (state.tries[device] ?? 0) + 1;
    if (tries > MAX_TRIES)
      return { refusal: 'hook-interrupted', why: `${device}: begun ${MAX_TRIES} times and never ended` };
    await save({ ...state, tries: { ...state.tries, [device]: tries } });
    const environment = {
      UNDERGLASS_FILE: disk.path(manifest.file),
      UNDERGLASS_DEVICE: device,
      UNDERGLASS_LINK: linkOf(device),
      UNDERGLASS_MANUFACTURER: product.manufacturer ?? '',
      UNDERGLASS_MODEL: product.model ?? '',
      UNDERGLASS_VERSION: product.version ?? '',
      UNDERGLASS_NEW_VERSION: manifest.version,
      UNDERGLASS_TRY: String(tries),
    };
    const end = await runHook(hook, environment, signal);
    told(device, end);
    if (end.code !== 0) return { refusal: 'hook-failed', why: `${device}: ${end.why}` };
    await save({ ...state, done: [...state.done, device] });
  }
  return undefined;
}
