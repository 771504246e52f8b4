/**
 * A head end from its configuration: key, ledger, group registry and network management system, wired to a real
 * broker. One process at a time holds one ledger; whatever cannot be opened is named before anything starts.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { seal } from '../../io/box.ts';
import { connectBroker } from '../../io/broker/mod.ts';
import { systemClock } from '../../io/clock.ts';
import { brokerBeside, brokerFaults, readConfig } from '../../io/config.ts';
import { readKeyFile, signerOf } from '../../io/keys.ts';
import { openLedger } from '../../io/store/mod.ts';
import type { Ledger } from '../../io/store/mod.ts';
import {
  DEVICE_KEYS,
  DeviceKeys,
  GroupRegistry,
  MAX_CONFIG_BYTES,
  NetworkHealth,
  startAmiNms,
  utilityConfig,
} from '../../utility/mod.ts';
import type { AmiNms, NmsEvents, UtilityConfig } from '../../utility/mod.ts';
import type { Signer } from '../../wan/envelope/mod.ts';
import { Trouble } from '../exit.ts';
import { wayTo } from '../wiring/broker.ts';
import { openHeadEndDeliveries } from './deliveries.ts';
import type { HeadEndDeliveries } from './deliveries.ts';
import { Fan } from './fan.ts';

export interface HeadEnd {
  readonly config: UtilityConfig;
  readonly nms: AmiNms;
  readonly registry: GroupRegistry;
  readonly ledger: Ledger;
  readonly keys: DeviceKeys;
  readonly health: NetworkHealth;
  /** Whoever wants to hear what the head end tells joins here, and leaves again. */
  readonly events: Fan<NmsEvents>;
  readonly deliveries: HeadEndDeliveries;
  /** What the link last said. */
  link(): { readonly up: boolean; readonly why: string };
  close(): Promise<void>;
}

/** The configuration at `path`, its file names made absolute. */
export async function readUtilityConfig(path: string): Promise<UtilityConfig> {
  const read = await readConfig(path, utilityConfig, {
    maxBytes: MAX_CONFIG_BYTES,
    faults: ({ broker }) => brokerFaults(broker, path),
  });
  if (!read.ok) throw new Trouble(read.detail ?? read.refusal);
  const { value: config } = read;
  const beside = (name: string) => resolve(dirname(path), name);
  return {
    ...config,
    keyFile: beside(config.keyFile),
    ledgerFile: beside(config.ledgerFile),
    ...(config.trust === undefined ? {} : { trust: config.trust.map(beside) }),
    broker: brokerBeside(config.broker, path),
  };
}

/** Uniform over [0, 1), from the operating system. */
const random = (): number => randomInt(2 ** 32) / 2 ** 32;

const unpredictable = (length: number): Uint8Array => Uint8Array.from(randomBytes(length));

/** Opens everything and connects. Who calls holds the lock of the ledger. Throws {@link Trouble}. */
export async function openHeadEnd(config: UtilityConfig): Promise<HeadEnd> {
  const signer = await openKey(config.keyFile);
  const way = wayTo(config.broker, why => events.tell('onTrouble', why));
  const opened = openLedger(config.ledgerFile);
  if (!opened.ok) throw new Trouble(`the ledger: ${opened.detail ?? config.ledgerFile} (${opened.refusal})`);
  const ledger = opened.value;
  const registry = await GroupRegistry.open(ledger, systemClock, unpredictable);
  const events = new Fan<NmsEvents>();
  const rotated = await ledger.rows(DEVICE_KEYS);
  const keys = new DeviceKeys(config.gateways, why => events.tell('onTrouble', why), rotated);
  const trouble = (why: string): void => events.tell('onTrouble', why);
  const health = await NetworkHealth.open({ ledger, clock: systemClock, trouble });
  let state = { up: false, why: `${config.broker.url}: not connected yet` };
  events.join({ onLink: said => (state = said) });
  const { utility, issuer, keyEpoch, guest } = config;
  // A guest hears answers only: that says nothing of when a gateway is there.
  events.join(guest === true ? { ...health.events, onRecord: () => {} } : health.events);
  const nms = await startAmiNms({
    utility,
    issuer,
    keyEpoch,
    signer,
    ledger,
    ...(guest === true ? { guest } : { registry }),
    random,
    clock: systemClock,
    keyOf: keys.keyOf,
    successors: {
      heirOf: bytes => keys.heirOf(bytes),
      change: heir => {
        const { key, value } = keys.successor(heir);
        return { op: 'put', actor: DEVICE_KEYS, key, value: { ...value } };
      },
      succeed: heir => {
        keys.succeed(heir);
        events.tell('onTrouble', `${heir.issuer} has a new key: ${heir.kid}, epoch ${heir.epoch}`);
      },
    },
    randomBytes: unpredictable,
    connect: told =>
      connectBroker(
        {
          ...way,
          clientId: guest === true ? `${utility}-guest-${issuer}` : `${utility}-head-end`,
          onAttemptFailed: ({ why }) => {
            if (!state.up) state = { up: false, why };
          },
        },
        told,
      ),
    events: events.all(),
    seal,
  });
  const deliveries = await openHeadEndDeliveries(`${config.ledgerFile}.files`, {
    nms,
    ledger,
    registry,
    events,
  });
  return {
    config,
    deliveries,
    nms,
    registry,
    ledger,
    keys,
    health,
    events,
    link: () => state,
    close: async () => {
      await deliveries.rollouts.close();
      await nms.close();
      await health.close();
      await ledger.close();
    },
  };
}

async function openKey(path: string): Promise<Signer> {
  const key = await readKeyFile(path);
  if (key.ok) return signerOf(key.value);
  const remedy = key.refusal === 'missing' ? `; underglass keys new ${path} makes one` : '';
  throw new Trouble(`the head end's key: ${key.detail ?? path} (${key.refusal})${remedy}`);
}
