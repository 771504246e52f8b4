/** Finds out what stands at links, by the code of the gateway itself; nothing is written to any of them. */
import { randomInt } from 'node:crypto';
import type { DeviceState } from '../../gateway/mod.ts';
import { systemClock } from '../../io/clock.ts';
import { openDevices } from '../../io/devices/devices.ts';
import { shippedModels } from '../../io/models.ts';
import { formatLink } from '../../io/modbus/mod.ts';
import type { Link } from '../../io/modbus/mod.ts';
import { shippedProfiles } from '../../io/profiles.ts';
import type { DeviceId, DeviceRole } from '../../model/mod.ts';
import { matchProfile } from '../../local/profiles/mod.ts';

export interface FoundDevice {
  readonly link: string;
  readonly model: string;
  readonly role: DeviceRole;
  /** A profile that ships and that names this product. */
  readonly profile?: string;
}

/** A search of one device over a slow line, in ms. */
const WITHIN_MS = 15_000;

/** The devices among `links`; what does not answer or is no device of ours is left out. */
export async function identify(links: readonly Link[]): Promise<readonly FoundDevice[]> {
  const [models, shipped] = [await shippedModels(), await shippedProfiles()];
  const configs = links.map((link, at) => ({ id: `found-${at}` as DeviceId, link }));
  const states = new Map<DeviceId, DeviceState>();
  const roles = new Map<DeviceId, DeviceRole>();
  const all = Promise.withResolvers<void>();
  const isKnown = ({ id }: { readonly id: DeviceId }): boolean =>
    states.get(id)?.present === false || roles.has(id);
  const look = (): void => void (configs.every(isKnown) && all.resolve());
  const deadline = setTimeout(all.resolve, WITHIN_MS);
  const random = (): number => randomInt(2 ** 32) / 2 ** 32;
  const profiles = [...shipped.values()];
  const devices = openDevices(
    { devices: configs, models, profiles, clock: systemClock, random },
    {
      lapsed: () => {},
      device: state => (states.set(state.device, state), look()),
      reading: ({ device, role }) => (roles.set(device, role), look()),
    },
  );
  look();
  await all.promise;
  clearTimeout(deadline);
  await devices.close();
  return configs.flatMap(({ id, link }) => {
    const [state, role] = [states.get(id), roles.get(id)];
    if (state?.present !== true || role === undefined) return [];
    const product = { unit: link.unit, models: [], ...state.product };
    const profile = matchProfile(profiles, product);
    const named = profile === undefined ? {} : { profile: profile.profile };
    return [{ link: formatLink(link), model: state.model, role, ...named }];
  });
}
