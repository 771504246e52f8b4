/**
 * How a line misbehaves, as data: a list of faults and a seed. Each request and each reply passes every fault in the
 * order of the list, so that faults compose; the same seed and the same requests give the same misbehaviour. Nothing
 * is sent or timed here: the outcome is what to forward, and which bytes to give back when.
 */
import type { RandomState } from '../base/random.ts';
import { nextBetween, nextUint32, nextUnit, seeded } from '../base/random.ts';
import { EXCEPTION, decodeRequest, encodeException } from '../local/bus/mod.ts';
import type { ModbusRequest } from '../local/bus/mod.ts';

/**
 * When a fault strikes: with `chance` (1 unless told), from request `after` (0) up to, not including, `until`, and at
 * requests to one unit alone where `only` names it. Requests are counted over all units.
 */
interface When {
  readonly chance?: number;
  readonly after?: number;
  readonly until?: number;
  readonly only?: { readonly unit: number };
}

interface Registers {
  /** 0-based, as in the PDU. */
  readonly from: number;
  readonly count: number;
}

export type Fault = When &
  (
    | { readonly kind: 'latency'; readonly ms: number; readonly jitterMs?: number }
    /** The reply comes after the client has given up. */
    | { readonly kind: 'late'; readonly ms: number }
    /** The request, or the reply to it, never arrives. From one request to another: a device that is stuck, or asleep. */
    | { readonly kind: 'lost'; readonly what: 'request' | 'reply' }
    /** Noise before the reply; where the reply is lost too, noise alone. */
    | { readonly kind: 'garbage'; readonly bytes: number }
    /** One to three bits fall over: anywhere on a serial line; in the first nine bytes on TCP, which guards the rest. */
    | { readonly kind: 'corrupt' }
    | { readonly kind: 'cut' }
    /** The reply comes in two pieces. */
    | { readonly kind: 'split'; readonly ms: number }
    /** The reply is held back and comes in one piece with the next. */
    | { readonly kind: 'merged' }
    | { readonly kind: 'twice' }
    /** The reply of another unit on the line. */
    | { readonly kind: 'stranger'; readonly unit: number }
    /** The device is busy (6), or refuses. */
    | { readonly kind: 'exception'; readonly code: number; readonly to?: ModbusRequest['kind'] }
    /** Exception 2 for every request that touches them; with `poisons`, the next reply is wrong (Deye). */
    | ({ readonly kind: 'hole'; readonly poisons?: true } & Registers)
    /** Writes are acknowledged and change nothing. */
    | { readonly kind: 'deaf' }
    /** Other words are read there: at night a model changes its length. */
    | { readonly kind: 'words'; readonly address: number; readonly words: readonly number[] }
    /** TCP: clients at a time; one more is closed at once. */
    | { readonly kind: 'clients'; readonly most: number }
    /** TCP: a new connection is refused this soon after the last one ended. */
    | { readonly kind: 'reconnect'; readonly ms: number }
    /** TCP: the device restarts with the request it strikes at, and is away for so long. */
    | { readonly kind: 'restart'; readonly ms: number }
  );

export interface LineFaults {
  readonly faults: readonly Fault[];
  /** Any 32 bits; 1 unless told. */
  readonly seed?: number;
}

/** A message apart from its framing. */
export interface Message {
  readonly unit: number;
  readonly pdu: Uint8Array;
}

/** What becomes of a request. */
export type Passage =
  | { readonly kind: 'forward' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'answer'; readonly pdu: Uint8Array }
  | { readonly kind: 'restart'; readonly ms: number };

/** Bytes to give to the client, after so many milliseconds. */
export interface Piece {
  readonly afterMs: number;
  readonly bytes: Uint8Array;
}

/** How replies are framed on this line. `guarded`: bytes behind these are kept whole by the transport. */
export interface Frames {
  readonly encode: (message: Message) => Uint8Array;
  readonly guarded: number;
}

export class Misbehaviour {
  readonly #faults: readonly Fault[];
  readonly #random: RandomState;
  #requests = 0;
  /** The faults of each kind that strike at the request in hand. */
  #struck: readonly Fault[] = [];
  #poisoned = false;
  #heldBack: Uint8Array = new Uint8Array(0);

  constructor({ faults, seed = 1 }: LineFaults) {
    this.#faults = faults;
    this.#random = seeded(seed);
  }

  /** Decides about a request, and with it about its reply. */
  request({ unit, pdu }: Message): Passage {
    const number = this.#requests++;
    this.#struck = this.#faults.filter(fault => this.#strikes(fault, number, unit));
    const decoded = decodeRequest(unit, pdu);
    const request = 'request' in decoded ? decoded.request : undefined;
    for (const fault of this.#struck) {
      const passage = this.#pass(fault, request, pdu);
      if (passage !== undefined) return passage;
    }
    return { kind: 'forward' };
  }

