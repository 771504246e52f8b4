/**
 * What an envelope claims before anybody has checked it: which key is named, to whom, of which kind. For finding
 * out what to check it with. Nothing of it is true, and nothing may be done by it.
 */
import type { Audience, KeyId } from '../../model/mod.ts';
import { readAddress, readClaims } from './claims.ts';
import type { CommandClaims } from './claims.ts';
import { decodeCanonical } from './codec.ts';
import { openFrame } from './frame.ts';
import { COMMAND_PROFILE } from './scan.ts';
import type { Algorithm } from './trust.ts';

export interface Claimed {
  readonly kid: KeyId;
  readonly alg: Algorithm;
  /** Absent where the claims are not those of a command. */
  readonly audience?: Audience;
  /** Absent where any claim or the body is not well-formed. */
  readonly claims?: CommandClaims;
}

/** `undefined` where there is no frame to look into. */
export function peek(bytes: Uint8Array): Claimed | undefined {
  const frame = openFrame(bytes, COMMAND_PROFILE);
  if (!frame.ok) return undefined;
  const { kid, alg, payload } = frame.value;
  const item = decodeCanonical(payload, COMMAND_PROFILE);
  if (!item.ok || !(item.value instanceof Map)) return { kid, alg };
  const address = readAddress(item.value);
  const claims = readClaims(item.value);
  return {
    kid,
    alg,
    ...(address.ok ? { audience: address.value.audience } : {}),
    ...(claims.ok ? { claims: claims.value } : {}),
  };
}
