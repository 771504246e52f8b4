import { expect } from 'chai';
import { join } from 'node:path';
import type { AuditedStretch, RecordBody, UplinkRecord } from '../../src/model/mod.ts';
import { CHAIN_START, chained } from '../../src/wan/envelope/mod.ts';
import { tempDir } from '../support/temp.ts';
import { START, TestHeadEnd, birth } from './support.ts';

/** What a gateway says of `bodies`, numbered from `first` on. */
function stretchOf(bodies: readonly RecordBody[], first = 1): AuditedStretch {
  const records = bodies.map(
    (body, n): UplinkRecord => ({ stream: 'status', sequence: first + n, at: START, body }),
  );
  const hash = records.reduce(chained, CHAIN_START);
  return { stream: 'status', first, last: first + bodies.length - 1, count: bodies.length, hash };
}

const BODIES = [1, 2, 3].map(birth);

class Office {
  readonly judged: string[] = [];
  readonly head: TestHeadEnd;
  readonly #sent = { audits: 0 };

  private constructor(head: TestHeadEnd, judged: string[]) {
    this.head = head;
    this.judged = judged;
  }

  static async open(path: string, before?: TestHeadEnd): Promise<Office> {
    const judged: string[] = [];
    const events = {
      onAudit: (
        _: unknown,
        { stretch, result, missing }: { stretch: AuditedStretch; result: string; missing: number },
      ) => void judged.push(`${stretch.first}-${stretch.last} ${result}${missing > 0 ? ` ${missing}` : ''}`),
    };
    return new Office(
      await TestHeadEnd.start(path, before === undefined ? { events } : { events, before }),
      judged,
    );
  }

  async take(body: RecordBody, sequence: number): Promise<void> {
    const { topic, payload } = this.head.gateway.signs('status', body, sequence);
    await this.head.broker.deliver(topic, payload);
  }

  async audit(...streams: readonly AuditedStretch[]): Promise<void> {
    const { topic, payload } = this.head.gateway.signs(
      'audit',
      { kind: 'audit', streams },
      ++this.#sent.audits,
    );
    await this.head.broker.deliver(topic, payload);
    await this.settled();
  }

  /** Judging is a matter of promises alone. */
  async settled(): Promise<void> {
    for (let n = 0; n < 20; n++) await new Promise(setImmediate);
  }
}

describe('the head end about audits', () => {
  it('proves that it holds what a gateway made, as it was made', async () => {
    await using dir = await tempDir();
    const office = await Office.open(join(dir.path, 'ledger.db'));
    for (const [n, body] of BODIES.entries()) await office.take(body, n + 1);
    await office.audit(stretchOf(BODIES));
    expect(office.judged).to.deep.equal(['1-3 proven']);
    const [standing] = await office.head.nms.audits(office.head.gateway.id);
    expect(standing).to.include({ stream: 'status', through: 3, result: 'proven', missing: 0, differing: 0 });
    await office.head.close();
  });

  it('waits for what is still on its way, whatever the order', async () => {
    await using dir = await tempDir();
    const office = await Office.open(join(dir.path, 'ledger.db'));
    await office.take(birth(3), 3);
    await office.audit(stretchOf(BODIES));
    expect(office.judged).to.deep.equal([]);
    await office.take(birth(1), 1);
    await office.take(birth(2), 2);
    await office.settled();
    expect(office.judged).to.deep.equal(['1-3 proven']);
    await office.head.close();
  });

  it('tells what was written off, what differs, and what the gateway knows no hash of', async () => {
    await using dir = await tempDir();
    const office = await Office.open(join(dir.path, 'ledger.db'));
    await office.take(birth(1), 1);
    await office.take({ kind: 'lost', first: 2, last: 3, why: 'damaged' }, 2);
    await office.audit(stretchOf(BODIES));
    await office.take(birth(4), 4);
    await office.audit(stretchOf([birth(5)], 4));
    await office.take(birth(5), 5);
    await office.audit({ stream: 'status', first: 5, last: 5, count: 1 });
    expect(office.judged).to.deep.equal(['1-3 incomplete 2', '4-4 differs', '5-5 counted']);
    const [standing] = await office.head.nms.audits(office.head.gateway.id);
    expect(standing).to.include({ through: 5, result: 'counted', missing: 2, differing: 1 });
    await office.head.close();
  });

  it('judges after a restart what waited before it, and nothing twice', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const office = await Office.open(path);
    await office.take(birth(1), 1);
    await office.audit(stretchOf([birth(1)]), stretchOf([birth(2)], 2));
    expect(office.judged).to.deep.equal(['1-1 proven']);
    await office.head.close();
    const later = await Office.open(path, office.head);
    await later.settled();
    await later.take(birth(2), 2);
    await later.settled();
    expect(later.judged).to.deep.equal(['2-2 proven']);
    await later.head.close();
  });
});
