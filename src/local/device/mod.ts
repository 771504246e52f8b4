/** Devices: an order becomes verified registers, and registers become a reading. This is the room's one door. */
export {
  type ApplyOptions,
  type ApplyResult,
  type AxisOrder,
  applyIntent,
  applyOrder,
} from './apply.ts';
export { type Abilities, abilitiesIn } from './axes.ts';
export { type ByProfile, applyByProfile, controlsByAxis } from './by-profile.ts';
export { CONTROLS, type Control, axesOf, controlsOf, modesOf } from './controls.ts';
export { type Deviation, type Effect, deviationOf } from './deviation.ts';
export { differences } from './differences.ts';
export { type Goal, type Seeing, goalOf, isMeasurable, isReached, judgeEffect, measure } from './effect.ts';
export { deviationsOf, effectOf } from './from-profile.ts';
export { type HeldOptions, readHeld } from './held.ts';
export { interrogate } from './interrogate.ts';
export { PACKETS, type Packet } from './packets.ts';
export { type SettingsRefusal, intentsOf, preview } from './setting-orders.ts';
export { type PollPlan, type Polled, SLOW_EVERY, poll, pollPlanOf, polledPoints } from './polling.ts';
export { pointsOf, pollPoints, roleOf, wantsOf } from './readings.ts';
