/**
 * A conversation with a Modbus device, as a value: a generator that yields one request, is sent the reply,
 * and returns what it learnt. Discovery, polling and control are written as conversations, so they are pure;
 * who runs them (a bus in io, a table in a test) decides about sockets, deadlines and turns.
 *
 * A reply that is a refusal is an answer like any other: the conversation decides whether to go on.
 */
import type { Refused } from '../../base/assert.ts';

/** Addresses are 0-based register numbers as they stand in the PDU. */
export type ModbusRequest =
  | {
      readonly kind: 'read';
      readonly unit: number;
      readonly space: 'holding' | 'input';
      readonly address: number;
      /** 1 … 125 (Modbus Application Protocol 1.1b3, 6.3). */
      readonly count: number;
    }
  | {
      readonly kind: 'write';
      readonly unit: number;
      readonly address: number;
      /** 1 … 123 words (6.12). */
      readonly words: readonly number[];
      /** Words of each value in `words`, in their order; together all of them. One value unless told: it is never torn. */
      readonly values?: readonly number[];
      /** `single`: FC 6, one word. `multiple`: FC 16, also for one word. */
      readonly how: 'single' | 'multiple';
    };

/**
 * `exception`: the device answered with a Modbus exception. `timeout`: nothing came in time. `disconnected`:
 * no link, or it was lost before the answer. `garbled`: bytes came that are not the answer to this request.
 * `too-long`: a value to be written is longer than what the device takes in one write; nothing was sent.
 * After a write, {@link changedNothing} says whether it is known that nothing took effect.
 */
export type ModbusRefusal = 'exception' | 'timeout' | 'disconnected' | 'garbled' | 'too-long';

export type ModbusReply =
  | { readonly ok: true /** The words read; empty for a write. */; readonly words: readonly number[] }
  | (Refused<ModbusRefusal> & {
      /** Modbus exception code, with `exception`. */ readonly exception?: number;
      /** Of a write in several requests: those before the refused one were carried out. */ readonly partly?: true;
    });

export type Conversation<T> = Generator<ModbusRequest, T, ModbusReply>;

/** 5 acknowledge: the device is still at it. 6 busy. 10, 11: a gateway could not reach the device, or heard nothing. */
const PUT_OFF = [5, 6, 10, 11];
/** Those after which the device may have carried out what it was asked, or still will. */
const PERHAPS_DONE = [5, 11];

/**
 * Whether the question was put off or never reached the device (Modbus Application Protocol 1.1b3, 7): no answer to
 * what stands there. Nothing may be concluded from it, least of all that a map ends or a register is missing.
 */
export function isPutOff(reply: ModbusReply): boolean {
  return !reply.ok && reply.refusal === 'exception' && PUT_OFF.includes(reply.exception ?? 0);
}

/** Whether `reply`, to a write, says that the device refused all of it. Else only reading back tells what became of it. */
export function changedNothing(reply: ModbusReply): boolean {
  if (reply.ok || reply.partly === true) return false;
  if (reply.refusal === 'too-long') return true;
  if (reply.refusal !== 'exception') return false;
  return !PERHAPS_DONE.includes(reply.exception ?? 0);
}
