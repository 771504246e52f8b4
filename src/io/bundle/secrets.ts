/** The secrets that a gateway's configuration leads to, read so that they can be looked for and taken out. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { GatewayConfig } from '../../gateway/mod.ts';

/** A file that holds a secret is small; of a larger one the beginning is taken. */
const MAX_BYTES = 64 * 1024;

/** Every word of each file that holds a secret, and what the configuration itself must not give away. */
export function knownSecrets(config: GatewayConfig): readonly string[] {
  const { broker, devices, display, keyFile, overrideCode, trust } = config;
  const deviceKeys = devices.flatMap(({ link }) => (link.kind === 'tcp' && link.tls ? [link.tls.key] : []));
  const files = [keyFile, broker.passwordFile, broker.keyFile, ...deviceKeys];
  const urls = [broker.url, ...broker.standby].map(url => new URL(url));
  const named = [
    overrideCode,
    broker.username,
    trust?.claim,
    userInfo().username === 'root' ? undefined : userInfo().username,
    ...urls.flatMap(({ username, password }) => [decodeURIComponent(username), decodeURIComponent(password)]),
    ...(display?.names ?? []),
  ];
  return [...files.flatMap(wordsOf), ...named].filter(word => word !== undefined && word !== '') as string[];
}

/** Of a key file its seed, of PEM its lines, of a password the password. */
function wordsOf(path: string | undefined): readonly string[] {
  if (path === undefined) return [];
  try {
    const text = readFileSync(path, 'utf8').slice(0, MAX_BYTES);
    const seed = /"seed":\s*"([^"]+)"/.exec(text)?.[1];
    if (text.startsWith('{')) return seed === undefined ? [] : [seed];
    return text.split(/\r?\n/).filter(line => !line.startsWith('-----'));
  } catch {
    return [];
  }
}
