/**
 * A device's next key: a statement signed with the key before it, which a gateway shows with its birth record, so that
 * a head end that knows any key of the chain comes to know the newest. The private keys of the older ones are gone by
 * then.
 *
 * The statement has the frame of a command, and claims that neither a command nor a record has.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { KeyId } from '../../model/mod.ts';
import { decodeCanonical, encodeCanonical } from './codec.ts';
import { isCount, misfit } from './form.ts';
import type { Row } from './form.ts';
import { forgery, keyFor, openFrame, signPayload } from './frame.ts';
import type { EnvelopeRefusal } from './refusals.ts';
import { COMMAND_PROFILE } from './scan.ts';
import { keyId, trustKey } from './trust.ts';
import type { KeyRefusal, Signer, TrustedKey } from './trust.ts';

/** Statements kept and shown, some 150 bytes each: who has missed more is told the newest key by hand. */
export const MAX_SUCCESSIONS = 4;

const KEY_EPOCH = -70002;
const NEXT_KEY = -70009;

const CLAIMS: readonly Row[] = [
  { key: KEY_EPOCH, name: 'key epoch', need: 'always', fits: isCount },
  {
    key: NEXT_KEY,
    name: 'next key',
    need: 'always',
    fits: value => value instanceof Uint8Array && value.length === 32,
  },
];

/** That `publicKey` (32 bytes) is the key of `epoch`, and follows the one of `signer`. */
export function signSuccession(
  { publicKey, epoch }: { readonly publicKey: Uint8Array; readonly epoch: number },
  signer: Signer,
): Uint8Array {
  const claims = new Map<number, unknown>([
    [KEY_EPOCH, epoch],
    [NEXT_KEY, publicKey],
  ]);
  return signPayload(encodeCanonical(claims), signer);
}

/**
 * The key at the end of `chain`, as far as it begins with a key that is known; `undefined` where none of it is. A
 * statement that is not sound is a refusal. The heir is of the same issuer, may say the same, and has the next epoch.
 */
export function walkSuccessions(
  chain: readonly Uint8Array[],
  keyOf: (kid: KeyId) => TrustedKey | undefined,
): Result<TrustedKey | undefined, EnvelopeRefusal | KeyRefusal> {
  let heir: TrustedKey | undefined;
  for (const statement of chain) {
    const known = heir;
    const next = openSuccession(statement, kid => (known?.kid === kid ? known : keyOf(kid)));
    // Those before the key that is known say nothing new.
    if (!next.ok && next.refusal === 'key-unknown' && heir === undefined) continue;
    if (!next.ok) return next;
    heir = next.value;
  }
  return ok(heir);
}

function openSuccession(
  bytes: Uint8Array,
  keyOf: (kid: KeyId) => TrustedKey | undefined,
): Result<TrustedKey, EnvelopeRefusal | KeyRefusal> {
  const frame = openFrame(bytes, COMMAND_PROFILE);
  if (!frame.ok) return frame;
  const key = keyFor(frame.value, keyOf);
  if (!key.ok) return key;
  const forged = forgery(frame.value, key.value);
  if (forged !== undefined) return refused(forged);
  const item = decodeCanonical(frame.value.payload, COMMAND_PROFILE);
  if (!item.ok) return item;
  if (!(item.value instanceof Map)) return refused('payload-not-map');
  const found = misfit(item.value, CLAIMS);
  if (found !== undefined) return refused(`claim-${found.how}`, found.what);
  const epoch = item.value.get(KEY_EPOCH) as number;
  if (epoch !== key.value.epoch + 1)
    return refused('key-epoch-mismatch', `epoch ${epoch} after ${key.value.epoch}`);
  const publicKey = item.value.get(NEXT_KEY) as Uint8Array;
  const { issuer, scope } = key.value;
  if (keyId(publicKey) === key.value.kid) return refused('claim-invalid', 'a key follows itself');
  // New signatures have the newer number, whatever the older key was pinned to.
  return trustKey({ publicKey, issuer, scope, epoch, alg: -19 });
}
