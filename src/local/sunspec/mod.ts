/** SunSpec: registers to values and back, finding models and reading them. This is the room's one door. */
export {
  type EncodeRefusal,
  type GroupInstance,
  type GroupValues,
  type ModelInstance,
  type PointRefusal,
  decodeModel,
  decodePoint,
  encodeModel,
  encodePoint,
  scaleOf,
} from './codec.ts';
export {
  type GroupDef,
  type ModelDef,
  type ModelSet,
  type PointDef,
  type PointType,
  modelSet,
  parseModel,
} from './definition.ts';
export {
  BASES,
  type ChainEnd,
  type Discovery,
  type DiscoveryOptions,
  type DiscoveryRefusal,
  type ModelEntry,
  type SunSpecDevice,
  discover,
} from './discovery.ts';
export { formatModel, importModel } from './import.ts';
export { type PlacedGroup, type PlacedPoint, locate, ownPoints, place } from './layout.ts';
export { type PollOptions, type PollRefusal, type Want, readDevice, readModels } from './poll.ts';
export {
  type ReadFailure,
  type ReadReply,
  type Span,
  describeFailure,
  isRefused,
  readAround,
  readOnce,
} from './read.ts';
export {
  type Registers,
  type SavedScan,
  type SavedUnit,
  type Tables,
  blocksOf,
  readUnread,
  recording,
  recordingTables,
  savedScan,
} from './recording.ts';
export {
  type ModelJson,
  type Scan,
  type ScanJson,
  type ScannedDevice,
  scan,
  toScanJson,
  valueJson,
} from './scan.ts';
export { seamsOf } from './seams.ts';
export { type Value, type ValueRefusal, type Words, decodeRaw, encodeRaw, symbolsOf } from './value.ts';
