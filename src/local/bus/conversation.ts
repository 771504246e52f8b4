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
      /** `single`: FC 6, one word. `multiple`: FC 16, also for one word. */
      readonly how: 'single' | 'multiple';
    };

/**
 * `exception`: the device answered with a Modbus exception. `timeout`: nothing came in time. `disconnected`:
 * no link, or it was lost before the answer. `garbled`: bytes came that are not the answer to this request.
 * After a write, all but `exception` mean that nobody knows whether it took effect.
 */
export type ModbusRefusal = 'exception' | 'timeout' | 'disconnected' | 'garbled';

export type ModbusReply =
  | { readonly ok: true /** The words read; empty for a write. */; readonly words: readonly number[] }
  | (Refused<ModbusRefusal> & {
      /** Modbus exception code, with `exception`. */ readonly exception?: number;
    });

export type Conversation<T> = Generator<ModbusRequest, T, ModbusReply>;
