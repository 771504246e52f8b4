/**
 * Records of a gateway: the second implementation's opened by ours, ours opened again, and what may not be one.
 */
import { expect } from 'chai';
import { milliseconds, unixTime } from '../../../src/base/time.ts';
import { STREAMS, upTopic } from '../../../src/model/mod.ts';
import type { Cti, DeviceId, MRID, RecordBody, StreamName } from '../../../src/model/mod.ts';
import { openRecord, signRecord, vetRecord } from '../../../src/wan/envelope/mod.ts';
import { GATEWAY, NOW, VECTORS, WIDE, bytesOf, enrol, keyOf, testKey } from './vectors.ts';

const device = testKey(3);
const trusted = enrol(device.publicKey, { issuer: GATEWAY, alg: -19, epoch: 2, scope: WIDE });
const from = { gateway: GATEWAY, utility: 'north', at: NOW, keyEpoch: 2 };
const at = unixTime(NOW - 1);

/** One body of each kind, with every field that can be there. */
const BODIES: readonly RecordBody[] = [
  {
    kind: 'receipt',
    cti: '00'.repeat(16) as Cti,
    response: 'started',
    mRID: 'ev-1' as MRID,
    refusal: 'expired',
    why: 'Grüße, 50 %',
    applied: [
      {
        device: 'inv-1' as DeviceId,
        axis: 'opModMaxLimW',
        outcome: 'implemented',
        why: 'read back',
        evidence: [{ point: '704.WMaxLimPct', address: 40_234, wrote: [5000], readBack: [5000] }],
      },
    ],
  },
  { kind: 'customer', mRID: 'ev-1' as MRID, action: 'override-ended', why: 'ended', totalS: 3600 },
  {
    kind: 'status',
    readings: [
      {
        device: 'inv-1' as DeviceId,
        role: 'inverter',
        at,
        points: { W: -1234.5, Hz: 60, TotWhInj: 2 ** 40 + 1, '10': 0.1, AC: 1e-7 },
      },
    ],
    setpoints: [
      { axis: 'opModMaxLimW', order: { kind: 'none' }, reasons: [{ rule: 'default', text: 'no event' }] },
      { axis: 'opModConnect', order: { kind: 'value', value: 0 }, reasons: [] },
    ],
    membershipDigest: '0011223344556677',
  },
  { kind: 'request', wants: 'grant', group: 'feeder-7', why: 'epoch 8 is not known here' },
  {
    kind: 'alarm',
    alarm: 'voltage',
    why: 'meter, phase A: 113.2 V, below Range A (114 V)',
    voltage: {
      meter: 'meter' as DeviceId,
      speaks: 'gateway',
      phase: 'A',
      change: 'raised',
      level: -1,
      since: at,
      voltageV: 113.2,
      nominalV: 120,
      limitV: 114,
    },
  },
  {
    kind: 'billing',
    meter: 'meter' as DeviceId,
    speaks: 'gateway',
    service: 'rec',
    start: at,
    durationS: 900,
    quality: 'estimated',
    exportWh: 12.5,
    exportRegisterWh: 2 ** 33,
    flags: ['silent'],
  },
  { kind: 'birth', version: '0.1.0', start: 3, devices: [{ device: 'inv-1' as DeviceId, model: 'x' }] },
];

function open(bytes: Uint8Array, stream: StreamName = 'status', gateway = GATEWAY) {
  return openRecord(bytes, { topic: upTopic('north', gateway, stream), keyOf: () => trusted });
}

describe('openRecord', () => {
  for (const { name, topic, hex, refusal, body } of VECTORS.records)
    it(`${name}: ${refusal ?? 'what the second implementation wrote'}`, () => {
      const result = openRecord(bytesOf(hex), { topic, keyOf });
      if (!result.ok) return expect(result.refusal, result.detail).to.equal(refusal);
      return expect(result.value).to.deep.equal({
        gateway: 'gw-1',
        record: { stream: 'status', sequence: 9, at: NOW + 500, body },
      });
    });
});

