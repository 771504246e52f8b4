/**
 * Simulated devices as a file describes them, on real sockets and serial lines: a home of inverter, battery and
 * meter that belong together, and devices made from saved scans. Devices that name the same serial line share it,
 * each with its unit, as on an RS-485 bus.
 */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';
import { instant } from '../../base/time.ts';
import type { Instant } from '../../base/time.ts';
import { readConfig } from '../../io/config.ts';
import { formatLink, parseLink } from '../../io/modbus/mod.ts';
import type { SerialLink } from '../../io/modbus/mod.ts';
import { shippedModels } from '../../io/models.ts';
import { savedScan } from '../../local/sunspec/mod.ts';
import type { SavedScan } from '../../local/sunspec/mod.ts';
import { HOME_DEVICES, makeHome, recordedUnit, serveSerialLine, serveTcp } from '../../sim/mod.ts';
import type { Server, Unit } from '../../sim/mod.ts';
import { EXIT, Trouble } from '../exit.ts';

const port = z.int().min(0).max(65_535).optional().describe('a TCP port, 0 for any free one');
const LINE = 'serial:/dev/ttyUSB0?baud=9600&parity=even';
const listen = z
  .string()
  .refine(text => serialLine(text).ok, { message: `is not a serial line like ${LINE}` })
  .optional()
  .describe(`a serial line like ${LINE}`);
const unit = z.int().min(0).max(255).optional().describe('a unit id, 0 to 255; 1 unless told');
const watts = z.number().min(100).max(10_000_000).optional().describe('watts, 100 to 10000000');
const rampS = z.number().min(0).max(3600).optional().describe('seconds, 0 to 3600');
const where = { port, listen };
const shared = { ...where, unit, serial: z.string().min(1).max(32).optional() };
const service = { serviceDelayS: rampS, serviceRampS: rampS };

/** A device listens in one place. */
function placed<T extends z.ZodType<Where>>(device: T): T {
  return device.refine(each => (each.port === undefined) !== (each.listen === undefined), {
    message: 'has to listen in one place: port, or listen with a serial line',
  });
}

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
  inverter: placed(
    z.strictObject({
      ...shared,
      ratedW: watts,
      rampS,
      ...service,
      curves: z
        .enum(['7xx', 'both'])
        .optional()
        .describe('7xx, or both: with models 126 to 134 and 145 at the end of its map'),
    }),
  ),
  battery: placed(
    z.strictObject({
      ...shared,
      capacityWh: watts.describe('watt-hours'),
      rateW: watts,
      startPct: z.number().min(0).max(100).optional().describe('percent, 0 to 100'),
      rampS,
      ...service,
    }),
  ),
  meter: placed(z.strictObject({ ...shared, largestW: watts })),
});

