/**
 * The operator's desk of the demo: what the head end has durably received, so that the story can wait for it.
 */
import type {
  Cti,
  CustomerBody,
  GatewayId,
  MRID,
  ReceiptBody,
  StatusBody,
  StreamName,
  UplinkRecord,
} from '../../model/mod.ts';
import { wholeStatus } from '../../utility/mod.ts';
import type { NmsEvents } from '../../utility/mod.ts';
import type { Talk } from './talk.ts';

/** A demo left running for days forgets the oldest records; the head end's ledger has them all. */
const MAX_RECORDS = 5000;

export class HeadEndDesk {
  #records: { readonly gateway: GatewayId; readonly record: UplinkRecord }[] = [];
  #wake: (() => void) | undefined;

  /** What the head end tells. */
  events(talk: Talk): NmsEvents {
    return {
      onRecord: (gateway, record) => {
        this.#records.push({ gateway, record });
        if (this.#records.length > MAX_RECORDS) this.#records = this.#records.slice(MAX_RECORDS / 2);
        this.#wake?.();
      },
      onGap: (gateway, stream, gap) =>
        talk.warn('head end', `records of ${gateway}/${stream} are missing: ${JSON.stringify(gap)}`),
      onRefused: (topic, refusal, detail) =>
        talk.warn('head end', `${topic} refused: ${refusal}${detail === undefined ? '' : ` (${detail})`}`),
      onTrouble: why => talk.warn('head end', why),
    };
  }

  records(gateway: GatewayId, stream: StreamName): readonly UplinkRecord[] {
    return this.#records.flatMap(r =>
      r.gateway === gateway && r.record.stream === stream ? [r.record] : [],
    );
  }

  receipts(cti: Cti): readonly ReceiptBody[] {
    return this.#records.flatMap(({ record: { body } }) =>
      body.kind === 'receipt' && body.cti === cti ? [body] : [],
    );
  }

  lastStatus(gateway: GatewayId): StatusBody | undefined {
    return wholeStatus(this.records(gateway, 'status'));
  }

  /** What the customer was reported to have done about an event, in order. */
  customer(gateway: GatewayId, mRID: MRID): readonly CustomerBody['action'][] {
    return this.records(gateway, 'customer').flatMap(({ body }) =>
      body.kind === 'customer' && body.mRID === mRID ? [body.action] : [],
    );
  }

  /** Resolves at the next record, or after `withinMs`. */
  changed(withinMs: number): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#wake = done;
    });
  }
}
