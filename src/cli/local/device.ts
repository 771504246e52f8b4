/**
 * A device at the end of a link, for one command: the link read, the profile taken into account, the bus opened and
 * closed again, the frames captured. Trouble ends the command with a sentence and its exit code.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { shippedModels } from '../../io/models.ts';
import {
  captureFile,
  fillLink,
  framingOf,
  linkGaps,
  openBus,
  parseLink,
  serialPorts,
} from '../../io/modbus/mod.ts';
import type { Bus, BusOptions, Capture, Framing, Link } from '../../io/modbus/mod.ts';
import { readProfile, shippedProfiles } from '../../io/profiles.ts';
import {
  linkManners,
  matchProfile,
  readManners,
  requestManners,
  withManners,
} from '../../local/profiles/mod.ts';
import { roleOf } from '../../local/device/mod.ts';
import { discover, modelSet, parseModel } from '../../local/sunspec/mod.ts';
import type { Conversation, ModbusReply, Turn } from '../../local/bus/mod.ts';
import type { Profile } from '../../local/profiles/mod.ts';
import type { DiscoveryOptions, ModelSet, PollOptions, SunSpecDevice } from '../../local/sunspec/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import type { LinkOptions } from './options.ts';
import { sayOf } from './say.ts';
import type { Say } from './say.ts';

/** What a command works with. */
export interface Connected {
  readonly target: string;
  readonly link: Link;
  readonly models: ModelSet;
  readonly profile: Profile | undefined;
  readonly say: Say;
  /** What the operating system said of a link that does not open, or was lost. */
  readonly lastTrouble: () => string | undefined;
  /** For one unit of the link; its own unless told. */
  discovery(unit?: number): DiscoveryOptions & PollOptions;
  run<T>(conversation: Conversation<T>, turn: Turn): Promise<T>;
}

/** Opens what `target` names, lets `work` use it, and closes it, whatever happens. */
export async function withDevice<T>(
  target: string,
  { options, command, bus: more = {} }: { options: LinkOptions; command: Command; bus?: Partial<BusOptions> },
  work: (device: Connected) => Promise<T>,
): Promise<T> {
  const say = sayOf(command);
  const profile = options.profile === undefined ? undefined : await profileOf(options.profile);
  const link = await linkOf(target, profile);
  const models = await modelsWith(options.models);
  const capture = options.pcap === undefined ? undefined : captureOf(options.pcap, framingOf(link));
  const bus = openBus(link, {
    random: Math.random,
    ...(profile === undefined ? {} : linkManners(profile)),
    ...(capture === undefined ? {} : { onTraffic: capture.onTraffic }),
    ...progressOf(say),
    ...more,
  });
  try {
    return await work(connected({ target, link, models, profile, say, bus }));
  } catch (error) {
    throw await withPorts(error, link);
  } finally {
    say.quiet();
    await bus.close();
    capture?.close();
  }
}

/** A serial line that does not open is often another one. */
async function withPorts(error: unknown, link: Link): Promise<unknown> {
  if (!(error instanceof Trouble) || error.code !== EXIT.unreachable || link.kind !== 'serial') return error;
  return new Trouble(`${error.message}\n${portsHere(await serialPorts())}`, error.code);
}

function portsHere(ports: readonly string[]): string {
  if (ports.length === 0) return 'this machine has no serial adapter';
  return ['serial ports here:', ...ports.map(port => `  serial:${port}`)].join('\n');
}

function connected(
  parts: Omit<Connected, 'discovery' | 'run' | 'lastTrouble'> & { readonly bus: Bus },
): Connected {
  const { bus, profile, link, models } = parts;
  let lastTrouble: string | undefined;
  let timedOut = false;
  const manners = profile === undefined ? {} : requestManners(profile);
  const reading = profile === undefined ? {} : readManners(profile);
  return {
    ...parts,
    discovery: (unit = link.unit) => ({ unit, models, ...reading }),
    lastTrouble: () => lastTrouble,
    run: (conversation, turn) => {
      const heard = overhearing(withManners(conversation, manners), reply => {
        if (reply.ok) return;
        // Who is silent is given up in the end, and that is no news.
        if (reply.refusal === 'timeout') timedOut = true;
        else if (reply.refusal === 'disconnected' && !timedOut) lastTrouble = reply.detail;
      });
      return bus.run(heard, turn);
    },
  };
}

/** `conversation`, with every reply shown to `hear` as well. */
function* overhearing<T>(conversation: Conversation<T>, hear: (reply: ModbusReply) => void): Conversation<T> {
  for (let step = conversation.next(); ; ) {
    if (step.done === true) return step.value;
    const reply = yield step.value;
    hear(reply);
    step = conversation.next(reply);
  }
}

function progressOf(say: Say): Pick<BusOptions, 'onExchange'> {
  let requests = 0;
  return {
    onExchange: ({ request }) => {
      requests += 1;
      say.progress(`${requests} requests, register ${request.address} of unit ${request.unit}`);
    },
  };
}

/** The link as written, with the port and unit of the profile where it names none. */
export async function linkOf(target: string, profile?: Profile): Promise<Link> {
  const link = parseLink(target);
  if (!link.ok)
    throw new Trouble(
      `${target === '' ? 'which device?' : `${target}: ${link.detail ?? link.refusal}`}\n${await hint(target)}`,
      EXIT.usage,
    );
  return fillLink(link.value, linkGaps(target), profile?.link ?? {});
}

async function hint(target: string): Promise<string> {
  const forms =
    'links are like tcp://192.0.2.7:502?unit=1 or serial:/dev/ttyUSB0?baud=9600&parity=even&unit=1';
  return target.startsWith('tcp:') ? forms : `${forms}\n${portsHere(await serialPorts())}`;
}

