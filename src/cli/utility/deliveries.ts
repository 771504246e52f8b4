/** The files a head end delivers, and how far: kept beside its ledger, told by its network management system. */
import { refused, ok } from '../../base/assert.ts';
import { systemClock } from '../../io/clock.ts';
import { openBlobs } from '../../io/blobs.ts';
import type { Blobs } from '../../io/blobs.ts';
import type { Ledger } from '../../io/store/mod.ts';
import { Rollouts } from '../../utility/mod.ts';
import type { AmiNms, GroupRegistry, NmsEvents } from '../../utility/mod.ts';
import type { Fan } from './fan.ts';

export interface HeadEndDeliveries {
  readonly rollouts: Rollouts;
  readonly blobs: Blobs;
}

export async function openHeadEndDeliveries(
  folder: string,
  parts: {
    readonly nms: AmiNms;
    readonly ledger: Ledger;
    readonly registry: GroupRegistry;
    readonly events: Fan<NmsEvents>;
  },
): Promise<HeadEndDeliveries> {
  const { nms, ledger, registry, events } = parts;
  const blobs = await openBlobs(folder);
  const rollouts = await Rollouts.open({
    nms,
    ledger,
    clock: systemClock,
    read: (file, offset, length) => blobs.read(file, offset, length),
    trouble: why => events.tell('onTrouble', why),
    membersOf: audience => {
      if (audience.kind === 'device') return ok([audience.id]);
      const group = registry.get(audience.id);
      if (group === undefined) return refused('no-such-group', `there is no group ${audience.id}`);
      if (!group.purposes.includes('delivery'))
        return refused(
          'wrong-purpose',
          `${audience.id} is for ${group.purposes.join(', ')}, not for delivery`,
        );
      const members = group.members.flatMap(({ gateway, member }) => (member ? [gateway] : []));
      return members.length === 0 ? refused('no-members', `${audience.id} is empty`) : ok(members);
    },
  });
  await blobs.only(rollouts.status().flatMap(({ manifest: { file, list } }) => [file, list]));
  events.join({
    onReceipt: (gateway, receipt) => rollouts.receipt(gateway, receipt),
    onRecord: (gateway, { body }) => {
      if (body.kind === 'request' && body.wants === 'chunks') rollouts.asked(gateway, body);
    },
  });
  return { rollouts, blobs };
}
