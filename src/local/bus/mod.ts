/** Modbus as values: conversations, frames, links, and whose turn it is. This is the room's one door. */
export * from './backoff.ts';
export * from './conversation.ts';
export * from './doubts.ts';
export * from './line.ts';
export * from './link.ts';
export * from './mbap.ts';
export * from './pdu.ts';
export * from './rtu.ts';
export * from './turns.ts';
