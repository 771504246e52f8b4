/**
 * A device that is a table of registers, and a runner for conversations with it. Faults are put in by request
 * number or by a function; everything asked is on record.
 */
import type { Conversation, ModbusReply, ModbusRequest } from '../../../src/local/bus/conversation.ts';

export interface Table {
  readonly registers: Map<number, number>;
  readonly log: ModbusRequest[];
  /** Answers in place of the table; `undefined` lets the table answer. `at` counts requests from 0. */
  fault?: (request: ModbusRequest, at: number) => ModbusReply | undefined;
  /** Sees each register about to be written; gives what is really stored, or an exception code. */
  onWrite?: (address: number, word: number) => number | { readonly exception: number };
}

export const TIMEOUT: ModbusReply = { ok: false, refusal: 'timeout', retry: 'later' };
export const GARBLED: ModbusReply = { ok: false, refusal: 'garbled', retry: 'later' };
export const DISCONNECTED: ModbusReply = { ok: false, refusal: 'disconnected', retry: 'later' };

export function exception(code: number): ModbusReply {
  return { ok: false, refusal: 'exception', retry: 'never', exception: code };
}

/** `timeout`, `exception 5`. */
export function nameOf(reply: ModbusReply): string {
  return reply.ok ? 'ok' : [reply.refusal, reply.exception].filter(part => part !== undefined).join(' ');
}

/** Registers from blocks `[address, words]`; an address that is in none answers with exception 2. */
export function table(...blocks: readonly (readonly [number, readonly number[]])[]): Table {
  const registers = new Map<number, number>();
  for (const [address, words] of blocks)
    for (const [at, word] of words.entries()) registers.set(address + at, word);
  return { registers, log: [] };
}

/** Runs a conversation to its end. More than `most` requests are a loop: the test fails. */
export function run<T>(conversation: Conversation<T>, device: Table, most = 2000): T {
  let step = conversation.next();
  while (step.done !== true) {
    if (device.log.length >= most) throw new Error(`more than ${most} requests`);
    const request = step.value;
    const reply = device.fault?.(request, device.log.length) ?? answer(request, device);
    device.log.push(request);
    step = conversation.next(reply);
  }
  return step.value;
}

export function reads(device: Table): readonly (readonly [number, number])[] {
  return device.log.flatMap(request =>
    request.kind === 'read' ? [[request.address, request.count] as const] : [],
  );
}

export function writes(device: Table): readonly (readonly [number, readonly number[]])[] {
  return device.log.flatMap(request =>
    request.kind === 'write' ? [[request.address, request.words] as const] : [],
  );
}

function answer(request: ModbusRequest, device: Table): ModbusReply {
  const count = request.kind === 'read' ? request.count : request.words.length;
  if (count < 1 || count > (request.kind === 'read' ? 125 : 123)) return exception(3);
  const addresses = Array.from({ length: count }, (_, at) => request.address + at);
  if (addresses.some(address => !device.registers.has(address))) return exception(2);
  if (request.kind === 'read')
    return { ok: true, words: addresses.map(address => device.registers.get(address) ?? 0) };
  const stored = request.words.map((word, at) => device.onWrite?.(request.address + at, word) ?? word);
  const refusal = stored.find(word => typeof word === 'object');
  if (refusal !== undefined) return exception(refusal.exception);
  for (const [at, word] of stored.entries())
    if (typeof word === 'number') device.registers.set(request.address + at, word);
  return { ok: true, words: [] };
}
