/** The bench: runs procedures against a device and its instruments. This is the room's one door. */
export { Bench, Interrupted, READ_BACK_MS, hex, runsOf, same } from './bench.ts';
export type { BenchParts, Put, Wanted, WriteHow } from './bench.ts';
export { fence } from './limits.ts';
export type { Limits } from './limits.ts';
export type {
  BenchPorts,
  ClockPort,
  DevicePort,
  InstrumentPort,
  InstrumentRefusal,
  RawPort,
  Sample,
  Stimulus,
} from './ports.ts';
export { notSupported } from './procedure.ts';
export type { Procedure, Suite } from './procedure.ts';
export { isInside, marginPercent } from './result.ts';
export type { ChainModel, Check, Plot, Report, Series, Step, Subject, Window } from './result.ts';
export { runSuite } from './runner.ts';
export type { RunOptions } from './runner.ts';
export {
  isImplemented,
  numberIn,
  readSheet,
  stepOf,
  valueIn,
  wordsFor,
  wordsIn,
} from './sheet.ts';
export type { Sheet, Spot } from './sheet.ts';
export { VERDICTS, severity, worst } from './verdict.ts';
export type { Verdict } from './verdict.ts';
