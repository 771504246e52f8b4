/**
 * A line that misbehaves, between a client and a device that knows nothing of it: a proxy on TCP, or between two
 * streams that carry RTU. Faults are data (`faults.ts`); here are the sockets and the clock. Requests to the device
 * go one at a time, as a gateway in front of a serial line has it; replies reach the client whenever the faults say.
 */
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  encodeMbap,
  encodeRtu,
  endOfSilence,
  feedMbap,
  feedRtu,
  judgeRtuReply,
  mbapParser,
  rtuParser,
} from '../local/bus/mod.ts';
import { concat } from '../base/bytes.ts';
import type { Fault, Frames, LineFaults, Message, Piece } from './faults.ts';
import { Misbehaviour } from './faults.ts';
import type { Server } from './server.ts';

/** Pieces on their way to a client; one more is dropped, as a line drops what nobody reads. */
const PIECES_MAX = 1024;
/** Requests of one client that the device has not answered; one more is dropped. */
const REQUESTS_MAX = 64;
/** MBAP, function and byte count: beyond them TCP's own checksum keeps the bytes whole. */
const TCP_UNGUARDED = 9;

export interface TcpLineOptions extends LineFaults {
  /** Where the device listens, on loopback unless told. */
  readonly to: { readonly host?: string; readonly port: number };
  /** Where the line listens; 0, any free port, unless told. */
  readonly port?: number;
}

/** A TCP line on loopback. Resolves when it listens; rejects when it cannot. */
export function serveTcpLine(options: TcpLineOptions): Promise<Server> {
  const line = new TcpLine(options);
  return line.listen(options.port ?? 0);
}

class TcpLine {
  readonly #options: TcpLineOptions;
  readonly #misbehaviour: Misbehaviour;
  readonly #clients = new Set<Client>();
  readonly #server = createServer({ noDelay: true }, socket => this.#accept(socket));
  /** On the clock of `performance.now()`, in ms: nobody is let in before. */
  #closedUntil = 0;

  constructor(options: TcpLineOptions) {
    this.#options = options;
    this.#misbehaviour = new Misbehaviour(options);
  }

  listen(port: number): Promise<Server> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () =>
        resolve({ port: (this.#server.address() as AddressInfo).port, close: () => this.#close() }),
      );
    });
  }

  #close(): Promise<void> {
    return new Promise(resolve => {
      this.#server.close(() => resolve());
      for (const client of this.#clients) client.end();
    });
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const most = this.#fault('clients')?.most ?? Infinity;
    if (this.#clients.size >= most || performance.now() < this.#closedUntil) {
      socket.destroy();
      return;
    }
    const client: Client = new Client(socket, this.#options, {
      misbehaviour: this.#misbehaviour,
      restart: ms => this.#restart(ms),
      ended: () => {
        this.#clients.delete(client);
        this.#shut(this.#fault('reconnect')?.ms ?? 0);
      },
    });
    this.#clients.add(client);
  }

  #restart(ms: number): void {
    this.#shut(ms);
    for (const client of this.#clients) client.end();
  }

  #shut(ms: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, performance.now() + ms);
  }

  #fault<K extends Fault['kind']>(kind: K): Extract<Fault, { kind: K }> | undefined {
    return this.#options.faults.find((fault): fault is Extract<Fault, { kind: K }> => fault.kind === kind);
  }
}

interface Owner {
  readonly misbehaviour: Misbehaviour;
  restart(ms: number): void;
  ended(): void;
}

type Asked = Message & { readonly transaction: number };

/** One client and its own connection to the device. */
class Client {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #owner: Owner;
  readonly #delivery: Delivery;
  readonly #waiting: Asked[] = [];
  #asked: Asked | undefined;
  #ended = false;

  constructor(near: Socket, { to }: TcpLineOptions, owner: Owner) {
    this.#near = near;
    this.#far = connect({ host: to.host ?? '127.0.0.1', port: to.port, noDelay: true });
    this.#owner = owner;
    this.#delivery = new Delivery(near);
    this.#pipe();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#delivery.stop();
    this.#near.destroy();
    this.#far.destroy();
    this.#owner.ended();
  }

