/**
 * The world of the demo, on real sockets of this machine: a broker, a home with inverter, battery and meter,
 * the gateway in front of it, and a head end. Each is built as it would be alone; the gateway reads its
 * configuration from a file of the demo's folder.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes, randomInt } from 'node:crypto';
import { stringify } from 'yaml';
import { toHex } from '../../base/bytes.ts';
import { hours, unixTime } from '../../base/time.ts';
import { connectBroker, startEmbeddedBroker } from '../../io/broker/mod.ts';
import type { EmbeddedBroker } from '../../io/broker/mod.ts';
import { now, systemClock } from '../../io/clock.ts';
import { hashCode } from '../../io/codes.ts';
import { readGatewayConfig } from '../../io/config.ts';
import { generateKey, signerOf, writeKeyFile } from '../../io/keys.ts';
import type { SigningKey } from '../../io/keys.ts';
import { openLedger } from '../../io/store/mod.ts';
import { linkAddress } from '../../io/modbus/mod.ts';
import type { GatewayConfig, LogEntry } from '../../gateway/mod.ts';
import type { GatewayId } from '../../model/mod.ts';
import { HOME_DEVICES, runHome } from '../../sim/mod.ts';
import type { HomeDevice, RunningHome } from '../../sim/mod.ts';
import { GroupRegistry, startAmiNms } from '../../utility/mod.ts';
import type { AmiNms, NmsEvents } from '../../utility/mod.ts';
import { trustKey } from '../../wan/envelope/mod.ts';
import type { Scope } from '../../wan/envelope/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import { runGateway } from '../wiring/gateway.ts';
import type { RunningGateway } from '../wiring/gateway.ts';
import { Opened } from '../wiring/opened.ts';
import { Timeline } from './timeline.ts';

export const UTILITY = 'demo';
export const GATEWAY = 'premise-1' as GatewayId;
export const ISSUER = 'grid-ops';

/** Where the demo listens; 0 takes any free port. */
export interface DemoPorts extends Readonly<Record<HomeDevice, number>> {
  readonly broker: number;
  readonly display: number;
}

export const DEMO_PORTS: DemoPorts = {
  broker: 18_830,
  inverter: 15_020,
  battery: 15_021,
  meter: 15_022,
  display: 18_080,
};
export const ANY_PORTS: DemoPorts = { broker: 0, inverter: 0, battery: 0, meter: 0, display: 0 };

export interface StageOptions {
  readonly ports: DemoPorts;
  readonly log: (entry: LogEntry) => void;
  readonly headEnd: NmsEvents;
  /** Which devices of the home the gateway is told of; all unless given. */
  readonly devices?: readonly HomeDevice[];
}

export interface Stage {
  readonly broker: EmbeddedBroker;
  readonly home: RunningHome;
  readonly registry: GroupRegistry;
  readonly nms: AmiNms;
  readonly gateway: RunningGateway;
  readonly timeline: Timeline;
  /** The customer's override code, which a real customer is sent sealed. */
  readonly code: string;
  readonly configPath: string;
  /** Stops everything and removes the folder. */
  stop(): Promise<void>;
}

