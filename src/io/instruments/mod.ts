/** Instruments around a device under test, and its line as bare bytes. This is the room's one door. */
export { person } from './bench.ts';
export type { AskPerson, Instruments, Measured, Trouble, Wish } from './bench.ts';
export { openBytes } from './bytes.ts';
export type { BareLine } from './bytes.ts';
export { openBench, parseBenchConfig, readBenchConfig } from './config.ts';
export type { BenchConfig } from './config.ts';
export { openScpi } from './scpi.ts';
export type { ScpiInstrument, ScpiWords } from './scpi.ts';
