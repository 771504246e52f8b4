/** `underglass utility group`: who is in which group, by whom it was changed, and how far each member has come. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { Trouble } from '../../exit.ts';
import { sayOf } from '../../local/say.ts';
import type { Say } from '../../local/say.ts';
import { asking, moment, oneOf, usage, whole } from './options.ts';
import type { UtilityOptions } from './options.ts';

const PURPOSES = ['load-control', 'meter-reading', 'delivery'];
const STATES = ['requested', 'delivered', 'acknowledged', 'verified', 'active'];

interface ActOptions extends UtilityOptions {
  readonly by?: string;
  readonly why?: string;
}

interface ShownMember {
  readonly gateway: string;
  readonly member: boolean;
  readonly state: string;
  readonly since: string;
  readonly cause: string;
}

interface ShownGroup {
  readonly group: string;
  readonly epoch: number;
  readonly purposes: readonly string[];
  readonly owner?: string;
  readonly size: number;
  readonly withheld?: true;
  readonly members?: readonly ShownMember[];
}

interface History {
  readonly memberships: readonly {
    readonly group: string;
    readonly gateway: string;
    readonly from: string;
    readonly addedBy: string;
    readonly until?: string;
    readonly removedBy?: string;
  }[];
  readonly withheld: readonly { readonly group: string; readonly members: number }[];
  readonly steps?: readonly {
    readonly at: string;
    readonly group: string;
    readonly state: string;
    readonly cause: string;
  }[];
}

export function addGroup(utility: Command): void {
  const group = utility.command('group').description('groups: made, changed, shown, and their history');
  addCreate(group);
  addChange(group, 'add');
  addChange(group, 'remove');
  addStatus(group);
  addHistory(group);
  addShare(group);
}

function acting(command: Command): Command {
  return asking(command)
    .option('--by <name>', 'who does it, for the history; the login name unless given')
    .option('--why <text>', 'why, for the history');
}

function actOf({ by, why }: ActOptions): object {
  return { by: by ?? userInfo().username, ...(why === undefined ? {} : { why }) };
}

interface CreateOptions extends ActOptions {
  readonly purpose?: readonly string[];
  readonly owner?: string;
  readonly opaque?: true;
}

function addCreate(group: Command): void {
  acting(group.command('create <group>').description('make a group, without members'))
    .option('--purpose <purpose...>', `what it is for: ${PURPOSES.join(', ')}; all unless given`)
    .option('--owner <name>', 'the third party whose group it is')
    .option('--opaque', 'show its members to its owner alone')
    .action((id: string, options: CreateOptions, it: Command) => {
      const { purpose, owner, opaque } = options;
      if (opaque === true && owner === undefined) throw usage('--opaque: name the --owner who may see it');
      const args = {
        group: id,
        ...(purpose === undefined
          ? {}
          : { purposes: purpose.map(each => oneOf('--purpose', each, PURPOSES)) }),
        ...(owner === undefined ? {} : { owner }),
        ...(opaque === undefined ? {} : { opaque }),
        ...actOf(options),
      };
      return answer(options, { call: 'groupCreate', args, needsLink: false }, sayOf(it), value =>
        tellGroups([value as ShownGroup], sayOf(it)),
      );
    });
}

interface ChangeOptions extends ActOptions {
  readonly from?: string;
  readonly until?: string;
  readonly timeout: string;
}

function addChange(group: Command, verb: 'add' | 'remove'): void {
  const adds = verb === 'add';
  const what = adds ? 'put gateways into a group' : 'take gateways out of a group';
  const command = acting(group.command(`${verb} <group> <gateway...>`).description(what))
    .option('--until <state>', `wait until each is: ${STATES.join(', ')}`)
    .option('--timeout <s>', 'wait no longer than this', '30');
  if (adds) command.option('--from <group>', 'the group they leave for it, as one change');
  command.action((id: string, gateways: readonly string[], options: ChangeOptions, it: Command) => {
    const until = oneOf('--until', options.until ?? (adds ? 'active' : 'acknowledged'), STATES);
    const args = {
      group: id,
      gateways,
      member: adds,
      until,
      timeoutS: whole('--timeout', options.timeout, 0, 86_400),
      ...(options.from === undefined ? {} : { from: options.from }),
      ...actOf(options),
    };
    const asked = { call: 'groupChange', args, needsLink: until !== 'requested' };
    return answer(options, asked, sayOf(it), value =>
      tellGroups((value as { groups: readonly ShownGroup[] }).groups, sayOf(it)),
    );
  });
}

interface ViewOptions extends UtilityOptions {
  readonly as?: string;
}

function addStatus(group: Command): void {
  asking(group.command('status [group]').description('how far each member has come, since when, and why'))
    .option('--as <name>', 'who looks: the owner of an opaque group sees its members')
    .action((id: string | undefined, options: ViewOptions, it: Command) => {
      const args = { ...(id === undefined ? {} : { group: id }), ...asOf(options) };
      return answer(options, { call: 'groupStatus', args, needsLink: false }, sayOf(it), value =>
        tellGroups((value as { groups: readonly ShownGroup[] }).groups, sayOf(it)),
      );
    });
}

interface HistoryOptions extends ViewOptions {
  readonly gateway?: string;
  readonly at?: string;
}

function addHistory(group: Command): void {
  asking(group.command('history [group]').description('when each gateway was in which group, and by whom'))
    .option('--gateway <id>', 'of one gateway, with the steps it took')
    .option('--at <time>', 'who was in at one moment: a time with its zone')
    .option('--as <name>', 'who looks: the owner of an opaque group sees its members')
    .action((id: string | undefined, options: HistoryOptions, it: Command) => {
      const { gateway, at } = options;
      const args = {
        ...(id === undefined ? {} : { group: id }),
        ...(gateway === undefined ? {} : { gateway }),
        ...(at === undefined ? {} : { at: moment('--at', at) }),
        ...asOf(options),
      };
      return answer(options, { call: 'groupHistory', args, needsLink: false }, sayOf(it), value =>
        tellHistory(value as History, sayOf(it)),
      );
    });
}

/** SIWG-1: what another party needs to command the same gateways, and no word of why they are together. */
function addShare(group: Command): void {
  asking(
    group.command('share <group>').description("the members' ids and nothing else, to be given to others"),
  )
    .option('--as <name>', 'who looks: the owner of an opaque group sees its members')
    .action((id: string, options: ViewOptions, it: Command) => {
      const { json, ...rest } = options;
      const args = { group: id, ...asOf(options) };
      const say = sayOf(it);
      const asked = { call: 'groupStatus', args, needsLink: false };
      return answer(rest, asked, say, value => {
        const { groups } = value as { groups: readonly ShownGroup[] };
        const members = groups.flatMap(({ members: all = [] }) => all).filter(({ member }) => member);
        // In the order of their letters: the order of joining would tell something.
        const gateways = members.map(({ gateway }) => gateway).toSorted();
        if (groups.some(({ withheld }) => withheld === true))
          throw new Trouble(`${id} is shown to its owner alone: name who looks with --as (withheld)`);
        if (json === true) say.json({ gateways });
        else for (const gateway of gateways) say.out(gateway);
      });
    });
}

