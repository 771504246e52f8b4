/**
 * One connection to a bus, from open to closed: one request at a time through modbus-serial, and an answer to each
 * within its time. It does not reconnect and knows no turns.
 *
 * modbus-serial's promise API shares the unit between callers and leaves promises open when a socket goes, so its
 * functions with callbacks are used, and this class alone decides how a request ends.
 */
import modbus from 'modbus-serial';
import { assert, refused } from '../../base/assert.ts';
import type { Instant } from '../../base/time.ts';
import { impossible } from '../../local/bus/mod.ts';
import type { Heard, Line, ModbusReply, ModbusRequest } from '../../local/bus/mod.ts';
import type { Pipe } from './pipe.ts';
import { LinePort, now } from './port.ts';
import type { Traffic } from './port.ts';

type Client = InstanceType<typeof modbus.default>;
type Settle = (reply: ModbusReply) => void;

/** What a read calls back with, as far as it is used. */
interface Words {
  readonly data: readonly number[];
}
/** Its errors carry the exception code of the device here. */
type Trouble = (Error & { readonly modbusCode?: number }) | null | undefined;

export interface SessionOptions {
  readonly onTraffic?: (traffic: Traffic) => void;
}

export class Session {
  readonly #client: Client;
  readonly #port: LinePort;
  #settle: Settle | undefined;
  #timeouts = 0;
  #answered = false;
  #closed: { readonly at: Instant; readonly why: string } | undefined;

  constructor(line: Line, pipe: Pipe, { onTraffic }: SessionOptions) {
    this.#port = new LinePort(line, pipe, {
      trouble: heard => this.#trouble(heard),
      closed: why => this.#lost(why),
      ...(onTraffic === undefined ? {} : { traffic: onTraffic }),
    });
    this.#client = new modbus.default(this.#port);
    this.#client.open();
  }

  /** When and why the link was lost; `undefined` while it is up. */
  get closed(): { readonly at: Instant; readonly why: string } | undefined {
    return this.#closed;
  }

  /** Whether anything ever answered: a device that takes the connection and says nothing is not there. */
  get answered(): boolean {
    return this.#answered;
  }

  get line(): Line {
    return this.#port.line;
  }

  /** Requests in a row that nothing answered. */
  get timeouts(): number {
    return this.#timeouts;
  }

  /** Sends one request. Resolves when it is answered, refused or lost, at the latest after `timeoutMs`. */
  exchange(request: ModbusRequest, timeoutMs: number): Promise<ModbusReply> {
    assert(this.#settle === undefined, 'one request is on the line');
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#expire(timeoutMs), timeoutMs);
      this.#settle = reply => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(reply);
      };
      this.#speak(request, this.#settle);
    });
  }

  /** `why` is what is told of the link from now on. */
  close(why?: string): void {
    this.#port.close(why);
  }

  /** Closes, and resolves when the link can be opened again. */
  ended(): Promise<void> {
    return this.#port.ended();
  }

  #speak(request: ModbusRequest, settle: Settle): void {
    if (this.#closed !== undefined) {
      settle(refused('disconnected', this.#closed.why, 'later'));
      return;
    }
    const code = impossible(request);
    if (code !== undefined) {
      settle({ ...refused('exception', 'not asked: no device can answer it', 'never'), exception: code });
      return;
    }
    const answered = (error: Trouble, result: unknown): void => {
      this.#timeouts = 0;
      this.#answered = true;
      // Only the request on the line may settle: modbus-serial keeps the callback of one that was given up.
      if (this.#settle === settle) settle(asReply(request, error, result));
    };
    const { unit, address } = request;
    if (request.kind === 'write') {
      if (request.how === 'single') this.#client.writeFC6(unit, address, request.words[0] ?? 0, answered);
      else this.#client.writeFC16(unit, address, [...request.words], answered);
    } else if (request.space === 'holding') this.#client.writeFC3(unit, address, request.count, answered);
    else this.#client.writeFC4(unit, address, request.count, answered);
  }

  #expire(timeoutMs: number): void {
    this.#timeouts += 1;
    this.#port.giveUp();
    this.#settle?.(refused('timeout', `no answer in ${timeoutMs} ms`, 'later'));
  }

  #lost(why: string): void {
    this.#closed = { at: now(), why };
    this.#settle?.(refused('disconnected', why, 'later'));
  }

  #trouble(heard: Exclude<Heard, { kind: 'reply' }>): void {
    this.#timeouts = 0;
    // First settled, then closed: the bytes that came are the better answer to why.
    this.#settle?.(refused('garbled', heard.why, 'later'));
    if (heard.kind === 'broken') this.close();
  }
}

function asReply(request: ModbusRequest, error: Trouble, result: unknown): ModbusReply {
  if (error) {
    const { modbusCode } = error;
    if (modbusCode === undefined) return refused('garbled', error.message, 'later');
    // 5 acknowledge, 6 busy, 10 and 11 from a gateway in between: the same request may succeed later (chapter 7).
    const retry = [5, 6, 10, 11].includes(modbusCode) ? 'later' : 'never';
    return { ...refused('exception', error.message, retry), exception: modbusCode };
  }
  return { ok: true, words: request.kind === 'read' ? (result as Words).data : [] };
}