  /** What the client hears instead of `reply`, the answer to the request decided last. */
  reply(request: Message, reply: Message, frames: Frames): readonly Piece[] {
    const told = this.#struck.reduce((message, fault) => changed(fault, request, message), reply);
    const start: Piece[] = [{ afterMs: 0, bytes: frames.encode(told) }];
    const poison: readonly Fault[] = this.#poisoned ? [{ kind: 'corrupt' }] : [];
    this.#poisoned = this.#struck.some(
      fault => fault.kind === 'hole' && fault.poisons === true && touches(fault, request),
    );
    const pieces = [...poison, ...this.#struck].reduce<readonly Piece[]>(
      (so, fault) => this.#deliver(fault, so, frames),
      start,
    );
    return this.#joined(pieces);
  }

  #strikes(fault: Fault, number: number, unit: number): boolean {
    // Drawn for every request, so that a window does not shift what comes after it.
    const drawn = fault.chance === undefined || nextUnit(this.#random) < fault.chance;
    const meant = fault.only === undefined || fault.only.unit === unit;
    return drawn && meant && number >= (fault.after ?? 0) && number < (fault.until ?? Infinity);
  }

  #pass(fault: Fault, request: ModbusRequest | undefined, pdu: Uint8Array): Passage | undefined {
    const refuse = (code: number): Passage => ({ kind: 'answer', pdu: encodeException(pdu, code) });
    if (fault.kind === 'lost' && fault.what === 'request') return { kind: 'lost' };
    if (fault.kind === 'restart') return { kind: 'restart', ms: fault.ms };
    if (request === undefined) return undefined;
    if (fault.kind === 'exception' && (fault.to ?? request.kind) === request.kind) return refuse(fault.code);
    if (fault.kind === 'hole' && overlaps(fault, request)) return refuse(EXCEPTION.illegalAddress);
    if (fault.kind === 'deaf' && request.kind === 'write') return { kind: 'answer', pdu: pdu.slice(0, 5) };
    return undefined;
  }

  #deliver(fault: Fault, pieces: readonly Piece[], frames: Frames): readonly Piece[] {
    switch (fault.kind) {
      case 'latency': {
        const ms = fault.ms + nextBetween(this.#random, 0, fault.jitterMs ?? 0);
        return pieces.map(piece => ({ ...piece, afterMs: piece.afterMs + ms }));
      }
      case 'late':
        return pieces.map(piece => ({ ...piece, afterMs: piece.afterMs + fault.ms }));
      case 'lost':
        return pieces.filter(() => fault.what !== 'reply');
      case 'garbage':
        return [{ afterMs: pieces[0]?.afterMs ?? 0, bytes: this.#noise(fault.bytes) }, ...pieces];
      case 'corrupt':
        return pieces.map(piece => ({ ...piece, bytes: this.#flipped(piece.bytes, frames.guarded) }));
      case 'cut':
        return pieces.map(piece => ({ ...piece, bytes: piece.bytes.slice(0, this.#inside(piece.bytes)) }));
      case 'split':
        return pieces.flatMap(piece => this.#split(piece, fault.ms));
      case 'merged':
        for (const { bytes } of pieces) this.#heldBack = bytes;
        return [];
      case 'twice':
        return pieces.flatMap(piece => [piece, piece]);
      default:
        return pieces;
    }
  }

  /** What was held back comes with the next piece that goes out. One reply is held back at most: the latest. */
  #joined(pieces: readonly Piece[]): readonly Piece[] {
    const [first, ...rest] = pieces;
    if (first === undefined || this.#heldBack.length === 0) return pieces;
    const bytes = Uint8Array.from([...this.#heldBack, ...first.bytes]);
    this.#heldBack = new Uint8Array(0);
    return [{ ...first, bytes }, ...rest];
  }

  #split({ afterMs, bytes }: Piece, ms: number): readonly Piece[] {
    const at = this.#inside(bytes);
    return [
      { afterMs, bytes: bytes.slice(0, at) },
      { afterMs: afterMs + ms, bytes: bytes.slice(at) },
    ];
  }

  /** A place with bytes on both sides. */
  #inside(bytes: Uint8Array): number {
    return nextBetween(this.#random, 1, Math.max(1, bytes.length - 1));
  }

  #noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => nextUint32(this.#random) & 0xff);
  }

  #flipped(bytes: Uint8Array, guarded: number): Uint8Array {
    const wrong = bytes.slice();
    const last = 8 * Math.min(bytes.length, guarded) - 1;
    // A set: the same bit twice would be no corruption.
    const bits = new Set(
      Array.from({ length: nextBetween(this.#random, 1, 3) }, () => nextBetween(this.#random, 0, last)),
    );
    for (const bit of bits) wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return wrong;
  }
}

/** Faults that tell something else in a whole frame. */
function changed(fault: Fault, request: Message, reply: Message): Message {
  if (fault.kind === 'stranger') return { ...reply, unit: fault.unit };
  return fault.kind === 'words' ? { ...reply, pdu: overwritten(fault, request, reply.pdu) } : reply;
}

function overwritten(
  { address, words }: { readonly address: number; readonly words: readonly number[] },
  { unit, pdu: asked }: Message,
  pdu: Uint8Array,
): Uint8Array {
  const decoded = decodeRequest(unit, asked);
  if (!('request' in decoded) || decoded.request.kind !== 'read' || pdu[0] !== asked[0]) return pdu;
  const told = pdu.slice();
  const { address: first, count } = decoded.request;
  for (const [n, word] of words.entries()) {
    const at = address + n - first;
    if (at < 0 || at >= count) continue;
    told[2 + 2 * at] = word >>> 8;
    told[3 + 2 * at] = word & 0xff;
  }
  return told;
}

function touches(hole: Registers, { unit, pdu }: Message): boolean {
  const decoded = decodeRequest(unit, pdu);
  return 'request' in decoded && overlaps(hole, decoded.request);
}

function overlaps(hole: Registers, request: ModbusRequest): boolean {
  const count = request.kind === 'read' ? request.count : request.words.length;
  return request.address < hole.from + hole.count && request.address + count > hole.from;
}