function asOf({ as }: ViewOptions): object {
  return as === undefined ? {} : { as };
}

/** Asks, and shows the answer; also that of a refusal that has one. */
async function answer(
  options: UtilityOptions,
  asked: { readonly call: string; readonly args: unknown; readonly needsLink: boolean },
  say: Say,
  show: (value: unknown) => void,
): Promise<void> {
  const { ask, Refusal } = await import('../../utility/reach.ts');
  const tell = (value: unknown): void => (options.json === true ? say.json(value) : show(value));
  try {
    tell(await ask(options, asked, say));
  } catch (error) {
    if (error instanceof Refusal && error.value !== null) tell(error.value);
    throw error;
  }
}

function tellGroups(groups: readonly ShownGroup[], say: Say): void {
  if (groups.length === 0) say.out('no groups; utility group create makes one');
  for (const { group, epoch, purposes, owner, size, withheld, members = [] } of groups) {
    const whose = owner === undefined ? '' : `, of ${owner}`;
    const hidden = withheld === undefined ? '' : ', shown to its owner alone';
    say.out(`${group}  epoch ${epoch}, ${size} members${whose}${hidden}, for ${purposes.join(', ')}`);
    for (const { gateway, member, state, since, cause } of members)
      say.out(`    ${gateway}  ${member ? state : `leaving, ${state}`} since ${since}: ${cause}`);
  }
}

function tellHistory({ memberships, withheld, steps = [] }: History, say: Say): void {
  for (const { group, gateway, from, addedBy, until, removedBy } of memberships) {
    const end = until === undefined ? 'still' : `to ${until} (${removedBy})`;
    say.out(`${gateway}  ${group}  from ${from} (${addedBy}) ${end}`);
  }
  for (const { group, members } of withheld)
    say.out(`${group}  ${members} members, shown to its owner alone`);
  if (memberships.length === 0 && withheld.length === 0) say.out('nobody was in');
  for (const { at, group, state, cause } of steps) say.out(`    ${at}  ${group}  ${state}: ${cause}`);
}
