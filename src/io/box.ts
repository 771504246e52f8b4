/**
 * Boxes (NaCl: X25519, XSalsa20, Poly1305) for what only one gateway may read. The gateway's box key is derived
 * from its signing key, so that there is one secret to keep and to rotate; it does not leave the opener.
 *
 * A code that was sealed is hashed here, as soon as it is open: the gateway's state never holds the code itself.
 */
import { hkdfSync } from 'node:crypto';
import nacl from 'tweetnacl';
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { concat, fromHex, toHex } from '../base/bytes.ts';
import type { OpenerPort } from '../gateway/mod.ts';
import { readSealed, sealedNonce, writeSealed } from '../wan/envelope/mod.ts';
import type { SealedContent, SealedContext, SealedRefusal } from '../wan/envelope/mod.ts';
import { hashCode } from './codes.ts';

const KEY_BYTES = 32;

/** The X25519 key pair of a device whose Ed25519 private key is `seed` (32 bytes). */
function boxKeys(seed: Uint8Array): nacl.BoxKeyPair {
  const secret = hkdfSync('sha512', seed, new Uint8Array(), 'underglass-box-1', KEY_BYTES);
  return nacl.box.keyPair.fromSecretKey(new Uint8Array(secret));
}

/** A box only the gateway with the public key `to` can open. Returns hexadecimal, as commands carry it. */
export function seal(content: SealedContent, to: Uint8Array, context: SealedContext): string {
  const own = nacl.box.keyPair();
  const nonce = sealedNonce({ ephemeral: own.publicKey, gateway: to }, context);
  const box = nacl.box(writeSealed(content), nonce, to, own.secretKey);
  own.secretKey.fill(0);
  return toHex(concat([own.publicKey, box]));
}

/** Opens `box` with the key of `seed`. */
export function unseal(
  box: string,
  context: SealedContext,
  seed: Uint8Array,
): Result<SealedContent, SealedRefusal> {
  const bytes = fromHex(box) ?? new Uint8Array();
  const [ephemeral, inner] = [bytes.subarray(0, KEY_BYTES), bytes.subarray(KEY_BYTES)];
  if (ephemeral.length !== KEY_BYTES) return refused('sealed-not-for-us', 'it is too short for a box');
  const { publicKey, secretKey } = boxKeys(seed);
  const nonce = sealedNonce({ ephemeral, gateway: publicKey }, context);
  const content = nacl.box.open(inner, nonce, ephemeral, secretKey);
  secretKey.fill(0);
  if (content === null)
    return refused('sealed-not-for-us', 'it was not sealed to this gateway, by this issuer, for this event');
  return readSealed(content);
}

/** The door behind which the box key of a gateway stays. */
export function openerOf({ seed }: { readonly seed: Uint8Array }): OpenerPort {
  const kept = Uint8Array.from(seed);
  return {
    boxKey: toHex(boxKeys(kept).publicKey),
    open: async (box, context) => {
      const content = unseal(box, context, kept);
      if (!content.ok) return content;
      const { kind, text } = content.value;
      return kind === 'code' ? ok({ kind, hash: await hashCode(text) }) : ok({ kind, text });
    },
  };
}
