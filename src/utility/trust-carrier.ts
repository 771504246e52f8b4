/**
 * Brings the utility's trust documents to its gateways: each gets the whole chain once, when it is first heard of, has
 * lost what it knew, or when there are other documents, and says by its receipt that it has them. What was taken is remembered; what a
 * gateway refused is told, and tried again when it is born anew.
 *
 * The documents prove themselves: nothing is judged here.
 */
import { hash } from 'node:crypto';
import { troubleOf } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import type { BirthBody, GatewayId, TrustBody } from '../model/mod.ts';
import type { Sent } from './dispatcher.ts';
import type { LedgerPort } from './ports.ts';

/** Bundles under way at once: a large utility's new list of revocations leaves room for commands (NMS-1). */
export const MAX_BUNDLES_UNDER_WAY = 200;

/** First starts remembered: several a gateway of a large utility. Forgotten together, which costs a bundle each. */
const MAX_FIRST_STARTS = 50_000;

export interface TrustCarrierDoors {
  readonly ledger: Pick<LedgerPort, 'rows' | 'commit' | 'answers'>;
  /** Sends `body` to one gateway until it answers or time runs out. */
  send(gateway: GatewayId, body: TrustBody): Promise<Result<Pick<Sent, 'cti' | 'settled'>, string>>;
  /** What could not be done, for the log. */
  trouble(why: string): void;
}

const ACTOR = 'trust-carrier';

export class TrustCarrier {
  readonly #body: TrustBody;
  readonly #digest: string;
  readonly #doors: TrustCarrierDoors;
  /** Who is to be told; at most one entry a gateway of the list, as are the next two. */
  readonly #waiting: Set<GatewayId>;
  readonly #known: ReadonlySet<GatewayId>;
  readonly #holding: Set<GatewayId>;
  readonly #underWay = new Set<GatewayId>();
  /** First starts that were heard of, by gateway and nonce. */
  readonly #firstStarts = new Set<string>();
  #closed = false;

  private constructor(
    documents: readonly Uint8Array[],
    {
      gateways,
      holding,
      doors,
    }: { gateways: readonly GatewayId[]; holding: Set<GatewayId>; doors: TrustCarrierDoors },
  ) {
    this.#body = { kind: 'trust', documents };
    this.#digest = digestOf(documents);
    this.#doors = doors;
    this.#known = new Set(gateways);
    this.#holding = holding;
    this.#waiting = new Set(gateways.filter(id => !holding.has(id)));
  }

  /** Begins with the gateways that do not hold `documents` by their own word. */
  static async start(
    documents: readonly Uint8Array[],
    gateways: readonly GatewayId[],
    doors: TrustCarrierDoors,
  ): Promise<TrustCarrier> {
    const rows = await doors.ledger.rows(ACTOR);
    const digest = digestOf(documents);
    const holding = new Set(rows.filter(({ value }) => value === digest).map(({ key }) => key as GatewayId));
    const carrier = new TrustCarrier(documents, { gateways, holding, doors });
    carrier.#pump();
    return carrier;
  }

  /**
   * A gateway has begun a run: it may take now what it did not before. With a first start it holds nothing, whatever it
   * held once; one start counts once, for its record can be brought again by anybody.
   */
  born(gateway: GatewayId, { start, nonce }: Pick<BirthBody, 'start' | 'nonce'>): void {
    const first = `${gateway} ${nonce ?? ''}`;
    if (start === 1 && !this.#firstStarts.has(first)) {
      if (this.#firstStarts.size >= MAX_FIRST_STARTS) this.#firstStarts.clear();
      this.#firstStarts.add(first);
      return this.forgot(gateway);
    }
    this.#bringTo(gateway);
  }

  /** A gateway says that its memory is of an old copy, or gone: keys may be trusted there that were revoked since. */
  forgot(gateway: GatewayId): void {
    if (this.#holding.delete(gateway))
      this.#doors.ledger
        .commit([{ op: 'delete', actor: ACTOR, key: gateway }])
        .catch((error: unknown) => this.#doors.trouble(`documents for ${gateway}: ${troubleOf(error)}`));
    this.#bringTo(gateway);
  }

  #bringTo(gateway: GatewayId): void {
    if (!this.#known.has(gateway) || this.#holding.has(gateway) || this.#underWay.has(gateway)) return;
    this.#waiting.add(gateway);
    this.#pump();
  }

  /** Nothing is begun any more; what was sent goes on being repeated by the next head end. */
  close(): void {
    this.#closed = true;
  }

  #pump(): void {
    for (const gateway of this.#waiting) {
      if (this.#closed || this.#underWay.size >= MAX_BUNDLES_UNDER_WAY) return;
      this.#waiting.delete(gateway);
      this.#underWay.add(gateway);
      void this.#bring(gateway)
        .catch((error: unknown) => this.#doors.trouble(`documents for ${gateway}: ${troubleOf(error)}`))
        .finally(() => {
          this.#underWay.delete(gateway);
          this.#pump();
        });
    }
  }

  async #bring(gateway: GatewayId): Promise<void> {
    const doors = this.#doors;
    const sent = await doors.send(gateway, this.#body);
    if (!sent.ok)
      return doors.trouble(`documents are not sent to ${gateway}: ${sent.detail ?? sent.refusal}`);
    if ((await sent.value.settled) !== 'answered') return;
    const answers = await doors.ledger.answers(sent.value.cti);
    const receipt = answers.find(answer => answer.gateway === gateway)?.receipt;
    if (receipt === undefined) return;
    if (receipt.refusal !== undefined)
      return doors.trouble(`${gateway} refuses the documents of trust: ${receipt.refusal}: ${receipt.why}`);
    await doors.ledger.commit([{ op: 'put', actor: ACTOR, key: gateway, value: this.#digest }]);
    this.#holding.add(gateway);
  }
}

function digestOf(documents: readonly Uint8Array[]): string {
  const each = documents.map(bytes => hash('sha256', bytes, 'hex'));
  return hash('sha256', each.join('\n'), 'hex').slice(0, 32);
}
