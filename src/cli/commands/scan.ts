/**
 * `underglass scan LINK`: what a device is and all it says. Finds the SunSpec map, reads every model, and tells what
 * is odd about it. With `--save` the raw words are kept, and `underglass sim --from` makes a device of them.
 */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Profile } from '../../local/profiles/mod.ts';
import type { Registers, SavedScan, SavedUnit, Scan } from '../../local/sunspec/mod.ts';
import type { Connected } from '../local/device.ts';
import { withLinkOptions } from '../local/options.ts';
import type { OwnRegisters } from '../local/saved.ts';
import type { LinkOptions } from '../local/options.ts';
import { EXIT, Trouble } from '../exit.ts';

interface ScanOptions extends LinkOptions {
  readonly save?: string;
  readonly units?: string;
  readonly brief?: true;
}

export function addScan(program: Command): void {
  withLinkOptions(program.command('scan [link]'))
    .description('find out what a device is, and read all of it')
    .option('--brief', 'its models only, not their points')
    .option('--save <file>', 'keep every register: underglass sim --from FILE makes a device of it')
    .option('--units <list>', 'look at these unit ids, like 1-247 or 1,3,126; then the answer is a list')
    .action((link: string | undefined, options: ScanOptions, command: Command) =>
      run(link ?? '', options, command),
    );
}

async function run(target: string, options: ScanOptions, command: Command): Promise<void> {
  const { withDevice } = await import('../local/device.ts');
  const wanted = options.units === undefined ? undefined : parseUnits(options.units);
  const units = wanted && (await findUnits(target, wanted, { options, command }));
  await withDevice(target, { options, command }, async device => {
    if (device.profile?.sunspec?.none === true) return tellOwn(device, device.profile, options);
    const seen: Seen[] = [];
    for (const unit of units ?? [device.link.unit])
      seen.push(...(await look(device, unit, units !== undefined)));
    if (seen.length === 0)
      throw new Trouble(`${target}: units ${units?.join(', ')} answer, but none is a SunSpec device`);
    await tell(device, seen, options);
    if (options.save !== undefined) await save(options.save, device, seen);
    const cutShort = seen.some(({ scan }) => scan.end.how === 'silent');
    if (cutShort) throw new Trouble(`${target}: fell silent before the end of its map`, EXIT.unreachable);
  });
}

/** A device without a map: what its profile's points say. Looking for a map would read what some must not be asked. */
async function tellOwn(device: Connected, profile: Profile, options: ScanOptions): Promise<void> {
  const { say, target } = device;
  if (options.units !== undefined)
    throw new Trouble(
      `${target}: profile ${profile.profile} is for a device without a SunSpec map; --units needs one`,
      EXIT.usage,
    );
  const { discovered } = await import('../local/device.ts');
  const { readableOf } = await import('../local/own.ts');
  const { recordOwn, savedUnit } = await import('../local/saved.ts');
  const { parseName, shown } = await import('../local/points.ts');
  const { readPoints } = await import('../local/reading.ts');
  const { valueJson } = await import('../../local/sunspec/mod.ts');
  const devices = await discovered(device);
  const rows = await readPoints(device, devices, readableOf(profile).map(parseName));
  const points = Object.fromEntries(rows.map(({ name, value }) => [name, valueJson(value)]));
  const scan = { target, base: null, devices: [{ model: profile.title, models: [], points }] };
  if (options.save !== undefined) {
    const own = await recordOwn(device, devices[0]);
    const units = [...own].map(([unit, its]) => savedUnit(unit, { own: its, scan }));
    await saveUnits(options.save, device, units);
  }
  if (options.json === true) return say.json(scan);
  say.out(`${target}: ${profile.title}, no SunSpec map; by its own registers:`);
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const row of rows) say.out(`  ${row.name.padEnd(width)}  ${shown(row)}`);
}

/** What one unit said. */
interface Seen {
  readonly unit: number;
  /** The link, with the unit where it was searched for. */
  readonly target: string;
  readonly scan: Scan;
  readonly registers: Registers;
  /** Of its profile's points, by unit. */
  readonly own: ReadonlyMap<number, OwnRegisters>;
}

