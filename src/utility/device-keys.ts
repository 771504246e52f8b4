/**
 * The keys of gateways, as a head end believes them. Vetting one costs a millisecond, so ten thousand are vetted
 * when each is first heard of and not all at the start. A key that does not stand up to it is no key.
 *
 * A gateway that has rotated its key shows so itself, by a statement of the older key; from then on the older ones are
 * believed no more, whoever has them. Such keys are kept in the ledger.
 */
import { fromHex, toHex } from '../base/bytes.ts';
import { unixTime } from '../base/time.ts';
import type { GatewayId, KeyId } from '../model/mod.ts';
import { heirOf, keyId, trustKey } from '../wan/envelope/mod.ts';
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

/** Who keeps the rows of this actor in the ledger. */
export const DEVICE_KEYS = 'device-keys';

/** A key as the ledger keeps it, under its gateway's id. */
export interface DeviceKeyRow {
  readonly publicKey: string;
  readonly epoch: number;
}

export class DeviceKeys {
  /** One entry a key of the list, and one a gateway that rotated. */
  readonly #known = new Map<KeyId, DeviceKey>();
  /** The newest epoch of each gateway that rotated. */
  readonly #newest = new Map<GatewayId, number>();
  readonly #vetted = new Map<KeyId, TrustedKey>();
  readonly #trouble: (why: string) => void;

  /** `rotated`: the rows that {@link successor} gave, of earlier runs. */
  constructor(
    keys: readonly DeviceKey[],
    trouble: (why: string) => void,
    rotated: readonly { readonly key: string; readonly value: unknown }[] = [],
  ) {
    for (const key of keys) this.#known.set(keyId(key.publicKey), key);
    for (const { key, value } of rotated) this.#learn(key as GatewayId, value as DeviceKeyRow);
    this.#trouble = trouble;
  }

  /**
   * The key that a birth record, signed with a key nobody knows, proves to follow one that is believed; nothing is
   * changed. The record itself is not judged.
   */
  heirOf(bytes: Uint8Array): TrustedKey | undefined {
    const heir = heirOf(bytes, this.keyOf);
    return heir.ok ? heir.value : undefined;
  }

  /** What the ledger keeps of `heir`, to be durable before {@link succeed}. */
  successor({ issuer, publicKey, epoch }: TrustedKey): {
    readonly key: string;
    readonly value: DeviceKeyRow;
  } {
    return { key: issuer, value: { publicKey: toHex(publicKey), epoch } };
  }

  /** From now on `heir` is believed, and none of the keys before it. */
  succeed(heir: TrustedKey): void {
    this.#learn(heir.issuer as GatewayId, this.successor(heir).value);
  }

  #learn(id: GatewayId, { publicKey, epoch }: DeviceKeyRow): void {
    const key = { id, publicKey: fromHex(publicKey) ?? new Uint8Array(), epoch, alg: -19 } as const;
    if (epoch < (this.#newest.get(id) ?? 0)) return;
    this.#newest.set(id, epoch);
    this.#known.set(keyId(key.publicKey), key);
  }

  /** The key with this id, or `undefined`: not in the list, or not sound. */
  readonly keyOf = (kid: KeyId): TrustedKey | undefined => {
    const vetted = this.#vetted.get(kid);
    const known = this.#known.get(kid);
    if (known !== undefined && known.epoch < (this.#newest.get(known.id) ?? 0)) return undefined;
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
