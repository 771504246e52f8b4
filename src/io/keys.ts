/**
 * Ed25519 keys in files: made with tweetnacl, kept as JSON of our own or as PEM (PKCS #8, what OpenSSL writes),
 * readable by their owner alone, and loaded into a signer that does not give the key out again.
 *
 * An offline key may lie under a passphrase; then its public half alone is read without.
 *
 * A key file that exists is never written over unless that is asked for: a lost root cannot be made again.
 */
import { createPrivateKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import nacl from 'tweetnacl';
import { assert, ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { fromHex, sameBytes, toHex } from '../base/bytes.ts';
import type { KeyId } from '../model/mod.ts';
import { MAX_SUCCESSIONS, keyId, signSuccession } from '../wan/envelope/mod.ts';
import type { Algorithm, Signer } from '../wan/envelope/mod.ts';
import { isLockedSeed, lockSeed, unlockSeed } from './locked-keys.ts';
import type { LockedSeed } from './locked-keys.ts';

/** A private key. Held by whoever makes or moves keys; the running gateway holds only a {@link Signer}. */
export interface SigningKey {
  readonly kid: KeyId;
  readonly alg: Algorithm;
  /** 32 bytes (RFC 8032, 5.1.5). */
  readonly publicKey: Uint8Array;
  /** 32 bytes: the private key of RFC 8032, from which all else follows. */
  readonly seed: Uint8Array;
  /** Of a device's key that was rotated: which one it is, from 2. */
  readonly epoch?: number;
  /** How it follows from the keys before it, oldest first; signed statements. */
  readonly successions?: readonly Uint8Array[];
}

/**
 * `exists`: there is a file and it was not to be replaced. `missing`: there is none. `readable-by-others`: its
 * mode lets more than the owner read it. `not-a-key`: no Ed25519 private key in a form known here, or its public
 * key is another's. `locked`: it lies under a passphrase and none was given. `wrong-passphrase`: it does not open with
 * the one given, or was damaged. `io`: the file system said no.
 */
export type KeyFileRefusal =
  | 'exists'
  | 'missing'
  | 'readable-by-others'
  | 'not-a-key'
  | 'locked'
  | 'wrong-passphrase'
  | 'io';

/** What anybody may know of a key. */
export type PublicKey = Pick<SigningKey, 'kid' | 'alg' | 'publicKey' | 'epoch'>;

/** A key file is a few hundred bytes; what is larger is something else. */
const MAX_FILE_BYTES = 4096;

/** A new key from the operating system's random numbers. */
export function generateKey(alg: Algorithm = -19): SigningKey {
  return keyFromSeed(nacl.randomBytes(32), alg);
}

/** The key that 32 bytes of seed determine. */
export function keyFromSeed(seed: Uint8Array, alg: Algorithm = -19): SigningKey {
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  return { kid: keyId(publicKey), alg, publicKey, seed: Uint8Array.from(seed) };
}

/** The key after `old`, and the statement by which those who know `old` come to know it. */
export function nextKey(old: SigningKey): SigningKey {
  const key = generateKey();
  const epoch = (old.epoch ?? 1) + 1;
  const statement = signSuccession({ publicKey: key.publicKey, epoch }, signerOf(old));
  const successions = [...(old.successions ?? []), statement].slice(-MAX_SUCCESSIONS);
  return { ...key, epoch, successions };
}

/** Signs with node:crypto (some 20 µs; tweetnacl makes the same bytes in milliseconds). */
export function signerOf(key: SigningKey): Signer {
  const privateKey = privateKeyOf(key.seed);
  return { kid: key.kid, alg: key.alg, sign: bytes => Uint8Array.from(sign(null, bytes, privateKey)) };
}

/** Signs with tweetnacl: for keys that lie offline, so that what they sign has a second implementation behind it. */
export function offlineSignerOf({ kid, alg, seed }: SigningKey): Signer {
  const { secretKey } = nacl.sign.keyPair.fromSeed(seed);
  return { kid, alg, sign: bytes => nacl.sign.detached(bytes, secretKey) };
}

/**
 * Reads a key file, JSON or PEM. In PEM the algorithm number has no place: it is −19. `passphrase` is asked for only
 * where the key lies under one.
 */
export async function readKeyFile(
  path: string,
  passphrase?: (key: PublicKey) => Promise<string>,
): Promise<Result<SigningKey, KeyFileRefusal>> {
  const read = await readKeyText(path);
  if (!read.ok) return read;
  if ('seed' in read.value) return ok(read.value);
  const { locked, ...key } = read.value;
  if (passphrase === undefined) return refused('locked', `${path}: it lies under a passphrase`);
  const seed = await unlockSeed(locked, await passphrase(key));
  if (seed === undefined) return refused('wrong-passphrase', path);
  const opened = keyFromSeed(seed, key.alg);
  return sameBytes(opened.publicKey, key.publicKey) ? ok(opened) : refused('not-a-key', path);
}

/** The public half of a key file, also of one under a passphrase. */
export async function readPublicKey(path: string): Promise<Result<PublicKey, KeyFileRefusal>> {
  const read = await readKeyText(path);
  if (!read.ok) return read;
  const { kid, alg, publicKey, epoch } = read.value;
  return ok({ kid, alg, publicKey, ...(epoch === undefined ? {} : { epoch }) });
}

type LockedKey = PublicKey & { readonly locked: LockedSeed };

async function readKeyText(path: string): Promise<Result<SigningKey | LockedKey, KeyFileRefusal>> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { mode, size } = await file.stat();
    if (mode % 0o100 !== 0) return refused('readable-by-others', `${path}: chmod 600`);
    if (size > MAX_FILE_BYTES) return refused('not-a-key', `${path}: ${size} bytes`);
    const key = parseKey(await file.readFile('utf8'));
    return key === undefined ? refused('not-a-key', path) : ok(key);
  } catch (error) {
    return refused(codeOf(error) === 'ENOENT' ? 'missing' : 'io', `${path}: ${messageOf(error)}`);
  } finally {
    await file?.close();
  }
}

