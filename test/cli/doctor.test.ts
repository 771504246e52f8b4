import { chmod, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Finding } from '../../src/io/doctor/mod.ts';
import { main } from '../../src/cli/main.ts';
import { addDoctor } from '../../src/cli/commands/doctor.ts';
import { site } from '../support/site.ts';

async function doctor(...args: readonly string[]) {
  let out = '';
  let err = '';
  const output = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) };
  const code = await main(['doctor', ...args], [addDoctor], output);
  return { code, out, err };
}

async function findings(path: string): Promise<readonly Finding[]> {
  const { out } = await doctor('--config', path, '--json');
  return (JSON.parse(out) as { readonly findings: readonly Finding[] }).findings;
}

describe('underglass doctor', function () {
  this.timeout(60_000);

  it('finds a site well: broker, device, key, disk and store', async () => {
    await using here = await site();
    const found = await findings(here.path);
    const sound = found.filter(({ state }) => state === 'well').map(({ check }) => check);
    expect(sound).to.include.members(['config', 'key', 'store', 'broker', 'device']);
    const device = found.find(({ check }) => check === 'device');
    expect(device?.says).to.contain('inverter: ').and.to.contain('takes opModConnect');
  });

  it('names what is wrong with a remedy each, and ends with 1', async () => {
    await using here = await site();
    await here.write({
      ...here.config,
      broker: { url: 'mqtt://127.0.0.1:9' },
      devices: [{ id: 'inverter', link: 'tcp://127.0.0.1:9?unit=1' }],
    });
    await chmod(join(here.folder, 'gateway.key'), 0o644);
    const { code, out, err } = await doctor('--config', here.path);
    expect(code).to.equal(1);
    expect(out).to.match(/WRONG {2}key .*readable-by-others/);
    expect(out).to.match(/WRONG {2}broker .*mqtt:\/\/127\.0\.0\.1:9: nothing listens there/);
    expect(out).to.match(/WRONG {2}device .*inverter: not found at tcp:\/\/127\.0\.0\.1:9/);
    expect(out.match(/→ \S/g)?.length).to.be.at.least(3);
    expect(err).to.match(/checks went wrong\n$/);
  });

  it('tells each mistake of a configuration with its line, and looks no further', async () => {
    await using here = await site();
    await here.write({ ...here.config, brokr: 1, pollSeconds: 'often' });
    const said = (await findings(here.path)).filter(({ check }) => check !== 'clock');
    expect(said.map(({ state }) => state)).to.deep.equal(['wrong', 'wrong']);
    expect(said[0]?.says).to.match(/gateway\.yaml:\d+: /);
  });

  it('leaves nothing behind: no store, no folder', async () => {
    await using here = await site();
    await findings(here.path);
    await rm(join(here.folder, 'gateway.key'));
    await rm(here.path);
    await rmdir(here.folder); // fails where anything is left
  });
});
