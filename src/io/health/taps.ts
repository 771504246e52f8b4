/** Doors of a gateway that tell its {@link Facts} what goes through them, and are otherwise as they were. */
import type { BrokerEvents, DeviceEvents, GatewayPorts, StorePort } from '../../gateway/mod.ts';
import type { Bus } from '../modbus/mod.ts';
import { count } from './facts.ts';
import type { Facts } from './facts.ts';

export function tapped(ports: GatewayPorts, facts: Facts): GatewayPorts {
  const noted = (): void => facts.note(ports.clock.now());
  return {
    ...ports,
    store: tappedStore(ports.store, facts, noted),
    log: entry => {
      facts.logged(entry);
      ports.log(entry);
    },
    broker: events => {
      const broker = ports.broker(tappedBroker(events, facts, noted));
      return {
        publish: async (topic, payload) => {
          await broker.publish(topic, payload);
          facts.published++;
        },
        subscribe: topics => broker.subscribe(topics),
        unsubscribe: topics => broker.unsubscribe(topics),
        renew: () => broker.renew(),
        close: () => broker.close(),
      };
    },
    devices: events => {
      const devices = ports.devices(tappedDevices(events, { facts, noted, ports }));
      return {
        ...devices,
        apply: async order => {
          const applied = await devices.apply(order);
          count(facts.orders, applied.outcome);
          return applied;
        },
      };
    },
  };
}

/** A bus that tells when a conversation on it ended: what hangs on a line shows by nothing ending any more. */
export function tappedBus(bus: Bus, ended: (address: string) => void): Bus {
  const at = bus.address;
  return {
    run: async (conversation, turn) => {
      const result = await bus.run(conversation, turn);
      ended(at);
      return result;
    },
    close: () => bus.close(),
    mind: manners => bus.mind(manners),
    get address() {
      return bus.address;
    },
  };
}

function tappedStore(store: StorePort, facts: Facts, noted: () => void): StorePort {
  return {
    snapshot: gateway => store.snapshot(gateway),
    load: (gateway, stream, after, limit) => store.load(gateway, stream, after, limit),
    persist: async (gateway, changes, urgency = 'now') => {
      const began = performance.now();
      const said = (works: boolean): void => {
        // What is only promised says nothing about the disk.
        if (urgency === 'soon' || changes.length === 0) return;
        facts.store.seconds += (performance.now() - began) / 1000;
        if (works) facts.store.commits++;
        else facts.store.failures++;
        if (works === facts.store.works) return;
        facts.store.works = works;
        noted();
      };
      try {
        await store.persist(gateway, changes, urgency);
        said(true);
      } catch (error) {
        said(false);
        throw error;
      }
    },
  };
}

function tappedBroker(events: BrokerEvents, facts: Facts, noted: () => void): BrokerEvents {
  return {
    message: message => {
      facts.messages++;
      events.message(message);
    },
    link: link => {
      const losses = facts.link.losses + (facts.link.up && !link.up ? 1 : 0);
      facts.link = { ...link, losses };
      noted();
      events.link(link);
    },
  };
}

function tappedDevices(
  events: DeviceEvents,
  {
    facts,
    noted,
    ports,
  }: { readonly facts: Facts; readonly noted: () => void; readonly ports: GatewayPorts },
): DeviceEvents {
  return {
    reading: reading => {
      const device = facts.devices.get(reading.device);
      if (device !== undefined) {
        device.readings++;
        device.readAt = ports.clock.now();
      }
      events.reading(reading);
    },
    device: state => {
      const device = facts.devices.get(state.device);
      if (device !== undefined) device.state = state;
      noted();
      events.device(state);
    },
    lapsed: (order, applied) => events.lapsed(order, applied),
  };
}
