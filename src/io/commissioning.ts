/**
 * Whether a gateway that observes may begin to write: a small file beside its store, made when a person confirms that
 * what is connected is what the configuration says. It names the gateway, so that a copied folder confirms nothing.
 */
import { readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ok, refused, troubleOf } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import type { UnixTime } from '../base/time.ts';
import type { GatewayId } from '../model/mod.ts';

/** The file of the store at `stateFile`. */
export function commissionFile(stateFile: string): string {
  return `${stateFile}.commissioned`;
}

/** Asked anew each time: it may be given and taken back while the gateway runs. What cannot be read confirms nothing. */
export function isCommissioned(stateFile: string, gateway: GatewayId): boolean {
  try {
    const said: unknown = JSON.parse(readFileSync(commissionFile(stateFile), 'utf8'));
    return typeof said === 'object' && said !== null && 'gateway' in said && said.gateway === gateway;
  } catch {
    return false;
  }
}

/** Durable when it resolves. */
export async function commission(
  stateFile: string,
  { gateway, at }: { readonly gateway: GatewayId; readonly at: UnixTime },
): Promise<Result<string, 'io'>> {
  const path = commissionFile(stateFile);
  try {
    await write(`${path}.new`, `${JSON.stringify({ gateway, at: new Date(at).toISOString() })}\n`);
    await rename(`${path}.new`, path);
    await flush(dirname(path));
    return ok(path);
  } catch (error) {
    return refused('io', `${path}: ${troubleOf(error)}`);
  }
}

export async function withdraw(stateFile: string): Promise<Result<string, 'io'>> {
  const path = commissionFile(stateFile);
  try {
    await rm(path, { force: true });
    await flush(dirname(path));
    return ok(path);
  } catch (error) {
    return refused('io', `${path}: ${troubleOf(error)}`);
  }
}

async function write(path: string, text: string): Promise<void> {
  // No secret: whoever runs the gateway has to read what another may have confirmed.
  await using file = await open(path, 'w', 0o644);
  await file.writeFile(text);
  await file.sync();
}

async function flush(folder: string): Promise<void> {
  await using file = await open(folder, 'r');
  await file.sync();
}
