/** `underglass utility group` as an operator uses it: real gateways over a real broker, no head end that runs. */
import { expect } from 'chai';
import { underglass } from '../local/support.ts';
import { UtilityWorld } from './world.ts';

interface GroupJson {
  readonly group: string;
  readonly epoch: number;
  readonly size: number;
  readonly members?: readonly { readonly gateway: string; readonly state: string; readonly cause: string }[];
}

interface TargetJson {
  readonly targetW: number;
  readonly implementedW: number;
  readonly members: readonly { readonly askedW: number; readonly state: string }[];
}

interface GroupsJson {
  readonly groups: readonly GroupJson[];
}

interface HistoryJson {
  readonly memberships: readonly {
    readonly gateway: string;
    readonly addedBy: string;
    readonly until?: string;
  }[];
  readonly withheld: readonly { readonly group: string; readonly members: number }[];
  readonly steps?: readonly { readonly state: string }[];
}

describe('underglass utility group', function () {
  this.timeout(40_000);
  let world: UtilityWorld;
  before(async () => {
    world = await UtilityWorld.open(['gw-1', 'gw-2']);
  });
  after(() => world.close());

  async function told<T>(line: string, code = 0): Promise<T> {
    const said = await world.utility(`${line} --json`);
    expect(said.code, said.err).to.equal(code);
    return JSON.parse(said.out) as T;
  }

  it('GRP-1, GRP-2: makes a group, puts gateways in until they have proven that they hear it, and shows them', async () => {
    const made = await told<GroupJson>('group create feeder-7 --purpose load-control --by ann');
    expect(made).to.include({ group: 'feeder-7', epoch: 1, size: 0 });
    const added = await told<GroupsJson>('group add feeder-7 gw-1 gw-2 --by ann');
    expect(added.groups[0]?.members?.map(({ gateway, state }) => [gateway, state])).to.deep.equal([
      ['gw-1', 'active'],
      ['gw-2', 'active'],
    ]);
    const sent = await world.utility('send --group feeder-7 --set opModMaxLimW=9000 --duration 60');
    expect(sent.code, sent.err).to.equal(0);
    expect(sent.out).to.contain('gw-1  started').and.to.contain('gw-2  started');
    const shown = await world.utility('group status feeder-7');
    expect(shown.out).to.match(
      /^feeder-7 {2}epoch 2, 2 members, for load-control\n {4}gw-1 {2}active since /,
    );
  });

  it('GRP-2: moves a gateway between groups as one change, and takes it out', async () => {
    await told('group create feeder-8');
    const moved = await told<GroupsJson>('group add feeder-8 gw-2 --from feeder-7');
    expect(moved.groups.map(({ group, size }) => [group, size])).to.deep.equal([
      ['feeder-7', 1],
      ['feeder-8', 1],
    ]);
    const removed = await told<GroupsJson>('group remove feeder-8 gw-2');
    expect(removed.groups).to.have.nested.property('[0].members').that.deep.equals([]);
    const sent = await world.utility('send --group feeder-8 --set opModMaxLimW=9000 --duration 60');
    expect(sent.code).to.equal(1);
    expect(sent.err).to.contain('no-members');
  });

  it('CS-3: says when each gateway was in which group, by whom, and who was in at one moment', async () => {
    const all = await told<HistoryJson>('group history feeder-7');
    expect(
      all.memberships.map(({ gateway, addedBy, until }) => [gateway, addedBy, until !== undefined]),
    ).to.deep.equal([
      ['gw-2', 'ann', true],
      ['gw-1', 'ann', false],
    ]);
    const until = all.memberships[0]?.until ?? '';
    const justBefore = new Date(Date.parse(until) - 1).toISOString();
    const then = await told<HistoryJson>(`group history feeder-7 --at ${justBefore}`);
    expect(then.memberships).to.have.length(2);
    const after = await told<HistoryJson>(`group history feeder-7 --at ${until}`);
    expect(after.memberships.map(({ gateway }) => gateway)).to.deep.equal(['gw-1']);
    const of = await told<HistoryJson>('group history --gateway gw-2');
    expect(of.steps?.map(({ state }) => state)).to.include.members([
      'requested',
      'acknowledged',
      'active',
      'removed',
    ]);
  });

  it('CS-3: a group that is opaque shows its members to its owner alone', async () => {
    await told('group create vpp-1 --owner aggregator-b --opaque');
    await told('group add vpp-1 gw-2');
    const ours = await told<GroupsJson>('group status vpp-1');
    expect(ours.groups[0]).to.include({ size: 1, withheld: true }).and.not.have.property('members');
    const theirs = await told<GroupsJson>('group status vpp-1 --as aggregator-b');
    expect(theirs.groups[0]?.members?.map(({ gateway }) => gateway)).to.deep.equal(['gw-2']);
    const past = await told<HistoryJson>('group history --gateway gw-2');
    expect(JSON.stringify(past.memberships)).to.not.contain('vpp-1');
    expect(past.withheld).to.deep.equal([{ group: 'vpp-1', members: 1 }]);
    expect(JSON.stringify(past.steps)).to.not.contain('vpp-1');
    expect((await world.utility('gateways')).out).to.not.contain('vpp-1');
    await world.utility('send --group vpp-1 --set opModMaxLimW=9000 --duration 60 --mrid ev-theirs');
    const delivery = await world.utility('delivery ev-theirs');
    expect(delivery.out).to.contain('1 answered').and.to.not.contain('gw-2');
    const own = await told<HistoryJson>('group history vpp-1 --as aggregator-b');
    expect(own.memberships).to.have.length(1);
  });

  it('refuses by name, with a remedy, and changes nothing', async () => {
    for (const [line, words] of [
      ['group create feeder-7', 'exists'],
      ['group add none gw-1', 'no-such-group'],
      ['group add feeder-7 gw-1', 'already-member'],
      ['group remove feeder-7 gw-2', 'not-a-member'],
      ['group add feeder-7 gw-9', 'gateway-unknown'],
      ['group status none', 'no-such-group'],
    ] as const) {
      const said = await world.utility(line);
      expect(said.code, line).to.equal(1);
      expect(said.err, line).to.contain(`(${words})`);
    }
    for (const line of [
      'group create a --purpose x',
      'group create b --opaque',
      'group add feeder-7 gw-2 --until x',
    ])
      expect((await world.utility(line)).code, line).to.equal(2);
    const { groups } = await told<GroupsJson>('group status feeder-7');
    expect(groups[0]).to.include({ epoch: 3, size: 1 });
  });

  it('GRP-3: says of an event to a group how it reaches each member, and how far it has come with each', async () => {
    await world.utility('send --group feeder-7 --set opModMaxLimW=9000 --duration 60 --mrid ev-told');
    const said = await world.utility('delivery ev-told');
    expect(said.code, said.err).to.equal(0);
    expect(said.out).to.match(/^event ev-told, command [0-9a-f]{32} to g\/feeder-7, sent /);
    expect(said.out)
      .to.contain('until the receipt of each member')
      .and.to.match(/\ngw-1 {2}answered {2}20/);
    const unknown = await world.utility('delivery never-was');
    expect(unknown.code).to.equal(1);
    expect(unknown.err).to.contain('(command-unknown)');
  });

  it('GRP-4: splits watts among the members of a group, each its own command, and reports what registers prove', async () => {
    await told('group create fleet-1');
    await told('group add fleet-1 gw-1 gw-2');
    const done = await told<TargetJson>('target --group fleet-1 --set opModTargetW=4001 --duration 60');
    expect(done).to.include({ targetW: 4001, implementedW: 4001, unprovenW: 0, shortW: 0 });
    expect(done.members.map(({ askedW, state }) => [askedW, state])).to.deep.equal([
      [2001, 'implemented'],
      [2000, 'implemented'],
    ]);
    const links = world.premises.map(({ home }) => home.links.inverter);
    const set = await Promise.all(links.map(link => underglass('read', link, '704.WSet', '--json')));
    expect(set.map(({ out }) => (JSON.parse(out) as { points: object }).points)).to.deep.equal([
      { '704.WSet': 2001 },
      { '704.WSet': 2000 },
    ]);
    const much = await world.utility('target --group fleet-1 --set opModTargetW=900000 --duration 60');
    expect(much.code).to.equal(1);
    expect(much.err).to.contain('nobody has room').and.to.contain('(short)');
    const hidden = await world.utility('target --group vpp-1 --set opModTargetW=1 --duration 60');
    expect(hidden.err).to.contain('(opaque)');
    expect((await world.utility('target --group fleet-1 --set opModMaxLimW=1 --duration 60')).code).to.equal(
      2,
    );
  });

  it('GRP-2: names who has not come so far, ends with 3 when nobody has, and leaves the change in the record', async () => {
    await world.premises[1]?.stop();
    const said = await world.utility('group add feeder-8 gw-2 --timeout 2');
    expect(said.code).to.equal(3);
    expect(said.err).to.contain('gw-2 in feeder-8: delivered').and.to.contain('utility serve');
    const { groups } = await told<GroupsJson>('group status feeder-8');
    expect(groups[0]?.members?.[0]).to.include({ gateway: 'gw-2', state: 'delivered' });
  });
});
