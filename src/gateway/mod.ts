/** The gateway and the doors it needs. This is the room's one door. */
export * from './availability.ts';
export * from './config.ts';
export * from './doors.ts';
export * from './effects.ts';
export * from './ports.ts';
export { MAX_UNACKNOWLEDGED } from './pubacks.ts';
export * from './runtime.ts';
export * from './state.ts';
export * from './step.ts';
