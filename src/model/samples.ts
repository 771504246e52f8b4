/**
 * Readings taken again and again (TIME-1), many in one record. A value stands once with its name and its decimals, and
 * each later one as the difference to the one before: some bytes instead of some tens. What comes out is what went in,
 * to the last bit: a value that whole numbers cannot say stands as it is.
 */
import { assert } from '../base/assert.ts';
import { unixTime } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import type { Cti, DeviceId } from './ids.ts';
import type { DeviceRole, Reading } from './reading.ts';

/** Samples as a command asked for them. */
export interface SamplesBody {
  readonly kind: 'samples';
  readonly cti: Cti;
  readonly issuer: string;
  readonly runs: readonly SampleRun[];
}

/** Readings of one device with the same points, in the order of their time. */
export interface SampleRun {
  readonly device: DeviceId;
  readonly role: DeviceRole;
  /** When the first was read, and how many ms later each that follows, from one to the next. */
  readonly start: UnixTime;
  readonly steps: readonly number[];
  readonly points: Readonly<Record<string, Column>>;
}

/** One point: whole numbers of 10^-`decimals`, the first and the differences; or the values themselves. */
export type Column =
  | { readonly decimals: number; readonly deltas: readonly number[] }
  | { readonly values: readonly number[] };

/** SunSpec scale factors go further; a value with more is given as it is. */
const MAX_DECIMALS = 6;
/** Whole numbers beyond it are given as they are, so that no difference leaves what a number holds exactly. */
const MAX_WHOLE = 2 ** 51;

/** `readings` in their order of each device; a run ends where the points of a device are others. */
export function packSamples(readings: readonly Reading[]): readonly SampleRun[] {
  const runs: Reading[][] = [];
  const open = new Map<DeviceId, Reading[]>();
  for (const reading of readings) {
    const run = open.get(reading.device);
    if (run?.[0] !== undefined && goesOn(run[0], reading)) run.push(reading);
    else {
      const begun = [reading];
      open.set(reading.device, begun);
      runs.push(begun);
    }
  }
  return runs.map(packed);
}

/** What {@link packSamples} was given, device by device; `undefined` where columns are not as long as the run. */
export function unpackSamples(runs: readonly SampleRun[]): readonly Reading[] | undefined {
  const readings: Reading[] = [];
  for (const { device, role, start, steps, points } of runs) {
    const columns = Object.entries(points).map(([name, column]) => [name, unpackColumn(column)] as const);
    if (columns.some(([, values]) => values.length !== steps.length + 1)) return undefined;
    let at: number = start;
    for (let n = 0; n <= steps.length; n++) {
      at += n === 0 ? 0 : (steps[n - 1] ?? 0);
      const own = columns.map(([name, values]) => [name, values[n] ?? 0] as const);
      readings.push({ device, role, at: unixTime(at), points: Object.fromEntries(own) });
    }
  }
  return readings;
}

function goesOn(first: Reading, next: Reading): boolean {
  const names = Object.keys(next.points);
  const isAlike =
    names.length === Object.keys(first.points).length && names.every(name => name in first.points);
  return isAlike && first.role === next.role;
}

function packed(readings: readonly Reading[]): SampleRun {
  const [first] = readings;
  assert(first !== undefined, 'a run has a first reading');
  const { device, role, at, points } = first;
  const names = Object.keys(points);
  const columns = names.map(name => [name, packColumn(readings.map(one => one.points[name] ?? 0))] as const);
  const steps = differences(readings.map(one => one.at));
  return { device, role, start: at, steps: steps.slice(1), points: Object.fromEntries(columns) };
}

function packColumn(values: readonly number[]): Column {
  for (let decimals = 0; decimals <= MAX_DECIMALS; decimals++) {
    const scale = 10 ** decimals;
    const wholes = values.map(value => Math.round(value * scale));
    const isExact = wholes.every(
      (whole, n) => Math.abs(whole) <= MAX_WHOLE && Object.is(whole / scale, values[n]),
    );
    if (isExact) return { decimals, deltas: differences(wholes) };
  }
  return { values };
}

function unpackColumn(column: Column): readonly number[] {
  if ('values' in column) return column.values;
  let whole = 0;
  const wholes = column.deltas.map(delta => (whole += delta));
  // A sum that a number does not hold exactly is no value.
  return wholes.every(Number.isSafeInteger) ? wholes.map(each => each / 10 ** column.decimals) : [];
}

/** The first value, and how much each that follows is above the one before. */
function differences(values: readonly number[]): readonly number[] {
  return values.map((value, n) => value - (n === 0 ? 0 : (values[n - 1] ?? 0)));
}
