/** Who is believed, who was heard of, and who is told what: one row a gateway. */
import { z } from 'zod';
import type { GatewayId } from '../../../model/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call } from '../desk.ts';

export const gateways: Call = call(z.strictObject({}), (_args, { headEnd }) => {
  const { config, nms, registry } = headEnd;
  const open = new Map<GatewayId, number>();
  for (const { missing } of nms.open())
    for (const gateway of missing) open.set(gateway, (open.get(gateway) ?? 0) + 1);
  const rows = config.gateways.map(({ id, epoch }) => ({
    gateway: id,
    keyEpoch: epoch,
    presence: { true: 'online', false: 'offline', undefined: 'unheard' }[String(nms.isOnline(id))],
    // A third party's group may be shown to its owner alone (CS-3).
    groups: [...registry.membershipsOf(id).keys()].filter(group => registry.traitsOf(group).opaque !== true),
    unanswered: open.get(id) ?? 0,
  }));
  return Promise.resolve({
    ok: true,
    value: plain({ utility: config.utility, link: headEnd.link(), gateways: rows }),
  });
});
