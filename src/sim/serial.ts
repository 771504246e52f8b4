/**
 * Simulated devices on a real serial line, or on a pseudo-terminal. A line that goes away, as when an adapter is pulled,
 * is told of once and opened again when it is back; the devices live on meanwhile.
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
  /** Told when the line goes away, and when it is served again. */
  readonly onLine?: (state: 'lost' | 'back') => void;
}

/** Stillness that ends a frame of unknown length: longer than the 16 ms in which USB adapters hand bytes over. */
const SILENCE_MS = 20;
/** Often enough that a person who plugs an adapter in again need not wait. */
const REOPEN_MS = 500;

/** Resolves when the line is open; rejects when it cannot be. */
export async function serveSerialLine(options: SerialLineOptions): Promise<Server> {
  let line: OpenLine | undefined;
  let timer: NodeJS.Timeout | undefined;
  let reopening: Promise<void> | undefined;
  let isClosing = false;

  const serve = async (): Promise<void> => {
    line = await openLine(options, lost);
  };
  const lost = (): void => {
    if (isClosing) return;
    void line?.close();
    line = undefined;
    options.onLine?.('lost');
    again();
  };
  const again = (): void => {
    timer = setTimeout(() => {
      reopening = serve().then(
        () => options.onLine?.('back'),
        () => (isClosing ? undefined : again()),
      );
    }, REOPEN_MS);
  };
  const close = async (): Promise<void> => {
    isClosing = true;
    clearTimeout(timer);
    await reopening;
    await line?.close();
  };

  await serve();
  return { port: 0, close };
}

interface OpenLine {
  close(): Promise<void>;
}

async function openLine(
  { path, baud, parity = 'none', stopBits = 1, units }: SerialLineOptions,
  lost: () => void,
): Promise<OpenLine> {
  const port = new SerialPort({ path, baudRate: baud, parity, dataBits: 8, stopBits });
  await once(port, 'open');
  // There is nobody to answer to, and `close` follows.
  port.on('error', () => undefined);
  port.on('close', lost);
  const server = serveSerial({ stream: port, units, silenceMs: SILENCE_MS });
  const close = async (): Promise<void> => {
    port.off('close', lost);
    await server.close();
    // `destroy` would leave the line open.
    if (port.isOpen) await new Promise<void>(resolve => port.close(() => resolve()));
  };
  return { close };
}
