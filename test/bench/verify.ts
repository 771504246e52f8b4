/**
 * `bench -- verify`: what a gateway does with the bytes of one good command until it may act on them (size, scan, key,
 * topic, window, signature, content, scope, replay), against `node:crypto` verifying the same signature over the same
 * bytes, its key object made before. The two take turns, batch by batch. `cpuRatio` is of processor time over all batches: it holds on a busy machine too.
 */
import { createPublicKey, verify } from 'node:crypto';
import { decode, encode } from 'cborg';
import { assert } from '../../src/base/assert.ts';
import { judgeReplay, newReplayState, openCommand } from '../../src/wan/envelope/mod.ts';
import { VECTORS, bytesOf, contextFor, keyOf } from '../wan/envelope/vectors.ts';
import type { KeyId } from '../../src/model/mod.ts';
import { quantiles, ratio } from './quantiles.ts';

const BATCHES = Number(process.env.BATCHES ?? 400);
const BATCH = 50;
/** Batches that are not counted: the compiler learns. */
const WARM_UP = 40;

export function run(): Promise<unknown> {
  const names = ['event', 'event, every axis at its greatest'];
  return Promise.resolve({ name: 'verify', aim: 1.5, commands: names.map(measure) });
}

function measure(name: string): unknown {
  const vector = VECTORS.accepted.find(row => row.name === name);
  assert(vector !== undefined, `the vector ${name}`);
  const bytes = bytesOf(vector.hex);
  const context = contextFor(vector.topic);
  const replay = newReplayState([]);
  const ours = (): boolean => {
    const opened = openCommand(bytes, context);
    return opened.ok && judgeReplay(replay, opened.value).verdict === 'fresh';
  };
  const bare = bareVerify(bytes);
  const times: Record<'ours' | 'floor', number[]> = { ours: [], floor: [] };
  const cpuUs = { ours: 0, floor: 0 };
  for (let n = 0; n < BATCHES + WARM_UP; n++)
    for (const [which, work] of [
      ['ours', ours],
      ['floor', bare],
    ] as const) {
      const startMs = performance.now();
      const before = process.cpuUsage();
      for (let each = 0; each < BATCH; each++) assert(work(), `${which} takes what is good`);
      if (n < WARM_UP) continue;
      times[which].push((performance.now() - startMs) / BATCH);
      const { user, system } = process.cpuUsage(before);
      cpuUs[which] += user + system;
    }
  const [mine, floor] = [quantiles(times.ours), quantiles(times.floor)];
  const cpuRatio = Number((cpuUs.ours / cpuUs.floor).toFixed(2));
  return { name, bytes: bytes.length, ours: mine, floor, ratio: ratio(mine, floor), cpuRatio };
}

function bareVerify(bytes: Uint8Array): () => boolean {
  // Behind the tag, which is one byte.
  const parts = decode(bytes.subarray(1), { useMaps: true }) as [Uint8Array, unknown, Uint8Array, Uint8Array];
  const [header, , payload, signature] = parts;
  const toBeSigned = encode(['Signature1', header, new Uint8Array(), payload]);
  const kid = (decode(header, { useMaps: true }) as Map<number, Uint8Array>).get(4);
  assert(kid !== undefined, 'the header names a key');
  const row = VECTORS.keys.find(key => key.kid === Buffer.from(kid).toString('hex'));
  assert(row !== undefined && keyOf(row.kid as KeyId) !== undefined, 'and the key is enrolled');
  const x = Buffer.from(row.publicKey, 'hex').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return () => verify(null, toBeSigned, key, signature);
}
