/**
 * Scope: the payload asks, the key decides. Pure comparison of what a command says with what its key may say.
 */
import { refused } from '../../base/assert.ts';
import type { Refused } from '../../base/assert.ts';
import { axesOf, classNumber } from '../../model/mod.ts';
import type {
  AxisValues,
  CommandBody,
  CommandClass,
  EventBody,
  GatewayId,
  GroupId,
} from '../../model/mod.ts';
import type { CommandClaims } from './claims.ts';
import type { ScopeRefusal } from './refusals.ts';
import type { Scope } from './trust.ts';

/** What of a command its scope is judged by. */
export type Asked = Pick<CommandClaims, 'audience' | 'class' | 'primacy'> & {
  readonly body: Exclude<CommandBody, EventBody> | Pick<EventBody, 'kind' | 'axes'>;
};

/** `undefined` when a key of this scope may say this. */
export function scopeTrouble(claims: Asked, scope: Scope): Refused<ScopeRefusal> | undefined {
  const { body, audience, primacy } = claims;
  // Its documents carry signatures of their own: whoever is known may bring them.
  if (body.kind === 'trust') return undefined;
  // A probe moves memberships as a grant does, so it takes the same right.
  const operation = body.kind === 'probe' ? 'grant' : body.kind;
  if (!scope.operations.includes(operation)) return refused('operation-out-of-scope', body.kind);
  if (classNumber(claims.class) < classNumber(scope.highestClass))
    return refused('class-exceeded', `${claims.class}, the key's highest is ${scope.highestClass}`);
  if (primacy < scope.primacy.min || primacy > scope.primacy.max)
    return refused('primacy-out-of-scope', `${primacy} outside ${scope.primacy.min} … ${scope.primacy.max}`);
  if (!named(groupsOf(claims), scope.groups)) return refused('group-out-of-scope');
  if (audience.kind === 'device' && !named([audience.id], scope.gateways))
    return refused('gateway-out-of-scope', audience.id);
  if (body.kind === 'manifest' && scope.delivers?.includes(body.delivers) === false)
    return refused('delivery-out-of-scope', body.delivers);
  return body.kind === 'event' ? boundsTrouble(body.axes, claims.class, scope) : undefined;
}

/** The group a command is for, or those whose membership it grants. */
function groupsOf({ audience, body }: Asked): readonly GroupId[] {
  if (audience.kind === 'group') return [audience.id];
  return body.kind === 'grant' ? [body, ...(body.also ?? [])].map(({ group }) => group) : [];
}

function named<T extends GroupId | GatewayId>(ids: readonly T[], list: readonly T[] | undefined): boolean {
  return list === undefined || ids.every(id => list.includes(id));
}

/** OVR-4: a key that may speak of emergencies may isolate, whatever its bound on the connection says of 0. */
function boundsTrouble(
  axes: AxisValues,
  commandClass: CommandClass,
  scope: Scope,
): Refused<ScopeRefusal> | undefined {
  for (const axis of axesOf(axes)) {
    const bound = scope.bounds?.[axis];
    const value = axes[axis];
    if (bound === undefined || value === undefined) continue;
    const isolates = commandClass === 'emergency' && axis === 'opModConnect' && value === 0;
    if (!isolates && (value < bound.min || value > bound.max))
      return refused('bounds-exceeded', `${axis} ${value} outside ${bound.min} … ${bound.max}`);
  }
  return undefined;
}
