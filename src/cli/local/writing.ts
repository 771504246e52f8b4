/**
 * Points written and read back. Points whose registers follow each other go in one request, in the order they are
 * given, for some groups act only as a whole. Nothing counts because a device acknowledged it: what the registers
 * hold afterwards decides, and they are given the second that SunSpec allows.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Conversation, ModbusReply } from '../../local/bus/mod.ts';
import { MAX_WRITE, changedNothing } from '../../local/bus/mod.ts';
import type { ModelInstance, PointDef, Value } from '../../local/sunspec/mod.ts';
import { describeFailure, encodePoint, readOnce } from '../../local/sunspec/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import type { Connected } from './device.ts';
import { ownBlock } from './own.ts';
import { isOwn, noPoint, rowAt, rowsOf } from './points.ts';
import type { Name, PointName, Row } from './points.ts';
import type { ReadModel } from './reading.ts';

/** One point with its new value, not yet as registers. */
export interface Order {
  readonly name: Name;
  readonly text: string;
}

/** Registers of one request. */
export interface Block {
  readonly unit: number;
  readonly address: number;
  readonly words: readonly number[];
  /** Registers of each point. */
  readonly values: readonly number[];
  /** The points in it, as written. */
  readonly names: readonly string[];
  /** The one function that writes it, where the device's profile says so. */
  readonly functionCode?: 6 | 16;
}

export interface Verdict {
  readonly result: 'implemented' | 'refused' | 'unknown';
  /** Always there unless implemented. */
  readonly why?: string;
}

/** SunSpec gives a device this long to show what was written to it. */
const READ_AFTER_WRITE_MS = 1000;
const LOOK_EVERY_MS = 100;

/** `704.WMaxLimPct=50`. */
export function parseOrder(text: string, parse: (text: string) => Name): Order {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1)
    throw new Trouble(`${text}: a point and its value, like 704.WMaxLimPct=50`, EXIT.usage);
  const name = parse(text.slice(0, at));
  if (!isOwn(name) && name.path === undefined)
    throw new Trouble(`${text}: which point of model ${name.model}?`, EXIT.usage);
  return { name, text: text.slice(at + 1) };
}

/** The requests that carry out `orders`, in their order; points of models with the model they were read from. */
export function blocksFor(
  orders: readonly Order[],
  device: Connected,
  modelOf: (name: PointName) => ReadModel | undefined,
): readonly Block[] {
  const blocks: Block[] = [];
  for (const order of orders) {
    const block = blockOf(order, device, modelOf);
    if (block === undefined) continue;
    const last = blocks.at(-1);
    const follows = last !== undefined && last.address + last.words.length === block.address;
    const fits =
      last !== undefined &&
      last.words.length + block.words.length <= MAX_WRITE &&
      last.functionCode === block.functionCode &&
      block.functionCode !== 6;
    if (follows && fits && last.unit === block.unit)
      blocks[blocks.length - 1] = {
        ...last,
        words: [...last.words, ...block.words],
        values: [...last.values, ...block.values],
        names: [...last.names, ...block.names],
      };
    else blocks.push(block);
  }
  return blocks;
}

function blockOf(
  { name, text }: Order,
  device: Connected,
  modelOf: (name: PointName) => ReadModel | undefined,
): Block | undefined {
  const its = {
    names: [name.text],
    ...functionOf(device, isOwn(name) ? name.own : `${name.model}.${name.path}`),
  };
  if (isOwn(name)) {
    const block = ownBlock(device, name, text);
    return oneValue({ ...block, values: [block.words.length], ...its });
  }
  const model = modelOf(name);
  if (model === undefined) return undefined;
  const { offset, words } = encoded({ name, text }, model);
  const address = model.entry.address + offset;
  return oneValue({ unit: model.device.unit, address, words, values: [words.length], ...its });
}

