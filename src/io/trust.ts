/**
 * Files of signed bytes (roots, delegations, revocations, envelopes): binary or hexadecimal in, and out whole or
 * not at all, never over a file that was not to be replaced. What the bytes say is not looked at here.
 */
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { fromHex } from '../base/bytes.ts';

/**
 * `missing`: there is no such file. `too-large`: no signed thing is. `not-hexadecimal`: it had to be. `exists`: there is a file and it was not to be
 * replaced. `io`: the file system said no.
 */
export type TrustFileRefusal = 'missing' | 'too-large' | 'not-hexadecimal' | 'exists' | 'io';

/** Sixteen times the largest document, and room for hexadecimal. */
const MAX_BYTES = 256 * 1024;

/** The bytes of a file. The detail of a refusal names it. */
export async function readTrustFile(
  path: string,
  form: TrustFileForm = 'any',
): Promise<Result<Uint8Array, TrustFileRefusal>> {
  try {
    return bytesIn(await readUpTo(path, MAX_BYTES + 1), path, form);
  } catch (error) {
    return refused(codeOf(error) === 'ENOENT' ? 'missing' : 'io', `${path}: ${messageOf(error)}`);
  }
}

/** The beginning of a file, whatever its size says: a device has none, and no end. */
async function readUpTo(path: string, most: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(most);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, most - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === most) return bytes.subarray(0, length);
    }
  } finally {
    await file.close();
  }
}

/** `any`: bytes, or hexadecimal where there is nothing but its digits. */
export type TrustFileForm = 'any' | 'hex';

/** The same of what was read elsewhere; `name` is for the refusal. */
export function bytesIn(
  content: Uint8Array,
  name: string,
  form: TrustFileForm = 'any',
): Result<Uint8Array, TrustFileRefusal> {
  if (content.length > MAX_BYTES) return refused('too-large', `${name}: more than ${MAX_BYTES} bytes`);
  const bytes = unhexed(content);
  if (bytes !== undefined) return ok(bytes);
  return form === 'hex' ? refused('not-hexadecimal', name) : ok(Uint8Array.from(content));
}

/** CBOR of a tag never looks like digits throughout. */
function unhexed(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length === 0 || bytes.some(byte => byte > 0x7f)) return undefined;
  const text = new TextDecoder().decode(bytes).replaceAll(/\s/g, '');
  return text === '' ? undefined : fromHex(text);
}

/** Writes a file whole or not at all; on the disk when this resolves. */
export async function writeTrustFile(
  path: string,
  content: Uint8Array | string,
  { replace = false, mode = 0o644 }: { readonly replace?: boolean; readonly mode?: number } = {},
): Promise<Result<undefined, TrustFileRefusal>> {
  const beside = `${path}.${process.pid}.new`;
  try {
    await rm(beside, { force: true });
    const file = await open(beside, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    // A link is refused where the name is taken; a rename would take it.
    if (replace) await rename(beside, path);
    else await link(beside, path);
    await syncFolder(dirname(path));
    return ok(undefined);
  } catch (error) {
    return refused(codeOf(error) === 'EEXIST' ? 'exists' : 'io', `${path}: ${messageOf(error)}`);
  } finally {
    await rm(beside, { force: true });
  }
}

/** A file's name is part of its folder, and becomes durable with it. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