/**
 * Writes a key file of mode 0600, whole or not at all, and on the disk when this resolves. Without `replace` a
 * file that exists is left as it is.
 */
export async function writeKeyFile(
  path: string,
  key: SigningKey,
  options: {
    readonly format?: 'json' | 'pem';
    readonly replace?: boolean;
    readonly passphrase?: string;
  } = {},
): Promise<Result<undefined, KeyFileRefusal>> {
  const { passphrase } = options;
  assert(passphrase === undefined || options.format !== 'pem', 'a key in PEM has no passphrase of ours');
  const locked = passphrase === undefined ? undefined : await lockSeed(key.seed, passphrase);
  const text = options.format === 'pem' ? toPem(key) : toJson(key, locked);
  const target = options.replace === true ? `${path}.new` : path;
  try {
    if (target !== path) await rm(target, { force: true });
    await writeNew(target, text);
    if (target !== path) await rename(target, path);
    await syncFolder(dirname(path));
    return ok(undefined);
  } catch (error) {
    // A key that did not reach its place must not lie about beside it.
    if (target !== path) await rm(target, { force: true });
    return refused(codeOf(error) === 'EEXIST' ? 'exists' : 'io', `${path}: ${messageOf(error)}`);
  }
}

/** `wx` refuses a file, and a link, that is already there. What could not be written whole is taken away. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
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

const FORMAT = 'underglass-key-1';

const LOCKED_FORMAT = 'underglass-key-locked-1';

function toJson(key: SigningKey, locked: LockedSeed | undefined): string {
  const { kid, alg, publicKey, seed, epoch, successions } = key;
  const rotated = { ...(epoch === undefined ? {} : { epoch }), ...chainOf(successions) };
  const shown = { kid, alg, publicKey: toHex(publicKey), ...rotated };
  const file =
    locked === undefined
      ? { format: FORMAT, ...shown, seed: toHex(seed) }
      : { format: LOCKED_FORMAT, ...shown, locked };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function toPem({ seed }: SigningKey): string {
  return privateKeyOf(seed).export({ format: 'pem', type: 'pkcs8' }).toString();
}

function parseKey(text: string): SigningKey | LockedKey | undefined {
  try {
    return text.startsWith('-----BEGIN ') ? fromPem(text) : fromJson(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function fromPem(text: string): SigningKey | undefined {
  const key = createPrivateKey(text);
  const { d } = key.export({ format: 'jwk' });
  if (key.asymmetricKeyType !== 'ed25519' || d === undefined) return undefined;
  return keyFromSeed(Buffer.from(d, 'base64url'));
}

/** The public key stands in the file for people; the seed must agree with it, or one of them was damaged. */
function fromJson(file: unknown): SigningKey | LockedKey | undefined {
  if (typeof file !== 'object' || file === null) return undefined;
  const { format, alg, publicKey, seed, locked } = file as Readonly<Record<string, unknown>>;
  if (alg !== -19 && alg !== -8) return undefined;
  const shown = typeof publicKey === 'string' ? fromHex(publicKey) : undefined;
  if (shown?.length !== 32) return undefined;
  if (format === LOCKED_FORMAT)
    return isLockedSeed(locked) ? { kid: keyId(shown), alg, publicKey: shown, locked } : undefined;
  const secret = format === FORMAT && typeof seed === 'string' ? fromHex(seed) : undefined;
  if (secret?.length !== 32) return undefined;
  const key = keyFromSeed(secret, alg);
  const rotated = rotationIn(file as Readonly<Record<string, unknown>>);
  return sameBytes(shown, key.publicKey) && rotated !== undefined ? { ...key, ...rotated } : undefined;
}

function chainOf(successions: SigningKey['successions']): { readonly successions?: readonly string[] } {
  return successions === undefined ? {} : { successions: successions.map(toHex) };
}

/** What a file says of the keys before it; nothing in most, `undefined` where it makes no sense. */
function rotationIn({
  epoch,
  successions,
}: Readonly<Record<string, unknown>>): Pick<SigningKey, 'epoch' | 'successions'> | undefined {
  if (epoch === undefined && successions === undefined) return {};
  if (!Number.isSafeInteger(epoch) || Number(epoch) < 2 || !Array.isArray(successions)) return undefined;
  const chain = successions.map(text => (typeof text === 'string' ? fromHex(text) : undefined));
  if (chain.length > MAX_SUCCESSIONS || chain.some(one => one === undefined)) return undefined;
  return { epoch: Number(epoch), successions: chain.filter(one => one !== undefined) };
}

/** PKCS #8 of an Ed25519 key is these bytes and the seed (RFC 8410, 7). */
const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
