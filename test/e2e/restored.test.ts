/**
 * A gateway whose store is gone, or older than what it did: a head end that runs, a broker and a database that are
 * real, and an attacker who kept the bytes of every command.
 */
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { copyFile, readFile, readdir, rm } from 'node:fs/promises';
import { expect } from 'chai';
import { connectAsync } from 'mqtt';
import { parse } from 'yaml';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { hours, unixTime } from '../../src/base/time.ts';
import { connectBroker } from '../../src/io/broker/mod.ts';
import { now, systemClock } from '../../src/io/clock.ts';
import { signerOf } from '../../src/io/keys.ts';
import { openLedger } from '../../src/io/store/mod.ts';
import type { EventBody, GatewayId, MRID, UplinkRecord } from '../../src/model/mod.ts';
import { startAmiNms } from '../../src/utility/mod.ts';
import type { AmiNms } from '../../src/utility/mod.ts';
import { trustKey } from '../../src/wan/envelope/mod.ts';
import { OPERATIONS, UtilityWorld } from '../cli/utility/world.ts';
import type { Premise } from '../cli/utility/world.ts';

const ID = 'gw-1' as GatewayId;
const TO = { kind: 'device', id: ID } as const;

describe('a gateway whose memory was lost', function () {
  this.timeout(30_000);
  let world: UtilityWorld;
  let nms: AmiNms | undefined;
  const told = new EventEmitter();

  beforeEach(async () => {
    nms = undefined;
    // The head end is there before the first gateway starts, so that it hears of its birth.
    world = await UtilityWorld.open([ID], {}, async made => {
      nms = await runHeadEnd(made);
      const validity = { validFrom: '2020-01-01T00:00:00Z', validUntil: '2100-01-01T00:00:00Z' };
      const operations = [...OPERATIONS, 'welcome', 'time'];
      const key = { issuer: 'grid-ops', publicKey: toHex(made.key.publicKey), epoch: 1 };
      return { trustedKeys: [{ ...key, operations, highestClass: 'emergency', ...validity }] };
    });
  });
  afterEach(() => world.close());

  async function runHeadEnd(made: UtilityWorld): Promise<AmiNms> {
    const ledger = openLedger(made.path('ledger.sqlite'));
    if (!ledger.ok) throw new Error(ledger.detail);
    made.later(() => ledger.value.close());
    const config = parse(await readFile(made.path('utility.yaml'), 'utf8')) as {
      gateways: { publicKey: string }[];
    };
    const publicKey = fromHex(config.gateways[0]?.publicKey ?? '') ?? new Uint8Array();
    const validity = { validFrom: unixTime(0), validUntil: unixTime(now().unix + hours(24)) };
    const scope = {
      operations: [],
      highestClass: 'market',
      primacy: { min: 1, max: 255 },
      ...validity,
    } as const;
    const device = trustKey({ publicKey, issuer: ID, alg: -19, epoch: 1, scope });
    if (!device.ok) throw new Error(device.refusal);
    const running = await startAmiNms({
      utility: 'north',
      issuer: 'grid-ops',
      keyEpoch: 1,
      signer: signerOf(made.key),
      ledger: ledger.value,
      clock: systemClock,
      connect: events => connectBroker({ url: made.broker.url, clientId: 'head-end' }, events),
      keyOf: kid => (kid === device.value.kid ? device.value : undefined),
      randomBytes: length => Uint8Array.from(randomBytes(length)),
      random: Math.random,
      events: { onRecord: (_, record) => void told.emit('record', record) },
    });
    made.later(() => running.close());
    return running;
  }

  /** Sends an event, and resolves when the gateway has answered it. */
  async function send(name: string): Promise<void> {
    const body: EventBody = {
      kind: 'event',
      service: 'direct',
      mRID: name as MRID,
      axes: { opModMaxLimW: 5000 },
      start: now().unix,
      duration: hours(1),
    };
    const sent = await nms?.send(TO, body, { class: 'dispatch', primacy: 3 });
    if (sent?.ok !== true) throw new Error('it is sent');
    expect(await sent.value.settled).to.equal('answered');
  }

  async function record(fits: (record: UplinkRecord) => boolean): Promise<UplinkRecord> {
    for (;;) {
      const [each] = (await once(told, 'record')) as [UplinkRecord];
      if (fits(each)) return each;
    }
  }

  const last = (): Premise => world.premises.at(-1) as Premise;

  async function files(): Promise<readonly string[]> {
    return (await readdir(world.folder)).filter(name => name.startsWith(`${ID}.sqlite`));
  }

  for (const lost of ['deleted', 'restored from a backup'] as const)
    it(`its store was ${lost}: it tells, takes no old command again, and takes the next`, async () => {
      const attacker = await connectAsync(world.broker.url, { protocolVersion: 4, reconnectPeriod: 0 });
      const kept: Buffer[] = [];
      attacker.on('message', (_, payload) => void kept.push(payload));
      await attacker.subscribeAsync(`ug/1/north/d/${ID}/cmd`, { qos: 1 });
      await send('ev-1');
      await last().stop();
      const backup = await files();
      for (const name of backup) await copyFile(world.path(name), world.path(`backup-${name}`));
      await world.restart(last());
      await send('ev-2');
      await send('ev-3');
      await last().stop();
      for (const name of await files()) await rm(world.path(name));
      if (lost !== 'deleted')
        for (const name of backup) await copyFile(world.path(`backup-${name}`), world.path(name));

      const alarm = record(({ body }) => body.kind === 'alarm');
      await world.restart(last());
      expect((await alarm).body).to.include({ kind: 'alarm', alarm: 'memory-lost' });
      const commands = last().running.gateway.counts().get('commands') ?? 0;
      for (const bytes of kept.slice())
        await attacker.publishAsync(`ug/1/north/d/${ID}/cmd`, bytes, { qos: 1 });
      await send('ev-4');
      const refused = last().running.gateway.counts();
      expect(refused.get('commands'), 'only the new one').to.equal(commands + 1);
      expect((refused.get('refused.sequence-too-old') ?? 0) + (refused.get('duplicate') ?? 0)).to.be.at.least(
        3,
      );
      await attacker.endAsync();
    });
});
