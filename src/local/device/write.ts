/**
 * A phase on its way to the device: what adjoins goes in one request, what belongs together is never torn, and
 * a device that refuses a block is asked piece by piece.
 */
import { type Conversation, type ModbusReply, changedNothing } from '../bus/conversation.ts';
import type { Write } from './steps.ts';

/** A write that was made, and what the device answered. */
export interface Done extends Write {
  readonly reply: ModbusReply;
}

/** Where to, and how: some devices know only one of the functions 6 and 16. */
export interface Door {
  readonly unit: number;
  readonly functionCode?: 6 | 16;
}

/** Modbus Application Protocol 1.1b3, 6.12. */
export const MAX_WRITE = 123;

/**
 * One request where the registers adjoin. A device that refuses the block is asked point by point, guards
 * first. A guard that is refused ends the guards, so that no timer starts towards a value that was not taken.
 */
export function* writePhase(door: Door, writes: readonly Write[]): Conversation<readonly Done[]> {
  const done: Done[] = [];
  for (const block of blocksOf(door, writes)) {
    const refusal = isGuard(block) ? refusedGuard(done) : undefined;
    const reply = refusal ?? (yield* writeWords(door, block));
    const parts = refusal === undefined && !reply.ok && changedNothing(reply) ? unitsOf(block) : [];
    if (parts.length > 1) done.push(...(yield* writeSingly(door, parts)));
    else done.push(...block.map(write => ({ ...write, reply })));
  }
  return done;
}

function* writeSingly(door: Door, units: readonly (readonly Write[])[]): Conversation<readonly Done[]> {
  const done: Done[] = [];
  for (const unit of [...units.filter(isGuard), ...units.filter(each => !isGuard(each))]) {
    const refusal = isGuard(unit) ? refusedGuard(done) : undefined;
    const reply = refusal ?? (yield* writeWords(door, unit));
    done.push(...unit.map(write => ({ ...write, reply })));
  }
  return done;
}

function isGuard(unit: readonly Write[]): boolean {
  return unit.every(write => write.role === 'guard');
}

function refusedGuard(done: readonly Done[]): ModbusReply | undefined {
  return done.find(each => each.role === 'guard' && !each.reply.ok)?.reply;
}

/** SunSpec since 2024: FC 6 for one register. Some devices know only the other function: exception 1 says so. */
function* writeWords({ unit, functionCode }: Door, block: readonly Write[]): Conversation<ModbusReply> {
  const words = block.flatMap(write => write.words);
  const address = block[0]?.address ?? 0;
  const how = words.length === 1 && functionCode !== 16 ? 'single' : 'multiple';
  const values = unitsOf(block).map(lengthOf);
  const reply = yield { kind: 'write', unit, address, words, values, how };
  const unknownFunction = !reply.ok && reply.refusal === 'exception' && reply.exception === 1;
  if (!unknownFunction || how === 'multiple') return reply;
  return yield { kind: 'write', unit, address, words, values, how: 'multiple' };
}

/** Units that adjoin, as long as one request holds them. */
function blocksOf({ functionCode }: Door, writes: readonly Write[]): readonly (readonly Write[])[] {
  const blocks: Write[][] = [];
  for (const unit of unitsOf(writes)) {
    const block = blocks.at(-1);
    const fits = lengthOf([...(block ?? []), ...unit]) <= MAX_WRITE && functionCode !== 6;
    if (block !== undefined && fits && adjoin(block.at(-1), unit[0])) block.push(...unit);
    else blocks.push([...unit]);
  }
  return blocks;
}

/** Single writes, but those of one name that adjoin stay together. */
export function unitsOf(writes: readonly Write[]): readonly (readonly Write[])[] {
  const units: Write[][] = [];
  for (const write of writes) {
    const last = units.at(-1)?.at(-1);
    if (write.atomic !== undefined && last?.atomic === write.atomic && adjoin(last, write))
      units.at(-1)?.push(write);
    else units.push([write]);
  }
  return units;
}

function adjoin(a: Write | undefined, b: Write | undefined): boolean {
  return a !== undefined && b !== undefined && a.address + a.words.length === b.address;
}

export function lengthOf(writes: readonly Write[]): number {
  return writes.reduce((words, write) => words + write.words.length, 0);
}
