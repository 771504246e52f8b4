/**
 * A port for modbus-serial that keeps track where its own do not: it lets a reply through only when it answers the
 * one request on the line exactly, and says at once what else it heard. modbus-serial sees RTU frames on every
 * kind of link.
 */
import { EventEmitter } from 'node:events';
import type { Instant } from '../../base/time.ts';
import { instant } from '../../base/time.ts';
import type { Heard, Line } from '../../local/bus/mod.ts';
import { giveUp, receive, send } from '../../local/bus/mod.ts';
import type { Pipe } from './pipe.ts';

/** The monotonic clock of this process. */
export function now(): Instant {
  return instant(Math.floor(performance.now()));
}

/** The same clock as a line needs it, with fractions: the silence of a fast line is 1.75 ms. */
export function exactNow(): Instant {
  return instant(performance.now());
}

/** Bytes as they went over the line, with the moment on the clock of `performance.now()`, in ms. */
export interface Traffic {
  readonly direction: 'sent' | 'received';
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

/** What the owner of a port is told beside the replies that modbus-serial gets. */
export interface PortEvents {
  /** Bytes that are not the answer, or a stream that cannot be repaired. */
  trouble(heard: Exclude<Heard, { kind: 'reply' }>): void;
  /** Every piece of bytes, before it is judged. */
  traffic?(traffic: Traffic): void;
  /** The link is gone. Told once. */
  closed(why: string): void;
}

/** One connection. modbus-serial calls `open`, `write`, `close` and reads `isOpen`; it listens to `data`. */
export class LinePort extends EventEmitter {
  readonly line: Line;
  readonly #pipe: Pipe;
  readonly #events: PortEvents;
  #open = true;
  #ended: Promise<void> | undefined;

  constructor(line: Line, pipe: Pipe, events: PortEvents) {
    super();
    this.line = line;
    this.#pipe = pipe;
    this.#events = events;
    pipe.stream.on('data', (bytes: Buffer) => this.#receive(bytes));
    pipe.stream.on('end', () => this.#end('closed by the device'));
    pipe.stream.on('error', (error: Error) => this.#end(error.message));
    pipe.stream.on('close', () => this.#end('closed'));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** The pipe is open already; modbus-serial wants to be called back to attach its listeners. */
  open(callback: (error?: Error) => void): void {
    callback();
  }

  /** One request, in the shape of RTU. */
  write(adu: Buffer): void {
    const bytes = send(this.line, adu, exactNow());
    this.#events.traffic?.({ direction: 'sent', bytes, atMs: performance.now() });
    this.#pipe.stream.write(bytes);
  }

  /** The reply to the request on the line is no longer waited for. */
  giveUp(): void {
    giveUp(this.line, exactNow());
    this.#pipe.flush();
  }

  close(why = 'closed here'): void {
    this.#end(why);
  }

  /** Ends the link if it is up; resolves when the operating system has let go of it. */
  ended(): Promise<void> {
    this.close();
    return this.#ended ?? Promise.resolve();
  }

  #receive(bytes: Buffer): void {
    this.#events.traffic?.({ direction: 'received', bytes, atMs: performance.now() });
    const heard = receive(this.line, bytes, exactNow());
    if (heard === undefined) return;
    // A view, not a copy; modbus-serial reads it with methods that only a Buffer has.
    if (heard.kind === 'reply') this.emit('data', asBuffer(heard.adu));
    else this.#events.trouble(heard);
  }

  #end(why: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ended = this.#pipe.close();
    this.#events.closed(why);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
