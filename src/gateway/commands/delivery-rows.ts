/**
 * Deliveries under way, as a gateway keeps them. Data only; delivery.ts says what becomes of them.
 */
import type { Instant, UnixTime } from '../../base/time.ts';
import type { Command, Cti, DeviceId, FileId, ManifestBody } from '../../model/mod.ts';
import type { StoredRow } from '../ports.ts';

/**
 * `fetching` its chunks; `whole` and waiting for its turn; `applying`: handed to what applies it, or on trial;
 * `seeking`: applied to devices that do not yet say their new version.
 */
export type Phase = 'fetching' | 'whole' | 'applying' | 'seeking';

export interface Job {
  readonly manifest: ManifestBody;
  readonly cti: Cti;
  readonly issuer: string;
  readonly kid: Command['kid'];
  /** When fetching it is given up. */
  readonly expires: UnixTime;
  readonly phase: Phase;
  /** The devices it is for; none for the gateway's own. */
  readonly devices: readonly DeviceId[];
  /** The devices that were there when it was applied: without them the gateway is not well. */
  readonly needs: readonly DeviceId[];
}

/** How the file on trial does, since this start. */
export interface Watch {
  readonly file: FileId;
  readonly until: Instant;
  /** Devices read since the trial began. */
  readonly read: Set<DeviceId>;
  /** Since when everything is well. */
  wellSince: Instant | undefined;
}

export interface Deliveries {
  readonly jobs: Map<FileId, Job>;
  /** Jobs handed to the door since this start. */
  readonly handed: Set<FileId>;
  watch: Watch | undefined;
  /** Until when the devices of a job are awaited with their new version. */
  readonly seekUntil: Map<FileId, Instant>;
}

/** What the rows of the store say. */
export function deliveriesFromRows(rows: readonly StoredRow[]): Deliveries {
  const jobs = rows.filter(row => row.kind === 'delivery').map(row => row.value as unknown as Job);
  return {
    jobs: new Map(jobs.map(job => [job.manifest.file, job])),
    handed: new Set(),
    watch: undefined,
    seekUntil: new Map(),
  };
}
