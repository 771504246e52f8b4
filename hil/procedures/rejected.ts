/**
 * A write that must be refused: by an exception, and with the register as it was.
 */
import type { Bench, Spot, Step } from '../bench/mod.ts';
import { same } from '../bench/mod.ts';
import { SILENT } from './steps.ts';

export interface Forbidden {
  readonly what: string;
  readonly spot: Spot;
  readonly before: readonly number[];
  readonly words: readonly number[];
}

export async function rejectedStep(bench: Bench, { what, spot, before, words }: Forbidden): Promise<Step> {
  const reply = await bench.writeRaw(spot.address, words);
  const now = await bench.readRaw(spot.address, spot.size);
  const readBack = now.ok ? { readBack: now.words } : {};
  const registers = [{ point: spot.name, address: spot.address, wrote: words, ...readBack }];
  const base = { what, target: 'an exception, value unchanged', registers };
  if (!now.ok || (!reply.ok && reply.refusal !== 'exception'))
    return { ...base, verdict: 'INCONCLUSIVE', cause: SILENT };
  const kept = same(now.words, before);
  const said = reply.ok ? 'acknowledged' : `exception ${reply.exception ?? '?'}`;
  const measured = `${said}, value ${kept ? 'unchanged' : 'changed'}`;
  if (!reply.ok && kept) return { ...base, verdict: 'PASS', measured };
  const cause = kept
    ? 'the device acknowledges what it does not do: a client takes the value for set'
    : 'the device takes a value that its model forbids';
  return { ...base, verdict: 'FAIL', measured, cause };
}
