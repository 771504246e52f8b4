/**
 * Simulated devices as a file describes them, on real sockets: a home of inverter, battery and meter that belong
 * together, and devices made from saved scans.
 */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../../io/config.ts';
import { shippedModels } from '../../io/models.ts';
import { savedScan } from '../../local/sunspec/mod.ts';
import type { SavedScan } from '../../local/sunspec/mod.ts';
import { recordedUnit, runHome, serveTcp } from '../../sim/mod.ts';
import type { Unit } from '../../sim/mod.ts';
import { EXIT, Trouble } from '../exit.ts';

const port = z.int().min(0).max(65_535).describe('a TCP port, 0 for any free one');
const unit = z.int().min(0).max(255).optional().describe('a unit id, 0 to 255; 1 unless told');
const watts = z.number().min(100).max(10_000_000).optional().describe('watts, 100 to 10000000');
const rampS = z.number().min(0).max(3600).optional().describe('seconds, 0 to 3600');
const shared = { port, unit, serial: z.string().min(1).max(32).optional() };
const service = { serviceDelayS: rampS, serviceRampS: rampS };

const home = z.strictObject({
  seed: z.int().min(0).max(0xffff_ffff).optional().describe('a number: the same seed gives the same day'),
  startHour: z.number().min(0).max(24).optional().describe('hour of the day it begins at, 0 to 24'),
  daySpeed: z
    .number()
    .positive()
    .max(3600)
    .optional()
    .describe('seconds of the day that pass in one, to 3600'),
  feederV: z.number().min(50).max(500).optional().describe('volts of a phase without load, 50 to 500'),
  inverter: z.strictObject({ ...shared, ratedW: watts, rampS, ...service }),
  battery: z.strictObject({
    ...shared,
    capacityWh: watts.describe('watt-hours'),
    rateW: watts,
    startPct: z.number().min(0).max(100).optional().describe('percent, 0 to 100'),
    rampS,
    ...service,
  }),
  meter: z.strictObject({ ...shared, largestW: watts }),
});

const site = z
  .strictObject({
    host: z.string().min(1).max(255).optional().describe('the address to listen on; 127.0.0.1 unless told'),
    home: home.optional().describe('a home: inverter, battery and meter, each with its port'),
    recorded: z
      .array(z.strictObject({ from: z.string().min(1).describe('a file of underglass scan --save'), port }))
      .max(64)
      .optional()
      .describe('devices from saved scans, as a list of from and port'),
  })
  .refine(({ home: one, recorded }) => one !== undefined || recorded !== undefined, {
    message: 'is empty: a site has a home, or recorded devices',
  });
type Site = z.infer<typeof site>;

/** A simulated device and where it listens. */
export interface ServedDevice {
  readonly device: string;
  readonly link: string;
}

export interface RunningSite {
  readonly devices: readonly ServedDevice[];
  close(): Promise<void>;
}

/** Trouble: a file that is wrong, with file and line; a port that is taken. */
export async function runSite(path: string): Promise<RunningSite> {
  const read = await readConfig<Site>(path, site);
  if (!read.ok) throw new Trouble(read.detail ?? read.refusal);
  const { host = '127.0.0.1', home: homeOptions, recorded = [] } = read.value;
  const running: RunningSite[] = [];
  try {
    if (homeOptions !== undefined) running.push(await runOneHome(homeOptions, host));
    for (const each of recorded)
      running.push(await runRecorded(resolve(dirname(path), each.from), { port: each.port, host }));
  } catch (error) {
    await Promise.all(running.map(each => each.close()));
    throw error;
  }
  return {
    devices: running.flatMap(each => each.devices),
    close: async () => void (await Promise.all(running.map(each => each.close()))),
  };
}

async function runOneHome(options: NonNullable<Site['home']>, host: string): Promise<RunningSite> {
  const { inverter, battery, meter } = options;
  const ports = { inverter: inverter.port, battery: battery.port, meter: meter.port };
  const running = await opened(host, () => runHome(defined({ ...options, ports, host })));
  return {
    devices: Object.entries(running.links).map(([device, link]) => ({ device, link })),
    close: () => running.close(),
  };
}

/** The devices of a saved scan, one a unit, behind one port. */
export async function runRecorded(
  path: string,
  { port: wanted, host }: { readonly port: number; readonly host: string },
): Promise<RunningSite> {
  const read = await readConfig<SavedScan>(path, savedScan, { maxBytes: SCAN_BYTES });
  if (!read.ok) throw new Trouble(read.detail ?? read.refusal);
  const models = await shippedModels();
  const units: Unit[] = read.value.units.map(each =>
    recordedUnit({ unit: each.unit, registers: each.registers, models }),
  );
  if (units.length === 0) throw new Trouble(`${path}: there is no device in it`, EXIT.usage);
  const server = await opened(host, () => serveTcp({ units, port: wanted, host }));
  const place = host.includes(':') ? `[${host}]` : host;
  return {
    devices: units.map(each => ({
      device: `unit ${each.unit} of ${path}`,
      link: `tcp://${place}:${server.port}?unit=${each.unit}`,
    })),
    close: () => server.close(),
  };
}

/** 256 units of 65,536 registers each would be more; a unit of a real device has some thousand. */
const SCAN_BYTES = 16 * 1_048_576;

async function opened<T>(host: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    throw new Trouble(`a device cannot listen on ${host}: ${error.message}`);
  }
}

type Defined<T> = T extends object ? { [K in keyof T]: Defined<Exclude<T[K], undefined>> } : T;

/** Without members that are undefined, at every depth of plain objects. */
function defined<T extends object>(from: T): Defined<T> {
  const entries = Object.entries(from).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]: [string, unknown]) => [
      key,
      typeof value === 'object' && value !== null ? defined(value) : value,
    ]),
  ) as Defined<T>;
}
