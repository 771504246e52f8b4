/** Delivery, as decisions: does it fit, which chunk is next, what is tried, whose turn is it. The room's one door. */
export * from './chunks.ts';
export * from './fits.ts';
export * from './rollout.ts';
export * from './slots.ts';
