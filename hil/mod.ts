/** The bench, its procedures and its reports. This is the room's one door. */
export * from './bench/mod.ts';
export * from './procedures/mod.ts';
export * from './report/mod.ts';
