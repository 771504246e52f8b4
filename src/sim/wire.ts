/**
 * One direction of a serial wire as a value: bytes go in at once, as a program writes them, and come out as the wire
 * carries them, each `bits / baud` behind the one before. They are handed out in chunks of at most a millisecond,
 * each due when its last byte has passed. Time comes in, in ms.
 */

export interface WireOptions {
  /** Bits a second. */
  readonly baud: number;
  /** Bits a byte, start and stop bits included: 10, or 11 with parity or a second stop bit. */
  readonly bits: 10 | 11;
}

export interface Chunk {
  readonly bytes: Uint8Array;
  readonly dueMs: number;
}

/** Bytes on the wire and waiting for it: 16 of the longest frames. More is dropped, as a full UART drops it. */
export const WIRE_MAX = 4096;
/** Longer, and a receiver would see silence where there is none; shorter, and a system call a byte is all there is. */
const CHUNK_MS = 1;

export class Wire {
  readonly #byteMs: number;
  readonly #chunks: { readonly bytes: number[]; readonly startMs: number; dueMs: number }[] = [];
  /** When the last byte that was put has passed. */
  #freeMs = 0;
  #waiting = 0;

  constructor({ baud, bits }: WireOptions) {
    this.#byteMs = (1000 * bits) / baud;
  }

  put(bytes: Uint8Array, nowMs: number): void {
    for (const byte of bytes.subarray(0, WIRE_MAX - this.#waiting)) {
      const startMs = Math.max(nowMs, this.#freeMs);
      this.#freeMs = startMs + this.#byteMs;
      this.#waiting += 1;
      const chunk = this.#chunks.at(-1);
      if (chunk !== undefined && this.#freeMs - chunk.startMs <= CHUNK_MS) {
        chunk.bytes.push(byte);
        chunk.dueMs = this.#freeMs;
      } else this.#chunks.push({ bytes: [byte], startMs, dueMs: this.#freeMs });
    }
  }

  /** When the next chunk is due; `undefined` while the wire is still. */
  next(): number | undefined {
    return this.#chunks[0]?.dueMs;
  }

  /** The next chunk, if it is due. */
  take(nowMs: number): Chunk | undefined {
    const chunk = this.#chunks[0];
    if (chunk === undefined || chunk.dueMs > nowMs) return undefined;
    this.#chunks.shift();
    this.#waiting -= chunk.bytes.length;
    return { bytes: Uint8Array.from(chunk.bytes), dueMs: chunk.dueMs };
  }
}
