/**
 * How far commands of one stream may run ahead of each other. A gateway remembers the last {@link REPLAY_WINDOW}
 * sequences of a stream and refuses what is older (`sequence-too-old`); a broker that dies can lose one command and
 * deliver a hundred after it. So the next ones wait here until the oldest is through: one to a single gateway when
 * that has answered, one to a group when the broker has taken it, for a member that is away must not hold the others.
 *
 * Decides, and sends nothing.
 */
import type { Cti } from '../model/mod.ts';
import { REPLAY_WINDOW } from '../wan/envelope/mod.ts';
import type { SentCommand } from './ports.ts';

type Place = Pick<SentCommand, 'cti' | 'audience' | 'stream' | 'sequence'>;

export class Lanes {
  /** What is not through, by sequence, by audience and stream. Its owner bounds the number of commands. */
  readonly #lanes = new Map<string, Place[]>();

  /** Each command once, before it is sent for the first time. */
  enter(command: Place): void {
    const lane = this.#lanes.get(keyOf(command));
    if (lane === undefined) this.#lanes.set(keyOf(command), [command]);
    else lane.splice(placeIn(lane, command.sequence), 0, command);
  }

  /** Whether it is near enough to the oldest of its stream that is not through. */
  mayGo(command: Place): boolean {
    const [oldest = command] = this.#lanes.get(keyOf(command)) ?? [];
    return command.sequence < oldest.sequence + REPLAY_WINDOW;
  }

  /** It is through, or given up. Those that may go now and might not before, at most as many as the window. */
  leave(command: Place): readonly Cti[] {
    const lane = this.#lanes.get(keyOf(command)) ?? [];
    const at = placeIn(lane, command.sequence);
    if (lane[at]?.cti !== command.cti) return [];
    lane.splice(at, 1);
    const [oldest] = lane;
    if (oldest === undefined) this.#lanes.delete(keyOf(command));
    if (oldest === undefined || at > 0) return [];
    const [from, to] = [command, oldest].map(({ sequence }) => placeIn(lane, sequence + REPLAY_WINDOW));
    return lane.slice(from, to).map(({ cti }) => cti);
  }
}

function keyOf({ audience, stream }: Place): string {
  return `${audience} ${stream}`;
}

/** Where `sequence` stands in a lane, or would. */
function placeIn(lane: readonly Place[], sequence: number): number {
  let [low, high] = [0, lane.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lane[middle]?.sequence ?? 0) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
