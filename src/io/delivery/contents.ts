/** Whether the content of a whole file can be tried: read as what its manifest says it is, before anything changes. */
import { readFile, stat } from 'node:fs/promises';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { ManifestBody } from '../../model/mod.ts';
import type { SlotName } from '../../wan/delivery/mod.ts';
import { overlaidConfig } from '../config-overlay.ts';
import { profileFromText } from '../profiles.ts';
import { MAX_TEXT_BYTES } from './door.ts';
import type { ContentRefusal } from './door.ts';
import type { Disk } from './disk.ts';
import { unpackedName } from './in-force.ts';
import { layOut } from './version.ts';

/** `installed` is the configuration file this gateway was started with. */
export function contentCheck({ disk, installed }: { readonly disk: Disk; readonly installed: string }) {
  return async (manifest: ManifestBody, path: string): Promise<Result<SlotName, ContentRefusal>> => {
    const { delivers, file, version } = manifest;
    if (delivers === 'gateway-version') {
      const laid = await layOut(path, { folder: disk.path(unpackedName(file)), version });
      return laid.ok ? ok({ is: 'version' }) : laid;
    }
    if ((await stat(path)).size > MAX_TEXT_BYTES)
      return refused('content-too-large', `more than ${MAX_TEXT_BYTES} bytes are no ${delivers}`);
    const text = await readFile(path, 'utf8');
    if (delivers === 'gateway-configuration') {
      const config = await overlaidConfig(installed, text);
      if (config.ok) return ok({ is: 'configuration' });
      const why = config.detail ?? config.refusal;
      return refused(config.refusal === 'oversteps' ? 'content-oversteps' : 'content-invalid', why);
    }
    const profile = await profileFromText('the profile', text);
    if (!profile.ok) return refused('content-invalid', profile.detail ?? profile.refusal);
    const { profile: name } = profile.value;
    return name === version
      ? ok({ is: 'profile', name })
      : refused('content-invalid', `it is profile ${name}, not ${version}`);
  };
}
