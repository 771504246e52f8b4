/**
 * A Modbus server for simulated devices: several units behind one TCP port with several clients, or on one serial
 * line. It answers functions 3, 4, 6 and 16 as the specification says, and knows nothing of what the registers
 * mean. Both register spaces hold the same words, as many devices have it, unless a unit says otherwise.
 */
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ModbusRequest } from '../local/bus/mod.ts';
import {
  EXCEPTION,
  decodeRequest,
  encodeException,
  encodeMbap,
  encodeReply,
  encodeRtu,
  endOfSilence,
  feedMbap,
  feedRtu,
  mbapParser,
  rtuParser,
} from '../local/bus/mod.ts';

/** A device as the wire sees it. */
export interface Unit {
  /** 0 … 255 on TCP, 1 … 247 on a serial line. */
  readonly unit: number;
  read(address: number, count: number): readonly number[] | { readonly exception: number };
  /** Of a unit whose input registers are others than its holding registers. */
  readInput?(address: number, count: number): ReturnType<Unit['read']>;
  /** Words that took effect, or the exception that says they did not. */
  write(address: number, words: readonly number[]): { readonly exception: number } | undefined;
}

export interface Server {
  /** The port it listens on; 0 on a serial line. */
  readonly port: number;
  close(): Promise<void>;
}

/** Clients at a time; one more is closed at once, as inverters do. Some take a single one. */
const CLIENTS_MAX = 8;
/** What a gateway answers for a device it does not reach (Modbus Application Protocol 1.1b3, 7). */
const TARGET_SILENT = 11;

export interface TcpServerOptions {
  readonly units: readonly Unit[];
  /** 0: any free port. */
  readonly port: number;
  /** Loopback unless told. */
  readonly host?: string;
  readonly clientsMax?: number;
}

/** Resolves when the port is open; rejects when it cannot be. */
export function serveTcp(options: TcpServerOptions): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, socket => {
    if (sockets.size >= (options.clientsMax ?? CLIENTS_MAX)) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serveSocket(socket, options.units);
  });
  const close = (): Promise<void> =>
    new Promise(resolve => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '127.0.0.1', () =>
      resolve({ port: (server.address() as AddressInfo).port, close }),
    );
  });
}

function serveSocket(socket: Socket, units: readonly Unit[]): void {
  const parser = mbapParser();
  // A client that goes away in the middle is no trouble of ours; 'close' follows.
  socket.on('error', () => socket.destroy());
  socket.on('data', bytes => {
    const { frames, broken } = feedMbap(parser, bytes);
    for (const { transaction, unit, pdu } of frames) {
      const reply = answer(units, unit, pdu) ?? encodeException(pdu, TARGET_SILENT);
      socket.write(encodeMbap({ transaction, unit, pdu: reply }));
    }
    if (broken !== undefined) socket.destroy();
  });
}

export interface SerialServerOptions {
  readonly units: readonly Unit[];
  /** Anything that carries bytes both ways. It stays the caller's, who closes it after the server. */
  readonly stream: Duplex;
  /** Stillness that ends a frame of unknown length, in milliseconds. */
  readonly silenceMs: number;
}

/** Answers RTU requests on a stream. A unit that is not there keeps silent, as on a real line. */
export function serveSerial({ stream, units, silenceMs }: SerialServerOptions): Server {
  const parser = rtuParser();
  let timer: NodeJS.Timeout | undefined;
  const respond = (frame: { unit: number; pdu: Uint8Array }): void => {
    const reply = answer(units, frame.unit, frame.pdu);
    if (reply !== undefined) stream.write(encodeRtu({ unit: frame.unit, pdu: reply }));
  };
  const silence = (): void => {
    const frame = endOfSilence(parser);
    if (frame !== undefined) respond(frame);
  };
  const hear = (bytes: Uint8Array): void => {
    clearTimeout(timer);
    feedRtu(parser, bytes).forEach(respond);
    timer = setTimeout(silence, silenceMs);
  };
  stream.on('data', hear);
  const close = (): Promise<void> => {
    clearTimeout(timer);
    stream.off('data', hear);
    return Promise.resolve();
  };
  return { port: 0, close };
}

/** The reply of `unit` to a request, or `undefined` when there is no such unit. */
function answer(units: readonly Unit[], unit: number, pdu: Uint8Array): Uint8Array | undefined {
  const device = units.find(candidate => candidate.unit === unit);
  if (device === undefined) return undefined;
  const decoded = decodeRequest(unit, pdu);
  if ('exception' in decoded) return encodeException(pdu, decoded.exception);
  const result = perform(device, decoded.request);
  return 'exception' in result ? encodeException(pdu, result.exception) : encodeReply(pdu, result.words);
}

function perform(
  device: Unit,
  request: ModbusRequest,
): { readonly words: readonly number[] } | { readonly exception: number } {
  // Past 65535 there is no register (6.3).
  const count = request.kind === 'read' ? request.count : request.words.length;
  if (request.address + count > 0x1_0000) return { exception: EXCEPTION.illegalAddress };
  if (request.kind === 'write') return device.write(request.address, request.words) ?? { words: [] };
  const ofInput = request.space === 'input' && device.readInput !== undefined;
  const words = ofInput
    ? (device.readInput?.(request.address, count) ?? [])
    : device.read(request.address, count);
  return 'exception' in words ? words : { words };
}
