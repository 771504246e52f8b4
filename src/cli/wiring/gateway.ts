/**
 * A gateway from its configuration: opens every door that the file names and gives them to the interpreter.
 * Whatever cannot be opened is named with its address before anything starts.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { ok } from '../../base/assert.ts';
import { toHex } from '../../base/bytes.ts';
import { openerOf } from '../../io/box.ts';
import { connectBroker } from '../../io/broker/mod.ts';
import { systemClock } from '../../io/clock.ts';
import { codeChecker, noCode } from '../../io/codes.ts';
import { openDevices } from '../../io/devices/devices.ts';
import type { DeviceConfig } from '../../io/devices/devices.ts';
import { startDisplay } from '../../io/http/mod.ts';
import type { Display } from '../../io/http/mod.ts';
import { readKeyFile, signerOf } from '../../io/keys.ts';
import type { SigningKey } from '../../io/keys.ts';
import { shippedModels } from '../../io/models.ts';
import { fillLink, linkAddress, openBus } from '../../io/modbus/mod.ts';
import type { Exchange, Link } from '../../io/modbus/mod.ts';
import { observingDeliveries, observingDevices } from '../../io/observing.ts';
import { readProfile, shippedProfiles } from '../../io/profiles.ts';
import { openStore, storedWear } from '../../io/store/mod.ts';
import { readTrustFile } from '../../io/trust.ts';
import type { Store } from '../../io/store/mod.ts';
import { startGateway } from '../../gateway/mod.ts';
import type { Gateway, GatewayConfig, GatewayPorts, LogEntry, Settings } from '../../gateway/mod.ts';
import { AXES, stateTopic } from '../../model/mod.ts';
import { signRecord, signRecords } from '../../wan/envelope/mod.ts';
import { openDocument, rootFrom } from '../../wan/trust/mod.ts';
import type { Anchor } from '../../wan/trust/mod.ts';
import type { Profile } from '../../local/profiles/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import type { OwnDeliveries } from './deliveries.ts';
import { openHealth } from './health.ts';
import type { Service } from '../../io/health/mod.ts';
import { packageVersion } from '../version.ts';
import { wayTo } from './broker.ts';
import { Opened } from './opened.ts';

export interface GatewayWiring {
  /** Files from the utility, where they are configured. */
  readonly deliveries?: OwnDeliveries;
  readonly log: (entry: LogEntry) => void;
  readonly observe?: GatewayPorts['observe'];
  /** Whether nothing may be written to devices now; asked at each order. */
  readonly isObserving?: () => boolean;
  /** The service manager that started us, where there is one. */
  readonly service?: Service;
  /** Told of every request on every bus, with the bus's address. */
  readonly onExchange?: (address: string, exchange: Exchange) => void;
}

export interface RunningGateway {
  readonly gateway: Gateway;
  /** The address of the customer display, where one is configured. */
  readonly displayUrl?: string;
  /** Where `/metrics`, `/healthz` and `/readyz` are, where they are configured. */
  readonly monitorUrl?: string;
  /** Ends cleanly: what is being stored is finished, links and files are closed. */
  stop(): Promise<void>;
}

/** Uniform over [0, 1), from the operating system: jitter must differ between gateways. */
const random = (): number => randomInt(2 ** 32) / 2 ** 32;

/** Runs the gateway that `config` describes. Throws {@link Trouble} when one of its doors cannot be opened. */
export async function runGateway(config: GatewayConfig, wiring: GatewayWiring): Promise<RunningGateway> {
  const key = await openKey(config.keyFile);
  const [signer, opener] = [signerOf(key), openerOf(key)];
  const models = await shippedModels();
  const { deliveries, isObserving = () => false } = wiring;
  const delivered = deliveries?.profiles ?? new Map<string, Profile>();
  const profiles = [...new Map([...(await shippedProfiles()), ...delivered]).values()];
  const configured = await Promise.all(config.devices.map(device => deviceOf(device, delivered)));
  const way = wayTo(config.broker, why => wiring.log({ level: 'warn', event: 'broker.files', text: why }));
  const anchor = await anchorOf(config);
  await using doors = new Opened();
  const store = openState(config.stateFile, wiring);
  doors.defer(() => store.close());
  tellDamage(store, wiring);
  const wear = await storedWear(store, config.gateway, why =>
    wiring.log({ level: 'error', event: 'store.wear', text: `flash writes counted, not kept: ${why}` }),
  );
  const health = await openHealth(config, store);
  doors.defer(() => health.close());
  const display = await openDisplay(config, ask => running.request(ask));
  doors.defer(async () => display?.close());
  const { utility, gateway } = config;
  const { epoch: keyEpoch = 1, successions = [] } = key;
  const whoReports = { gateway, utility, keyEpoch, successions };
  const running: Gateway = await startGateway(
    {
      ...settingsOf(config),
      ...(anchor === undefined ? {} : { anchor }),
      boxKey: opener.boxKey,
      ...(deliveries === undefined ? {} : { deliveries: deliveries.told }),
    },
    health.tapped({
      opener,
      store,
      ...(deliveries === undefined ? {} : { delivery: observingDeliveries(deliveries.open, isObserving) }),
      clock: systemClock,
      seed: () => toHex(randomBytes(32)),
      log: wiring.log,
      ...(wiring.observe === undefined ? {} : { observe: wiring.observe }),
      signer: {
        signRecord: (record, at) => signRecord(record, { ...whoReports, at }, signer),
        signRecords: (records, at) => signRecords(records, { ...whoReports, at }, signer),
      },
      display: display ?? { show: () => {} },
      code: config.overrideCode === undefined ? noCode : codeChecker(config.overrideCode),
      broker: events =>
        connectBroker(
          {
            ...way,
            clientId: `${utility}-${gateway}`,
            will: { topic: stateTopic(utility, gateway), payload: words('offline'), birth: words('online') },
          },
          events,
        ),
      devices: events => {
        const { onExchange } = wiring;
        const busOf = (link: Link) => {
          const address = linkAddress(link);
          const tell =
            onExchange === undefined
              ? {}
              : { onExchange: (exchange: Exchange) => onExchange(address, exchange) };
          return health.bus(openBus(link, { random, ...tell }));
        };
        const devices = openDevices(
          {
            devices: configured,
            wear,
            models,
            profiles,
            clock: systemClock,
            random,
            pollEvery: config.pollSeconds,
            busOf,
          },
          events,
        );
        return observingDevices(devices, isObserving);
      },
    }),
  );
  doors.defer(() => running.stop());
  const watching = health.watch(running, wiring.service);
  doors.defer(() => watching.stop());
  const opened = doors.keep();
  return {
    gateway: running,
    ...(display === undefined ? {} : { displayUrl: display.url }),
    ...(health.url === undefined ? {} : { monitorUrl: health.url }),
    stop: () => opened.close(),
  };
}

