/**
 * A configuration that was delivered, laid over the one a gateway was installed with: its top-level keys take the
 * place of those. What a gateway is, whom it obeys and where it keeps things are not among them, so that no file
 * meant for a group can make a gateway another one.
 */
import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { gatewayConfig } from '../gateway/mod.ts';
import type { GatewayConfig } from '../gateway/mod.ts';
import { absoluteFiles, parseConfig } from './config.ts';
import type { ConfigRefusal } from './config.ts';

/** What a delivered configuration may say. */
export const DELIVERABLE: readonly (keyof GatewayConfig)[] = [
  'broker',
  'devices',
  'display',
  'defaults',
  'tariff',
  'settable',
  'directMayBeOverridden',
  'pollSeconds',
  'reversionMinutes',
];

/** `oversteps`: it speaks of more than {@link DELIVERABLE}. */
export type OverlayRefusal = ConfigRefusal | 'oversteps';

/** The configuration at `path` with `delivered` (YAML) over it, its file names made absolute. */
export async function overlaidConfig(
  path: string,
  delivered: string,
): Promise<Result<GatewayConfig, OverlayRefusal>> {
  let installed: string;
  try {
    installed = await readFile(path, 'utf8');
  } catch (error) {
    return refused('unreadable', `${path}: ${String(error)}`, 'later');
  }
  const [base, over] = [mapOf(installed), mapOf(delivered)];
  if (over === undefined) return refused('invalid', 'what was delivered is no map of keys in YAML');
  if (base === undefined) return refused('invalid', `${path}: is no map of keys in YAML`);
  const beyond = Object.keys(over).filter(key => !DELIVERABLE.some(known => known === key));
  if (beyond.length > 0)
    return refused('oversteps', `${beyond.join(', ')} cannot be delivered; ${DELIVERABLE.join(', ')} can`);
  const parsed = parseConfig('with what was delivered', stringify({ ...base, ...over }), gatewayConfig);
  return parsed.ok ? { ok: true, value: absoluteFiles(path, parsed.value) } : parsed;
}

/** Bounded as {@link parseConfig} is; `undefined` for what is no map. */
function mapOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = parse(text, { maxAliasCount: 100, stringKeys: true });
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
