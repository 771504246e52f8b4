/** The health of the network: of gateways, worst first, and of groups (NMS-1, SIWG-6). */
import { z } from 'zod';
import type { GatewayId, GroupId } from '../../../model/mod.ts';
import { HEALTH_DAYS } from '../../../utility/mod.ts';
import type { AuditStanding } from '../../../utility/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call } from '../desk.ts';
import { audience } from './send.ts';

const form = z.strictObject({ of: audience.optional(), limit: z.int().min(1) });

export const health: Call = call(form, async ({ of, limit }, { headEnd }) => {
  const { config, nms, registry, health: network } = headEnd;
  const membersOf = (id: GroupId): readonly GatewayId[] =>
    registry.get(id)?.members.flatMap(m => (m.member ? [m.gateway] : [])) ?? [];
  const group = of?.kind === 'group' ? of.id : undefined;
  if (group !== undefined && registry.get(group) === undefined)
    return { ok: false, refusal: 'no-such-group', why: `there is no group ${group}` };
  const known = [...new Set(config.gateways.map(({ id }) => id))];
  const one = of?.kind === 'device' ? of.id : undefined;
  if (one !== undefined && !known.includes(one))
    return { ok: false, refusal: 'no-such-gateway', why: `${one} is not in the list` };
  const wanted = group === undefined ? (one === undefined ? known : [one]) : membersOf(group);
  const rows = wanted
    .map(gateway => ({ ...network.of(gateway), missing: nms.missing(gateway) }))
    .toSorted((a, b) => (a.linkAvailability ?? -1) - (b.linkAvailability ?? -1));
  const all = of === undefined ? registry.list().map(each => each.group) : [];
  const groups = group === undefined ? all : [group];
  const shown = rows.slice(0, limit);
  const audits = await Promise.all(shown.map(({ gateway }) => nms.audits(gateway)));
  return {
    ok: true,
    value: plain({
      utility: config.utility,
      days: HEALTH_DAYS,
      link: headEnd.link(),
      refused: Object.fromEntries(nms.refusals()),
      groups: groups.map(id => ({ group: id, ...network.ofGroup(membersOf(id)) })),
      shown: shown.length,
      of: rows.length,
      gateways: shown.map(({ heardAt, ...row }, n) => ({
        ...row,
        audit: summary(audits[n] ?? []),
        ...(heardAt === undefined ? {} : { heardAt: new Date(heardAt).toISOString() }),
      })),
    }),
  };
});

/** What all audits of one gateway came to; nothing before the first one. */
function summary(audits: readonly AuditStanding[]): object | undefined {
  if (audits.length === 0) return undefined;
  const sum = (of: (one: AuditStanding) => number): number => audits.reduce((all, one) => all + of(one), 0);
  const through = Object.fromEntries(audits.map(one => [one.stream, one.through]));
  const at = new Date(Math.max(...audits.map(one => one.at))).toISOString();
  return { at, through, missing: sum(one => one.missing), differing: sum(one => one.differing) };
}
