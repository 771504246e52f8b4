import { expect } from 'chai';
import { join } from 'node:path';
import type { Cti, ReceiptBody, UplinkRecord } from '../../src/model/mod.ts';
import { tempDir } from '../support/temp.ts';
import { event, TestHeadEnd } from './support.ts';

const RANK = { class: 'dispatch', primacy: 30 } as const;

describe('utility/ami-nms as a guest', () => {
  it('hears what answers its own commands, whatever number it has, and acknowledges and keeps nothing else', async () => {
    await using dir = await tempDir();
    const told: UplinkRecord[] = [];
    const heard: ReceiptBody[] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      guest: true,
      events: {
        onRecord: (_, record) => told.push(record),
        onReceipt: (_, receipt) => heard.push(receipt),
        onGap: () => {
          throw new Error('a guest misses no record, for none is its own');
        },
      },
    });
    expect([...head.broker.topics]).to.deep.equal(['ug/1/grid/d/+/up/receipt']);
    const to = { kind: 'device', id: head.gateway.id } as const;
    const sent = await head.nms.send(to, event('ev-1'), RANK);
    if (!sent.ok) throw new Error(sent.refusal);
    const say = async (cti: Cti, issuer: string | undefined, number: number): Promise<void> => {
      const body: ReceiptBody = { kind: 'receipt', cti, response: 'completed', why: '' };
      const whose = issuer === undefined ? body : { ...body, issuer };
      const { topic, payload } = head.gateway.signs('receipt', whose, number);
      await head.broker.deliver(topic, payload);
    };
    const { cti } = sent.value;
    await say('ab'.repeat(16) as Cti, 'the-utility', 1);
    await say(cti, 'the-utility', 2);
    await say(cti, undefined, 3);
    expect([told, heard]).to.deep.equal([[], []]);
    await say(cti, 'ops', 900);
    await say(cti, 'ops', 900);
    expect(await sent.value.settled).to.equal('answered');
    expect(heard.map(receipt => receipt.cti)).to.deep.equal([cti, cti]);
    expect((await head.nms.answers(cti)).map(({ receipt }) => receipt.issuer)).to.deep.equal(['ops']);
    head.clock.advance(60_000);
    expect(head.broker.on('/ack')).to.deep.equal([]);
    expect(await head.ledger.records(to.id, 'receipt', 0, 10)).to.deep.equal([]);
    expect(head.nms.missing(to.id)).to.equal(0);
    await head.close();
  });
});
