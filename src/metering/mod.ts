/** What a meter's readings mean to a utility: voltage alarms, billing intervals, balance. This is the room's one door. */
export * from './balance.ts';
export * from './dead-bands.ts';
export * from './intervals.ts';
export * from './voltage.ts';
