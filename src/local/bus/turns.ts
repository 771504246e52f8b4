/**
 * Whose turn it is on a bus. Conversations that write go first and one after the other, so that the ordered steps
 * of a control are not mixed; conversations that read take turns request by request, so that a device that does
 * not answer holds up the others by one request, not by its whole conversation. A write therefore waits for at
 * most the one read that is on the line.
 */

export type Turn = 'write' | 'read';

/**
 * Conversations on one bus at a time: the 64 devices of a gateway, all on one line, with a poll and an order each.
 * When it is full the newcomer is refused, because what waits behind 128 others would come too late to matter.
 */
export const WAITING_MAX = 128;

export interface Turns<T> {
  readonly writes: T[];
  readonly reads: T[];
}

export function noTurns<T>(): Turns<T> {
  return { writes: [], reads: [] };
}

/** Whether `entry` got a place: behind those of its kind. */
export function join<T>(turns: Turns<T>, entry: T, turn: Turn): boolean {
  if (turns.writes.length + turns.reads.length >= WAITING_MAX) return false;
  (turn === 'write' ? turns.writes : turns.reads).push(entry);
  return true;
}

/** Whose request goes next, if anyone waits: the first writer, else the first reader, who then goes to the end. */
export function takeTurn<T>(turns: Turns<T>): T | undefined {
  const writer = turns.writes[0];
  if (writer !== undefined) return writer;
  const reader = turns.reads.shift();
  if (reader !== undefined) turns.reads.push(reader);
  return reader;
}

/** `entry` has said all it had to say. */
export function leave<T>(turns: Turns<T>, entry: T): void {
  for (const queue of [turns.writes, turns.reads]) {
    const at = queue.indexOf(entry);
    if (at >= 0) queue.splice(at, 1);
  }
}

/** Whether a conversation that writes waits. */
export function writeWaits(turns: Turns<unknown>): boolean {
  return turns.writes.length > 0;
}
