/**
 * A device made of what another one said: the registers of a saved scan, served word by word. What could not be read
 * there is refused here. Points that its models call writable, and that are implemented, take what is written and
 * hold it, and so do registers of the maker's own that its profile writes; nothing else ever changes.
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
  /** Where they are others than the holding registers. */
  readonly input?: readonly { readonly address: number; readonly words: readonly number[] }[] | undefined;
  /** Registers of the maker's own that take something. One that was never read takes it and does not show it. */
  readonly writable?: readonly number[] | undefined;
  /** To know what may be written. */
  readonly models: ModelSet;
}

export function recordedUnit({ unit, registers, input, writable: own = [], models }: RecordedOptions): Unit {
  const words = wordsOf(registers);
  const writable = new Set([...writableRegisters(unit, words, models), ...own]);
  const inputs = input && wordsOf(input);
  return {
    unit,
    read: (address, count) => readWords(words, address, count) ?? { exception: EXCEPTION.illegalAddress },
    write: (address, values) => {
      if (values.some((_, at) => !writable.has(address + at))) return { exception: EXCEPTION.illegalAddress };
      for (const [at, value] of values.entries()) if (words.has(address + at)) words.set(address + at, value);
      return undefined;
    },
    ...(inputs === undefined
      ? {}
      : {
          readInput: (address, count) =>
            readWords(inputs, address, count) ?? { exception: EXCEPTION.illegalAddress },
        }),
  };
}

function wordsOf(blocks: RecordedOptions['registers']): Map<number, number> {
  return new Map(
    blocks.flatMap(({ address, words }) => words.map((word, at) => [address + at, word] as const)),
  );
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
