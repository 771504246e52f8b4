/**
 * Finding what a device is: the marker, then the chain of models behind it, each told by its id and skipped
 * by its length. Devices in the field end the chain in many ways and some put several devices into one
 * chain; what is found is returned with how it ended. Values are read afterwards, by poll.
 */
import { type Result, ok, refused } from '../../base/assert.ts';
import { type Conversation, isPutOff } from '../bus/conversation.ts';
import { type ModelDef, type ModelSet, ownWords } from './definition.ts';
import { decodeModel } from './codec.ts';
import {
  MAX_READ,
  type ReadFailure,
  describeFailure,
  firstPiece,
  isRefused,
  readAround,
  readOnce,
} from './read.ts';
import { seamsOf } from './seams.ts';
import type { Value } from './value.ts';

/** Where the marker may stand (SunSpec Device Information Model Specification 1.2, 6.2), most common first. */
export const BASES: readonly number[] = [40_000, 0, 50_000];
/** Most models of one chain: twice what is defined. Beyond it the walk ends as `limit`: these are no models. */
export const MAX_MODELS = 256;

const MARKER = [0x5375, 0x6e53]; // SunS
const REGISTERS = 0x1_0000;
const COMMON = 1;
const END_ID = 0xffff;

/** A model in the chain. */
export interface ModelEntry {
  readonly id: number;
  /** `null`: no definition of it is known; it was skipped by its length. */
  readonly name: string | null;
  /** Address of the ID register, 0-based. */
  readonly address: number;
  /** Words behind the L register. */
  readonly length: number;
  /** What the L register says where that cannot be so and {@link length} is the definition's. */
  readonly claims?: number;
}

/** One device: a common model and what follows it, up to the next common model. */
export interface SunSpecDevice {
  readonly unit: number;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly version?: string;
  /** In the order of the chain; the same id may stand in it several times. */
  readonly models: readonly ModelEntry[];
}

/**
 * How the chain ended. `end-model`: as it should. `zero`: with a 0 for an id. `refused`: the device would not
 * read on. `silent`: it stopped answering, so models may be missing. `limit`: no end in sight.
 */
export type ChainEnd = 'end-model' | 'zero' | 'refused' | 'silent' | 'limit';

export interface Discovery {
  readonly base: number;
  readonly devices: readonly SunSpecDevice[];
  readonly end: { readonly how: ChainEnd; readonly address: number };
}

/** `unreachable`: no answer at any base. `no-marker`: answers, but is no SunSpec device. `byte-order`: one with its bytes or words swapped. */
export type DiscoveryRefusal = 'unreachable' | 'no-marker' | 'byte-order';

export interface DiscoveryOptions {
  readonly unit: number;
  readonly models: ModelSet;
  /** Bases to try before the usual ones. */
  readonly bases?: readonly number[];
  /** Words behind the L register by model id, where a device is known to state another length than it has. */
  readonly lengths?: Readonly<Record<number, number>>;
  /** Most registers of one request, where the device takes fewer than {@link MAX_READ}. */
  readonly maxRead?: number;
}

/** Looks for the marker, walks the chain and reads who each device says it is. */
export function* discover(options: DiscoveryOptions): Conversation<Result<Discovery, DiscoveryRefusal>> {
  const found = yield* findMarker(options);
  if (!found.ok) return found;
  const { entries, end } = yield* walk(options, found.value);
  const devices: SunSpecDevice[] = [];
  for (const models of byDevice(entries)) devices.push({ ...(yield* identify(options, models[0])), models });
  return ok({ base: found.value, devices, end });
}

const NOT_REACHED = 'a gateway on the way does not reach the device; is it switched on, and the unit right?';
const ASK_AGAIN = 'it is busy; a profile that names the exception in link.retryOn has it asked again';

function* findMarker({ unit, bases = [] }: DiscoveryOptions): Conversation<Result<number, DiscoveryRefusal>> {
  let answer = false;
  let failure: ReadFailure | undefined;
  for (const base of new Set([...bases, ...BASES])) {
    const reply = yield* readOnce(unit, { from: base, to: base + MARKER.length });
    if (reply.ok && same(reply.words, MARKER)) return ok(base);
    if (reply.ok && isSwapped(reply.words))
      return refused(
        'byte-order',
        `the marker at ${base} has its bytes or words swapped; set the device to big-endian`,
      );
    if (!reply.ok && isPutOff(reply))
      return refused(
        'unreachable',
        `${describeFailure(reply)} at ${base}: ${reply.exception === 6 || reply.exception === 5 ? ASK_AGAIN : NOT_REACHED}`,
        'later',
      );
    answer ||= reply.ok || reply.refusal === 'exception';
    if (!reply.ok) failure = reply;
    if (failure?.refusal === 'disconnected') break;
  }
  if (answer) return refused('no-marker', 'the device answers, but SunS stands at none of the bases');
  return refused('unreachable', failure && describeFailure(failure), 'later');
}