/** What a control of the profile says of its points holds for them by whomever they are written. */
function functionOf({ profile }: Connected, target: string): Pick<Block, 'functionCode'> {
  for (const { functionCode, steps, release } of Object.values(profile?.controls ?? {})) {
    const all = [...steps, ...('steps' in release ? release.steps : [])];
    if (functionCode !== undefined && all.some(step => step.write === target)) return { functionCode };
  }
  return {};
}

/** Trouble: half of it would be another value. */
function oneValue(block: Block): Block {
  if (block.functionCode !== 6 || block.words.length === 1) return block;
  throw new Trouble(
    `${block.names.join()}: it has ${block.words.length} registers, and the profile says that the device takes one in one write (functionCode: 6); nothing was written`,
  );
}

interface PointOrder {
  readonly name: PointName;
  readonly text: string;
}

function encoded(
  { name, text }: PointOrder,
  { def, instance }: ReadModel,
): { readonly offset: number; readonly words: readonly number[] } {
  const path = name.path ?? '';
  const rows = rowsOf(def, instance);
  const row = rowAt(rows, path);
  if (row === undefined) throw noPoint(name, def, rows);
  const its = around(path, rows, instance);
  const encodedPoint = encodePoint(def, path, valueOf(row, { name, text }), its);
  if (encodedPoint.ok) return encodedPoint.value;
  const { refusal, detail } = encodedPoint;
  const steps =
    refusal === 'out-of-range' && its.scaleFactor ? `, in steps of ${stepOf(its.scaleFactor)}` : '';
  throw new Trouble(
    `${name.text}=${text}: ${detail ?? refusal}${steps}`,
    refusal === 'no-scale-factor' ? EXIT.failed : EXIT.usage,
  );
}

function stepOf(exponent: number): string {
  return exponent < 0 ? (1 / 10 ** -exponent).toFixed(-exponent) : String(10 ** exponent);
}

/**
 * What a person should know who asked for a number between two steps of the device and got the nearest; `undefined`
 * where the point holds what was asked. A float holds what a float can.
 */
export function roundingOf(
  { name, text }: Order,
  { def, value }: Pick<Row, 'def' | 'value'>,
): string | undefined {
  if (value === undefined || def.type.startsWith('float')) return undefined;
  const asked = isOwn(name) ? Number(text) : valueOf({ def }, { name, text });
  if (typeof asked === 'string' || typeof value === 'string' || Number(asked) === Number(value))
    return undefined;
  return `${name.text}=${text}: between two steps of the device; it holds ${value}`;
}

/** A number, a name of an enum's value or of a bitfield's bits (joined by `|`), or text, as the point has it. */
function valueOf({ def }: Pick<Row, 'def'>, { text, name }: Pick<Order, 'text' | 'name'>): Value {
  if (['string', 'ipaddr', 'ipv6addr', 'eui48'].includes(def.type)) return text;
  if (/^([+-]?\d+|0x[0-9a-fA-F]+)$/.test(text)) {
    const whole = narrow(BigInt(text.replace(/^\+/, '')));
    if (isKnown(def, whole)) return whole;
  } else if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
  const known = def.symbols ?? {};
  const numbers = text.split('|').map(symbol => known[symbol]);
  if (numbers.every(number => number !== undefined) && (numbers.length === 1 || isBitfield(def)))
    return isBitfield(def)
      ? narrow(numbers.reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n))
      : (numbers[0] ?? 0);
  const names = Object.keys(known);
  const hint = names.length > 0 ? `it takes ${names.join(', ')}, or their numbers` : 'it takes a number';
  throw new Trouble(`${name.text}=${text}: ${hint}`, EXIT.usage);
}

function narrow(whole: bigint): number | bigint {
  return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
}

/** An enum has the values its definition names. Where makers have more, a definition of theirs says so. */
function isKnown(def: PointDef, value: number | bigint): boolean {
  if (!def.type.startsWith('enum') || def.symbols === undefined) return true;
  return Object.values(def.symbols).some(number => number === value);
}

function isBitfield(def: PointDef): boolean {
  return def.type.startsWith('bitfield');
}

