/**
 * Groups at the desk: made, changed, looked at, and who was in which of them when (CS-3). A change is waited for as
 * far as asked, up to the members' own proof that they hear the group.
 *
 * `as` names who looks. It is no proof of identity: whoever reaches this desk reads the ledger. It keeps apart what
 * a third party's groups show by agreement.
 */
import { z } from 'zod';
import { unixTime } from '../../../base/time.ts';
import { isId } from '../../../model/mod.ts';
import type { GatewayId, GroupId } from '../../../model/mod.ts';
import {
  MEMBER_STATES,
  PURPOSES,
  changesOf,
  countsWithheld,
  spells,
  spellsAt,
  stepsOf,
} from '../../../utility/mod.ts';
import type { Change, Group, GroupRegistry, Member, RecordedChange } from '../../../utility/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call, CallContext, CallResult, DoorJson } from '../desk.ts';

const id = <T extends string>() =>
  z
    .string()
    .refine(isId, { error: 'is no id: 1 to 64 of a-z, 0-9 and the hyphen' })
    .transform(text => text as T);
const moment = z.iso.datetime({ offset: true }).transform(text => unixTime(Date.parse(text)));
const text = z.string().min(1).max(280);
const act = { by: text, why: text.optional() };
const viewer = { as: text.optional() };

/** What went wrong with a group, and what helps. */
const REMEDY: Readonly<Record<string, string>> = {
  exists: 'utility group status shows it',
  'no-such-group': 'utility group create makes it',
  'already-member': 'leave it out',
  'not-a-member': 'utility group status shows who is in it',
  'too-many': 'do it in parts',
};

/** How often a change that is waited for is looked at. */
const LOOK_EVERY_MS = 100;

const creating = z.strictObject({
  group: id<GroupId>(),
  purposes: z.array(z.enum(PURPOSES)).min(1).optional(),
  owner: text.optional(),
  opaque: z.literal(true).optional(),
  ...act,
});

export const groupCreate: Call = call(creating, async ({ group, ...traits }, { headEnd }) => {
  const given = Object.fromEntries(Object.entries(traits).filter(([, value]) => value !== undefined));
  const made = await headEnd.registry.create(group, given);
  return made.ok ? { ok: true, value: plain(shown(made.value)) } : refusal(made.refusal, made.detail);
});

const changing = z.strictObject({
  group: id<GroupId>(),
  gateways: z.array(id<GatewayId>()).min(1),
  member: z.boolean(),
  /** With `member`: the group they leave for it, as one change. */
  from: id<GroupId>().optional(),
  until: z.enum(MEMBER_STATES),
  timeoutS: z.number().min(0).max(86_400),
  ...act,
});

export const groupChange: Call = call(
  changing,
  async ({ group, gateways, member, from, by, why, ...wait }, context) => {
    const { registry, config } = context.headEnd;
    const known = new Set<string>(config.gateways.map(each => each.id));
    const strange = gateways.find(gateway => member && !known.has(gateway));
    if (strange !== undefined)
      return {
        ok: false,
        refusal: 'gateway-unknown',
        why: `${strange} is not among the gateways of the configuration: enter its id and public key there`,
      };
    const changes = gateways.flatMap((gateway): readonly Change[] => [
      ...(from === undefined ? [] : [{ group: from, gateway, member: false }]),
      { group, gateway, member },
    ]);
    const done = await registry.change(changes, { by, ...(why === undefined ? {} : { why }) });
    if (!done.ok) return refusal(done.refusal, done.detail);
    context.tell(`${group} is in epoch ${registry.get(group)?.epoch}`);
    return waited(context, changes, wait);
  },
);

const looking = z.strictObject({ group: id<GroupId>().optional(), ...viewer });

export const groupStatus: Call = call(looking, ({ group, as }, { headEnd }) => {
  const one = group === undefined ? undefined : headEnd.registry.get(group);
  if (group !== undefined && one === undefined) return Promise.resolve(refusal('no-such-group', group));
  const groups = one === undefined ? headEnd.registry.list() : [one];
  return Promise.resolve({ ok: true, value: plain({ groups: groups.map(each => shown(each, as)) }) });
});

const asking = z.strictObject({
  group: id<GroupId>().optional(),
  gateway: id<GatewayId>().optional(),
  at: moment.optional(),
  ...viewer,
});