const site = z
  .strictObject({
    host: z.string().min(1).max(255).optional().describe('the address to listen on; 127.0.0.1 unless told'),
    home: home.optional().describe('a home: inverter, battery and meter, each with its port or serial line'),
    recorded: z
      .array(
        placed(
          z.strictObject({ from: z.string().min(1).describe('a file of underglass scan --save'), ...where }),
        ),
      )
      .max(64)
      .optional()
      .describe('devices from saved scans, as a list of from and port or listen'),
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

/** Where devices listen. The link's unit has no meaning here: each device has its own. */
export type Place = { readonly kind: 'tcp'; readonly host: string; readonly port: number } | SerialLink;

/** Devices in one place. */
interface Stand {
  readonly at: Place;
  readonly devices: readonly { readonly device: string; readonly unit: Unit }[];
}

/** Hears what happens while devices are served, a sentence each. */
export type Tell = (sentence: string) => void;

const LINE_STATES = {
  lost: 'the line went away; it is served again when it is back',
  back: 'the line is back',
} as const;

/** How often a home moves on, in milliseconds. */
const TICK_MS = 100;

/** Trouble: a file that is wrong, with file and line; a port that is taken; a line that does not open. */
export async function runSite(path: string, tell: Tell): Promise<RunningSite> {
  const read = await readConfig<Site>(path, site);
  if (!read.ok) throw new Trouble(read.detail ?? read.refusal);
  const { host = '127.0.0.1', home: homeOptions, recorded = [] } = read.value;
  const scans = await Promise.all(
    recorded.map(each => recordedStand(resolve(dirname(path), each.from), placeOf(each, host))),
  );
  if (homeOptions === undefined) return serve(scans, tell);
  const house = homeStands(homeOptions, host);
  const running = await serve([...house.stands, ...scans], tell);
  const timer = setInterval(house.advance, TICK_MS);
  const close = (): Promise<void> => {
    clearInterval(timer);
    return running.close();
  };
  return { devices: running.devices, close };
}

/** The devices of a saved scan, one a unit, in one place. */
export async function runRecorded(path: string, at: Place, tell: Tell): Promise<RunningSite> {
  return serve([await recordedStand(path, at)], tell);
}

function homeStands(
  options: NonNullable<Site['home']>,
  host: string,
): { readonly stands: readonly Stand[]; readonly advance: () => void } {
  const now = (): Instant => instant(Math.floor(performance.now()));
  const house = makeHome(now(), defined(options));
  const stands = HOME_DEVICES.map(device => ({
    at: placeOf(options[device], host),
    devices: [{ device, unit: house[device].wire }],
  }));
  return { stands, advance: () => house.advance(now()) };
}

async function recordedStand(path: string, at: Place): Promise<Stand> {
  const read = await readConfig<SavedScan>(path, savedScan, { maxBytes: SCAN_BYTES });
  if (!read.ok) throw new Trouble(read.detail ?? read.refusal);
  const models = await shippedModels();
  const devices = read.value.units.map(({ unit: id, registers, input, writable }) => ({
    device: `unit ${id} of ${path}`,
    unit: recordedUnit({ unit: id, registers, input, writable, models }),
  }));
  if (devices.length === 0) throw new Trouble(`${path}: there is no device in it`, EXIT.usage);
  return { at, devices };
}

/** 256 units of 65,536 registers each would be more; a unit of a real device has some thousand. */
const SCAN_BYTES = 16 * 1_048_576;

/** All of `stands`, or none and Trouble. */
async function serve(stands: readonly Stand[], tell: Tell): Promise<RunningSite> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => void (await Promise.all(servers.map(server => server.close())));
  const devices: ServedDevice[] = [];
  try {
    for (const stand of joined(stands)) {
      const server = await open(stand, tell);
      servers.push(server);
      devices.push(
        ...stand.devices.map(({ device, unit: { unit: id } }) => ({
          device,
          link: linkTo(stand.at, server.port, id),
        })),
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { devices, close };
}

/** Stands on the same serial line become one. Trouble: two that disagree about it, and units that cannot be there. */
function joined(stands: readonly Stand[]): readonly Stand[] {
  const lines = new Map<string, Stand>();
  for (const { at, devices } of stands) {
    if (at.kind === 'tcp') continue;
    const there = lines.get(at.path) ?? { at, devices: [] };
    if (linkTo(there.at, 0, 1) !== linkTo(at, 0, 1))
      throw new Trouble(`${at.path}: one line has one speed and parity, and here are two`, EXIT.usage);
    const stand = { at, devices: [...there.devices, ...devices] };
    checkUnits(at.path, stand);
    lines.set(at.path, stand);
  }
  return [...stands.filter(({ at }) => at.kind === 'tcp'), ...lines.values()];
}

/** On a line a unit is one device, 1 to 247 (Modbus over Serial Line 1.02, 2.2). */
function checkUnits(line: string, { devices }: Stand): void {
  const taken = new Set<number>();
  for (const { device, unit: one } of devices) {
    if (one.unit < 1 || one.unit > 247)
      throw new Trouble(
        `${line}: ${device} has unit ${one.unit}; on a serial line it is 1 to 247`,
        EXIT.usage,
      );
    if (taken.has(one.unit))
      throw new Trouble(`${line}: unit ${one.unit} is there twice; ${device} needs another unit`, EXIT.usage);
    taken.add(one.unit);
  }
}

async function open({ at, devices }: Stand, tell: Tell): Promise<Server> {
  const units = devices.map(each => each.unit);
  try {
    return await (at.kind === 'serial'
      ? serveSerialLine({ ...at, units, onLine: state => tell(`${at.path}: ${LINE_STATES[state]}`) })
      : serveTcp({ ...at, units }));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Trouble(
      `a device cannot listen on ${at.kind === 'serial' ? at.path : at.host}: ${error.message}`,
    );
  }
}

function linkTo(at: Place, port: number, id: number): string {
  if (at.kind === 'serial') return formatLink({ ...at, unit: id });
  return formatLink({ kind: 'tcp', host: at.host, port, unit: id });
}

interface Where {
  readonly port?: number | undefined;
  readonly listen?: string | undefined;
}

/** The place a checked file names. */
function placeOf({ port: wanted = 0, listen: line }: Where, host: string): Place {
  return line === undefined ? { kind: 'tcp', host, port: wanted } : placeOfLine(line);
}

/** The serial line that `text` names. Trouble: none. */
export function placeOfLine(text: string): Place {
  const line = serialLine(text);
  if (!line.ok) throw new Trouble(`${text}: ${line.detail ?? line.refusal}`, EXIT.usage);
  return line.value;
}

/** A line, not a device on it: a unit or a time to wait would be ignored, and is refused. */
function serialLine(text: string): Result<SerialLink, 'line'> {
  const link = parseLink(text);
  if (!link.ok) return refused('line', link.detail ?? link.refusal);
  if (link.value.kind !== 'serial' || /[?&](unit|timeout)=/.test(text))
    return refused('line', `a serial line is like ${LINE}; the unit is the device's own`);
  return ok(link.value);
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
