/**
 * Devices that misbehave, for tests: a TCP server whose answers a test writes byte by byte, and a wait for what it
 * hears. Loopback, any free port.
 */
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Conversation, ModbusReply, ModbusRequest } from '../../../src/local/bus/mod.ts';

/** One request as it came: the MBAP frame, and how to answer it. */
export interface Asked {
  readonly frame: Buffer;
  readonly socket: Socket;
  /** Sends a frame with the transaction and unit of the request (or those given). */
  answer(pdu: Buffer, as?: { readonly transaction?: number; readonly unit?: number }): void;
}

export interface FakeDevice {
  readonly port: number;
  /** Every request so far. */
  readonly asked: Asked[];
  /** Connections so far. */
  readonly sockets: Socket[];
  close(): Promise<void>;
}

/** A device that does with every request what `onAsked` says. Each request is taken to come in one piece. */
export async function fakeDevice(
  onAsked: (asked: Asked, count: number) => void,
  port = 0,
  serverOf: (serve: (socket: Socket) => void) => Server = serve => createServer({ noDelay: true }, serve),
): Promise<FakeDevice> {
  const asked: Asked[] = [];
  const sockets: Socket[] = [];
  const server = serverOf(socket => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', frame => {
      const one: Asked = {
        frame,
        socket,
        answer: (pdu, as = {}) =>
          socket.write(mbap(as.transaction ?? frame.readUInt16BE(0), as.unit ?? frame[6] ?? 0, pdu)),
      };
      asked.push(one);
      onAsked(one, asked.length);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An MBAP frame, laid out here by hand (Modbus Messaging on TCP/IP 1.0b, 3.1.3). */
export function mbap(transaction: number, unit: number, pdu: Buffer): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(pdu.length + 1, 4);
  header[6] = unit;
  return Buffer.concat([header, pdu]);
}

/** The reply PDU to a read with these words. */
export function wordsPdu(words: readonly number[]): Buffer {
  const pdu = Buffer.alloc(2 + 2 * words.length);
  pdu[0] = 3;
  pdu[1] = 2 * words.length;
  words.forEach((word, i) => pdu.writeUInt16BE(word, 2 + 2 * i));
  return pdu;
}

/** The words of a read that its address names: register n holds n. */
export function honest(asked: Asked): void {
  const [address, count] = [asked.frame.readUInt16BE(8), asked.frame.readUInt16BE(10)];
  if (asked.frame[7] === 3) asked.answer(wordsPdu(Array.from({ length: count }, (_, i) => address + i)));
  else asked.answer(asked.frame.subarray(7, 12));
}

export function readOf(address: number, count = 1): ModbusRequest {
  return { kind: 'read', unit: 1, space: 'holding', address, count };
}

export function writeOf(address: number, ...words: number[]): ModbusRequest {
  return { kind: 'write', unit: 1, address, words, how: words.length === 1 ? 'single' : 'multiple' };
}

/** Asks these, one after the other, and returns the replies. */
export function* asking(...requests: ModbusRequest[]): Conversation<readonly ModbusReply[]> {
  const replies: ModbusReply[] = [];
  for (const request of requests) replies.push(yield request);
  return replies;
}
