/**
 * Everything a device said, word by word: a scan that is saved becomes a simulated device that says the same. A
 * register that could not be read is absent, and reads of it are refused there as they were here.
 */
import { z } from 'zod';
import type { Conversation } from '../bus/conversation.ts';
import type { SunSpecDevice } from './discovery.ts';
import { type Span, MAX_READ, readAround } from './read.ts';

/** Words by address, as last read. */
export type Registers = Map<number, number>;

const block = z.strictObject({
  address: z.int().min(0).max(0xffff).describe('the first register, 0 to 65535'),
  words: z.array(z.int().min(0).max(0xffff)).min(1).max(0x1_0000).describe('raw words, 0 to 65535'),
});

/** The file that `scan --save` writes and `sim --from` reads. */
export const savedScan = z.strictObject({
  format: z.literal('underglass-scan').describe('underglass-scan: a file that underglass scan --save wrote'),
  version: z.literal(1).describe('1'),
  target: z.string(),
  savedAt: z.string(),
  units: z
    .array(
      z.strictObject({
        unit: z.int().min(0).max(255),
        registers: z.array(block),
        /** Where the input registers are others than the holding registers. */
        input: z.array(block).optional(),
        /** Holding registers of the maker's own that a profile writes. */
        writable: z.array(z.int().min(0).max(0xffff)).max(0x1_0000).optional(),
        /** What it meant to the scan that saved it, as `scan --json` prints it; for people, not read back. */
        scan: z.unknown(),
      }),
    )
    .max(256),
});
export type SavedScan = z.infer<typeof savedScan>;
export type SavedUnit = SavedScan['units'][number];

/** `conversation`, with every word that is read noted in `registers`. */
export function* recording<T>(conversation: Conversation<T>, registers: Registers): Conversation<T> {
  for (let step = conversation.next(); ; ) {
    if (step.done === true) return step.value;
    const request = step.value;
    const reply = yield request;
    if (reply.ok && request.kind === 'read')
      for (const [at, word] of reply.words.entries()) registers.set(request.address + at, word);
    step = conversation.next(reply);
  }
}

/** Both register spaces of one unit. */
export interface Tables {
  readonly holding: Registers;
  readonly input: Registers;
}

/** `conversation`, with every word that is read noted in the tables of its unit. */
export function* recordingTables<T>(
  conversation: Conversation<T>,
  of: (unit: number) => Tables,
): Conversation<T> {
  for (let step = conversation.next(); ; ) {
    if (step.done === true) return step.value;
    const request = step.value;
    const reply = yield request;
    if (reply.ok && request.kind === 'read')
      for (const [at, word] of reply.words.entries())
        of(request.unit)[request.space].set(request.address + at, word);
    step = conversation.next(reply);
  }
}

/**
 * Reads what of the map of `devices` is not in `registers` yet: models without a definition, and the end. False
 * when the device fell silent.
 */
export function* readUnread(
  unit: number,
  devices: readonly SunSpecDevice[],
  registers: Registers,
): Conversation<boolean> {
  const entries = devices.flatMap(device => device.models);
  for (const { address, length } of entries)
    for (let from = address; from < address + length + 2; from += MAX_READ) {
      const to = Math.min(from + MAX_READ, address + length + 2);
      for (const span of missing({ from, to }, registers))
        if (!(yield* note(unit, span, registers))) return false;
    }
  return true;
}

function* note(unit: number, span: Span, registers: Registers): Conversation<boolean> {
  const everywhere = Array.from({ length: span.to - span.from }, (_, at) => span.from + at);
  const reply = yield* readAround(unit, span, () => everywhere);
  if (!reply.ok) return false;
  for (const [at, word] of reply.words.entries()) if (word !== undefined) registers.set(span.from + at, word);
  return true;
}

/** The stretches of `span` that are not known. */
function missing({ from, to }: Span, registers: Registers): readonly Span[] {
  const spans: Span[] = [];
  for (let at = from; at < to; at++) {
    if (registers.has(at)) continue;
    const last = spans.at(-1);
    if (last?.to === at) spans[spans.length - 1] = { from: last.from, to: at + 1 };
    else spans.push({ from: at, to: at + 1 });
  }
  return spans;
}

/** Neighbouring registers as one block, in ascending order. */
export function blocksOf(registers: Registers): readonly z.infer<typeof block>[] {
  const blocks: { address: number; words: number[] }[] = [];
  for (const [address, word] of [...registers].toSorted(([a], [b]) => a - b)) {
    const last = blocks.at(-1);
    if (last !== undefined && last.address + last.words.length === address) last.words.push(word);
    else blocks.push({ address, words: [word] });
  }
  return blocks;
}
