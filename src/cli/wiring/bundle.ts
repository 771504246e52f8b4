/**
 * The files of a support bundle. What goes in is named here, field by field: nothing comes in because it happens to
 * stand in the configuration or the store. All of it is scrubbed of known secrets once more.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, release, totalmem, uptime } from 'node:os';
import { basename } from 'node:path';
import type { UnixTime } from '../../base/time.ts';
import type { GatewayConfig } from '../../gateway/mod.ts';
import { knownSecrets, scrub } from '../../io/bundle/mod.ts';
import type { BundledFile } from '../../io/bundle/mod.ts';
import { formatLink } from '../../io/modbus/mod.ts';
import { countRows } from '../../io/store/mod.ts';
import { Trouble } from '../exit.ts';
import { packageVersion } from '../version.ts';
import { examine } from './doctor.ts';

/** Lines of the log, from its end. */
const LINES = 5000;
const LOG_BYTES = 16 * 1024 * 1024;

export interface BundleOf {
  readonly path: string;
  readonly config: GatewayConfig;
  readonly at: UnixTime;
  /** A file of the log; the journal of the service unless given. */
  readonly log?: string;
}

export async function filesOf({ path, config, at, log }: BundleOf): Promise<readonly BundledFile[]> {
  const about = {
    version: packageVersion(),
    node: process.version,
    system: `${process.platform} ${release()} ${arch()}`,
    memoryBytes: totalmem(),
    uptimeS: Math.round(uptime()),
    at: new Date(at).toISOString(),
  };
  const files: readonly (readonly [string, string])[] = [
    ['about.json', json(about)],
    ['config.json', json(shown(config))],
    ['doctor.json', json(await examine(path, () => {}))],
    ['store.json', json({ rows: countRows(config.stateFile) })],
    ['log.txt', await linesOf(log)],
  ];
  const secrets = knownSecrets(config);
  return files.map(([name, text]) => ({ name, text: scrub(text, secrets) }));
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The configuration without codes, names, and where on the disk things lie. */
function shown(config: GatewayConfig): object {
  const { broker, devices, deliveries, trust, trustedKeys } = config;
  return {
    utility: config.utility,
    gateway: config.gateway,
    brokers: [broker.url, ...broker.standby].map(url => `${new URL(url).protocol}//${new URL(url).host}`),
    brokerFiles: ['passwordFile', 'caFile', 'certFile', 'keyFile'].filter(name => name in broker),
    trust: trust === undefined ? 'keys' : trust.root === undefined ? 'claim' : 'root',
    trustedKeys: trustedKeys.map(({ kid, issuer, epoch, scope }) => ({ kid, issuer, epoch, scope })),
    devices: devices.map(({ id, link, role, place, profile }) => {
      const plain = link.kind === 'tcp' ? { ...link } : link;
      if ('tls' in plain) delete plain.tls;
      const tls = link.kind === 'tcp' && link.tls !== undefined;
      return { id, link: formatLink(plain), tls, role, place, profile: profile && basename(profile) };
    }),
    display:
      config.display === undefined ? undefined : { port: config.display.port, host: config.display.host },
    monitor: config.monitor,
    deliveries: deliveries && { accepts: deliveries.accepts, hook: deliveries.firmwareHook !== undefined },
    defaults: config.defaults,
    tariff: config.tariff,
    settable: config.settable,
    directMayBeOverridden: config.directMayBeOverridden,
    hasOverrideCode: config.overrideCode !== undefined,
    pollMs: config.pollSeconds,
    reversionMs: config.reversionMinutes,
  };
}

async function linesOf(log: string | undefined): Promise<string> {
  const text = log === undefined ? await journal() : await logFile(log);
  return text.split('\n').slice(-LINES).join('\n');
}

async function logFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).slice(-LOG_BYTES);
  } catch (error) {
    throw new Trouble(`the log: ${path} cannot be read: ${String(error)}; leave --log out to do without`);
  }
}

function journal(): Promise<string> {
  const args = ['-u', 'underglass', '-n', String(LINES), '-o', 'cat', '--no-pager'];
  return new Promise(resolve => {
    execFile('journalctl', args, { timeout: 30_000, maxBuffer: LOG_BYTES }, (error, out) =>
      resolve(
        error === null ? out : 'no log: there is no journal of a service underglass that we may read\n',
      ),
    );
  });
}