/** One unit, in full. Of several, one that is no SunSpec device is told of and passed over. */
async function look(device: Connected, unit: number, searched: boolean): Promise<readonly Seen[]> {
  const { readUnread, recording, scan } = await import('../../local/sunspec/mod.ts');
  const { formatLink } = await import('../../io/modbus/mod.ts');
  const { tellNotes, troubleOf } = await import('../local/device.ts');
  const { recordOwn } = await import('../local/saved.ts');
  const registers: Registers = new Map();
  const target = searched ? formatLink({ ...device.link, unit }) : device.target;
  const found = await device.run(recording(scan(device.discovery(unit)), registers), 'read');
  if (!found.ok) {
    const trouble = troubleOf({ ...device, target }, found);
    if (!searched) tellNotes(device);
    if (!searched) throw trouble;
    device.say.talk(trouble.message);
    return [];
  }
  const devices = found.value.devices.map(each => each.device);
  await device.run(readUnread(unit, devices, registers), 'read');
  const own = await recordOwn(device, devices[0]);
  return [{ unit, target, scan: found.value, registers, own }];
}

async function tell(device: Connected, seen: readonly Seen[], options: ScanOptions): Promise<void> {
  const { toScanJson } = await import('../../local/sunspec/mod.ts');
  const { describeScan, oddities } = await import('../local/scanned.ts');
  const { suggestProfile } = await import('../local/device.ts');
  const { say, models } = device;
  if (options.json === true) {
    const all = seen.map(({ target, scan }) => toScanJson(target, scan));
    say.json(options.units === undefined ? all[0] : all);
  } else
    for (const { target, scan } of seen) {
      say.out(`${target}: ${describeScan(scan, models, { brief: options.brief === true }).join('\n')}\n`);
    }
  for (const { scan } of seen) {
    for (const oddity of oddities(scan, models)) say.talk(`note: ${oddity}`);
    await suggestProfile(
      device,
      scan.devices.map(each => each.device),
    );
  }
}

async function save(path: string, device: Connected, seen: readonly Seen[]): Promise<void> {
  const { toScanJson } = await import('../../local/sunspec/mod.ts');
  const { savedUnit } = await import('../local/saved.ts');
  const units = seen.map(({ unit, target, scan, registers, own }) =>
    savedUnit(unit, { map: registers, own: own.get(unit), scan: toScanJson(target, scan) }),
  );
  const others = seen.flatMap(({ own }) =>
    [...own].filter(([unit]) => !units.some(each => each.unit === unit)),
  );
  await saveUnits(path, device, [
    ...units,
    ...[...new Map(others)].map(([unit, own]) => savedUnit(unit, { own, scan: null })),
  ]);
}

async function saveUnits(path: string, device: Connected, units: readonly SavedUnit[]): Promise<void> {
  const file: SavedScan = {
    format: 'underglass-scan',
    version: 1,
    target: device.target,
    savedAt: new Date().toISOString(),
    units: [...units],
  };
  await writeFile(path, `${JSON.stringify(file)}\n`).catch((error: unknown) => {
    throw new Trouble(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  });
  const blocks = units.flatMap(({ registers, input = [] }) => [...registers, ...input]);
  const words = blocks.reduce((sum, block) => sum + block.words.length, 0);
  device.say.talk(`saved ${words} registers to ${path}; underglass sim --from ${path} serves them`);
}

/** `1-247`, `1,3,126`. */
function parseUnits(text: string): readonly number[] {
  const units = text.split(',').flatMap(part => {
    const [, low, high = low] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(part.trim()) ?? [];
    const [from, to] = [Number(low), Number(high)];
    if (low === undefined || from > to || to > 255)
      throw new Trouble(`--units ${text}: a list like 1-247 or 1,3,126, each 0 to 255`, EXIT.usage);
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  });
  return [...new Set(units)];
}

/** A unit that is there answers within this, whatever it answers. 247 units take 75 s where none does. */
const PROBE_MS = 300;

/** Those of `units` that answer at all. Trouble when none does. */
async function findUnits(
  target: string,
  units: readonly number[],
  { options, command }: { options: ScanOptions; command: Command },
): Promise<readonly number[]> {
  const { probe, troubleOf, withDevice } = await import('../local/device.ts');
  const { pcap: _, ...quietly } = options;
  const bus = { timeoutMs: PROBE_MS, timeoutsMax: Number.POSITIVE_INFINITY };
  return withDevice(target, { options: quietly, command, bus }, async device => {
    const there: number[] = [];
    for (const unit of units) {
      const heard = await device.run(probe(unit), 'read');
      if (heard === 'no-link') throw troubleOf(device, { refusal: 'unreachable' });
      if (heard === 'answers') there.push(unit);
    }
    device.say.talk(`units that answer: ${there.join(', ') || 'none'}`);
    if (there.length === 0) throw new Trouble(`${target}: none of these units answers`, EXIT.unreachable);
    return there;
  });
}
