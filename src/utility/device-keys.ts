/**
 * The keys of gateways, as a head end believes them. Vetting one costs a millisecond, so ten thousand are vetted
 * when each is first heard of and not all at the start. A key that does not stand up to it is no key.
 */
import { unixTime } from '../base/time.ts';
import type { GatewayId, KeyId } from '../model/mod.ts';
import { keyId, trustKey } from '../wan/envelope/mod.ts';
import type { Algorithm, Scope, TrustedKey } from '../wan/envelope/mod.ts';

export interface DeviceKey {
  readonly id: GatewayId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly alg: Algorithm;
  readonly epoch: number;
}

/** A gateway's own key commands nothing; it is believed for what the gateway reports, until it is taken away. */
const REPORTS_ONLY: Scope = {
  operations: [],
  highestClass: 'market',
  primacy: { min: 1, max: 255 },
  validFrom: unixTime(0),
  validUntil: unixTime(Date.UTC(9999, 0)),
};

export class DeviceKeys {
  /** One entry a key of the list. */
  readonly #known = new Map<KeyId, DeviceKey>();
  readonly #vetted = new Map<KeyId, TrustedKey>();
  readonly #trouble: (why: string) => void;

  constructor(keys: readonly DeviceKey[], trouble: (why: string) => void) {
    for (const key of keys) this.#known.set(keyId(key.publicKey), key);
    this.#trouble = trouble;
  }

  /** The key with this id, or `undefined`: not in the list, or not sound. */
  readonly keyOf = (kid: KeyId): TrustedKey | undefined => {
    const vetted = this.#vetted.get(kid);
    const known = this.#known.get(kid);
    if (vetted !== undefined || known === undefined) return vetted;
    const { id: issuer, publicKey, alg, epoch } = known;
    const trusted = trustKey({ issuer, publicKey, alg, epoch, scope: REPORTS_ONLY });
    if (!trusted.ok) {
      this.#known.delete(kid);
      this.#trouble(`the key of ${issuer} is not believed: ${trusted.refusal}`);
      return undefined;
    }
    this.#vetted.set(kid, trusted.value);
    return trusted.value;
  };
}
