import { expect } from 'chai';
import { main } from '../../src/cli/main.ts';
import { program, site } from '../support/site.ts';

async function said(...args: readonly string[]) {
  let out = '';
  const code = await main(args, undefined, { out: text => void (out += text), err: () => {} });
  return { code, out };
}

describe('underglass gateway --observe', function () {
  this.timeout(30_000);

  it('reads its inverter, decides, logs what it would write, and writes nothing until it is commissioned', async () => {
    await using here = await site();
    const limit = async () => {
      const { out } = await said('read', here.home.links.inverter, '704.WMaxLimPctEna', '--json');
      return (JSON.parse(out) as { readonly points: Readonly<Record<string, number>> }).points[
        '704.WMaxLimPctEna'
      ];
    };
    {
      await using gateway = program(['gateway', '--config', here.path, '--observe']);
      await gateway.line(({ event }) => event === 'gateway.observing');
      const refused = await gateway.line(({ event }) => event === 'order.refused');
      expect(refused.msg).to.contain('observing: opModMaxLimW would be set to 6000; nothing was written');
      expect(await limit()).to.equal(0);
      gateway.signal('SIGTERM');
      expect(await gateway.ended).to.equal(0);
    }
    const confirmed = await said('gateway', 'commission', '--config', here.path, '--json');
    expect(confirmed.code).to.equal(0);
    expect(JSON.parse(confirmed.out)).to.include({ gateway: 'premise-1', commissioned: true });
    await using gateway = program(['gateway', '--config', here.path, '--observe']);
    await gateway.line(({ event }) => event === 'gateway.commissioned');
    await gateway.line(({ event }) => event === 'order.implemented');
    expect(await limit()).to.equal(1);
    const back = await said('gateway', 'commission', '--config', here.path, '--withdraw');
    expect(back.out).to.contain('premise-1 is not commissioned');
  });
});
