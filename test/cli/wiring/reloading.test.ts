import { expect } from 'chai';
import type { GatewayConfig } from '../../../src/gateway/mod.ts';
import { Trouble } from '../../../src/cli/exit.ts';
import { reloading } from '../../../src/cli/wiring/reloading.ts';
import type { Loaded } from '../../../src/cli/wiring/reloading.ts';

const CONFIG = { utility: 'u', gateway: 'g', stateFile: 's', keyFile: 'k', defaults: { opModMaxLimW: 1 } };

async function world() {
  const done: string[] = [];
  const logged: string[] = [];
  const file: { says: object; refused?: string; cannot?: number } = { says: CONFIG };
  const limitOf = ({ config }: Loaded): number => Number(config.defaults.opModMaxLimW);
  const asLoaded = (): Loaded => ({ config: file.says as unknown as GatewayConfig });
  const it = await reloading(asLoaded(), {
    load: async () => {
      if (file.refused !== undefined) throw new Trouble(file.refused);
      return asLoaded();
    },
    start: async loaded => {
      const limit = limitOf(loaded);
      if (limit === file.cannot) throw new Trouble('the display cannot start');
      done.push(`start ${limit} as ${loaded.config.gateway}`);
      return { stop: async () => void done.push(`stop ${limit}`) };
    },
    log: ({ event, text }) => logged.push(`${event}: ${text}`),
  });
  return { it, done, logged, file };
}

describe('a configuration read anew', () => {
  it('is in force after the gateway started anew with it', async () => {
    const { it: gateway, done, logged, file } = await world();
    file.says = { ...CONFIG, defaults: { opModMaxLimW: 2 } };
    await gateway.reload();
    expect(done).to.deep.equal(['start 1 as g', 'stop 1', 'start 2 as g']);
    expect(logged[0]).to.equal('config.reloading: defaults changed: the gateway starts anew with that');
    expect(logged[1]).to.match(/^config\.reloaded/);
  });

  it('changes nothing where it says nothing new', async () => {
    const { it: gateway, done, logged } = await world();
    await gateway.reload();
    expect(done).to.deep.equal(['start 1 as g']);
    expect(logged[0]).to.match(/^config\.unchanged/);
  });

  it('changes nothing where it is refused: each line is logged, and what was in force goes on', async () => {
    const { it: gateway, done, logged, file } = await world();
    file.refused = 'g.yaml:3: a is unknown\ng.yaml:4: b is unknown';
    await gateway.reload();
    expect(done).to.deep.equal(['start 1 as g']);
    expect(logged).to.deep.equal([
      'config.refused: g.yaml:3: a is unknown; what was in force goes on',
      'config.refused: g.yaml:4: b is unknown; what was in force goes on',
    ]);
  });

  it('is given up where the gateway cannot start with it: the last good one is started again', async () => {
    const { it: gateway, done, logged, file } = await world();
    file.says = { ...CONFIG, defaults: { opModMaxLimW: 2 } };
    file.cannot = 2;
    await gateway.reload();
    expect(done).to.deep.equal(['start 1 as g', 'stop 1', 'start 1 as g']);
    expect(logged.at(-1)).to.equal('config.refused: the display cannot start; what was in force goes on');
    delete file.cannot;
    await gateway.reload();
    expect(done.at(-1)).to.equal('start 2 as g');
  });

  it('says what needs a restart, keeps that as it was, and takes the rest', async () => {
    const { it: gateway, done, logged, file } = await world();
    file.says = { ...CONFIG, gateway: 'other' };
    await gateway.reload();
    expect(done).to.deep.equal(['start 1 as g']);
    expect(logged[0]).to.match(/^config\.needs-restart: gateway changed: that counts from the next start/);
    file.says = { ...CONFIG, gateway: 'other', defaults: { opModMaxLimW: 2 } };
    await gateway.reload();
    expect(done.at(-1)).to.equal('start 2 as g');
  });

  it('is taken one at a time, and not at all after the end', async () => {
    const { it: gateway, done, file } = await world();
    file.says = { ...CONFIG, defaults: { opModMaxLimW: 2 } };
    const [first, second] = [gateway.reload(), gateway.reload()];
    await Promise.all([first, second]);
    expect(done).to.deep.equal(['start 1 as g', 'stop 1', 'start 2 as g']);
    await gateway.stop();
    file.says = CONFIG;
    await gateway.reload();
    expect(done.at(-1)).to.equal('stop 2');
  });
});
