/**
 * Whether the devices of a configuration are there: looked for and read as the gateway does it, by the same code, and
 * nothing is written. Where a gateway holds the line, a serial port cannot be opened, and some devices take one
 * connection only: what is said then says so.
 */
import type { DeviceState } from '../../gateway/mod.ts';
import type { DeviceId } from '../../model/mod.ts';
import { openDevices } from '../devices/devices.ts';
import type { DevicesOptions } from '../devices/devices.ts';
import { well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const REMEDY =
  'look at power, cable, address and unit (underglass scan LINK); while the gateway runs it may hold the only ' +
  'connection: stop it, or look at its log';

/** One finding a device, in the order of the configuration. Takes at most `withinMs`. */
export async function checkDevices(options: DevicesOptions, withinMs: number): Promise<readonly Finding[]> {
  const said = new Map<DeviceId, DeviceState>();
  const all = Promise.withResolvers<void>();
  const deadline = setTimeout(all.resolve, withinMs);
  const devices = openDevices(options, {
    reading: () => {},
    lapsed: () => {},
    device: state => {
      said.set(state.device, state);
      if (said.size === options.devices.length) all.resolve();
    },
  });
  await all.promise;
  clearTimeout(deadline);
  await devices.close();
  return options.devices.map(({ id }) => findingOf(id, said.get(id), withinMs));
}

function findingOf(id: DeviceId, state: DeviceState | undefined, withinMs: number): Finding {
  if (state === undefined) return wrong('device', `${id}: no answer within ${withinMs / 1000} s`, REMEDY);
  if (!state.present) return wrong('device', `${id}: ${state.why}`, REMEDY);
  const axes = state.axes.length === 0 ? 'it takes no orders' : `takes ${state.axes.join(', ')}`;
  return well('device', `${id}: ${state.model || 'nameless'}, ${state.why}; ${axes}`);
}
