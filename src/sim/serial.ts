/**
 * Simulated devices on a real serial line, or on a pseudo-terminal.
 */
import { once } from 'node:events';
import { SerialPort } from 'serialport';
import type { Server, Unit } from './server.ts';
import { serveSerial } from './server.ts';

export interface SerialLineOptions {
  readonly path: string;
  readonly baud: number;
  /** None unless told. */
  readonly parity?: 'none' | 'even' | 'odd';
  /** One unless told. */
  readonly stopBits?: 1 | 2;
  readonly units: readonly Unit[];
}

/** Stillness that ends a frame of unknown length: longer than the 16 ms in which USB adapters hand bytes over. */
const SILENCE_MS = 20;

/** Resolves when the line is open; rejects when it cannot be. */
export async function serveSerialLine(options: SerialLineOptions): Promise<Server> {
  const { path, baud, parity = 'none', stopBits = 1, units } = options;
  const port = new SerialPort({ path, baudRate: baud, parity, dataBits: 8, stopBits });
  await once(port, 'open');
  // The line went away: there is nobody to answer, and `close` follows.
  port.on('error', () => undefined);
  const server = serveSerial({ stream: port, units, silenceMs: SILENCE_MS });
  const close = async (): Promise<void> => {
    await server.close();
    // `destroy` would leave the line open.
    if (port.isOpen) await new Promise<void>(resolve => port.close(() => resolve()));
  };
  return { port: 0, close };
}
