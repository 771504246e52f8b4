/**
 * Counts of flash writes as rows of the gateway's store, so that a budget of a day outlives a restart.
 */
import type { StorePort } from '../../gateway/mod.ts';
import type { Axis, DeviceId, GatewayId, Json } from '../../model/mod.ts';
import type { WearCount, WearPort } from '../devices/wear.ts';

/** Those of `gateway`. `onTrouble`: a count could not be kept; it holds as long as the process does. */
export async function storedWear(
  store: Pick<StorePort, 'snapshot' | 'persist'>,
  gateway: GatewayId,
  onTrouble: (why: string) => void,
): Promise<WearPort> {
  const { rows } = await store.snapshot(gateway);
  return {
    kept: rows.filter(({ kind }) => kind === 'wear').flatMap(({ key, value }) => countOf(key, value)),
    keep: async ({ device, axis, day, words }) => {
      const key = `${device}/${axis}`;
      try {
        await store.persist(gateway, [{ op: 'put', kind: 'wear', key, value: { day, words } }]);
      } catch (error) {
        onTrouble(`${key}: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

function countOf(key: string, value: Json): readonly WearCount[] {
  const [device, axis] = key.split('/');
  if (device === undefined || axis === undefined || typeof value !== 'object' || value === null) return [];
  const { day, words } = value as { readonly day?: Json; readonly words?: Json };
  if (typeof day !== 'number' || typeof words !== 'number') return [];
  return [{ device: device as DeviceId, axis: axis as Axis, day, words }];
}
