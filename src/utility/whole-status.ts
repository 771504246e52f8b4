/**
 * A gateway as it stands: its newest status with the newest reading of each device. By exception a status holds the
 * readings that moved alone, so those of the others are in earlier ones, back to the last that held all.
 */
import type { DeviceId, Reading, StatusBody, UplinkRecord } from '../model/mod.ts';

/** Statuses looked back through: every five minutes one holds all, and they are two seconds apart at least. */
export const STATUSES_BACK = 200;

/** `records` of stream status, ascending; the newest is told. `undefined` where none is a status. */
export function wholeStatus(records: readonly UplinkRecord[]): StatusBody | undefined {
  const statuses = records.flatMap(({ body }) => (body.kind === 'status' ? [body] : [])).toReversed();
  const [newest] = statuses;
  if (newest === undefined) return undefined;
  const readings = new Map<DeviceId, Reading>();
  for (const status of statuses) {
    for (const reading of status.readings)
      if (!readings.has(reading.device)) readings.set(reading.device, reading);
    if (status.partial !== true) break;
  }
  const { partial: _, ...rest } = newest;
  return { ...rest, readings: [...readings.values()] };
}
