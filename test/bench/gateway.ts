/**
 * What the benches of commands share: a gateway's configuration on the disk, with keys made for one run.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { assert } from '../../src/base/assert.ts';
import { toHex } from '../../src/base/bytes.ts';
import { hours, unixTime } from '../../src/base/time.ts';
import type { runGateway } from '../../src/cli/wiring/gateway.ts';
import { now } from '../../src/io/clock.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import { signerOf, writeKeyFile } from '../../src/io/keys.ts';
import type { generateKey } from '../../src/io/keys.ts';
import type { GatewayId } from '../../src/model/mod.ts';
import { trustKey } from '../../src/wan/envelope/mod.ts';
import { BareHeadEnd } from './head-end.ts';

export const GATEWAY = 'bench-1' as GatewayId;
export const UTILITY = 'bench';
const ISSUER = 'bench-ops';

export interface World {
  readonly folder: string;
  readonly keys: Readonly<Record<'headEnd' | 'gateway', ReturnType<typeof generateKey>>>;
  /** Addresses of a broker and of an inverter. */
  readonly broker: string;
  readonly link: string;
}

export async function configOf({
  folder,
  keys,
  broker,
  link,
}: World): Promise<Parameters<typeof runGateway>[0]> {
  const file = join(folder, 'gateway.yaml');
  const key = {
    issuer: ISSUER,
    publicKey: toHex(keys.headEnd.publicKey),
    epoch: 1,
    operations: ['event', 'cancel', 'grant', 'ack', 'sealed', 'manifest'],
    highestClass: 'emergency',
  };
  const trustedKeys = [{ ...key, validFrom: '2020-01-01T00:00:00Z', validUntil: '2100-01-01T00:00:00Z' }];
  const names = { utility: 'bench', gateway: GATEWAY, stateFile: 'gateway.sqlite', keyFile: 'gateway.key' };
  await writeFile(
    file,
    stringify({
      ...names,
      broker: { url: broker },
      trustedKeys,
      devices: [{ id: 'inverter', link }],
      defaults: {},
    }),
  );
  await writeKeyFile(join(folder, 'gateway.key'), keys.gateway);
  const config = await readGatewayConfig(file);
  assert(config.ok, `the bench's configuration${config.ok ? '' : `: ${config.detail}`}`);
  return config.value;
}

/** A head end that trusts the gateway's key. */
export async function openHeadEnd({ broker, keys }: Pick<World, 'broker' | 'keys'>): Promise<BareHeadEnd> {
  const forever = { validFrom: unixTime(0), validUntil: unixTime(now().unix + hours(24)) };
  const scope = {
    operations: [],
    highestClass: 'market',
    primacy: { min: 1, max: 255 },
    ...forever,
  } as const;
  const device = trustKey({ publicKey: keys.gateway.publicKey, issuer: GATEWAY, alg: -19, epoch: 1, scope });
  assert(device.ok, 'a fresh key is trusted');
  return BareHeadEnd.open({
    broker,
    utility: UTILITY,
    gateway: GATEWAY,
    issuer: ISSUER,
    signer: signerOf(keys.headEnd),
    deviceKey: device.value,
  });
}
