/**
 * Doors of a gateway that observes: devices are found and read, and nothing is written to them. Each order is refused
 * with what would have been written, so that logs and receipts show what the gateway decides and claim nothing.
 */
import type { DeliveryEvents, DeliveryPort, DevicesPort, SettingsPort } from '../gateway/mod.ts';

const UNTIL = 'nothing was written, until underglass gateway commission confirms the installation';

/** `isObserving` is asked at each order. Reading goes through, whatever it answers. */
export function observingDevices(
  devices: DevicesPort & SettingsPort,
  isObserving: () => boolean,
): DevicesPort & SettingsPort {
  return {
    apply: async order => {
      if (!isObserving()) return devices.apply(order);
      const { device, axis, value } = order;
      const would = value === undefined ? `${axis} would be released` : `${axis} would be set to ${value}`;
      return { device, axis, outcome: 'refused', why: `observing: ${would}; ${UNTIL}`, evidence: [] };
    },
    set: async (device, order) =>
      isObserving()
        ? { device, outcome: 'refused', why: `observing: ${UNTIL}`, parts: [] }
        : devices.set(device, order),
    interrogate: device => devices.interrogate(device),
    close: () => devices.close(),
  };
}

/** Firmware is written to devices, too. What changes the gateway itself goes through. */
export function observingDeliveries(
  open: (events: DeliveryEvents) => DeliveryPort,
  isObserving: () => boolean,
): (events: DeliveryEvents) => DeliveryPort {
  return events => {
    const port = open(events);
    return {
      fetch: manifest => port.fetch(manifest),
      install: (manifest, devices) => {
        if (manifest.delivers !== 'device-firmware' || !isObserving()) return port.install(manifest, devices);
        const why = `observing: ${UNTIL}`;
        events.said(manifest.file, { is: 'failed', refusal: 'observing', why });
      },
      settle: (file, verdict, why) => port.settle(file, verdict, why),
      discard: file => port.discard(file),
      chunk: chunk => port.chunk(chunk),
      link: up => port.link(up),
      close: () => port.close(),
    };
  };
}
