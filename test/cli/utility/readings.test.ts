/** `underglass utility readings`, on real sockets. */
import { expect } from 'chai';
import { UtilityWorld } from './world.ts';

interface ReadingsJson {
  readonly answers: readonly { readonly gateway: string; readonly response: string }[];
  readonly readings: readonly {
    readonly gateway: string;
    readonly device: string;
    readonly at: string;
    readonly points: Readonly<Record<string, number>>;
  }[];
}

describe('underglass utility readings', function () {
  this.timeout(40_000);
  let world: UtilityWorld;
  before(async () => {
    world = await UtilityWorld.open(['gw-1']);
  });
  after(() => world.close());

  it('tells what each device measures now', async () => {
    const asked = await world.utility('readings --gateway gw-1 --json');
    expect(asked.code, asked.err).to.equal(0);
    const { answers, readings } = JSON.parse(asked.out) as ReadingsJson;
    expect(answers.map(({ response }) => response)).to.deep.equal(['completed']);
    expect(readings.find(({ points }) => points['W'] !== undefined)).to.include({ gateway: 'gw-1' });
  });

  it('TIME-1: samples every second on request, and shows each with its second', async () => {
    const asked = await world.utility('readings --gateway gw-1 --every 1s --for 4s');
    expect(asked.code, asked.err).to.equal(0);
    const times = [...asked.out.matchAll(/^gw-1 inverter (\S+) {2}\S/gm)].map(([, at = '']) =>
      Date.parse(at),
    );
    expect(times.length, asked.out).to.be.within(3, 6);
    for (const [n, at] of times.entries())
      if (n > 0) expect(at - (times[n - 1] ?? 0)).to.be.within(700, 2500);
  });

  it('asks for both how often and for how long', async () => {
    const asked = await world.utility('readings --gateway gw-1 --every 1s');
    expect(asked.code).to.equal(2);
    expect(asked.err).to.contain('--every and --for go together');
  });
});