/** A device with the profile it names, and what its link leaves to that. */
export async function deviceOf(
  { profile: name, linkGaps = [], ...device }: GatewayConfig['devices'][number],
  delivered: ReadonlyMap<string, Profile>,
): Promise<DeviceConfig> {
  if (name === undefined) return device;
  const own = delivered.get(name);
  const profile = own === undefined ? await readProfile(name) : ok(own);
  if (!profile.ok) throw new Trouble(`device ${device.id}: ${profile.detail ?? profile.refusal}`);
  const link = fillLink(device.link, linkGaps, profile.value.link ?? {});
  return { ...device, link, profile: profile.value };
}

function settingsOf(config: GatewayConfig): Settings {
  const bounds = AXES.flatMap(({ axis }) => {
    const range = config.tariff[axis];
    return range === undefined
      ? []
      : [{ axis, ...range, rule: 'TAR-1', why: 'bound of the tariff agreement' }];
  });
  return {
    gateway: config.gateway,
    utility: config.utility,
    version: packageVersion(),
    keys: new Map(config.trustedKeys.map(key => [key.kid, key])),
    defaults: config.defaults,
    bounds,
    ...(config.settable === undefined ? {} : { settable: new Set(config.settable) }),
    terms: { directMayBeOverridden: config.directMayBeOverridden },
    reversion: config.reversionMinutes,
    meters: metersOf(config),
    pollEvery: config.pollSeconds,
  };
}

/** Those that the file speaks of; another is taken as it comes. */
function metersOf({ devices }: GatewayConfig): NonNullable<Settings['meters']> {
  return new Map(devices.flatMap(({ id, meter }) => (meter === undefined ? [] : [[id, meter] as const])));
}

/** How this gateway knows its root. A root file that says nothing to it is told at once, not at the first command. */
export async function anchorOf({ trust, utility }: GatewayConfig): Promise<Anchor | undefined> {
  if (trust?.claim !== undefined) return { kind: 'claim', code: trust.claim };
  if (trust?.root === undefined) return undefined;
  const file = await readTrustFile(trust.root);
  if (!file.ok) throw new Trouble(`the root: ${file.detail ?? trust.root} (${file.refusal})`);
  const root = rootFrom(openDocument(file.value), { utility });
  if (!root.ok) {
    const why = root.detail === undefined ? '' : `: ${root.detail}`;
    throw new Trouble(`the root: ${trust.root} is not one to start from (${root.refusal}${why})`);
  }
  return { kind: 'root', document: file.value };
}

export async function openKey(path: string): Promise<SigningKey> {
  const key = await readKeyFile(path);
  if (!key.ok) {
    const remedy = key.refusal === 'missing' ? `; underglass keys new ${path} makes one` : '';
    throw new Trouble(`the gateway's key: ${key.detail ?? path} (${key.refusal})${remedy}`);
  }
  return key.value;
}

/** What did not prove itself was left out of the state; what it means for events is the gateway's to report. */
function tellDamage(store: Store, { log }: GatewayWiring): void {
  const damage = store.damage();
  const newest = damage.at(-1);
  if (newest === undefined) return;
  const text = `${damage.length} damaged rows of the store were set aside; the newest: ${newest.table} ${newest.content}`;
  log({ level: 'error', event: 'store.damage', text });
}

function openState(path: string, { log }: GatewayWiring): Store {
  const store = openStore(path, {
    onDropped: ({ stream, first, last }) => {
      const text = `the store is full: records ${first} to ${last} of ${stream} were dropped; the head end is told`;
      log({ level: 'error', event: 'store.dropped', text });
    },
    onReserve: held => {
      const gone =
        'the disk is full: the room kept for commands is in use; free some, or commands will be refused';
      const text = held ? 'the disk has room again, and some of it is kept for commands' : gone;
      log({
        level: held ? 'info' : 'error',
        event: held ? 'store.reserve-kept' : 'store.reserve-used',
        text,
      });
    },
  });
  if (!store.ok) throw new Trouble(`the store: ${store.detail ?? path} (${store.refusal})`);
  return store.value;
}

async function openDisplay(
  config: GatewayConfig,
  onRequest: Gateway['request'],
): Promise<Display | undefined> {
  if (config.display === undefined) return undefined;
  try {
    return await startDisplay({ ...config.display, onRequest });
  } catch (error) {
    throw new Trouble(error instanceof Error ? error.message : String(error), EXIT.unreachable);
  }
}

function words(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
