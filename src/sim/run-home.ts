/**
 * A simulated home on real sockets and in real time: one TCP port a device, and one interval that moves them all.
 */
import { instant } from '../base/time.ts';
import type { Home, HomeOptions } from './home.ts';
import { makeHome } from './home.ts';
import type { Server } from './server.ts';
import { serveTcp } from './server.ts';

export const HOME_DEVICES = ['inverter', 'battery', 'meter'] as const;
export type HomeDevice = (typeof HOME_DEVICES)[number];

export interface RunHomeOptions extends HomeOptions {
  /** TCP port of each device; 0: any free one. */
  readonly ports: Readonly<Record<HomeDevice, number>>;
  /** Loopback unless told. */
  readonly host?: string;
  /** How often the devices move on, in milliseconds; 100 unless told. */
  readonly tickMs?: number;
}

export interface RunningHome {
  readonly home: Home;
  /** Where each device listens: `tcp://127.0.0.1:41023?unit=1`. */
  readonly links: Readonly<Record<HomeDevice, string>>;
  close(): Promise<void>;
}

/** Resolves when all ports are open; rejects, with none left open, when one cannot be. */
export async function runHome(options: RunHomeOptions): Promise<RunningHome> {
  const { ports, host = '127.0.0.1', tickMs = 100, ...homeOptions } = options;
  const now = (): ReturnType<typeof instant> => instant(Math.floor(performance.now()));
  const home = makeHome(now(), homeOptions);
  const servers: Server[] = [];
  const closeAll = async (): Promise<void> => {
    await Promise.all(servers.map(server => server.close()));
  };
  try {
    for (const device of HOME_DEVICES)
      servers.push(await serveTcp({ units: [home[device].wire], port: ports[device], host }));
  } catch (error) {
    await closeAll();
    throw error;
  }
  const timer = setInterval(() => home.advance(now()), tickMs);
  const link = (at: number): string =>
    `tcp://${host.includes(':') ? `[${host}]` : host}:${servers[at]?.port}?unit=${home[HOME_DEVICES[at] ?? 'meter'].wire.unit}`;
  return {
    home,
    links: { inverter: link(0), battery: link(1), meter: link(2) },
    close: () => {
      clearInterval(timer);
      return closeAll();
    },
  };
}
