/**
 * One corrupt reply at the parser, from one seed: a request goes out, its right reply is spoilt in one of the ways a
 * line spoils it, and comes in pieces. Whatever the line takes for the reply must hold the right words; then a clean
 * exchange must succeed.
 *
 * Left out is what no CRC-16 can see: bursts of more than 16 bits over the data pass once in 65,536. On TCP the
 * transport keeps the data whole, so only what a faulty device can say wrongly is spoilt there.
 */
import { concat, sameBytes, toHex } from '../../src/base/bytes.ts';
import type { RandomState } from '../../src/base/random.ts';
import { nextBetween, nextUint32, seeded } from '../../src/base/random.ts';
import { instant, milliseconds } from '../../src/base/time.ts';
import type { Framing, Line } from '../../src/local/bus/mod.ts';
import { encodeMbap, encodeRtu, giveUp, openLine, readyAt, receive, send } from '../../src/local/bus/mod.ts';

/**
 * `refused`: named as garbled or broken. `dropped`: nothing was told, and the request timed out. `harmless`: the
 * right reply came through.
 */
export type Verdict = 'refused' | 'dropped' | 'harmless';

interface Exchange {
  readonly unit: number;
  readonly request: Uint8Array;
  readonly reply: Uint8Array;
}

export function corruptFrame(seed: number): { readonly verdict: Verdict } | { readonly why: string } {
  const random = seeded(seed);
  const framing: Framing = nextBetween(random, 0, 1) === 0 ? 'rtu' : 'mbap';
  const clock = new Clock(framing);
  const spoilt = exchangeOf(random);
  clock.ask(spoilt);
  const verdict = clock.hear(pieces(random, spoil(random, clock, spoilt)), spoilt);
  if (typeof verdict !== 'string') return verdict;
  return clock.cleanAfter(exchangeOf(random), verdict);
}

/** A line, and the time on it. */
class Clock {
  readonly framing: Framing;
  #line: Line;
  #ms = 0;
  #broken = false;

  constructor(framing: Framing) {
    this.framing = framing;
    this.#line = this.#open();
  }

  get transaction(): number {
    return this.#line.transaction;
  }

