/**
 * What surrounds a gateway in a campaign: an embedded broker, a simulated home behind real Modbus sockets, a head end's
 * client and key, and a configuration in a folder.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import { assert } from '../../src/base/assert.ts';
import { toHex } from '../../src/base/bytes.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import { runHome } from '../../src/sim/mod.ts';
import type { RunningHome } from '../../src/sim/mod.ts';
import { openRecords, trustKey } from '../../src/wan/envelope/mod.ts';
import type { UplinkRecord } from '../../src/model/mod.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../support/head-end.ts';
import type { Signed } from '../support/head-end.ts';

/** Percent of WMax that holds without an event, as hundredths. */
export const DEFAULT_LIMIT = 6000;

export interface Site {
  readonly headEnd: HeadEnd;
  readonly home: RunningHome;
  readonly config: string;
  send(signed: Signed): Promise<void>;
  /** Every record that comes; what is no record of this gateway is told as a sentence. */
  onRecord(take: (record: UplinkRecord | string) => void): void;
  close(): Promise<void>;
}

/** `stateFolder`: where the gateway keeps its store, in place of a temporary folder. */
export async function openSite({ stateFolder }: { stateFolder?: string } = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'underglass-chaos-'));
  const broker = await startEmbeddedBroker({ port: 0 });
  assert(broker.ok, 'a broker on any free port');
  const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 }, inverter: { rampS: 1 } });
  const client = await connectAsync(broker.value.url, { protocolVersion: 4, reconnectPeriod: 0 });
  await client.subscribeAsync(`ug/1/${UTILITY}/d/+/up/+`, { qos: 1 });
  const headEnd = new HeadEnd();
  const key = generateKey();
  const trusted = trustKey({ ...headEnd.key, publicKey: key.publicKey, issuer: GATEWAY });
  assert(trusted.ok, 'a fresh key is trusted');
  const config = join(folder, 'gateway.yaml');
  await writeKeyFile(join(folder, 'gateway.key'), key);
  const stateFile = join(stateFolder ?? folder, 'gateway.sqlite');
  await writeFile(
    config,
    configOf({ headEnd, stateFile, broker: broker.value.url, link: home.links.inverter }),
  );
  return {
    headEnd,
    home,
    config,
    send: ({ topic, payload }) => publish(client, topic, payload),
    onRecord: take =>
      client.on('message', (topic, payload) => {
        const opened = openRecords(payload, { topic, keyOf: () => trusted.value });
        if (opened.ok) opened.value.records.forEach(take);
        else take(`a record was refused: ${opened.refusal}`);
      }),
    close: async () => {
      await client.endAsync();
      await home.close();
      await broker.value.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function publish(client: MqttClient, topic: string, payload: Uint8Array): Promise<void> {
  await client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
}

function configOf(site: { headEnd: HeadEnd; stateFile: string; broker: string; link: string }): string {
  const { issuer, key } = site.headEnd;
  return stringify({
    utility: UTILITY,
    gateway: GATEWAY,
    stateFile: site.stateFile,
    keyFile: 'gateway.key',
    broker: { url: site.broker },
    trustedKeys: [
      {
        issuer,
        publicKey: toHex(key.publicKey),
        epoch: 1,
        operations: ['event', 'cancel', 'grant', 'ack'],
        highestClass: 'emergency',
        validFrom: '2020-01-01T00:00:00Z',
        validUntil: '2090-01-01T00:00:00Z',
      },
    ],
    devices: [{ id: 'inverter', link: site.link }],
    defaults: { opModMaxLimW: DEFAULT_LIMIT },
  });
}