interface Chain {
  readonly entries: readonly ModelEntry[];
  readonly end: Discovery['end'];
}

function* walk({ unit, models, lengths = {} }: DiscoveryOptions, base: number): Conversation<Chain> {
  const entries: ModelEntry[] = [];
  let address = base + MARKER.length;
  while (entries.length < MAX_MODELS) {
    const header = yield* readHeader(unit, address);
    if (typeof header === 'string') return { entries, end: { how: header, address } };
    const def = models.get(header.id);
    const length =
      lengths[header.id] ??
      (def === undefined ? header.length : yield* trueLength({ unit, models, address, def }, header.length));
    // No device has these registers: what stands here is no model, whatever its id says.
    if (address + 2 + length > REGISTERS) break;
    const claims = length === header.length ? {} : { claims: header.length };
    entries.push({ id: header.id, name: def?.name ?? null, address, length, ...claims });
    address += 2 + length;
  }
  return { entries, end: { how: 'limit', address } };
}

function* readHeader(
  unit: number,
  address: number,
): Conversation<{ readonly id: number; readonly length: number } | ChainEnd> {
  if (address >= REGISTERS) return 'limit';
  let reply = yield* readOnce(unit, { from: address, to: Math.min(address + 2, REGISTERS) });
  // Kostal ends its map with a single register: two of them are a hole, the one is not.
  if (!reply.ok && isRefused(reply)) reply = yield* readOnce(unit, { from: address, to: address + 1 });
  if (!reply.ok) return isRefused(reply) ? 'refused' : 'silent';
  const [id, length] = reply.words;
  if (id === END_ID) return 'end-model';
  if (id === undefined || id === 0) return 'zero';
  return length === undefined ? 'refused' : { id, length };
}

/**
 * The length to go on by. A device that states a wrong one leads nowhere: where a model of fixed size claims
 * another size, and no known model or end stands behind the claim but one stands behind the defined size, the
 * definition is believed.
 */
function* trueLength(
  { unit, models, address, def }: { unit: number; models: ModelSet; address: number; def: ModelDef },
  claimed: number,
): Conversation<number> {
  const defined = ownWords(def) - 2;
  if (claimed === defined || (def.groups ?? []).length > 0) return claimed;
  const leadsOn = function* (length: number): Conversation<boolean> {
    const next = yield* readHeader(unit, address + 2 + length);
    return next === 'end-model' || (typeof next !== 'string' && isPlausible(next, models));
  };
  if (yield* leadsOn(claimed)) return claimed;
  return (yield* leadsOn(defined)) ? defined : claimed;
}

/** A known model with room for its points; the common model may lack its pad. */
function isPlausible({ id, length }: { id: number; length: number }, models: ModelSet): boolean {
  const def = models.get(id);
  return def !== undefined && length >= ownWords(def) - 3;
}

/** Each common model begins a further device; what stands before the first belongs to one without a name. */
function byDevice(entries: readonly ModelEntry[]): readonly (readonly ModelEntry[])[] {
  const devices: ModelEntry[][] = [];
  for (const entry of entries) {
    const device = entry.id === COMMON ? undefined : devices.at(-1);
    if (device === undefined) devices.push([entry]);
    else device.push(entry);
  }
  return devices;
}

function* identify(
  { unit, models, maxRead = MAX_READ }: DiscoveryOptions,
  first: ModelEntry | undefined,
): Conversation<Omit<SunSpecDevice, 'models'>> {
  const def = models.get(COMMON);
  if (first?.id !== COMMON || def === undefined) return { unit };
  const end = first.address + 2 + Math.min(first.length, ownWords(def));
  const seams = () => seamsOf(def, first);
  const words: (number | undefined)[] = [];
  for (let from = first.address; from < end; from = first.address + words.length) {
    const reply = yield* readAround(unit, firstPiece({ from, to: end }, seams, maxRead), seams);
    if (!reply.ok) return { unit };
    words.push(...reply.words);
  }
  const { points } = decodeModel(def, words, first.address);
  return {
    unit,
    ...text('manufacturer', points['Mn']),
    ...text('model', points['Md']),
    ...text('serial', points['SN']),
    ...text('version', points['Vr']),
  };
}

/** Blanks are padding, not part of a name. */
function text<K extends string>(key: K, value: Value | undefined): Partial<Record<K, string>> {
  const trimmed = typeof value === 'string' ? value.trim() : '';
  return trimmed === '' ? {} : ({ [key]: trimmed } as Record<K, string>);
}

function same(words: readonly number[], wanted: readonly number[]): boolean {
  return words.every((word, at) => word === wanted[at]);
}

function isSwapped(words: readonly number[]): boolean {
  const swap = (word: number) => ((word & 0xff) << 8) | (word >>> 8);
  const reversed = MARKER.toReversed();
  return [reversed, MARKER.map(swap), reversed.map(swap)].some(wrong => same(words, wrong));
}