  #pipe(): void {
    const [requests, replies] = [mbapParser(), mbapParser()];
    this.#far.on('error', () => this.end());
    for (const socket of [this.#near, this.#far]) socket.on('close', () => this.end());
    this.#near.on('data', bytes => {
      const { frames, broken } = feedMbap(requests, bytes);
      for (const frame of frames) if (this.#waiting.length < REQUESTS_MAX) this.#waiting.push(frame);
      this.#next();
      if (broken !== undefined) this.end();
    });
    this.#far.on('data', bytes => {
      for (const frame of feedMbap(replies, bytes).frames) this.#answered(frame);
    });
  }

  #next(): void {
    while (this.#asked === undefined && !this.#ended) {
      const asked = this.#waiting.shift();
      if (asked === undefined) return;
      this.#asked = asked;
      const passage = this.#owner.misbehaviour.request(asked);
      if (passage.kind === 'forward') this.#far.write(encodeMbap(asked));
      else if (passage.kind === 'answer') this.#answered({ unit: asked.unit, pdu: passage.pdu });
      else this.#asked = undefined;
      if (passage.kind === 'restart') this.#owner.restart(passage.ms);
    }
  }

  #answered(reply: Message): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    this.#asked = undefined;
    const frames: Frames = {
      encode: message => encodeMbap({ ...message, transaction: asked.transaction }),
      guarded: TCP_UNGUARDED,
    };
    this.#delivery.send(this.#owner.misbehaviour.reply(asked, reply, frames));
    this.#next();
  }
}

export interface StreamLineOptions extends LineFaults {
  /** Towards the client, and towards the device. Both stay the caller's, who closes them after the line. */
  readonly near: Duplex;
  readonly far: Duplex;
  /** Stillness that ends a request of unknown length, in milliseconds. */
  readonly silenceMs: number;
}

/** An RTU line between two streams. A request that comes while the device has not answered takes the last one's place. */
export function serveStreamLine({ near, far, silenceMs, ...faults }: StreamLineOptions): Server {
  const misbehaviour = new Misbehaviour(faults);
  const delivery = new Delivery(near, 'in order');
  const parser = rtuParser();
  const frames: Frames = { encode: encodeRtu, guarded: Infinity };
  let asked: Message | undefined;
  let heard: Uint8Array = new Uint8Array(0);
  let timer: NodeJS.Timeout | undefined;

  const answered = (request: Message, reply: Message): void => {
    asked = undefined;
    delivery.send(misbehaviour.reply(request, reply, frames));
  };
  const ask = (request: Message): void => {
    heard = new Uint8Array(0);
    asked = request;
    const passage = misbehaviour.request(request);
    if (passage.kind === 'forward') far.write(encodeRtu(request));
    else if (passage.kind === 'answer') answered(request, { unit: request.unit, pdu: passage.pdu });
  };
  const fromClient = (bytes: Uint8Array): void => {
    clearTimeout(timer);
    feedRtu(parser, bytes).forEach(ask);
    timer = setTimeout(() => {
      const frame = endOfSilence(parser);
      if (frame !== undefined) ask(frame);
    }, silenceMs);
  };
  const fromDevice = (bytes: Uint8Array): void => {
    if (asked === undefined) return;
    heard = concat([heard, bytes]);
    const judged = judgeRtuReply(asked, heard);
    if (judged.kind === 'reply') answered(asked, judged.frame);
    else if (judged.kind === 'garbled') heard = new Uint8Array(0);
  };
  near.on('data', fromClient);
  far.on('data', fromDevice);
  const close = (): Promise<void> => {
    clearTimeout(timer);
    delivery.stop();
    near.off('data', fromClient);
    far.off('data', fromDevice);
    return Promise.resolve();
  };
  return { port: 0, close };
}

/**
 * Bytes on their way, each at its time. `in order`: none overtakes what was sent before it, as on a serial line, where
 * a device answers one request after the other.
 */
class Delivery {
  readonly #to: Duplex;
  readonly #inOrder: boolean;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** What is on its way in order, and whether its time has come. */
  #queue: { readonly bytes: Uint8Array; isDue: boolean }[] = [];

  constructor(to: Duplex, how: 'each for itself' | 'in order' = 'each for itself') {
    this.#to = to;
    this.#inOrder = how === 'in order';
  }

  send(pieces: readonly Piece[]): void {
    for (const { afterMs, bytes } of pieces) {
      if (afterMs === 0 && this.#queue.length === 0) this.#write(bytes);
      else if (this.#timers.size < PIECES_MAX) this.#later(afterMs, bytes);
    }
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#queue = [];
  }

  #later(ms: number, bytes: Uint8Array): void {
    const entry = { bytes, isDue: false };
    if (this.#inOrder) this.#queue.push(entry);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      entry.isDue = true;
      if (this.#inOrder) this.#writeDue();
      else this.#write(bytes);
    }, ms);
    this.#timers.add(timer);
  }

  #writeDue(): void {
    for (let first = this.#queue[0]; first?.isDue; first = this.#queue[0]) {
      this.#queue.shift();
      this.#write(first.bytes);
    }
  }

  #write(bytes: Uint8Array): void {
    if (!this.#to.destroyed) this.#to.write(bytes);
  }
}
