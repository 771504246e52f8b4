/**
 * A device made of what another one said: the registers of a saved scan, served word by word. What could not be read
 * there is refused here. Points that its models call writable, and that are implemented, take what is written and
 * hold it; nothing else ever changes.
 */
import { EXCEPTION } from '../local/bus/mod.ts';
import type { Conversation, ModbusReply, ModbusRequest } from '../local/bus/mod.ts';
import type { ModelDef, ModelSet, PlacedGroup, Words } from '../local/sunspec/mod.ts';
import { decodeRaw, discover, place } from '../local/sunspec/mod.ts';
import type { Unit } from './server.ts';

export interface RecordedOptions {
  readonly unit: number;
  /** Blocks of registers: the address of the first, and the words from there on. */
  readonly registers: readonly { readonly address: number; readonly words: readonly number[] }[];
  /** To know what may be written. */
  readonly models: ModelSet;
}

export function recordedUnit({ unit, registers, models }: RecordedOptions): Unit {
  const words = new Map<number, number>();
  for (const block of registers)
    for (const [at, word] of block.words.entries()) words.set(block.address + at, word);
  const writable = writableRegisters(unit, words, models);
  return {
    unit,
    read: (address, count) => readWords(words, address, count) ?? { exception: EXCEPTION.illegalAddress },
    write: (address, values) => {
      if (values.some((_, at) => !writable.has(address + at))) return { exception: EXCEPTION.illegalAddress };
      for (const [at, value] of values.entries()) words.set(address + at, value);
      return undefined;
    },
  };
}

function readWords(
  words: ReadonlyMap<number, number>,
  address: number,
  count: number,
): readonly number[] | undefined {
  const found: number[] = [];
  for (let at = address; at < address + count; at++) {
    const word = words.get(at);
    if (word === undefined) return undefined;
    found.push(word);
  }
  return found;
}

/** Registers of implemented points with access RW, in every model that the map of `words` has. */
function writableRegisters(
  unit: number,
  words: ReadonlyMap<number, number>,
  models: ModelSet,
): ReadonlySet<number> {
  const writable = new Set<number>();
  const found = converse(discover({ unit, models }), words);
  for (const { id, address, length } of found.ok ? found.value.devices.flatMap(each => each.models) : []) {
    const def = models.get(id);
    if (def === undefined) continue;
    const its = Array.from({ length: length + 2 }, (_, at) => words.get(address + at));
    for (const offset of writableOffsets(placed(def, its), its)) writable.add(address + offset);
  }
  return writable;
}

function placed(def: ModelDef, words: Words): PlacedGroup {
  return place(def, words.length, point => {
    const count = decodeRaw(point.def, words, point.offset);
    return typeof count === 'number' && count >= 0 ? count : undefined;
  });
}

function* writableOffsets(group: PlacedGroup, words: Words): Generator<number> {
  for (const { def, offset } of group.points.values())
    if (def.access === 'RW' && decodeRaw(def, words, offset) !== undefined)
      for (let at = offset; at < offset + def.size; at++) yield at;
  for (const instances of group.groups.values())
    for (const instance of instances) yield* writableOffsets(instance, words);
}

/** Holds a conversation with the registers themselves. */
function converse<T>(conversation: Conversation<T>, words: ReadonlyMap<number, number>): T {
  let step = conversation.next();
  while (step.done !== true) step = conversation.next(answer(step.value, words));
  return step.value;
}

function answer(request: ModbusRequest, words: ReadonlyMap<number, number>): ModbusReply {
  const found = request.kind === 'read' ? readWords(words, request.address, request.count) : undefined;
  if (found !== undefined) return { ok: true, words: found };
  return { ok: false, refusal: 'exception', retry: 'never', exception: EXCEPTION.illegalAddress };
}
