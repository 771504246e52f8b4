/** Files to deliver, of seeded bytes, and their manifests. Hashes are made here with node:crypto, chunk by chunk. */
import { createHash } from 'node:crypto';
import { nextUnit, seeded } from '../../../src/base/random.ts';
import { CHUNK_BYTES } from '../../../src/model/mod.ts';
import type { FileId, ManifestBody } from '../../../src/model/mod.ts';

export interface TestFile {
  readonly bytes: Uint8Array;
  readonly list: Uint8Array;
  readonly manifest: ManifestBody;
  /** Piece `n` of the file or of its chunk list. */
  piece(of: FileId, n: number): Uint8Array;
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

export function testFile(bytes: Uint8Array, changes: Partial<ManifestBody> = {}): TestFile {
  const chunks = Array.from({ length: Math.ceil(bytes.length / CHUNK_BYTES) }, (_, n) =>
    bytes.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES),
  );
  const list = Buffer.concat(chunks.map(sha256));
  const manifest: ManifestBody = {
    kind: 'manifest',
    file: sha256(bytes).toString('hex') as FileId,
    size: bytes.length,
    list: sha256(list).toString('hex') as FileId,
    delivers: 'gateway-configuration',
    model: 'underglass',
    version: '2',
    ...changes,
  };
  return {
    bytes,
    list,
    manifest,
    piece: (of, n) => (of === manifest.file ? bytes : list).subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES),
  };
}

/** `size` bytes that depend on `seed`. */
export function someBytes(size: number, seed = 1): Uint8Array {
  const random = seeded(seed);
  return Uint8Array.from({ length: size }, () => Math.floor(nextUnit(random) * 256));
}