describe('signRecord', () => {
  for (const body of BODIES)
    it(`TIME-1 gives back a ${body.kind}, with its own time to the millisecond`, () => {
      const record = { stream: 'status', sequence: 7, at, body } as const;
      expect(open(signRecord(record, from, device))).to.deep.equal({
        ok: true,
        value: { gateway: GATEWAY, record },
      });
    });

  it('takes every stream, and is refused on the topic of another', () => {
    for (const stream of STREAMS) {
      const bytes = signRecord(
        { stream, sequence: 1, at, body: { ...BODIES[3] } as RecordBody },
        from,
        device,
      );
      expect(open(bytes, stream).ok, stream).to.equal(true);
      const other = stream === 'alarm' ? 'birth' : 'alarm';
      expect(open(bytes, other)).to.include({ ok: false, refusal: 'topic-mismatch' });
    }
  });

  it('writes one form: the order in which fields were set does not show', () => {
    const body = BODIES[2] as Extract<RecordBody, { kind: 'status' }>;
    const turned = Object.fromEntries(Object.entries(body).reverse()) as unknown as RecordBody;
    const [first, second] = [body, turned].map(one =>
      signRecord({ stream: 'status', sequence: 7, at, body: one }, from, device),
    );
    expect(second).to.deep.equal(first);
  });

  it('signs a record sent again anew, with the same content', () => {
    const record = { stream: 'status', sequence: 7, at, body: BODIES[3] as RecordBody } as const;
    const again = { ...from, at: unixTime(NOW + milliseconds(60_000)) };
    const [first, second] = [signRecord(record, from, device), signRecord(record, again, device)];
    expect(second).to.not.deep.equal(first);
    expect(open(second)).to.deep.equal(open(first));
  });
});

describe('vetRecord', () => {
  const status = BODIES[2] as Extract<RecordBody, { kind: 'status' }>;
  const reading = status.readings[0];
  const points = (values: object): RecordBody =>
    ({ ...status, readings: [{ ...reading, points: values }] }) as RecordBody;
  const manyPoints = (count: number) =>
    points(Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, 1])));
  const rows: readonly [string, RecordBody, string][] = [
    ['a number that is none', points({ W: Number.NaN }), 'float-not-finite'],
    ['infinity', points({ W: Infinity }), 'float-not-finite'],
    ['null', points({ W: null }), 'simple-value'],
    ['text for a number', points({ W: '1' }), 'body-invalid'],
    ['a kind of nobody', { kind: 'gossip' } as unknown as RecordBody, 'body-invalid'],
    ['5000 points', manyPoints(5000), 'too-many-items'],
    ['63 KiB of text', { kind: 'request', wants: 'grant', group: 'g', why: 'x'.repeat(64_512) }, 'too-large'],
  ];
  for (const [name, body, refusal] of rows)
    it(`says ${refusal} of ${name}, which signRecord is never given`, () => {
      expect(vetRecord(body)).to.include({ ok: false, refusal });
      const sign = () => signRecord({ stream: 'status', sequence: 1, at, body }, from, device);
      expect(sign).to.throw(/what can be opened/);
    });

  it('has nothing to say of ten devices with two hundred points each', () => {
    const body = {
      ...status,
      readings: Array.from({ length: 10 }, () => ({ ...reading, ...onePoints(200) })),
    };
    expect(vetRecord(body as RecordBody)).to.equal(undefined);
    const bytes = signRecord({ stream: 'status', sequence: 1, at, body: body as RecordBody }, from, device);
    expect(open(bytes).ok).to.equal(true);
  });

  it('leaves out a field that is undefined', () => {
    const body = { ...(BODIES[3] as object), mRID: undefined } as unknown as RecordBody;
    expect(vetRecord(body)).to.equal(undefined);
  });
});

function onePoints(count: number) {
  return { points: Object.fromEntries(Array.from({ length: count }, (_, i) => [`point${i}`, i + 0.5])) };
}
