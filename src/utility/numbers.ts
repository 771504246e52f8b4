/**
 * The sequence of every stream of commands. A number is used once in the life of a key, restarts included: a
 * gateway takes a second command under a used number for a replay. Gaps do no harm.
 */
import type { Audience } from '../model/mod.ts';
import { formatAudience } from '../model/mod.ts';
import type { LedgerPort, LedgerSnapshot } from './ports.ts';

/** Numbers spoken for at once for messages that are not kept themselves: one row written for a thousand of them. */
export const RESERVE = 1000;

interface Stream {
  last: number;
  /** The ledger knows that numbers up to here may have been used. */
  reserved: number;
  reserving: Promise<void> | undefined;
}

/** The stream that commands to `audience` are numbered in: its name differs for all audiences of one gateway. */
export function commandStream(audience: Audience): string {
  return audience.kind === 'group' ? `g-${audience.id}` : 'd';
}

export class Numbers {
  readonly #ledger: LedgerPort;
  readonly #streams = new Map<string, Stream>();

  constructor(ledger: LedgerPort, sequences: LedgerSnapshot['sequences']) {
    this.#ledger = ledger;
    for (const { audience, stream, last } of sequences)
      this.#streams.set(`${audience} ${stream}`, { last, reserved: last, reserving: undefined });
  }

  /** The next number; whoever takes it writes it to the ledger with the command itself. */
  next(audience: Audience, stream: string): number {
    return ++this.#stream(audience, stream).last;
  }

  /** The next number of a stream whose messages are not kept; the ledger has spoken for it when this resolves. */
  async nextReserved(audience: Audience, stream: string): Promise<number> {
    const known = this.#stream(audience, stream);
    while (known.last >= known.reserved) {
      known.reserving ??= this.#reserve(formatAudience(audience), stream, known);
      await known.reserving;
    }
    return ++known.last;
  }

  /** The highest number that was used; 0 before any. */
  last(audience: Audience, stream: string): number {
    return this.#streams.get(`${formatAudience(audience)} ${stream}`)?.last ?? 0;
  }

  /** Numbers up to `last` were used by an earlier life of this head end; the next command is numbered above. */
  async atLeast(audience: Audience, stream: string, last: number): Promise<void> {
    const known = this.#stream(audience, stream);
    if (last <= known.last) return;
    known.last = last;
    await this.#ledger.commit([{ op: 'reserve', audience: formatAudience(audience), stream, last }]);
  }

  async #reserve(audience: string, stream: string, known: Stream): Promise<void> {
    const last = known.reserved + RESERVE;
    try {
      await this.#ledger.commit([{ op: 'reserve', audience, stream, last }]);
      known.reserved = last;
    } finally {
      known.reserving = undefined;
    }
  }

  #stream(audience: Audience, stream: string): Stream {
    const key = `${formatAudience(audience)} ${stream}`;
    const known = this.#streams.get(key) ?? { last: 0, reserved: 0, reserving: undefined };
    this.#streams.set(key, known);
    return known;
  }
}
