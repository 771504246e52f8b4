import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { main } from '../../src/cli/main.ts';
import { addService } from '../../src/cli/commands/service.ts';
import { needs } from '../support/needs.ts';
import { run } from '../support/run.ts';
import { tempDir } from '../support/temp.ts';

async function print(...args: readonly string[]): Promise<string> {
  let out = '';
  await main(['service', 'print', ...args], [addService], { out: text => void (out += text), err: () => {} });
  return out;
}

describe('underglass service print', () => {
  it('prints a unit with a watchdog, a user of its own and reload, and leaves Node its compiler', async () => {
    const unit = await print();
    for (const line of ['Type=notify', 'NotifyAccess=all', 'WatchdogSec=180', 'DynamicUser=yes'])
      expect(unit.split('\n')).to.include(line);
    for (const line of ['StateDirectory=underglass', 'ExecReload=/bin/kill -HUP $MAINPID'])
      expect(unit.split('\n')).to.include(line);
    expect(unit).to.match(/^ExecStart=.* gateway --config \/var\/lib\/underglass\/gateway\.yaml --observe$/m);
    expect(unit).not.to.match(/^MemoryDenyWriteExecute/m);
  });

  it('quotes what systemd would read otherwise, and writes from the start on where it is commissioned', async () => {
    const unit = await print('--config', '/srv/my site/50%.yaml', '--commissioned');
    expect(unit).to.match(/--config "\/srv\/my site\/50%%\.yaml"$/m);
  });

  it('prints what systemd-analyze takes', async function () {
    this.timeout(30_000);
    const analyze = needs(this, 'systemd-analyze');
    await using dir = await tempDir();
    const path = join(dir.path, 'underglass.service');
    await writeFile(path, await print());
    const { code, stderr } = await run(analyze, ['verify', '--man=no', path]);
    const about = stderr.split('\n').filter(line => line.includes('underglass.service'));
    expect([code, about]).to.deep.equal([0, []]);
  });
});
