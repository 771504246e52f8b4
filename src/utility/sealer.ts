/**
 * What is private goes sealed: an override code or a message, to one gateway, as a command of its own (SIWG-2). The
 * gateway's key comes from its birth record, which it signed; who has announced none is sent nothing.
 *
 * Boxes are made behind a door. No code is kept here, nor what was sealed.
 */
import { refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { fromHex } from '../base/bytes.ts';
import type { GatewayId, MRID, SealedBody, UplinkRecord } from '../model/mod.ts';
import { isLine } from '../wan/envelope/mod.ts';
import type { SealedContent, SealedContext } from '../wan/envelope/mod.ts';
import type { LedgerPort } from './ports.ts';

/** Makes a box that only the gateway with key `to` (32 bytes) opens, in hexadecimal. */
export type SealDoor = (content: SealedContent, to: Uint8Array, context: SealedContext) => string;

/** `no-box-key`: no birth record of this gateway names one. `no-line`: the text is no line of 1 to 280 letters. */
export type SealRefusal = 'no-box-key' | 'no-line';

/** Birth records looked through at once. */
const PAGE = 500;

export class Sealer {
  readonly #issuer: string;
  readonly #ledger: LedgerPort;
  readonly #seal: SealDoor;
  /** One entry a gateway that was born since our start or was sealed to. */
  readonly #keys = new Map<GatewayId, string>();

  constructor({ issuer, ledger, seal }: { issuer: string; ledger: LedgerPort; seal: SealDoor }) {
    this.#issuer = issuer;
    this.#ledger = ledger;
    this.#seal = seal;
  }

  /** A record that is in the ledger. The newest birth names the key. */
  told(gateway: GatewayId, { body }: UplinkRecord): void {
    if (body.kind === 'birth' && body.boxKey !== undefined) this.#keys.set(gateway, body.boxKey);
  }

  async body(
    gateway: GatewayId,
    content: SealedContent,
    mRID: MRID | undefined,
  ): Promise<Result<SealedBody, SealRefusal>> {
    if (!isLine(content.text)) return refused('no-line', 'one line of 1 to 280 letters');
    const key = this.#keys.get(gateway) ?? (await this.#announced(gateway));
    const to = key === undefined ? undefined : fromHex(key);
    if (to === undefined)
      return refused('no-box-key', `${gateway} has not announced a key for sealed commands`, 'later');
    const about = mRID === undefined ? {} : { mRID };
    const box = this.#seal(content, to, { issuer: this.#issuer, gateway, ...about });
    return { ok: true, value: { kind: 'sealed', box, ...about } };
  }

  /** The key in the newest birth record the ledger holds. */
  async #announced(gateway: GatewayId): Promise<string | undefined> {
    for (let after = 0; ; ) {
      const page = await this.#ledger.records(gateway, 'birth', after, PAGE);
      for (const record of page) {
        // A birth that came in meanwhile is newer than any of these.
        after = record.sequence;
        this.told(gateway, record);
      }
      if (page.length < PAGE) return this.#keys.get(gateway);
    }
  }
}
