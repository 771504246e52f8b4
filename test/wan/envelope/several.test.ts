/** Several records of one stream under one signature: a backlog. */
import { expect } from 'chai';
import { unixTime } from '../../../src/base/time.ts';
import { upTopic } from '../../../src/model/mod.ts';
import type { RecordBody, UplinkRecord } from '../../../src/model/mod.ts';
import {
  MAX_SEVERAL,
  openRecord,
  openRecords,
  signRecord,
  signRecords,
} from '../../../src/wan/envelope/mod.ts';
import { encodeMeasurements } from '../../../src/wan/envelope/measurements.ts';
import { isSeveral } from '../../../src/wan/envelope/record-body.ts';
import { GATEWAY, NOW, VECTORS, WIDE, bytesOf, enrol, keyOf, testKey } from './vectors.ts';

const device = testKey(3);
const trusted = enrol(device.publicKey, { issuer: GATEWAY, alg: -19, epoch: 2, scope: WIDE });
const from = { gateway: GATEWAY, utility: 'north', at: NOW, keyEpoch: 2 };
const context = { topic: upTopic('north', GATEWAY, 'status'), keyOf: () => trusted };

function body(n: number): RecordBody {
  return { kind: 'request', wants: 'grant', group: `g-${n}`, why: 'Grüße' };
}

function run(count: number, first = 7): readonly UplinkRecord[] {
  return Array.from({ length: count }, (_, n) => ({
    stream: 'status',
    sequence: first + n,
    at: unixTime(NOW - 1000 * (count - n)),
    body: body(n),
  }));
}

function signed(records: readonly UplinkRecord[]): Uint8Array {
  const bytes = signRecords(records, from, device);
  if (bytes === undefined) throw new Error('too large');
  return bytes;
}

describe('several records under one signature', () => {
  it('TIME-1: give back each with its number and its own time', () => {
    for (const count of [2, 3, MAX_SEVERAL])
      expect(openRecords(signed(run(count)), context)).to.deep.equal({
        ok: true,
        value: { gateway: GATEWAY, records: run(count) },
      });
  });

  it('are read as the second implementation wrote them', () => {
    const { topic, hex, records } = VECTORS.several;
    const numbered = records.map(({ at: madeAt, body: said }, n) => ({
      stream: 'status',
      sequence: 9 + n,
      at: madeAt,
      body: said,
    }));
    expect(openRecords(bytesOf(hex), { topic, keyOf })).to.deep.equal({
      ok: true,
      value: { gateway: 'gw-1', records: numbered },
    });
  });

  it('are opened beside single ones, and are no single one', () => {
    const [one] = run(1);
    if (one === undefined) throw new Error('one record');
    const single = openRecords(signRecord(one, from, device), context);
    expect(single).to.deep.equal({ ok: true, value: { gateway: GATEWAY, records: [one] } });
    expect(openRecord(signed(run(2)), context)).to.include({ ok: false, refusal: 'body-invalid' });
  });

  it('take fewer bytes each than single ones', () => {
    const [one] = run(1);
    if (one === undefined) throw new Error('one record');
    const several = signed(run(20)).length / 20;
    expect(several).to.be.below(signRecord(one, from, device).length / 2);
  });

  it('refuse a message in which any byte is another', () => {
    const bytes = signed(run(3));
    for (let at = 0; at < bytes.length; at++) {
      const wrong = Uint8Array.from(bytes);
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      expect(openRecords(wrong, context).ok, `byte ${at}`).to.equal(false);
    }
  });

  it('are two at least, follow each other, and fit into a record', () => {
    const [a, b, c] = run(3);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three records');
    expect(() => signRecords([a], from, device)).to.throw(/two or more/);
    expect(() => signRecords([a, c], from, device)).to.throw(/follow each other/);
    expect(() => signRecords([a, { ...b, stream: 'reading' }], from, device)).to.throw(/follow each other/);
    const long = { kind: 'request', wants: 'grant', group: 'g', why: 'x'.repeat(40_000) } as const;
    expect(signRecords([a, { ...b, body: long }], from, device)).to.not.equal(undefined);
    const both = [
      { ...a, body: long },
      { ...b, body: long },
    ];
    expect(signRecords(both, from, device)).to.equal(undefined);
    expect(signRecords(run(MAX_SEVERAL + 1), from, device)).to.equal(undefined);
  });

  const at = NOW;
  const lost: RecordBody = { kind: 'lost', first: 8, last: 9, why: 'damaged' };
  const rows: readonly (readonly [string, unknown])[] = [
    ['one', { kind: 'several', records: [{ at, body: body(1) }] }],
    ['none', { kind: 'several', records: [] }],
    [
      'one that stands for others',
      {
        kind: 'several',
        records: [
          { at, body: body(1) },
          { at, body: lost },
        ],
      },
    ],
    [
      'several within several',
      {
        kind: 'several',
        records: [
          { at, body: body(1) },
          {
            at,
            body: {
              kind: 'several',
              records: [
                { at, body: body(1) },
                { at, body: body(2) },
              ],
            },
          },
        ],
      },
    ],
    [
      'a time that is none',
      {
        kind: 'several',
        records: [
          { at: 1.5, body: body(1) },
          { at, body: body(2) },
        ],
      },
    ],
    [
      'a time before 1970',
      {
        kind: 'several',
        records: [
          { at: -1, body: body(1) },
          { at, body: body(2) },
        ],
      },
    ],
    [
      'a body of no kind',
      {
        kind: 'several',
        records: [
          { at, body: { kind: 'gossip' } },
          { at, body: body(2) },
        ],
      },
    ],
  ];
  for (const [what, value] of rows)
    it(`are not ${what}`, () => {
      expect(encodeMeasurements(value as object).length).to.be.above(0);
      expect(isSeveral(value)).to.equal(false);
    });
});
