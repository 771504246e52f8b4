/**
 * A link as bare bytes, for tests of framing: what is sent goes out as it is, what comes is kept until it is asked for.
 */
import type { Result } from '../../base/assert.ts';
import { ok } from '../../base/assert.ts';
import type { Link } from '../../local/bus/mod.ts';
import { openPipe } from '../modbus/pipe.ts';

export interface BareLine {
  send(bytes: Uint8Array): Promise<void>;
  /** What came since the last call: as soon as it is `enough`, else all that came within `withinMs`. */
  hear(withinMs: number, enough: (heard: Uint8Array) => boolean): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Bytes kept for who listens next; a device that says more than this is not answering, and the rest is dropped. */
const HEARD_MAX = 65_536;

export async function openBytes(link: Link, timeoutMs: number): Promise<Result<BareLine, 'disconnected'>> {
  const pipe = await openPipe(link, timeoutMs);
  if (!pipe.ok) return pipe;
  const { stream } = pipe.value;
  let heard = Buffer.alloc(0);
  let wake: (() => void) | undefined;
  stream.on('data', (bytes: Buffer) => {
    heard = Buffer.concat([heard, bytes]).subarray(0, HEARD_MAX);
    wake?.();
  });
  stream.on('close', () => wake?.());
  const take = (): Uint8Array => {
    const all = heard;
    heard = Buffer.alloc(0);
    return all;
  };
  return ok({
    send: bytes =>
      new Promise(resolve => {
        // A line that is gone is heard as silence.
        if (stream.writable) stream.write(bytes, () => resolve());
        else resolve();
      }),
    hear: (withinMs, enough) =>
      new Promise(resolve => {
        const done = (): void => {
          clearTimeout(timer);
          wake = undefined;
          resolve(take());
        };
        const look = (): void => {
          if (enough(heard) || stream.destroyed) done();
        };
        const timer = setTimeout(done, withinMs);
        wake = look;
        look();
      }),
    close: () => pipe.value.close(),
  });
}
