/** Requests for samples that are under way, and how they are read from their rows. */
import type { Instant, UnixTime } from '../../base/time.ts';
import type { Cti, DeviceId, Reading } from '../../model/mod.ts';
import type { StoredRow } from '../ports.ts';

export interface SamplingRow {
  readonly cti: Cti;
  readonly issuer: string;
  readonly everyS: number;
  readonly until: UnixTime;
}

export interface Sampling extends SamplingRow {
  /** What waits for its record, a minute of it at most, and since when. */
  readings: Reading[];
  since: Instant | undefined;
  /** When each device was read for its last sample. */
  readonly taken: Map<DeviceId, UnixTime>;
}

export function samplingsFromRows(rows: readonly StoredRow[]): Map<string, Sampling> {
  return new Map(
    rows.flatMap(({ kind, key, value }) =>
      kind === 'sampling' ? [[key, newSampling(value as unknown as SamplingRow)] as const] : [],
    ),
  );
}

export function newSampling(row: SamplingRow): Sampling {
  return { ...row, since: undefined, readings: [], taken: new Map() };
}