  ask({ unit, request }: Exchange): void {
    this.#ms = Math.max(this.#ms, readyAt(this.#line) ?? 0);
    send(this.#line, encodeRtu({ unit, pdu: request }), instant(this.#ms));
  }

  /** Feeds `said` a piece a millisecond. */
  hear(said: readonly Uint8Array[], exchange: Exchange): Verdict | { readonly why: string } {
    let verdict: Verdict = 'dropped';
    for (const piece of said) {
      this.#ms += 1;
      const heard = receive(this.#line, piece, instant(this.#ms));
      if (heard === undefined) continue;
      if (heard.kind === 'reply') {
        const { unit, reply, request } = exchange;
        const right = encodeRtu({ unit, pdu: reply });
        const isException = heard.adu[1] === ((request[0] ?? 0) | 0x80) && heard.adu[0] === unit;
        if (!sameBytes(heard.adu, right) && !isException)
          return { why: `${this.framing}: took ${toHex(heard.adu)} for ${toHex(right)}` };
        verdict = isException ? 'refused' : 'harmless';
        continue;
      }
      verdict = 'refused';
      if (heard.kind === 'broken') {
        this.#broken = true;
        break;
      }
    }
    return verdict;
  }

  /** A clean exchange once the line is free again, on a new connection only where the old one was called broken. */
  cleanAfter(exchange: Exchange, verdict: Verdict): { readonly verdict: Verdict } | { readonly why: string } {
    this.#ms += 1000;
    giveUp(this.#line, instant(this.#ms));
    if (this.#broken) this.#line = this.#open();
    return this.#answers(exchange)
      ? { verdict }
      : { why: `${this.framing}: the clean exchange after it failed` };
  }

  #answers(exchange: Exchange): boolean {
    this.ask(exchange);
    return this.hear([this.frame(exchange.unit, exchange.reply)], exchange) === 'harmless';
  }

  frame(unit: number, pdu: Uint8Array): Uint8Array {
    return this.framing === 'rtu'
      ? encodeRtu({ unit, pdu })
      : encodeMbap({ transaction: this.transaction, unit, pdu });
  }

  #open(): Line {
    return openLine(this.framing, { silence: milliseconds(0), quarantine: milliseconds(200) });
  }
}

/** A read of 1 to 125 registers with any words, or a write of either function, and the right reply. */
function exchangeOf(random: RandomState): Exchange {
  const unit = nextBetween(random, 1, 247);
  const code = [3, 4, 6, 16][nextBetween(random, 0, 3)] ?? 3;
  const place = [nextBetween(random, 0, 255), nextBetween(random, 0, 255)];
  if (code === 6) {
    const pdu = Uint8Array.of(6, ...place, ...bytesOf(random, 2));
    return { unit, request: pdu, reply: pdu };
  }
  const count = nextBetween(random, 1, code === 16 ? 123 : 125);
  const head = Uint8Array.of(code, ...place, 0, count);
  if (code === 16) {
    const request = concat([head, Uint8Array.of(2 * count), bytesOf(random, 2 * count)]);
    return { unit, request, reply: head };
  }
  return { unit, request: head, reply: concat([Uint8Array.of(code, 2 * count), bytesOf(random, 2 * count)]) };
}

type Spoil = (random: RandomState, clock: Clock, exchange: Exchange) => Uint8Array;

/** Messages that are wrong, framed rightly. */
const FAULTY_DEVICE: readonly Spoil[] = [
  (random, clock, { unit, reply }) => clock.frame(other(random, unit), reply),
  (random, clock, { unit, reply }) => clock.frame(unit, withByte(reply, 0, other(random, reply[0] ?? 0))),
  (random, clock, { unit, reply }) =>
    clock.frame(
      unit,
      isRead(reply)
        ? withByte(reply, 1, other(random, reply[1] ?? 0))
        : withByte(reply, nextBetween(random, 1, 4), nextUint32(random) & 0xff),
    ),
  (random, clock, { unit, reply }) =>
    clock.frame(unit, reply.slice(0, nextBetween(random, 1, reply.length - 1))),
  (random, clock, { unit, reply }) => clock.frame(unit, concat([reply, bytesOf(random, 1)]).slice(0, 253)),
  // The answer to a shorter or longer read, byte count and all.
  (random, clock, { unit, reply }) => {
    const count = nextBetween(random, 1, 125);
    const wrong = concat([Uint8Array.of(reply[0] ?? 0, 2 * count), bytesOf(random, 2 * count)]);
    return clock.frame(unit, isRead(reply) && reply[1] === 2 * count ? reply : wrong);
  },
  (_random, clock, { unit, reply }) => concat([clock.frame(unit, reply), clock.frame(unit, reply)]),
];

/** Bytes that went wrong on a serial line. */
const NOISY_LINE: readonly Spoil[] = [
  (random, clock, { unit, reply }) => flipped(random, clock.frame(unit, reply)),
  (random, clock, { unit, reply }) => burst(random, clock.frame(unit, reply)),
  (random, clock, { unit, reply }) => {
    const frame = clock.frame(unit, reply);
    return frame.slice(0, nextBetween(random, 0, frame.length - 1));
  },
  (random, clock, { unit, reply }) => clock.frame(unit, reply).slice(nextBetween(random, 1, 4)),
  (random, clock, { unit, reply }) =>
    concat([bytesOf(random, nextBetween(random, 1, 40)), clock.frame(unit, reply)]),
  random => bytesOf(random, nextBetween(random, 1, 300)),
];

/** A peer on TCP that frames wrongly. */
const FAULTY_PEER: readonly Spoil[] = [
  // Another transaction, an unknown protocol, a wrong length.
  ...[
    [0, 1],
    [2, 3],
    [4, 5],
  ].map(
    ([low = 0, high = 0]): Spoil =>
      (random, clock, { unit, reply }) => {
        const frame = clock.frame(unit, reply);
        const at = nextBetween(random, low, high);
        return withByte(frame, at, other(random, frame[at] ?? 0));
      },
  ),
  (random, clock, { unit, reply }) => {
    const frame = clock.frame(unit, reply);
    return frame.slice(0, nextBetween(random, 0, frame.length - 1));
  },
  random => bytesOf(random, nextBetween(random, 1, 300)),
];

function spoil(random: RandomState, clock: Clock, exchange: Exchange): Uint8Array {
  const ways = [...FAULTY_DEVICE, ...(clock.framing === 'rtu' ? NOISY_LINE : FAULTY_PEER)];
  const way = ways[nextBetween(random, 0, ways.length - 1)] ?? FAULTY_DEVICE[0];
  return way?.(random, clock, exchange) ?? new Uint8Array(0);
}

/** `bytes` in one to four pieces. */
function pieces(random: RandomState, bytes: Uint8Array): readonly Uint8Array[] {
  const cuts = Array.from({ length: nextBetween(random, 0, 3) }, () => nextBetween(random, 0, bytes.length));
  const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
  return ends.map((end, n) => bytes.subarray(n === 0 ? 0 : ends[n - 1], end));
}

/** One to three bits anywhere: this CRC sees all of them in frames of this length. */
function flipped(random: RandomState, frame: Uint8Array): Uint8Array {
  const wrong = frame.slice();
  const bits = new Set(
    [1, 2, 3].slice(0, nextBetween(random, 1, 3)).map(() => nextBetween(random, 0, 8 * frame.length - 1)),
  );
  for (const bit of bits) wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return wrong;
}

/** Two neighbouring bytes: a burst of at most 16 bits, which any CRC-16 sees. */
function burst(random: RandomState, frame: Uint8Array): Uint8Array {
  const wrong = frame.slice();
  const at = nextBetween(random, 0, frame.length - 2);
  wrong[at] = (wrong[at] ?? 0) ^ nextBetween(random, 1, 255);
  wrong[at + 1] = (wrong[at + 1] ?? 0) ^ nextBetween(random, 0, 255);
  return wrong;
}

function isRead(reply: Uint8Array): boolean {
  return reply[0] === 3 || reply[0] === 4;
}

function bytesOf(random: RandomState, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => nextUint32(random) & 0xff);
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = value;
  return changed;
}

/** Any byte but this one. */
function other(random: RandomState, byte: number): number {
  return (byte + nextBetween(random, 1, 255)) & 0xff;
}
