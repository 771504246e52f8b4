/** Figures of availability as rows of the gateway's store. */
import type { AvailabilityDay, StorePort } from '../../gateway/mod.ts';
import type { GatewayId } from '../../model/mod.ts';
import { unixTime } from '../../base/time.ts';

/** Those that earlier runs kept; a row of another form is left out. */
export async function keptDays(
  store: Pick<StorePort, 'snapshot'>,
  gateway: GatewayId,
): Promise<readonly AvailabilityDay[]> {
  const { rows } = await store.snapshot(gateway);
  return rows.flatMap(({ kind, key, value }) => {
    if (kind !== 'availability' || typeof value !== 'object' || value === null) return [];
    const row = value as Readonly<Record<string, unknown>>;
    const [day, watchedMs, linkMs, commandsMs, at] = [
      Number(key),
      row['watchedMs'],
      row['linkMs'],
      row['commandsMs'],
      row['at'],
    ];
    if (!isTime(watchedMs) || !isTime(linkMs) || !isTime(commandsMs) || !isTime(at) || !isTime(day))
      return [];
    return [{ day, watchedMs, linkMs, commandsMs, at: unixTime(at) }];
  });
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
