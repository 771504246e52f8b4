/**
 * A gateway that knows nobody, enrolled by its claim code: by the commands a utility types, over a real broker, to a
 * register of a simulated inverter; and its head end's key taken back again.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { readUtilityConfig } from '../../../src/cli/utility/head-end.ts';
import { serveHeadEnd } from '../../../src/cli/utility/reach.ts';
import type { ReceiptBody } from '../../../src/model/mod.ts';
import { underglass } from '../local/support.ts';
import { UtilityWorld } from './world.ts';

describe('underglass utility trust', function () {
  this.timeout(40_000);
  let world: UtilityWorld;

  /** `@name` is a file of the world's folder. */
  async function done(line: string): Promise<string> {
    const args = line.split(' ').map(word => (word.startsWith('@') ? world.path(word.slice(1)) : word));
    const said = await underglass(...args);
    expect(said.code, `${line}: ${said.err}`).to.equal(0);
    return said.out;
  }

  /** Two holders, a root, the head end's key delegated; answers with the claim code of the gateway. */
  async function office(opened: UtilityWorld, id: string): Promise<object> {
    world = opened;
    for (const name of ['ann', 'ben']) await done(`keys new @${name}.key`);
    const by = '--by @ann.key @ben.key';
    await done(`trust init @root --utility north --key @ann.key @ben.key ${by}`);
    const roles = '--role dispatcher registrar emergency time --issuer grid-ops --key @head-end.key';
    await done(`trust delegate @ops --root @root ${roles} ${by}`);
    await done(`trust revoke @rev --root @root --key @head-end.key ${by}`);
    const { codes } = JSON.parse(await done(`trust claim @root --gateway ${id} --json`)) as {
      readonly codes: readonly { readonly claim: string }[];
    };
    return { trust: { claim: codes[0]?.claim } };
  }

  afterEach(() => world.close());

  it('SIWG-2 enrols a gateway by its claim code, commands it, and takes the key back', async () => {
    await UtilityWorld.open(['gw-1'], {}, office);
    const limit = '--gateway gw-1 --set opModMaxLimW=4000 --duration 15m --timeout 20 --mrid';
    const early = await world.utility(`send ${limit.replace('20', '1')} ev-0`);
    expect(early.code, early.out).to.not.equal(0);
    const [root, ops, rev] = ['root', 'ops', 'rev'].map(name => world.path(name)) as [string, string, string];
    const enrolled = await world.utility('trust', root, ops, '--gateway', 'gw-1');
    expect(enrolled.code, enrolled.err).to.equal(0);
    const sent = await world.utility(`send ${limit} ev-1`);
    expect(sent.code, sent.err).to.equal(0);
    const revoked = await world.utility('trust', rev, '--gateway', 'gw-1');
    expect(revoked.code, revoked.err).to.equal(0);
    const late = await world.utility(`send ${limit.replace('20', '1')} ev-2`);
    expect(late.code, late.out).to.not.equal(0);
    const events = world.premises[0]?.logs.map(({ event }) => event) ?? [];
    expect(events.filter(event => event === 'trust.learned')).to.have.length(2);
  });

  it('SIWG-2 is not needed where a head end runs that names the documents: it brings them by itself', async () => {
    await UtilityWorld.open(['gw-1'], {}, office);
    await appendFile(world.path('utility.yaml'), 'trust: [root, ops]\n');
    const serving = await serveHeadEnd(await readUtilityConfig(world.path('utility.yaml')));
    try {
      const { promise: taken, resolve } = Promise.withResolvers<ReceiptBody>();
      serving.headEnd.events.join({ onReceipt: (_, receipt) => resolve(receipt) });
      expect((await taken).why).to.equal('root 1 is in force, 1 keys delegated, 0 revoked');
      const sent = await world.utility(
        'send --gateway gw-1 --set opModMaxLimW=4000 --duration 15m --timeout 20',
      );
      expect(sent.code, sent.err).to.equal(0);
    } finally {
      await serving.close();
    }
  });

  it("SIWG-2 believes a gateway's next key from its birth on, also when the head end starts anew, and the old no more", async () => {
    world = await UtilityWorld.open();
    const [premise] = world.premises;
    if (premise === undefined) throw new Error('there is a gateway');
    const limit = 'send --gateway gw-1 --duration 15m --timeout 20';
    expect((await world.utility(`${limit} --set opModMaxLimW=4000`)).code).to.equal(0);
    const old = await readFile(world.path('gw-1.key'), 'utf8');
    const shown = JSON.parse(await done('keys rotate @gw-1.key --json')) as { readonly epoch: number };
    expect(shown.epoch).to.equal(2);
    await world.restart(premise);
    const after = await world.utility(`${limit} --set opModMaxLimW=3000`);
    expect(after.code, after.err).to.equal(0);
    const again = await world.utility(`${limit} --set opModMaxLimW=2000`);
    expect(again.code, again.err).to.equal(0);
    const newest = world.premises.at(-1);
    if (newest === undefined) throw new Error('it was started anew');
    await newest.stop();
    await writeFile(world.path('gw-1.key'), old, { mode: 0o600 });
    await world.restart(newest);
    const stolen = await world.utility(`${limit.replace('20', '2')} --set opModMaxLimW=1000`);
    expect(stolen.code).to.not.equal(0);
  });
});
