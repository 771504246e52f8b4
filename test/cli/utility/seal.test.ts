/** `underglass utility seal`: the text comes by standard input, and is in no file, log or answer afterwards. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, stat } from 'node:fs/promises';
import { expect } from 'chai';
import { toHex } from '../../../src/base/bytes.ts';
import { OPERATIONS, UtilityWorld } from './world.ts';

const CODE = 'green-heron-417';
const TEXT = 'The meter is changed on Tuesday at nine.';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('underglass utility seal', function () {
  this.timeout(60_000);
  let world: UtilityWorld;

  before(async () => {
    world = await UtilityWorld.open(['gw-1'], {}, async it => {
      // From now on the broker keeps for the head end what comes while none runs: the birth record.
      await it.utility('cancel --gateway gw-1 --mrid none --timeout 0');
      const trusted = {
        issuer: 'grid-ops',
        publicKey: toHex(it.key.publicKey),
        epoch: 1,
        operations: OPERATIONS,
        highestClass: 'emergency',
        validFrom: '2020-01-01T00:00:00Z',
        validUntil: '2100-01-01T00:00:00Z',
      };
      return { trustedKeys: [trusted] };
    });
  });
  after(() => world.close());

  /** As a process, with `input` on its standard input. */
  async function seal(input: string, ...args: readonly string[]): Promise<Ended> {
    const config = ['--config', world.path('utility.yaml')];
    const child = spawn(process.execPath, ['src/cli/underglass.js', 'utility', 'seal', ...args, ...config]);
    let [out, err] = ['', ''];
    child.stdout.on('data', chunk => (out += String(chunk)));
    child.stderr.on('data', chunk => (err += String(chunk)));
    child.stdin.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  }

  it('SIWG-2 sends a code and a message to one gateway, and neither stands anywhere in the open', async () => {
    const code = await seal(`${CODE}\n`, 'code', '--gateway', 'gw-1', '--event', 'ev-1');
    expect(code.code, code.err).to.equal(0);
    expect(code.out).to.contain('gw-1  completed');
    const message = await seal(TEXT, 'message', '--gateway', 'gw-1', '--json');
    expect(message.code, message.err).to.equal(0);
    const said = [code, message].map(({ out, err }) => out + err).join('');
    const logs = JSON.stringify(world.premises.flatMap(premise => premise.logs));
    const files = [];
    for (const name of await readdir(world.folder, { recursive: true }))
      if ((await stat(world.path(name))).isFile())
        files.push({ name, bytes: await readFile(world.path(name)) });
    expect(files.map(({ name }) => name)).to.include.members(['gw-1.sqlite', 'head-end.sqlite']);
    const places = [
      { name: 'what the command said', bytes: Buffer.from(said) },
      { name: 'the log', bytes: Buffer.from(logs) },
      ...files,
    ];
    for (const { name, bytes } of places) {
      expect(bytes.includes(CODE), `the code is in ${name}`).to.equal(false);
      // A message is for the display: the gateway keeps it in its own store, and nobody else does.
      if (!name.startsWith('gw-1.sqlite'))
        expect(bytes.includes(TEXT), `the message is in ${name}`).to.equal(false);
    }
  });

  it('says who has announced no key, and what is no line', async () => {
    const nobody = await seal(CODE, 'code', '--gateway', 'gw-9');
    expect(nobody.code).to.equal(1);
    expect(nobody.err).to.contain('gw-9 has not announced a key').and.to.contain('(no-box-key)');
    const empty = await seal('', 'message', '--gateway', 'gw-1');
    expect([empty.code, empty.err.includes('1 to 280')]).to.deep.equal([1, true]);
    const what = await seal(CODE, 'letter', '--gateway', 'gw-1');
    expect(what.code).to.equal(2);
  });
});
