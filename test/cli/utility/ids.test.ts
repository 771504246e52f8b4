/** Ids and what is said with them: neither person nor place, on no wire and in no list. */
import { expect } from 'chai';
import { connectAsync } from 'mqtt';
import { readFile, writeFile } from 'node:fs/promises';
import { randomId } from '../../../src/io/ids.ts';
import { isId } from '../../../src/model/mod.ts';
import { underglass } from '../local/support.ts';
import { UtilityWorld } from './world.ts';

describe('ids', function () {
  this.timeout(40_000);

  it('SIWG-1 are 128 random bits in letters and digits: none twice, and every bit of one counts', () => {
    const many = Array.from({ length: 10_000 }, () => randomId());
    expect(new Set(many)).to.have.property('size', 10_000);
    expect(many.filter(id => !isId(id) || id.length !== 26)).to.deep.equal([]);
    // RFC 4648, section 10: the base32 of "foobar" is MZXW6YTBOI.
    expect(randomId(Buffer.from('foobar'))).to.equal('mzxw6ytboi');
    const zero = new Uint8Array(16);
    const flipped = Array.from({ length: 128 }, (_, bit) =>
      randomId(zero.map((_byte, at) => (at === bit >> 3 ? 1 << (bit & 7) : 0))),
    );
    expect(new Set([randomId(zero), ...flipped])).to.have.property('size', 129);
  });

  it('SIWG-1 are made by keys id', async () => {
    const said = await Promise.all([underglass('keys', 'id'), underglass('keys', 'id', '--json')]);
    const [plain = '', json = ''] = said.map(({ out }) => out);
    expect(isId(plain.trim())).to.equal(true);
    expect(isId((JSON.parse(json) as { id: string }).id)).to.equal(true);
    expect(json).not.to.contain(plain.trim());
  });

  describe('of gateways and groups', () => {
    const ids = [randomId(), randomId()].toSorted();
    const group = randomId();
    let world: UtilityWorld;
    before(async () => {
      world = await UtilityWorld.open(ids);
    });
    after(() => world.close());

    it('SIWG-1 share a group as a list of ids, and no word of its reason goes over the wire', async () => {
      const heard: string[] = [];
      const tap = await connectAsync(world.broker.url);
      tap.on('message', (topic, payload) => heard.push(`${topic} ${payload.toString('latin1')}`));
      await tap.subscribeAsync('#', { qos: 1 });
      const secret = ['12-Main-Street', 'Jane-Doe', 'transformer-7'];
      const [place = '', person = '', circuit = ''] = secret;
      const why = ['--by', person, '--why', `${place}, ${circuit}`];
      expect((await world.utility(`group create ${group}`, ...why)).code).to.equal(0);
      const added = await world.utility(`group add ${group} ${ids.toReversed().join(' ')}`, ...why);
      expect(added.code, added.err).to.equal(0);
      const sent = await world.utility(`send --group ${group} --set opModMaxLimW=50% --duration 60`);
      expect(sent.code, sent.err).to.equal(0);
      await tap.endAsync();
      expect(heard.length).to.be.above(6);
      for (const word of secret) expect(heard.filter(message => message.includes(word))).to.deep.equal([]);
      const shared = await world.utility(`group share ${group}`);
      expect(shared.out).to.equal(`${ids.join('\n')}\n`);
      const json = await world.utility(`group share ${group} --json`);
      expect(JSON.parse(json.out)).to.deep.equal({ gateways: ids });
      // What is not to be shared is known at home.
      expect((await world.utility(`group history ${group}`)).out).to.contain(person);
    });

    it('SIWG-1 stand alone: no configuration has a field for a name or an address beside one', async () => {
      const config = await readFile(world.path('utility.yaml'), 'utf8');
      for (const field of ['name: Jane', 'address: 12 Main Street', 'feeder: f7']) {
        const path = world.path('named.yaml');
        await writeFile(path, config.replace(/( +)- id: (\S+)/, `$1- id: $2\n$1  ${field}`));
        const said = await underglass('utility', 'gateways', '--config', path);
        expect([said.code, said.err]).to.satisfy(
          ([code, err]: [number, string]) => code === 1 && /is unknown/.test(err),
        );
      }
    });
  });
});
