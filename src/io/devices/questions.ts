/**
 * Single questions to a device: whether anybody is there, and what its answers say beside their words.
 */
import type { Conversation, ModbusReply } from '../../local/bus/mod.ts';
import type { Place } from '../../local/profiles/mod.ts';

/** A gateway answers for a unit that is not there with these: path unavailable, target failed to respond. */
const NOBODY = [10, 11];

/** One request, at the place where the map begins. */
export function* marker(unit: number, address: number): Conversation<ModbusReply> {
  return yield { kind: 'read', unit, space: 'holding', address, count: 2 };
}

/** One request, at a register of the device's own. */
export function* atPlace({ unit, space, from, to }: Place): Conversation<ModbusReply> {
  return yield { kind: 'read', unit, space, address: from, count: to - from };
}

/** `conversation`, with every exception that the device answers counted. */
export function* counting<T>(conversation: Conversation<T>, count: () => void): Conversation<T> {
  for (let step = conversation.next(); ; ) {
    if (step.done === true) return step.value;
    const reply = yield step.value;
    if (!reply.ok && reply.refusal === 'exception') count();
    step = conversation.next(reply);
  }
}

export function isAnswer(reply: ModbusReply): boolean {
  if (reply.ok || reply.refusal === 'garbled') return true;
  return reply.exception !== undefined && !NOBODY.includes(reply.exception);
}
