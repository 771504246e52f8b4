/** The health of the network: of gateways, worst first, and of groups (NMS-1, SIWG-6). */
import { z } from 'zod';
import type { GatewayId, GroupId } from '../../../model/mod.ts';
import { HEALTH_DAYS } from '../../../utility/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call } from '../desk.ts';
import { audience } from './send.ts';

const form = z.strictObject({ of: audience.optional(), limit: z.int().min(1) });

export const health: Call = call(form, ({ of, limit }, { headEnd }) => {
  const { config, nms, registry, health: network } = headEnd;
  const membersOf = (id: GroupId): readonly GatewayId[] =>
    registry.get(id)?.members.flatMap(m => (m.member ? [m.gateway] : [])) ?? [];
  const group = of?.kind === 'group' ? of.id : undefined;
  if (group !== undefined && registry.get(group) === undefined)
    return Promise.resolve({ ok: false, refusal: 'no-such-group', why: `there is no group ${group}` });
  const known = [...new Set(config.gateways.map(({ id }) => id))];
  const one = of?.kind === 'device' ? of.id : undefined;
  if (one !== undefined && !known.includes(one))
    return Promise.resolve({ ok: false, refusal: 'no-such-gateway', why: `${one} is not in the list` });
  const wanted = group === undefined ? (one === undefined ? known : [one]) : membersOf(group);
  const rows = wanted
    .map(gateway => ({ ...network.of(gateway), missing: nms.missing(gateway) }))
    .toSorted((a, b) => (a.linkAvailability ?? -1) - (b.linkAvailability ?? -1));
  const all = of === undefined ? registry.list().map(each => each.group) : [];
  const groups = group === undefined ? all : [group];
  return Promise.resolve({
    ok: true,
    value: plain({
      utility: config.utility,
      days: HEALTH_DAYS,
      link: headEnd.link(),
      refused: Object.fromEntries(nms.refusals()),
      groups: groups.map(id => ({ group: id, ...network.ofGroup(membersOf(id)) })),
      shown: Math.min(limit, rows.length),
      of: rows.length,
      gateways: rows.slice(0, limit).map(({ heardAt, ...row }) => ({
        ...row,
        ...(heardAt === undefined ? {} : { heardAt: new Date(heardAt).toISOString() }),
      })),
    }),
  });
});
