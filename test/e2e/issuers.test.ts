/**
 * Two paths to one site (SIWG-3): the utility's head end, and an aggregator's as a guest on the same topics. Class,
 * primacy and scope decide; each hears what became of its own, and the display says whose is what.
 */
import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { connectAsync } from 'mqtt';
import { parse, stringify } from 'yaml';
import { toHex } from '../../src/base/bytes.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import { openLedger, openStore } from '../../src/io/store/mod.ts';
import type { GatewayId } from '../../src/model/mod.ts';
import type { PremiseView } from '../../src/model/mod.ts';
import { underglass } from '../cli/local/support.ts';
import type { Said } from '../cli/local/support.ts';
import { OPERATIONS, UtilityWorld } from '../cli/utility/world.ts';

const VALIDITY = { validFrom: '2020-01-01T00:00:00Z', validUntil: '2100-01-01T00:00:00Z' };

interface Answer {
  readonly mRID: string;
  readonly answers: readonly { readonly response: string; readonly refusal?: string; readonly why: string }[];
}

describe('a utility and an aggregator command one gateway', function () {
  this.timeout(60_000);
  const aggregatorKey = generateKey();
  let world: UtilityWorld;

  before(async () => {
    world = await UtilityWorld.open(['gw-1'], {}, of =>
      Promise.resolve({
        display: { port: 0 },
        trustedKeys: [
          {
            issuer: 'grid-ops',
            publicKey: toHex(of.key.publicKey),
            epoch: 1,
            operations: OPERATIONS,
            highestClass: 'emergency',
            ...VALIDITY,
          },
          {
            issuer: 'aggregator',
            publicKey: toHex(aggregatorKey.publicKey),
            epoch: 1,
            operations: ['event', 'cancel', 'interrogate'],
            highestClass: 'dispatch',
            primacy: { min: 20, max: 40 },
            ...VALIDITY,
          },
        ],
      }),
    );
    await writeKeyFile(world.path('aggregator.key'), aggregatorKey);
    const { gateways } = parse(await readFile(world.path('utility.yaml'), 'utf8')) as { gateways: unknown };
    const config = {
      utility: 'north',
      issuer: 'aggregator',
      guest: true,
      keyFile: 'aggregator.key',
      ledgerFile: 'aggregator.sqlite',
      broker: { url: world.broker.url },
      gateways,
    };
    await writeFile(world.path('aggregator.yaml'), stringify(config));
  });
  after(() => world.close());

  const utility = (line: string): Promise<Said> => world.utility(`${line} --gateway gw-1 --json`);
  const aggregator = (line: string): Promise<Said> =>
    underglass(
      'utility',
      ...`${line} --gateway gw-1 --json`.split(' '),
      '--config',
      world.path('aggregator.yaml'),
    );

  async function done(said: Promise<Said>): Promise<Answer> {
    const { code, out, err } = await said;
    expect(code, err).to.equal(0);
    return JSON.parse(out) as Answer;
  }

  async function limitPct(): Promise<unknown> {
    const { inverter } = world.premises[0]?.home.links ?? { inverter: '' };
    const { out } = await underglass('read', inverter, '704.WMaxLimPct', '--json');
    return (JSON.parse(out) as { points: Record<string, number> }).points['704.WMaxLimPct'];
  }

  /** The display follows within a tenth of a second: it is asked until it shows all of `wanted`. */
  async function shows(...wanted: readonly string[]): Promise<void> {
    const until = performance.now() + 3000;
    for (;;) {
      const response = await fetch(new URL('/api/view', world.premises[0]?.running.displayUrl));
      // 503 until the gateway has shown its first view.
      const { events = [] } = (await response.json()) as Partial<PremiseView>;
      const lines = events.map(({ mRID, issuer, status }) => `${mRID} ${issuer} ${status}`);
      if (wanted.every(line => lines.includes(line))) return;
      if (performance.now() > until) expect(lines).to.include.members(wanted);
    }
  }

  it('SIWG-3: the higher class holds, whoever came first, and the other takes over when it ends', async () => {
    await done(
      aggregator('send --mrid agg-1 --set opModMaxLimW=50% --duration 15m --class dispatch --primacy 30'),
    );
    expect(await limitPct()).to.equal(50);
    await done(utility('send --mrid grid-1 --set opModMaxLimW=80% --duration 15m --class reliability'));
    expect(await limitPct()).to.equal(80);
    await shows('agg-1 aggregator superseded', 'grid-1 grid-ops active');
    await done(utility('cancel --mrid grid-1 --class reliability'));
    expect(await limitPct()).to.equal(50);
    await shows('agg-1 aggregator active');
  });

  it('SIWG-3: inside a class the lower primacy holds, and no key goes beyond the range and class it was given', async () => {
    await done(
      utility('send --mrid grid-2 --set opModMaxLimW=70% --duration 15m --class dispatch --primacy 10'),
    );
    expect(await limitPct()).to.equal(70);
    for (const [line, refusal] of [
      ['send --set opModMaxLimW=10% --duration 60 --class dispatch --primacy 5', 'primacy-out-of-scope'],
      ['send --set opModConnect=0 --class emergency --primacy 30', 'class-exceeded'],
      ['curve --packet ieee1547-2018-volt-var-b --primacy 30', 'operation-out-of-scope'],
    ] as const) {
      const said = await aggregator(line);
      expect(said.code).to.equal(1);
      expect((JSON.parse(said.out) as Answer).answers.map(one => one.refusal)).to.deep.equal([refusal]);
    }
    expect(await limitPct()).to.equal(70);
  });

  it("SIWG-3: neither ends the other's event, by its name or under the same name", async () => {
    await done(utility('send --mrid grid-3 --set opModMaxLimW=60% --start +30m --duration 15m'));
    const foreign = await aggregator('cancel --mrid grid-3 --class dispatch --primacy 30');
    expect(foreign.code).to.equal(1);
    expect((JSON.parse(foreign.out) as Answer).answers[0]?.refusal).to.equal('cancel-issuer');
    const other = await utility('cancel --mrid agg-1 --class dispatch');
    expect((JSON.parse(other.out) as Answer).answers[0]?.refusal).to.equal('cancel-issuer');
    await done(
      aggregator(
        'send --mrid grid-2 --set opModMaxLimW=20% --duration 15m --class dispatch --primacy 30 --until received',
      ),
    );
    expect(await limitPct()).to.equal(70);
    await done(aggregator('cancel --mrid grid-2 --class dispatch --primacy 30'));
    expect(await limitPct()).to.equal(70);
    await shows('grid-2 grid-ops active', 'grid-3 grid-ops scheduled');
  });

  it("SIWG-3: a guest acknowledges nothing, so the utility's own head end gets every record, the guest's answers too", async () => {
    const acknowledged: string[] = [];
    const tap = await connectAsync(world.broker.url);
    tap.on('message', topic => acknowledged.push(topic));
    await tap.subscribeAsync('ug/1/north/d/+/ack', { qos: 1 });
    const { mRID } = await done(
      aggregator('send --set opModMaxLimW=30% --duration 15m --class dispatch --primacy 40 --until received'),
    );
    await done(aggregator('interrogate --class dispatch --primacy 30'));
    expect(acknowledged).to.deep.equal([]);
    await done(utility('interrogate'));
    // What it sent last may be on its way to the tap.
    while (acknowledged.length === 0)
      await new Promise<void>(resolve => tap.once('message', () => resolve()));
    await tap.endAsync();
    const ledger = openLedger(world.path('head-end.sqlite'));
    if (!ledger.ok) throw new Error(ledger.detail);
    const records = await ledger.value.records('gw-1' as GatewayId, 'receipt', 0, 1000);
    await ledger.value.close();
    await world.premises[0]?.stop();
    const store = openStore(world.path('gw-1.sqlite'));
    if (!store.ok) throw new Error(store.detail);
    const kept = await store.value.load('gw-1' as GatewayId, 'receipt', 0, 1000);
    await store.value.close();
    // What the head end does not hold yet is still with the gateway.
    const all = new Set([...records, ...kept].map(({ sequence }) => sequence));
    const last = Math.max(...all);
    expect(last).to.be.above(10);
    expect(all).to.have.property('size', last);
    const told = records.flatMap(({ body }) => (body.kind === 'receipt' ? [body] : []));
    expect(told.filter(body => body.mRID === mRID).map(({ issuer }) => issuer)).to.include('aggregator');
  });
});
