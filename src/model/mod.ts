/** The nouns all rooms share. This is the room's one door. */
export * from './broker.ts';
export * from './command.ts';
export * from './control.ts';
export * from './delivery.ts';
export * from './held.ts';
export * from './ids.ts';
export * from './intent.ts';
export * from './ledger.ts';
export * from './metering.ts';
export * from './modes.ts';
export * from './premise.ts';
export * from './reading.ts';
export * from './record.ts';
export * from './samples.ts';
export * from './topics.ts';