/** Trouble: no shipped profile of that name, or a file that is none. */
export async function profileOf(nameOrPath: string): Promise<Profile> {
  const profile = await readProfile(nameOrPath);
  if (!profile.ok) throw new Trouble(profile.detail ?? profile.refusal, EXIT.usage);
  return profile.value;
}

/** The shipped models, and those of a folder, which go before shipped ones of the same id. */
export async function modelsWith(folder: string | undefined): Promise<ModelSet> {
  const shipped = await shippedModels();
  if (folder === undefined) return shipped;
  const names = await readdir(folder).catch(() => {
    throw new Trouble(`${folder}: there is no such folder`, EXIT.usage);
  });
  const own = await Promise.all(
    names.filter(name => /^model_\d+\.json$/.test(name)).map(name => modelIn(join(folder, name))),
  );
  const set = modelSet(own);
  if (!set.ok) throw new Trouble(`${folder}: ${set.detail}`, EXIT.usage);
  return new Map([...shipped, ...set.value]);
}

async function modelIn(path: string): Promise<unknown> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    const model = parseModel(json);
    if (model.ok) return json;
    throw new Trouble(`${path}: ${model.detail}`, EXIT.usage);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Trouble(`${path}: ${error.message}`, EXIT.usage);
    throw error;
  }
}

/** Trouble: the file cannot be written. */
export function captureOf(path: string, framing: Framing): Capture {
  try {
    return captureFile(path, framing === 'rtu' ? 'serial' : 'tcp');
  } catch (error) {
    throw new Trouble(`${path}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage);
  }
}

/** A gateway answers for a unit that is not there with these two: path unavailable, target failed to respond. */
const NOBODY = [10, 11];

/** Whether anybody is at `unit`, whatever it answers. */
export function* probe(unit: number): Conversation<'answers' | 'nobody' | 'no-link'> {
  const reply = yield { kind: 'read', unit, space: 'holding', address: 40_000, count: 2 };
  if (reply.ok) return 'answers';
  if (reply.refusal === 'disconnected') return 'no-link';
  const refusedByDevice = reply.exception !== undefined && !NOBODY.includes(reply.exception);
  return refusedByDevice ? 'answers' : 'nobody';
}

/** The devices of the link's unit. Trouble: nobody there, or no SunSpec device. */
export async function discovered(device: Connected): Promise<readonly SunSpecDevice[]> {
  const { profile } = device;
  if (profile?.sunspec?.none === true) {
    const { knownByOwn } = await import('./own.ts');
    return knownByOwn(device, profile);
  }
  const found = await device.run(discover(device.discovery()), 'read');
  if (!found.ok) tellNotes(device);
  if (!found.ok) throw troubleOf(device, found);
  if (found.value.end.how === 'silent')
    throw new Trouble(
      `${device.target}: fell silent at register ${found.value.end.address} while its models were listed`,
      EXIT.unreachable,
    );
  return found.value.devices;
}

const WHAT_TO_DO: Readonly<Record<string, string>> = {
  unreachable: 'nobody answers. Is it switched on, and the unit right (scan --units 1-247 looks for it)?',
  'no-marker':
    'a Modbus device answers, but it is no SunSpec device at this unit. Is SunSpec switched on? A product without a map is known by its profile (underglass profile list)',
  silent: 'it stopped answering',
};
const NO_LINK = 'no connection. Is the address right, and Modbus switched on?';

/** `unreachable` and `silent` are exit code 3, everything else 1. */
export function troubleOf(
  { target, lastTrouble }: Pick<Connected, 'target' | 'lastTrouble'>,
  { refusal, detail }: { readonly refusal: string; readonly detail?: string },
): Trouble {
  const unreachable = refusal === 'unreachable' || refusal === 'silent';
  const link = unreachable ? lastTrouble() : undefined;
  // An exception is more than silence: somebody is there, who says why not.
  const isSilence = unreachable && detail?.startsWith('exception') !== true;
  const why = isSilence ? undefined : detail;
  const says =
    link !== undefined ? [link, NO_LINK] : unreachable && !isSilence ? [why] : [why, WHAT_TO_DO[refusal]];
  const sentence = says.filter(text => text !== undefined).join('; ');
  return new Trouble(`${target}: ${sentence}`, unreachable ? EXIT.unreachable : EXIT.failed);
}

/** A profile is found by the name of a maker, who also makes other things. */
function likeness(found: SunSpecDevice, { profile, title, role, match }: Profile): string {
  const isOther = roleOf(found) === 'meter' && role !== 'meter';
  if (!isOther) return `this looks like ${title}; --profile ${profile} minds its manners`;
  const maker = match.manufacturer[0] ?? '';
  return `this is a meter by ${maker}; where it is reached through an inverter of theirs, --profile ${profile} (${title}) minds the manners of that`;
}

/** What the profile has for a person whose device cannot be found. */
export function tellNotes({ profile, say }: Pick<Connected, 'profile' | 'say'>): void {
  for (const note of profile?.notes ?? []) say.talk(`note: profile ${profile?.profile}: ${note}`);
}

/** Tells of a shipped profile that fits and was not asked for. */
export async function suggestProfile(device: Connected, found: readonly SunSpecDevice[]): Promise<void> {
  if (device.profile !== undefined) return;
  const profiles = await shippedProfiles();
  for (const each of found) {
    const profile = matchProfile(profiles.values(), each);
    if (profile === undefined) continue;
    device.say.talk(`note: ${likeness(each, profile)}`);
    return;
  }
}
