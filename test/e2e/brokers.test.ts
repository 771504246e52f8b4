/**
 * A gateway whose broker is gone, seen from the devices: what is read, what is refreshed and what ends goes on. And one
 * that two head ends of the same name command.
 */
import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { parse, stringify } from 'yaml';
import { toHex } from '../../src/base/bytes.ts';
import { milliseconds } from '../../src/base/time.ts';
import { runGateway } from '../../src/cli/wiring/gateway.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import { now } from '../../src/io/clock.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import type { MRID } from '../../src/model/mod.ts';
import { runHome } from '../../src/sim/mod.ts';
import { underglass } from '../cli/local/support.ts';
import { UtilityWorld } from '../cli/utility/world.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../support/head-end.ts';
import { tempDir } from '../support/temp.ts';

/** A device falls back after this long without a word; it is refreshed at half of it. */
const REVERSION_MS = 6000;
const EVENT_MS = 8000;

type Told = { readonly kind: 'read' | 'write' | 'link' | 'log'; readonly text: string };

describe('a gateway whose broker is gone', function () {
  this.timeout(60_000);

  it('polls, refreshes what reverts, ends the event on time, and is back when the broker is', async () => {
    await using dir = await tempDir();
    const broker = await startEmbeddedBroker({ port: 0 });
    if (!broker.ok) throw new Error(broker.detail);
    const { url, port } = broker.value;
    const home = await runHome({
      ports: { inverter: 0, battery: 0, meter: 0 },
      inverter: { rampS: 1, serviceDelayS: 0, serviceRampS: 1 },
    });
    const headEnd = new HeadEnd();
    const key = {
      issuer: headEnd.issuer,
      publicKey: toHex(headEnd.key.publicKey),
      epoch: 1,
      operations: ['event', 'ack'],
      highestClass: 'emergency',
      validFrom: '2020-01-01T00:00:00Z',
      validUntil: '2090-01-01T00:00:00Z',
    };
    await writeKeyFile(join(dir.path, 'gateway.key'), generateKey());
    const config = {
      utility: UTILITY,
      gateway: GATEWAY,
      stateFile: 'gateway.sqlite',
      keyFile: 'gateway.key',
      broker: { url },
      trustedKeys: [key],
      devices: [{ id: 'inverter', link: home.links.inverter }],
      defaults: { opModMaxLimW: 10_000 },
    };
    await writeFile(join(dir.path, 'gateway.yaml'), stringify(config));
    const read = await readGatewayConfig(join(dir.path, 'gateway.yaml'));
    if (!read.ok) throw new Error(read.detail);
    const told = new Listener();
    const drifted: string[] = [];
    const gateway = await runGateway(
      { ...read.value, reversionMinutes: milliseconds(REVERSION_MS) },
      {
        log: ({ event, text }) => {
          if (event === 'device.drifted') drifted.push(text);
          told.tell({ kind: 'log', text: `${event} ${text}` });
        },
        observe: what => {
          if ('input' in what && what.input.on === 'link')
            told.tell({ kind: 'link', text: what.input.up ? 'up' : 'down' });
        },
        onExchange: (_, { request: { kind }, reply }) => {
          if (reply.ok) told.tell({ kind: kind === 'read' ? 'read' : 'write', text: '' });
        },
      },
    );
    await told.until(({ text }) => text.startsWith('device.found'));
    const client = await connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0 });
    const body = {
      kind: 'event',
      service: 'demand-response',
      mRID: 'through-the-dark' as MRID,
      axes: { opModMaxLimW: 5000 },
      start: now().unix,
      duration: milliseconds(EVENT_MS),
    } as const;
    const { topic, payload } = headEnd.sign(body, now().unix);
    await client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
    await told.until(({ text }) => text.startsWith('receipt.started'));
    const limit = (): unknown => home.home.inverter.image.get('704.WMaxLimPct');
    expect(limit()).to.equal(50);

    await client.endAsync(true);
    await broker.value.close();
    await told.until(({ kind, text }) => kind === 'link' && text === 'down');
    for (let n = 0; n < 3; n++) await told.until(({ kind }) => kind === 'read');
    for (let n = 0; n < 2; n++) await told.until(({ kind }) => kind === 'write');
    expect(limit()).to.equal(50);
    await told.until(({ text }) => text.startsWith('receipt.completed'));
    await told.until(({ kind }) => kind === 'read' && limit() === 100);

    expect(drifted, 'it never fell back by itself').to.deep.equal([]);

    const again = await startEmbeddedBroker({ port });
    if (!again.ok) throw new Error(again.detail);
    await told.until(({ kind, text }) => kind === 'link' && text === 'up');
    await gateway.stop();
    await again.value.close();
    await home.close();
  });
});

describe('a second head end of one name, on a ledger of its own', function () {
  this.timeout(60_000);

  it('makes no gateway act twice: numbers that the gateway knows are refused by name, and nothing is written', async () => {
    const world = await UtilityWorld.open(['gw-1']);
    try {
      const send = 'send --mrid first --set opModMaxLimW=50% --duration 15m --gateway gw-1 --json';
      const first = await world.utility(send);
      expect(first.code, first.err).to.equal(0);
      const config = parse(await readFile(world.path('utility.yaml'), 'utf8')) as object;
      await writeFile(world.path('second.yaml'), stringify({ ...config, ledgerFile: 'second.sqlite' }));
      const line = send.replace('first', 'second').replace('50%', '20%').split(' ');
      const second = await underglass('utility', ...line, '--config', world.path('second.yaml'));
      expect(second.code).to.equal(1);
      expect(second.out).to.match(/"refusal": ?"replay"/);
      const [premise] = world.premises;
      expect(premise?.home.home.inverter.image.get('704.WMaxLimPct')).to.equal(50);
    } finally {
      await world.close();
    }
  });
});

/** Waits for what is told from now on. */
class Listener {
  readonly #waiting = new Set<{ is: (what: Told) => boolean; resolve: () => void }>();

  tell(what: Told): void {
    for (const waiting of this.#waiting) {
      if (!waiting.is(what)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  until(is: (what: Told) => boolean): Promise<void> {
    return new Promise(resolve => this.#waiting.add({ is, resolve }));
  }
}
