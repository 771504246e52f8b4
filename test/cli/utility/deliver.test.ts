/** `underglass utility deliver` on real sockets, with gateways as processes that can be started anew. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { UtilityWorld } from './world.ts';

interface Line {
  readonly event?: string;
  readonly msg?: string;
}

/** A gateway as an operator starts one. */
class GatewayProcess {
  readonly lines: Line[] = [];
  readonly #child;
  readonly #closed: Promise<unknown>;

  constructor(path: string) {
    this.#child = spawn(process.execPath, ['src/cli/underglass.js', 'gateway', '--config', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#closed = once(this.#child, 'close');
    createInterface({ input: this.#child.stdout }).on('line', line => {
      if (line.startsWith('{')) this.lines.push(JSON.parse(line) as Line);
    });
  }

  async saw(event: string): Promise<void> {
    while (!this.lines.some(line => line.event === event))
      await Promise.race([once(this.#child.stdout, 'data'), this.#closed]);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#closed;
  }
}

interface Status {
  readonly file: string;
  readonly next: string;
  readonly members: readonly {
    readonly gateway: string;
    readonly progress: string;
    readonly refusal?: string;
    readonly why: string;
  }[];
}

describe('underglass utility deliver', function () {
  this.timeout(60_000);
  let world: UtilityWorld;
  const gateways: GatewayProcess[] = [];

  before(async () => {
    world = await UtilityWorld.open(['gw-1']);
    for (const premise of world.premises) {
      const { id } = premise;
      await premise.stop();
      const path = world.path(`${id}.yaml`);
      const config = parse(await readFile(path, 'utf8')) as { trustedKeys: { operations: string[] }[] };
      for (const key of config.trustedKeys) key.operations = [...key.operations, 'manifest'];
      const hook = world.path('hook.sh');
      await writeFile(hook, '#!/bin/sh\necho "the device is busy" >&2\nexit 7\n');
      await chmod(hook, 0o700);
      const deliveries = {
        folder: `${id}-deliveries`,
        accepts: ['gateway-configuration', 'device-firmware', 'device-profile'],
        firmwareHook: { command: hook },
        // What is judged after thirty seconds is judged after these.
        wellForSeconds: 5,
      };
      await writeFile(path, stringify({ ...config, deliveries }));
      const gateway = new GatewayProcess(path);
      gateways.push(gateway);
      await gateway.saw('device.found');
    }
  });
  after(async () => {
    for (const gateway of gateways) await gateway.stop();
    await world.close();
  });

  async function deliver(
    name: string,
    text: string,
    ...more: string[]
  ): Promise<{ code: number; err: string; status: Status }> {
    await writeFile(world.path(name), text);
    const words = ['--gateway', 'gw-1', '--json', ...more];
    const said = await world.utility('deliver', world.path(name), ...words);
    if (!said.out.startsWith('{')) throw new Error(said.err);
    return { code: said.code, err: said.err, status: JSON.parse(said.out) as Status };
  }

  const asConfiguration = ['--kind', 'gateway-configuration', '--makes', '2'];

  it('says what does not fit, and what is not valid, by name and reason, and the gateway runs on', async () => {
    const wrong = await deliver('wrong.yaml', 'pollSeconds: 0\n', ...asConfiguration);
    expect(wrong.code).to.equal(1);
    expect(wrong.status.members[0]).to.deep.include({ progress: 'failed', refusal: 'content-invalid' });
    expect(wrong.err).to.contain('pollSeconds').and.to.contain('(halted)');
    const other = await deliver(
      'other.bin',
      'x',
      '--kind',
      'device-profile',
      '--model',
      'X9',
      '--makes',
      'x9',
    );
    expect(other.status.members[0]).to.deep.include({ progress: 'refused', refusal: 'model-not-here' });
    const steals = await deliver('steals.yaml', 'keyFile: other.key\n', ...asConfiguration);
    expect(steals.status.members[0]).to.include({ refusal: 'content-oversteps' });
  });

  it('NMS-1 takes a file of many chunks to the hook, and shows how that ended', async () => {
    const { inverter } = world.premises[0]?.home.links ?? { inverter: '' };
    const { underglass } = await import('../local/support.ts');
    const read = await underglass('read', inverter, '1.Md', '--json');
    const { points } = JSON.parse(read.out) as { points: Record<string, string> };
    const model = Object.values(points)[0] ?? '';
    const asFirmware = ['--kind', 'device-firmware', '--model', model, '--makes', '9.9'];
    const sent = await deliver('firmware.bin', 'firmware '.repeat(50_000), ...asFirmware);
    expect(sent.status.members[0]).to.deep.include({ progress: 'failed', refusal: 'hook-failed' });
    expect(sent.status.members[0]?.why).to.equal('inverter: it ended with 7: the device is busy');
  });

  it('a configuration with which the gateway does not start is taken back by itself, and said to be', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      const { code, status } = await deliver(
        'display.yaml',
        `display: { port: ${port} }\n`,
        ...asConfiguration,
      );
      expect(code).to.equal(1);
      expect(status.members[0]).to.deep.include({
        progress: 'failed',
        refusal: 'rolled-back',
        why: 'it was started 2 times and never proved healthy',
      });
    } finally {
      taken.close();
    }
  });

  it('GRP-1 goes to a group that is for delivery, and to no other, by name', async () => {
    for (const [group, purpose] of [
      ['premises', 'delivery'],
      ['feeder-7', 'load-control'],
    ] as const) {
      const made = await world.utility(`group create ${group} --purpose ${purpose}`);
      expect(made.code, made.err).to.equal(0);
      const added = await world.utility(`group add ${group} gw-1`);
      expect(added.code, added.err).to.equal(0);
    }
    const words = ['--kind', 'device-profile', '--model', 'X9', '--makes', 'x9', '--json'];
    const wrong = await world.utility('deliver', world.path('other.bin'), ...words, '--group', 'feeder-7');
    expect(wrong.code).to.equal(1);
    expect(wrong.err)
      .to.contain('feeder-7 is for load-control, not for delivery')
      .and.to.contain('(wrong-purpose)');
    const right = await world.utility('deliver', world.path('other.bin'), ...words, '--group', 'premises');
    const { members } = JSON.parse(right.out) as Status;
    expect(members.map(({ gateway, refusal }) => [gateway, refusal])).to.deep.equal([
      ['gw-1', 'model-not-here'],
    ]);
  });

  it('NMS-1 a configuration that is well is in force, and --status shows it', async () => {
    const { code, err, status } = await deliver('slow.yaml', 'pollSeconds: 2\n', ...asConfiguration);
    expect(code, err).to.equal(0);
    expect(status.members).to.deep.equal([
      {
        gateway: 'gw-1',
        held: 1,
        progress: 'done',
        why: `gateway-configuration 2 (${status.file.slice(0, 8)}) is in force`,
      },
    ]);
    const shown = await world.utility('deliver', '--status', status.file.slice(0, 12));
    expect(shown.out).to.equal(
      `gateway-configuration 2 for underglass (${status.file.slice(0, 8)}), ended\ngw-1  done  ${status.members[0]?.why}\n`,
    );
    const all = await world.utility('deliver --status --json');
    expect(JSON.parse(all.out)).to.have.property('deliveries').with.length(6);
  });

  for (const [what, args, says] of [
    ['no file', ['--kind', 'device-profile', '--makes', '1', '--gateway', 'gw-1'], 'name the file'],
    ['no kind', ['f', '--makes', '1', '--gateway', 'gw-1'], 'device-firmware'],
    [
      'stages that do not end with all',
      ['f', '--kind', 'device-profile', '--makes', '1', '--group', 'g', '--stages', '1,10'],
      '1,10,100',
    ],
    ['nobody', ['f', '--kind', 'device-profile', '--makes', '1'], '--gateway and --group'],
  ] as const)
    it(`ends with 2 on ${what}`, async () => {
      const said = await world.utility('deliver', ...args);
      expect(said.code).to.equal(2);
      expect(said.err).to.contain(says);
    });

  it('ends with 1 on a file that is not there, and a group that is not', async () => {
    const missing = await world.utility('deliver', 'none.bin', ...asConfiguration, '--gateway', 'gw-1');
    expect([missing.code, missing.err]).to.deep.equal([1, missing.err]);
    expect(missing.err).to.contain('none.bin').and.to.contain('(unreadable)');
    const group = await world.utility('deliver', world.path('slow.yaml'), ...asConfiguration, '--group', 'g');
    expect(group.err).to.contain('there is no group g').and.to.contain('(no-such-group)');
  });
});
