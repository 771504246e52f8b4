/** Who a command is for: one gateway, or the members of a group that is for commands of its kind. Sends nothing. */
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import type { Audience, CommandBody } from '../model/mod.ts';
import type { Addressed } from './dispatcher.ts';
import type { GroupRegistry } from './group-registry.ts';
import type { Purpose } from './group-rows.ts';
import type { AddressRefusal } from './nms-options.ts';

/** What a group has to be for, so that a command of that kind is sent to it. */
const PURPOSE_OF: ReadonlyMap<CommandBody['kind'], Purpose> = new Map([
  ['event', 'load-control'],
  ['settings', 'load-control'],
  ['read', 'meter-reading'],
  ['manifest', 'delivery'],
]);

/** Whom a command to `audience` is for now, and whose receipts are waited for. */
export function addressed(
  registry: GroupRegistry | undefined,
  audience: Audience,
  { kind }: Pick<CommandBody, 'kind'>,
): Result<Addressed, AddressRefusal> {
  if (audience.kind === 'device') return ok({ audience, awaits: [audience.id] });
  const group = registry?.get(audience.id);
  if (group === undefined) return refused('no-such-group', audience.id);
  const purpose = PURPOSE_OF.get(kind);
  if (purpose !== undefined && !group.purposes.includes(purpose))
    return refused('wrong-purpose', `${audience.id} is for ${group.purposes.join(', ')}, not for ${purpose}`);
  const awaits = group.members.filter(({ member }) => member).map(({ gateway }) => gateway);
  return awaits.length === 0
    ? refused('no-members', audience.id)
    : ok({ audience, awaits, groupEpoch: group.epoch });
}
