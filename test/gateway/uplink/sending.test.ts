import { expect } from 'chai';
import { unixTime } from '../../../src/base/time.ts';
import type { Effect, SignerPort } from '../../../src/gateway/mod.ts';
import { inMessages, messagesOf } from '../../../src/gateway/uplink/sending.ts';
import type { RecordBody, StreamName, UplinkRecord } from '../../../src/model/mod.ts';
import { MAX_SEVERAL } from '../../../src/wan/envelope/mod.ts';

const BODY: RecordBody = { kind: 'request', wants: 'grant', group: 'g', why: 'test' };
const LOST: RecordBody = { kind: 'lost', first: 2, last: 5, why: 'test' };

function record(sequence: number, stream: StreamName = 'status', body = BODY): UplinkRecord {
  return { stream, sequence, at: unixTime(0), body };
}

function publish(sequence: number, stream?: StreamName, body?: RecordBody, session = 1): Effect {
  return { do: 'publish', record: record(sequence, stream, body), session };
}

/** How many records go into the message of each effect. */
function counts(...effects: readonly Effect[]): readonly number[] {
  return [...inMessages(effects)].map(({ records }) => records.length);
}

describe('records on their way into messages', () => {
  it('go together where they follow each other in one stream of bulk', () => {
    expect(counts(publish(1), publish(2), publish(3))).to.deep.equal([3, 0, 0]);
    expect(counts({ do: 'show' }, publish(1), publish(2))).to.deep.equal([0, 2, 0]);
  });

  it('go apart where a number, the stream or the link is another, and where something else comes first', () => {
    expect(counts(publish(1), publish(3))).to.deep.equal([1, 1]);
    expect(counts(publish(1), publish(2, 'reading'))).to.deep.equal([1, 1]);
    expect(counts(publish(1), publish(2, 'status', BODY, 2))).to.deep.equal([1, 1]);
    expect(counts(publish(1), { do: 'show' }, publish(2))).to.deep.equal([1, 0, 1]);
  });

  it('ALARM-1: go alone where somebody waits for them, and where they stand for others', () => {
    for (const stream of ['alarm', 'receipt', 'request', 'customer', 'birth'] as const)
      expect(counts(publish(1, stream), publish(2, stream)), stream).to.deep.equal([1, 1]);
    expect(counts(publish(1), publish(2, 'status', LOST))).to.deep.equal([1, 1]);
    expect(counts(publish(2, 'status', LOST), publish(3))).to.deep.equal([1, 1]);
  });

  it('are no more in one message than a message may hold', () => {
    const many = Array.from({ length: MAX_SEVERAL + 1 }, (_, n) => publish(n + 1));
    expect(counts(...many).filter(n => n > 0)).to.deep.equal([MAX_SEVERAL, 1]);
  });

  it('are halved where they are too large together, and none is left out', () => {
    const signer: SignerPort = {
      signRecord: ({ sequence }) => Uint8Array.of(sequence),
      signRecords: records =>
        records.length > 3 ? undefined : Uint8Array.from(records.map(({ sequence }) => sequence)),
    };
    const five = [1, 2, 3, 4, 5].map(n => record(n));
    const sent = (by: SignerPort): unknown =>
      messagesOf(by, five, unixTime(0)).map(({ records, payload }) => [records, [...payload]]);
    expect(sent(signer)).to.deep.equal([
      [3, [1, 2, 3]],
      [2, [4, 5]],
    ]);
    const alone: SignerPort = { signRecord: one => signer.signRecord(one, unixTime(0)) };
    expect(sent(alone)).to.deep.equal([1, 2, 3, 4, 5].map(n => [1, [n]]));
  });
});