export const groupHistory: Call = call(asking, async ({ group, gateway, at, as }, { headEnd }) => {
  const { ledger } = headEnd;
  const asker = as === undefined ? {} : { asker: as };
  const changes = await changesOf(ledger, group);
  if (group !== undefined && changes.length === 0) return refusal('no-such-group', group);
  const all = spells(changes, asker).filter(spell => gateway === undefined || spell.gateway === gateway);
  const memberships = (at === undefined ? all : spellsAt(all, at)).map(({ from, until, ...spell }) => ({
    ...spell,
    from: iso(from),
    ...(until === undefined ? {} : { until: iso(until) }),
  }));
  const withheld = countsWithheld(changes, at ?? unixTime(Date.now()), asker);
  const hidden = new Set<string>(withheld.keys());
  const steps = gateway === undefined || at !== undefined ? [] : await stepsOf(ledger, gateway);
  return {
    ok: true,
    value: plain({
      ...(at === undefined ? {} : { at: iso(at) }),
      memberships,
      withheld: [...withheld].map(([name, members]) => ({ group: name, members })),
      ...(at === undefined && gateway === undefined ? { changes: told(changes, hidden) } : {}),
      ...(steps.length === 0
        ? {}
        : {
            steps: steps.filter(step => !hidden.has(step.group)).map(step => ({ ...step, at: iso(step.at) })),
          }),
    }),
  };
});

/** Waits until every change has come as far as `until`; who has not is named. */
async function waited(
  { headEnd: { registry }, signal, tell }: CallContext,
  changes: readonly Change[],
  { until, timeoutS }: { readonly until: (typeof MEMBER_STATES)[number]; readonly timeoutS: number },
): Promise<CallResult> {
  const end = performance.now() + timeoutS * 1000;
  let missing = missingOf(registry, changes, until);
  for (let last = -1; missing.length > 0 && performance.now() < end && !signal.aborted; ) {
    if (missing.length !== last) tell(`${changes.length - missing.length} of ${changes.length} ${until}`);
    last = missing.length;
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
    missing = missingOf(registry, changes, until);
  }
  const groups = [...new Set(changes.map(({ group }) => group))];
  const value = plain({ groups: groups.flatMap(group => shownAll(registry, group)), missing });
  if (missing.length === 0) return { ok: true, value };
  const [first] = missing;
  return {
    ok: false,
    refusal: 'not-yet',
    why: `${missing.length} of ${changes.length} are not ${until} yet (${first?.gateway} in ${first?.group}: ${first?.state}, ${first?.cause}); the record stands, and the head end that runs (underglass utility serve) goes on`,
    ...(missing.length === changes.length ? { unreachable: true as const } : {}),
    value,
  };
}

interface Missing {
  readonly group: GroupId;
  readonly gateway: GatewayId;
  readonly state: Member['state'];
  readonly cause: string;
}

function missingOf(
  registry: GroupRegistry,
  changes: readonly Change[],
  until: (typeof MEMBER_STATES)[number],
): readonly Missing[] {
  const rank = (state: string): number => MEMBER_STATES.findIndex(known => known === state);
  return changes.flatMap(({ group, gateway, member }) => {
    const row = registry.member(group, gateway);
    // Who leaves is known to have left when its row is gone.
    if (row === undefined) return [];
    const isThere =
      rank(row.state) >= rank(until) && (member || until === 'requested' || until === 'delivered');
    return isThere ? [] : [{ group, gateway, state: row.state, cause: row.cause }];
  });
}

function shownAll(registry: GroupRegistry, group: GroupId): readonly object[] {
  const known = registry.get(group);
  return known === undefined ? [] : [shown(known, known.owner)];
}

function shown({ members, changedAt, ...group }: Group, as?: string): object {
  const isHidden = group.opaque === true && group.owner !== as;
  const inIt = members.filter(({ member }) => member).length;
  return {
    ...group,
    changedAt: iso(changedAt),
    size: inIt,
    ...(isHidden
      ? { withheld: true }
      : {
          members: members.map(({ gateway, member, state, since, cause, epoch }) => ({
            gateway,
            member,
            state,
            since: iso(since),
            cause,
            epoch,
          })),
        }),
  };
}

function told(changes: readonly RecordedChange[], hidden: ReadonlySet<string>): readonly object[] {
  return changes.filter(({ group }) => !hidden.has(group)).map(change => ({ ...change, at: iso(change.at) }));
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function refusal(name: string, detail?: string): Extract<CallResult, { ok: false }> & { value?: DoorJson } {
  const remedy = REMEDY[name];
  const words = `${name.replaceAll('-', ' ')}${detail === undefined ? '' : `: ${detail}`}`;
  return { ok: false, refusal: name, why: remedy === undefined ? words : `${words}; ${remedy}` };
}
