/** Schedule, override, decision. This is the room's one door. */
export * from './decide.ts';
export * from './override.ts';
export * from './ranks.ts';
export * as schedule from './schedule.ts';
export type { EarlyCancel, Entry, EntryStatus, Schedule, ScheduleRefusal, Transition } from './schedule.ts';
