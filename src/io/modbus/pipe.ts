/**
 * The two ways to a device, each as a stream of bytes: a TCP socket, and a serial line. Opening ends in a stream
 * or in a sentence, always within its time. What the bytes mean is the port's business.
 */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { SerialPort } from 'serialport';
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';
import type { Link, SerialLink, TcpLink } from '../../local/bus/mod.ts';

/** A link that is up. */
export interface Pipe {
  readonly stream: Duplex;
  /** Forgets input that the operating system holds and nobody has read. */
  flush(): void;
}

/** An idle peer is asked for a sign of life after this: a socket whose other end lost power is noticed at all. */
const KEEP_ALIVE_MS = 10_000;

/** Opens `link` within `timeoutMs`. The refusal's detail is the operating system's own word. */
export function openPipe(link: Link, timeoutMs: number): Promise<Result<Pipe, 'disconnected'>> {
  return link.kind === 'tcp' ? openTcp(link, timeoutMs) : openSerial(link, timeoutMs);
}

function openTcp(link: TcpLink, timeoutMs: number): Promise<Result<Pipe, 'disconnected'>> {
  const socket = connect({
    host: link.host,
    port: link.port,
    // Nagle and delayed acknowledgement together make 40 ms of every exchange.
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
  return opened(socket, 'connect', timeoutMs, () => undefined);
}

function openSerial(link: SerialLink, timeoutMs: number): Promise<Result<Pipe, 'disconnected'>> {
  const { path, baud, parity, stopBits } = link;
  const port = new SerialPort({ path, baudRate: baud, parity, dataBits: 8, stopBits, lock: true });
  return opened(port, 'open', timeoutMs, () => {
    if (port.isOpen) port.flush(() => undefined);
  });
}

function opened(
  stream: Duplex,
  event: 'connect' | 'open',
  timeoutMs: number,
  flush: () => void,
): Promise<Result<Pipe, 'disconnected'>> {
  return new Promise(resolve => {
    // Kept for good: a stream without a listener for 'error' ends the process when an adapter is unplugged.
    stream.on('error', (error: NodeJS.ErrnoException) => fail(error.message || (error.code ?? error.name)));
    const timer = setTimeout(() => fail(`not open after ${timeoutMs} ms`), timeoutMs);
    const fail = (why: string): void => {
      clearTimeout(timer);
      stream.destroy();
      resolve(refused('disconnected', why, 'later'));
    };
    stream.once('close', () => fail('closed while opening'));
    stream.once(event, () => {
      clearTimeout(timer);
      resolve(ok({ stream, flush }));
    });
  });
}
