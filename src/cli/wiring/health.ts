/** The health of a gateway that is wired: its facts beside its doors, the monitor's server, and who watches its loops. */
import { milliseconds, minutes } from '../../base/time.ts';
import type { Gateway, GatewayConfig, GatewayPorts, StorePort } from '../../gateway/mod.ts';
import { systemClock } from '../../io/clock.ts';
import {
  Facts,
  Progress,
  count,
  keptDays,
  metricsOf,
  startHealthServer,
  tapped,
  tappedBus,
  watchOver,
} from '../../io/health/mod.ts';
import type { Service } from '../../io/health/mod.ts';
import type { Bus } from '../../io/modbus/mod.ts';
import { BACK_OFF_MAX } from '../../local/bus/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import { packageVersion } from '../version.ts';

export interface WiredHealth {
  readonly tapped: (ports: GatewayPorts) => GatewayPorts;
  readonly bus: (bus: Bus) => Bus;
  readonly url?: string;
  /** The monitor's server. */
  close(): Promise<void>;
  /** From the gateway's start on; to be stopped before its store is closed. */
  watch(gateway: Gateway, service?: Service): { stop(): Promise<void> };
}

/** Throws {@link Trouble} when the monitor's port is not to be had. */
export async function openHealth(
  config: Pick<GatewayConfig, 'gateway' | 'devices' | 'pollSeconds' | 'monitor'>,
  store: StorePort,
): Promise<WiredHealth> {
  const startedAt = systemClock.now();
  const { gateway: id, pollSeconds } = config;
  const devices = config.devices.map(device => device.id);
  const facts = new Facts({ devices, now: startedAt, days: await keptDays(store, id) });
  const progress = new Progress();
  // A line is asked at every poll, or where nobody answers ever more rarely; twice that and a search are enough.
  const busAtMost = milliseconds(2 * Math.max(pollSeconds, BACK_OFF_MAX) + minutes(1));
  let gateway: Gateway | undefined;
  const source = {
    metrics: () => {
      const now = systemClock.now();
      facts.note(now);
      const counts = gateway?.counts() ?? new Map<string, number>();
      return metricsOf(facts, { now, version: packageVersion(), startedAt, counts });
    },
    unhealthy: () => progress.standing(systemClock.now().instant),
    unready: () => facts.hindrances(),
  };
  const server = config.monitor && (await startHealthServer(config.monitor.port, source));
  if (server?.ok === false) throw new Trouble(server.detail ?? server.refusal, EXIT.unreachable);
  return {
    tapped: ports => tapped(ports, facts),
    bus: bus => {
      progress.expect(loopOf(bus.address), busAtMost, systemClock.now().instant);
      return tappedBus(bus, address => {
        count(facts.conversations, address);
        progress.cameRound(loopOf(address), systemClock.now().instant);
      });
    },
    ...(server === undefined ? {} : { url: server.value.url }),
    close: async () => server?.value.close(),
    watch: (running, service) => {
      gateway = running;
      const turn = (): Promise<void> => running.turn();
      const all = { gateway: id, turn, store, clock: systemClock, facts, progress };
      return watchOver({ ...all, ...(service === undefined ? {} : { service }) });
    },
  };
}

function loopOf(address: string): string {
  return `the line ${address}`;
}
