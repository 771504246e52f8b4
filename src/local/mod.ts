/** The local side, as values: SunSpec models, and what to say to a device. This is the room's one door. */
export * from './bus/mod.ts';
export * from './device/mod.ts';
export * from './profiles/mod.ts';
export * from './sunspec/mod.ts';
