/** How a running gateway is: its facts, its figures, and whom they are told. This is the room's one door. */
export { Facts, count } from './facts.ts';
export { keptDays } from './kept.ts';
export { metricsOf } from './metrics.ts';
export { Progress } from './progress.ts';
export { startHealthServer } from './server.ts';
export type { HealthServer, HealthSource } from './server.ts';
export { serviceOf } from './service.ts';
export type { Service } from './service.ts';
export { tapped, tappedBus } from './taps.ts';
export { TURN, watchOver } from './watch.ts';
export type { Watched, Watching } from './watch.ts';
