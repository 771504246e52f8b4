/** Devices: an order becomes verified registers, and registers become a reading. This is the room's one door. */
export { type ApplyResult, type AxisOrder, applyOrder } from './apply.ts';
export { CONTROLS, type Control, axesOf } from './controls.ts';
export { pointsOf, pollPoints, roleOf, wantsOf } from './readings.ts';
