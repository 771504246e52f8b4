/**
 * The checks of `underglass doctor`, from a gateway's configuration: each part of the machine that the file names is
 * looked at, one after the other where they share a line. Nothing is written, but for what a login at the broker
 * leaves in the broker's log.
 */
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { GatewayConfig } from '../../gateway/mod.ts';
import { readBrokerFiles } from '../../io/broker/mod.ts';
import { systemClock } from '../../io/clock.ts';
import { readGatewayConfig } from '../../io/config.ts';
import {
  checkBroker,
  checkCertificate,
  checkClock,
  checkDevices,
  checkRoom,
  checkSerial,
  checkStore,
  checkWear,
  well,
  wrong,
} from '../../io/doctor/mod.ts';
import type { Finding } from '../../io/doctor/mod.ts';
import { shippedModels } from '../../io/models.ts';
import { serialPorts } from '../../io/modbus/mod.ts';
import { shippedProfiles } from '../../io/profiles.ts';
import type { Profile } from '../../local/profiles/mod.ts';
import { Trouble } from '../exit.ts';
import { withDeliveries } from './deliveries.ts';
import { anchorOf, deviceOf, openKey } from './gateway.ts';

/** A login over a slow mobile link, in ms. */
const BROKER_WITHIN_MS = 10_000;
/** A search over a serial line at 9600 baud with a silent neighbour, in ms. */
const DEVICES_WITHIN_MS = 20_000;

/** What is looked at, as it is told: `tell` hears of each finding when it is known. */
export async function examine(path: string, tell: (finding: Finding) => void): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const note = (...found: readonly Finding[]): void => {
    for (const finding of found) {
      findings.push(finding);
      tell(finding);
    }
  };
  note(await checkClock(systemClock.now().unix));
  const read = await configOf(path);
  if (!read.ok) {
    note(...read.findings);
    return findings;
  }
  const { config, profiles } = read;
  note(well('config', `${path}: ${config.devices.length} devices, gateway ${config.gateway}`));
  note(await checked('key', () => openKey(config.keyFile), config.keyFile));
  if (config.trust !== undefined)
    note(await checked('trust', () => anchorOf(config), config.trust.root ?? 'a claim code'));
  const folder = dirname(config.stateFile);
  note(checkRoom(folder), checkWear(folder), checkStore(config.stateFile));
  note(...(await serialFindings(config)));
  note(...certificateFindings(config));
  note(...(await brokerFindings(config)));
  note(...(await deviceFindings(config, profiles)));
  return findings;
}

type Read =
  | { readonly ok: true; readonly config: GatewayConfig; readonly profiles: ReadonlyMap<string, Profile> }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** What is in force: with what was delivered, where its folder is there. */
async function configOf(path: string): Promise<Read> {
  const installed = await readGatewayConfig(path);
  if (!installed.ok) {
    const remedy = 'correct the line; each says what is expected';
    const mistakes = (installed.detail ?? installed.refusal).split('\n');
    return { ok: false, findings: mistakes.map(line => wrong('config', line, remedy)) };
  }
  const { deliveries } = installed.value;
  if (deliveries === undefined || !existsSync(deliveries.folder))
    return { ok: true, config: installed.value, profiles: new Map() };
  try {
    const { config, deliveries: own } = await withDeliveries(path, { log: () => {}, restart: () => {} });
    return { ok: true, config, profiles: own?.profiles ?? new Map<string, Profile>() };
  } catch (error) {
    return { ok: false, findings: [troubleFinding('config', error)] };
  }
}

async function checked(check: string, look: () => Promise<unknown>, says: string): Promise<Finding> {
  try {
    await look();
    return well(check, says);
  } catch (error) {
    return troubleFinding(check, error);
  }
}

/** Words of a {@link Trouble}, whose remedy stands behind its first semicolon where there is one. */
function troubleFinding(check: string, error: unknown): Finding {
  if (!(error instanceof Trouble)) throw error;
  const [says = '', ...rest] = error.message.split('; ');
  return wrong(check, says, rest.join('; ') || 'put the right file in its place, for this user alone');
}

async function serialFindings({ devices }: GatewayConfig): Promise<readonly Finding[]> {
  const paths = new Set(devices.flatMap(({ link }) => (link.kind === 'serial' ? [link.path] : [])));
  if (paths.size === 0) return [];
  const known = await serialPorts();
  return [...paths].map(path => checkSerial(path, known));
}

function certificateFindings({ broker, devices }: GatewayConfig): readonly Finding[] {
  const ours = (['caFile', 'certFile'] as const).flatMap(field => {
    const path = broker[field];
    return path === undefined ? [] : [[`broker.${field}`, path] as const];
  });
  const theirs = devices.flatMap(({ id, link }) => {
    const tls = link.kind === 'tcp' ? link.tls : undefined;
    return tls === undefined
      ? []
      : ([
          [`${id} ca`, tls.ca],
          [`${id} cert`, tls.cert],
        ] as const);
  });
  const now = systemClock.now().unix;
  return [...ours, ...theirs].map(([what, path]) => checkCertificate(what, path, now));
}

async function brokerFindings({ broker, utility, gateway }: GatewayConfig): Promise<readonly Finding[]> {
  const files = readBrokerFiles(broker);
  if (!files.ok) return [];
  const found: Finding[] = [];
  for (const url of [broker.url, ...broker.standby])
    found.push(
      await checkBroker({
        url,
        clientId: `${utility}-${gateway}-doctor`,
        ...(broker.username === undefined ? {} : { username: broker.username }),
        files: files.value,
        withinMs: BROKER_WITHIN_MS,
      }),
    );
  return found;
}

async function deviceFindings(
  config: GatewayConfig,
  delivered: ReadonlyMap<string, Profile>,
): Promise<readonly Finding[]> {
  try {
    const devices = await Promise.all(config.devices.map(device => deviceOf(device, delivered)));
    const profiles = [...new Map([...(await shippedProfiles()), ...delivered]).values()];
    const random = (): number => randomInt(2 ** 32) / 2 ** 32;
    const shared = { models: await shippedModels(), profiles, clock: systemClock, random };
    return await checkDevices({ devices, ...shared }, DEVICES_WITHIN_MS);
  } catch (error) {
    return [troubleFinding('device', error)];
  }
}
