/**
 * The ways to a device, each as a stream of bytes: a TCP socket, bare or within TLS, and a serial line. Opening ends
 * in a stream or in a sentence, always within its time. What the bytes mean is the port's business.
 */
import { readFile } from 'node:fs/promises';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { SerialPort } from 'serialport';
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';
import type { Link, SerialLink, TcpLink, TlsFiles } from '../../local/bus/mod.ts';

/** A link that is up. */
export interface Pipe {
  readonly stream: Duplex;
  /** Forgets input that the operating system holds and nobody has read. */
  flush(): void;
  /** Ends the link. Resolves when the operating system has let go of it, so that it can be opened again. */
  close(): Promise<void>;
}

/** An idle peer is asked for a sign of life after this: a socket whose other end lost power is noticed at all. */
const KEEP_ALIVE_MS = 10_000;

/** Opens `link` within `timeoutMs`. The refusal's detail is the operating system's own word. */
export function openPipe(link: Link, timeoutMs: number): Promise<Result<Pipe, 'disconnected'>> {
  if (link.kind === 'serial') return openSerial(link, timeoutMs);
  return link.tls === undefined ? openTcp(link, timeoutMs) : openTls(link, link.tls, timeoutMs);
}

function openTcp({ host, port }: TcpLink, timeoutMs: number): Promise<Result<Pipe, 'disconnected'>> {
  return opened(pipeOf(connect({ host, port })), 'connect', timeoutMs);
}

/**
 * TLS as MB-TCP-Security-v21 demands it: version 1.2 or later, and a certificate on either side. The files are read
 * at every connection, so that a certificate may be renewed while the program runs.
 */
async function openTls(
  { host, port }: TcpLink,
  files: TlsFiles,
  timeoutMs: number,
): Promise<Result<Pipe, 'disconnected'>> {
  const own = await readTls(files);
  if (!own.ok) return own;
  const name = files.name ?? (isIP(host) === 0 ? host : undefined);
  const named = name === undefined ? {} : { servername: name };
  try {
    const socket = connectTls({ host, port, minVersion: 'TLSv1.2', ...own.value, ...named });
    return await opened(pipeOf(socket), 'secureConnect', timeoutMs);
  } catch (error) {
    // What is no PEM, and a key that belongs to another certificate, throw at once.
    return refused('disconnected', `TLS: ${error instanceof Error ? error.message : String(error)}`, 'later');
  }
}

async function readTls(
  files: TlsFiles,
): Promise<Result<Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>, 'disconnected'>> {
  const read: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
  for (const part of ['ca', 'cert', 'key'] as const)
    try {
      read[part] = await readFile(files[part]);
    } catch {
      return refused('disconnected', `TLS: the ${part} file ${files[part]} cannot be read`, 'later');
    }
  return ok(read);
}

function pipeOf(socket: Socket): Pipe {
  // Nagle and delayed acknowledgement together make 40 ms of every exchange.
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const close = (): Promise<void> =>
    new Promise(resolve => {
      if (socket.closed) return resolve();
      socket.once('close', () => resolve());
      socket.destroy();
    });
  return { stream: socket, flush: () => undefined, close };
}

function openSerial(link: SerialLink, timeoutMs: number): Promise<Result<Pipe, 'disconnected'>> {
  const { path, baud, parity, stopBits } = link;
  const port = new SerialPort({ path, baudRate: baud, parity, dataBits: 8, stopBits, lock: true });
  const flush = (): void => {
    if (port.isOpen) port.flush(() => undefined);
  };
  return opened({ stream: port, flush, close: () => closeSerial(port) }, 'open', timeoutMs);
}

/**
 * `destroy` of a serialport ends the stream and leaves the line open, locked, and its reader spinning once the
 * adapter is pulled: only `close` lets go of it, and only of a line that is open.
 */
function closeSerial(port: SerialPort): Promise<void> {
  return new Promise(resolve => {
    const letGo = (): void => resolve();
    if (port.isOpen) port.close(letGo);
    else if (port.opening) {
      port.once('open', () => port.close(letGo));
      port.once('error', letGo);
    } else if (port.closing) port.once('close', letGo);
    else letGo();
  });
}

function opened(
  pipe: Pipe,
  event: 'connect' | 'secureConnect' | 'open',
  timeoutMs: number,
): Promise<Result<Pipe, 'disconnected'>> {
  const { stream } = pipe;
  return new Promise(resolve => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      void pipe.close();
      resolve(refused('disconnected', why, 'later'));
    };
    const timer = setTimeout(() => fail(`not open after ${timeoutMs} ms`), timeoutMs);
    const failed = (error: NodeJS.ErrnoException): void => fail(error.message || (error.code ?? error.name));
    const closed = (): void => fail('closed while opening');
    stream.once('close', closed);
    stream.once('error', failed);
    stream.once(event, () => {
      clearTimeout(timer);
      stream.off('close', closed);
      stream.off('error', failed);
      resolve(ok(pipe));
    });
    // Kept for good: a stream without a listener for 'error' ends the process when an adapter is unplugged.
    stream.on('error', () => undefined);
  });
}
