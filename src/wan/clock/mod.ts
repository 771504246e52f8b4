/** The date, as far as it is to be believed. This is the room's one door. */
export * from './clock.ts';