/** What the device says around the point: its scale factor, and the counts of groups. */
function around(
  path: string,
  rows: readonly Row[],
  instance: ModelInstance,
): { scaleFactor?: number; counts: Record<string, number> } {
  const counts: Record<string, number> = {};
  for (const [name, value] of Object.entries(instance.points))
    if (typeof value === 'number') counts[name] = value;
  const scopes = path.split('.').slice(0, -1);
  for (let depth = 1; depth <= scopes.length; depth++) {
    const prefix = `${scopes.slice(0, depth).join('.')}.`;
    for (const row of rows)
      if (
        typeof row.value === 'number' &&
        !row.path.slice(prefix.length).includes('.') &&
        rowAt([row], prefix + row.def.name) !== undefined
      )
        counts[row.def.name] = row.value;
  }
  const sf = rowAt(rows, path)?.def.sf;
  const scaleFactor = typeof sf === 'string' ? counts[sf] : undefined;
  return { counts, ...(scaleFactor === undefined ? {} : { scaleFactor }) };
}

/** Writes the blocks in their order; stops at the first that did not take effect. */
export async function writeBlocks(device: Connected, blocks: readonly Block[]): Promise<Verdict> {
  for (const [at, block] of blocks.entries()) {
    const verdict = await writeBlock(device, block);
    if (verdict.result === 'implemented') continue;
    const rest = blocks.slice(at + 1).flatMap(({ names }) => names);
    const unwritten = rest.length === 0 ? '' : `; not written: ${rest.join(', ')}`;
    return { ...verdict, why: `${block.names.join(', ')}: ${verdict.why ?? ''}${unwritten}` };
  }
  return { result: 'implemented' };
}

async function writeBlock(device: Connected, block: Block): Promise<Verdict> {
  const reply = await device.run(write(block), 'write');
  if (!reply.ok && reply.refusal === 'too-long')
    return {
      result: 'refused',
      why: `${describeFailure(reply)} (link.writeWith or link.maxWrite of its profile); nothing was written`,
    };
  if (!reply.ok && changedNothing(reply))
    return { result: 'refused', why: `the device answers ${exceptionText(reply.exception)}` };
  const until = performance.now() + READ_AFTER_WRITE_MS;
  for (;;) {
    const held = await device.run(readBack(block), 'write');
    if (held.ok && held.words.every((word, at) => word === block.words[at])) return { result: 'implemented' };
    if (performance.now() >= until) return judged(reply, held);
    await wait(LOOK_EVERY_MS);
  }
}

/** Modbus Application Protocol 1.1b3, chapter 7. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'device failure',
  5: 'acknowledge, it needs longer',
  6: 'busy',
};

function exceptionText(code = 0): string {
  const words = EXCEPTIONS[code];
  return words === undefined ? `exception ${code}` : `exception ${code} (${words})`;
}

function judged(reply: ModbusReply, held: ModbusReply): Verdict {
  if (!held.ok)
    return {
      result: 'unknown',
      why: `${reply.ok ? 'acknowledged' : describeFailure(reply)}, and reading it back gives ${describeFailure(held)}`,
    };
  const says = reply.ok ? 'acknowledged' : `the write got ${describeFailure(reply)}`;
  const words = held.words.map(word => `0x${word.toString(16).padStart(4, '0')}`).join(' ');
  return {
    result: 'refused',
    why: `${says}, but after ${READ_AFTER_WRITE_MS} ms the registers hold ${words}`,
  };
}

/** Function 6 for one register, 16 for several, as SunSpec has it; a profile may know better. */
function* write({ unit, address, words, values, functionCode }: Block): Conversation<ModbusReply> {
  const how = words.length === 1 && functionCode !== 16 ? 'single' : 'multiple';
  return yield { kind: 'write', unit, address, words, values, how };
}

function* readBack({ unit, address, words }: Block): Conversation<ModbusReply> {
  return yield* readOnce(unit, { from: address, to: address + words.length });
}
