/**
 * Files of signed bytes (roots, delegations, revocations, envelopes): binary or hexadecimal in, and out whole or
 * not at all, never over a file that was not to be replaced. What the bytes say is not looked at here.
 */
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { fromHex } from '../base/bytes.ts';

/**
 * `missing`: there is no such file. `too-large`: no signed thing is. `exists`: there is a file and it was not to be
 * replaced. `io`: the file system said no.
 */
export type TrustFileRefusal = 'missing' | 'too-large' | 'exists' | 'io';

/** Sixteen times the largest document, and room for hexadecimal. */
const MAX_BYTES = 256 * 1024;

/** The bytes of a file. The detail of a refusal names it. */
export async function readTrustFile(path: string): Promise<Result<Uint8Array, TrustFileRefusal>> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_BYTES) return refused('too-large', `${path}: ${bytes.length} bytes`);
    return ok(unhexed(bytes));
  } catch (error) {
    return refused(codeOf(error) === 'ENOENT' ? 'missing' : 'io', `${path}: ${messageOf(error)}`);
  }
}

/** Bytes as they are, or those that hexadecimal digits stand for; CBOR never looks like digits throughout. */
export function unhexed(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0 || bytes.some(byte => byte > 0x7f)) return Uint8Array.from(bytes);
  const text = new TextDecoder().decode(bytes).replaceAll(/\s/g, '');
  return (text === '' ? undefined : fromHex(text.toLowerCase())) ?? Uint8Array.from(bytes);
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
