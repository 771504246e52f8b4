/**
 * What the gateway knows of the meters behind it, and how that is read from its rows: the level of each phase, and the
 * interval that runs.
 */
import type { Duration } from '../../base/time.ts';
import { newBook, newPhaseWatch } from '../../metering/mod.ts';
import type { IntervalBook, OpenInterval, PhaseWatch } from '../../metering/mod.ts';
import type { DeviceId, MeterService, Phase, VoltageLevel } from '../../model/mod.ts';
import type { StoredRow } from '../ports.ts';

/** How a meter is taken. */
export interface MeterTerms {
  readonly service: MeterService;
  /** Line to neutral; without it the voltage is not watched. */
  readonly nominalV?: number;
  /** How long a voltage is out of range before that counts. */
  readonly dwell: Duration;
}

/** What is known of one meter. */
export interface Metering {
  readonly book: IntervalBook;
  /** At most four entries. */
  readonly phases: Map<Phase, PhaseWatch>;
}

/** As the rows say it. */
export function meteringFromRows(rows: readonly StoredRow[]): Map<DeviceId, Metering> {
  const metering = new Map<DeviceId, Metering>();
  for (const { kind, key, value } of rows) {
    if (kind === 'interval') {
      const { phases = new Map<Phase, PhaseWatch>() } = metering.get(key as DeviceId) ?? {};
      metering.set(key as DeviceId, { book: newBook(value as unknown as OpenInterval), phases });
    }
    if (kind === 'voltage') {
      const [meter, phase] = key.split('/') as [DeviceId, Phase];
      meteringOf(metering, meter).phases.set(phase, newPhaseWatch(value as VoltageLevel));
    }
  }
  return metering;
}

/** What is known of `device`, from now on also when that was nothing. */
export function meteringOf(metering: Map<DeviceId, Metering>, device: DeviceId): Metering {
  const known = metering.get(device) ?? { book: newBook(), phases: new Map<Phase, PhaseWatch>() };
  metering.set(device, known);
  return known;
}
