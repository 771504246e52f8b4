/**
 * What no reset tells: a line that swallows everything, and another client that uses our id.
 */
import { expect } from 'chai';
import { startEmbeddedBroker } from '../../../src/io/broker/mod.ts';
import { needs } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';
import { Mosquitto, Relay, TestLink } from './support.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const NEVER_AGAIN = { backoff: { baseMs: 60_000, capMs: 60_000 }, random: () => 1 };

describe('io/broker on a line that swallows everything', () => {
  it('gives up while it publishes on and on: what goes out proves nothing', async () => {
    const broker = await startEmbeddedBroker({ port: 0 });
    if (!broker.ok) throw new Error(broker.detail);
    await using relay = await Relay.to(broker.value.port);
    const link = new TestLink({
      url: relay.url,
      clientId: 'a',
      keepaliveS: 60,
      acknowledgedWithinMs: 700,
      ...NEVER_AGAIN,
    });
    await link.up();
    await link.port.publish('t', bytes('before'));
    relay.swallow();
    const lost: string[] = [];
    const endless = setInterval(() => {
      link.port.publish('t', bytes('into the dark')).catch((error: unknown) => lost.push(String(error)));
    }, 50);
    await link.down();
    clearInterval(endless);
    expect(link.states.at(-1)?.why).to.include('nothing was acknowledged for 0.7 s');
    expect(lost, 'all that was under way is given back').to.have.length.within(5, 60);
    await link.port.close();
    await broker.value.close();
  }).timeout(15_000);

  it('gives up an attempt on which nothing comes back, and goes on to the next broker', async () => {
    const broker = await startEmbeddedBroker({ port: 0 });
    if (!broker.ok) throw new Error(broker.detail);
    await using relay = await Relay.to(broker.value.port);
    relay.swallowNew();
    const link = new TestLink({
      url: relay.url,
      standby: [broker.value.url],
      clientId: 'a',
      readyWithinMs: 200,
    });
    await link.up();
    expect(link.states).to.deep.equal([{ up: true, why: `${broker.value.url}: new session` }]);
    await link.port.close();
    await broker.value.close();
  });
});

describe('io/broker and another client of our id, at mosquitto with MQTT 5', () => {
  it('says so at both ends, and the two slow down with every turn instead of chasing each other', async function () {
    const program = needs(this, 'mosquitto');
    await using dir = await tempDir();
    await using broker = await Mosquitto.start(program, dir.path);
    const pauses = { one: [] as number[], two: [] as number[] };
    const client = (who: 'one' | 'two'): TestLink =>
      new TestLink({
        url: broker.url,
        clientId: 'gateway',
        backoff: { baseMs: 10, capMs: 60_000 },
        random: () => 1,
        onAttemptFailed: ({ retryInMs }) => pauses[who].push(retryInMs),
      });
    const one = client('one');
    await one.up();
    const two = client('two');
    await Promise.all([one.up(5), two.up(5)]);
    expect(pauses.one.slice(0, 4)).to.deep.equal([10, 20, 40, 80]);
    expect(pauses.two.slice(0, 4)).to.deep.equal([10, 20, 40, 80]);
    for (const { states } of [one, two]) {
      const whys = states.flatMap(({ up, why }) => (up ? [] : [why]));
      expect(whys.slice(2).every(why => why.includes('does another client use the id gateway?'))).to.equal(
        true,
      );
      expect(whys).to.have.length.above(2);
    }
    await Promise.all([one.port.close(), two.port.close()]);
  });
});
