/** The gateway and the doors it needs. This is the room's one door. */
export * from './uplink/availability.ts';
export * from './config.ts';
export * from './runtime/doors.ts';
export * from './effects.ts';
export * from './ports.ts';
export { MAX_UNACKNOWLEDGED } from './runtime/pubacks.ts';
export * from './runtime/runtime.ts';
export * from './state.ts';
export * from './step.ts';