/** Builds the stage from the broker up. Throws {@link Trouble} naming what is in the way, with nothing left open. */
export async function buildStage({
  ports,
  log,
  headEnd,
  devices = HOME_DEVICES,
}: StageOptions): Promise<Stage> {
  await using parts = new Opened();
  const folder = await mkdtemp(join(tmpdir(), 'underglass-demo-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const broker = await openBroker(ports.broker);
  parts.defer(() => broker.close());
  const home = await openHome(ports);
  parts.defer(() => home.close());
  const keys = { headEnd: generateKey(), gateway: generateKey() };
  const code = String(randomInt(1_000_000)).padStart(6, '0');
  const configPath = await writeFiles(folder, {
    broker,
    home,
    keys,
    code,
    devices,
    displayPort: ports.display,
  });
  const config = await readGatewayConfig(configPath);
  if (!config.ok) throw new Trouble(config.detail ?? config.refusal);
  const { registry, nms } = await openHeadEnd(
    join(folder, 'head-end.sqlite'),
    { broker, keys, headEnd },
    parts,
  );
  const timeline = new Timeline(addressesOf(config.value));
  const gateway = await runGateway(config.value, {
    log,
    observe: timeline.observe,
    onExchange: timeline.onExchange,
  });
  parts.defer(() => gateway.stop());
  const opened = parts.keep();
  const stop = (): Promise<void> => opened.close();
  return { broker, home, registry, nms, gateway, timeline, code, configPath, stop };
}

async function openBroker(port: number): Promise<EmbeddedBroker> {
  const broker = await startEmbeddedBroker({ port });
  if (!broker.ok)
    throw new Trouble(`the demo's broker: ${broker.detail ?? broker.refusal}`, EXIT.unreachable);
  return broker.value;
}

/** Devices of the demo ramp in one second and enter service without delay, so that an effect is seen at once. */
async function openHome(ports: DemoPorts): Promise<RunningHome> {
  const quick = { rampS: 1, serviceDelayS: 0, serviceRampS: 1 };
  const { inverter, battery, meter } = ports;
  try {
    return await runHome({
      ports: { inverter, battery, meter },
      inverter: quick,
      battery: { rampS: 1, serviceDelayS: 0, serviceRampS: 1 },
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Trouble(`the demo's home: another program is in the way (${why})`, EXIT.unreachable);
  }
}

interface Written {
  readonly broker: EmbeddedBroker;
  readonly home: RunningHome;
  readonly keys: { readonly headEnd: SigningKey; readonly gateway: SigningKey };
  readonly code: string;
  readonly devices: readonly HomeDevice[];
  readonly displayPort: number;
}

/** What an installer would leave on a gateway: its key, and its configuration. */
async function writeFiles(
  folder: string,
  { broker, home, keys, code, devices, displayPort }: Written,
): Promise<string> {
  const key = await writeKeyFile(join(folder, 'gateway.key'), keys.gateway);
  if (!key.ok) throw new Trouble(`the demo's key: ${key.detail ?? key.refusal}`);
  const roles = { inverter: 'inverter', battery: 'storage', meter: 'meter' } as const;
  const file = join(folder, 'gateway.yaml');
  const config = {
    utility: UTILITY,
    gateway: GATEWAY,
    stateFile: 'gateway.sqlite',
    keyFile: 'gateway.key',
    broker: { url: broker.url },
    trustedKeys: [
      {
        issuer: ISSUER,
        publicKey: toHex(keys.headEnd.publicKey),
        epoch: 1,
        operations: [
          'event',
          'cancel',
          'grant',
          'ack',
          'sealed',
          'manifest',
          'interrogate',
          'settings',
          'read',
          'time',
          'welcome',
        ],
        highestClass: 'emergency',
        validFrom: '2020-01-01T00:00:00Z',
        validUntil: '2100-01-01T00:00:00Z',
      },
    ],
    devices: devices.map(id => ({ id, link: home.links[id], role: roles[id] })),
    display: { port: displayPort },
    defaults: { opModMaxLimW: 10_000 },
    tariff: { opModMaxLimW: { min: 0, max: 10_000 } },
    overrideCode: await hashCode(code),
  };
  await writeFile(file, stringify(config));
  return file;
}

interface HeadEndParts {
  readonly broker: EmbeddedBroker;
  readonly keys: Written['keys'];
  readonly headEnd: NmsEvents;
}

async function openHeadEnd(
  path: string,
  { broker, keys, headEnd }: HeadEndParts,
  parts: Opened,
): Promise<{ registry: GroupRegistry; nms: AmiNms }> {
  const ledger = openLedger(path);
  if (!ledger.ok) throw new Trouble(`the head end's ledger: ${ledger.detail ?? ledger.refusal}`);
  parts.defer(() => ledger.value.close());
  const registry = await GroupRegistry.open(ledger.value, systemClock, length =>
    Uint8Array.from(randomBytes(length)),
  );
  const device = trustKey({
    publicKey: keys.gateway.publicKey,
    issuer: GATEWAY,
    alg: -19,
    epoch: 1,
    scope: deviceScope(),
  });
  if (!device.ok) throw new Trouble(`the gateway's key is not trusted: ${device.refusal}`);
  const nms = await startAmiNms({
    utility: UTILITY,
    issuer: ISSUER,
    keyEpoch: 1,
    signer: signerOf(keys.headEnd),
    ledger: ledger.value,
    clock: systemClock,
    connect: events => connectBroker({ url: broker.url, clientId: `${UTILITY}-head-end` }, events),
    keyOf: kid => (kid === device.value.kid ? device.value : undefined),
    randomBytes: length => Uint8Array.from(randomBytes(length)),
    random: Math.random,
    registry,
    events: headEnd,
  });
  parts.defer(() => nms.close());
  return { registry, nms };
}

/** A gateway's own key commands nothing; it is trusted for what the gateway reports. */
function deviceScope(): Scope {
  const { unix } = now();
  return {
    operations: [],
    highestClass: 'market',
    primacy: { min: 1, max: 255 },
    validFrom: unixTime(0),
    validUntil: unixTime(unix + hours(24 * 365)),
  };
}

function addressesOf(config: GatewayConfig): ConstructorParameters<typeof Timeline>[0] {
  return new Map(config.devices.map(({ id, link }) => [id, linkAddress(link)]));
}
