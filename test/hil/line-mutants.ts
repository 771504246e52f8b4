/**
 * Devices that frame wrongly, in one way each: their registers are right, their bytes are not.
 */
import type { Spoiled } from './rig.ts';
import { NOTHING } from './rig.ts';

export interface Mutant extends Spoiled {
  /** The check that must FAIL, and nothing less. */
  readonly check: string;
  readonly wrong: string;
}

const wrapped =
  (honest: (piece: Uint8Array) => Uint8Array, say: (reply: Uint8Array, piece: Uint8Array) => Uint8Array) =>
  (piece: Uint8Array) =>
    say(honest(piece), piece);

/** Answers every packet as if a whole request had come with it. */
const IMPATIENT = Uint8Array.of(0, 1, 0, 0, 0, 3, 1, 0x83, 3);

export const LINE_MUTANTS: readonly Mutant[] = [
  {
    check: 'TCP-1',
    wrong: 'half a request is answered',
    bytes: honest => wrapped(honest, (reply, piece) => (piece.length < 12 ? IMPATIENT : reply)),
  },
  {
    check: 'TCP-1',
    wrong: 'the second half is not joined to the first',
    bytes: honest => piece => (piece.length < 12 ? NOTHING : honest(piece)),
  },
  {
    check: 'TCP-2',
    wrong: 'only the first request of a packet is answered',
    bytes: honest => wrapped(honest, reply => reply.slice(0, 11)),
  },
  {
    check: 'TCP-2',
    wrong: 'all answers carry the transaction of the first',
    bytes: honest =>
      wrapped(honest, reply => {
        const spoiled = reply.slice();
        for (let from = 0; from + 6 < spoiled.length; from += 6 + (spoiled[from + 5] ?? 0))
          spoiled.set(reply.subarray(0, 2), from);
        return spoiled;
      }),
  },
  {
    check: 'TCP-3',
    wrong: 'a packet is taken for a request',
    bytes: honest => piece => (piece.length === 1 ? NOTHING : honest(piece)),
  },
  {
    check: 'RTU-1',
    wrong: 'the CRC of the answer is wrong',
    serial: true,
    bytes: honest =>
      wrapped(honest, reply => reply.map((byte, i) => (i === reply.length - 1 ? byte ^ 1 : byte))),
  },
  {
    check: 'RTU-1',
    wrong: 'the answer is cut short',
    serial: true,
    bytes: honest => wrapped(honest, reply => reply.slice(0, -2)),
  },
  {
    check: 'RTU-2',
    wrong: 'the CRC of a request is not checked',
    serial: true,
    bytes: honest =>
      wrapped(honest, (reply, piece) =>
        reply.length > 0 || piece[0] !== 1 ? reply : Uint8Array.of(1, 0x83, 4, 0x40, 0xf3),
      ),
  },
  {
    check: 'RTU-3',
    wrong: 'every unit is answered for',
    serial: true,
    bytes: honest =>
      wrapped(honest, (reply, piece) =>
        piece[0] === 1 ? reply : Uint8Array.of(piece[0] ?? 0, 0x83, 2, 0, 0),
      ),
  },
];
