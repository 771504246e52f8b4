/**
 * `bench -- receipts`: a head end that waits for 10,000 gateways, each with a command of its own, when all of their
 * receipts come at once. Broker and gateways are in memory, the ledger is a file.
 *
 * The floor is what cannot be left out: bare `node:crypto` verification of each receipt and the same rows in the same
 * kind of file, 256 changes a commit. Keys are vetted when a gateway is first heard of: that is told apart.
 */
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../../src/io/clock.ts';
import { generateKey, signerOf } from '../../src/io/keys.ts';
import { openLedger } from '../../src/io/store/mod.ts';
import type { Ledger } from '../../src/io/store/mod.ts';
import { upTopic } from '../../src/model/mod.ts';
import type { Cti, GatewayId, MRID, ReceiptBody, UplinkRecord } from '../../src/model/mod.ts';
import { DeviceKeys, startAmiNms } from '../../src/utility/mod.ts';
import type { AmiNms, BrokerEvents } from '../../src/utility/mod.ts';
import { signRecord } from '../../src/wan/envelope/mod.ts';
import { tempDir } from '../support/temp.ts';
import { quantiles } from './quantiles.ts';

const GATEWAYS = 10_000;
/** Messages a turn of the loop, as a full socket hands them over. */
const A_TURN = 100;

interface Receipt {
  readonly gateway: GatewayId;
  readonly record: UplinkRecord;
  readonly payload: Uint8Array;
}

export async function run(gateways = GATEWAYS): Promise<unknown> {
  await using dir = await tempDir();
  const names = Array.from({ length: gateways }, (_, at) => `gw-${at}` as GatewayId);
  const keys = new Map(names.map(name => [name, generateKey()]));
  const known = new DeviceKeys(
    [...keys].map(([id, { publicKey }]) => ({ id, publicKey, alg: -19, epoch: 1 })),
    why => {
      throw new Error(why);
    },
  );
  const vetting = performance.now();
  for (const { kid } of keys.values()) known.keyOf(kid);
  const vettedMs = performance.now() - vetting;
  const ledger = ledgerAt(join(dir.path, 'ours.sqlite'));
  const head = await headEnd(ledger, known);
  const sending = performance.now();
  const sent = await sendAll(head.nms, names);
  const sentMs = performance.now() - sending;
  const receipts = names.map(gateway => {
    const key = keys.get(gateway);
    const cti = sent.get(gateway);
    if (key === undefined || cti === undefined) throw new Error('every gateway has a key and a command');
    const body: ReceiptBody = { kind: 'receipt', cti, issuer: 'ops', response: 'completed', why: 'done' };
    const at = systemClock.now().unix;
    const record: UplinkRecord = { stream: 'receipt', sequence: 1, at, body };
    const payload = signRecord(record, { gateway, utility: 'grid', at, keyEpoch: 1 }, signerOf(key));
    return { gateway, record, payload };
  });
  const ours = await take(head, receipts);
  const answered = head.nms.open().length === 0;
  await head.nms.close();
  await ledger.close();
  if (!answered) throw new Error('every command is answered');
  const floorMs = await floor(join(dir.path, 'floor.sqlite'), receipts, name => {
    const key = keys.get(name);
    if (key === undefined) throw new Error('every gateway has a key');
    const x = Buffer.from(key.publicKey).toString('base64url');
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  });
  const whole = (ms: number): number => Math.round(ms);
  return {
    name: 'receipts',
    gateways,
    firstHeardMs: whole(vettedMs),
    sentMs: whole(sentMs),
    ours: { ms: whole(ours.ms), loopLag: ours.lag, acknowledgements: head.published() },
    floor: { ms: whole(floorMs) },
    ratio: Number((ours.ms / floorMs).toFixed(2)),
  };
}

function ledgerAt(path: string): Ledger {
  const opened = openLedger(path);
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

interface Head {
  readonly nms: AmiNms;
  readonly deliver: (receipt: Receipt) => Promise<void>;
  /** Acknowledgements given to the broker. */
  readonly published: () => number;
}

async function headEnd(ledger: Ledger, keys: DeviceKeys): Promise<Head> {
  let told: BrokerEvents | undefined;
  let acks = 0;
  const nms = await startAmiNms({
    utility: 'grid',
    issuer: 'ops',
    keyEpoch: 1,
    signer: signerOf(generateKey()),
    ledger,
    clock: systemClock,
    randomBytes,
    random: Math.random,
    keyOf: keys.keyOf,
    connect: events => {
      told = events;
      return {
        publish: topic => {
          if (topic.endsWith('/ack')) acks++;
          return Promise.resolve();
        },
        subscribe: () => {},
        unsubscribe: () => {},
        close: () => Promise.resolve(),
      };
    },
  });
  return {
    nms,
    published: () => acks,
    deliver: ({ gateway, payload }) =>
      new Promise(acknowledge =>
        told?.message({ topic: upTopic('grid', gateway, 'receipt'), payload, retained: false, acknowledge }),
      ),
  };
}

async function sendAll(nms: AmiNms, names: readonly GatewayId[]): Promise<ReadonlyMap<GatewayId, Cti>> {
  const sent = new Map<GatewayId, Cti>();
  for (let at = 0; at < names.length; at += A_TURN)
    await Promise.all(
      names.slice(at, at + A_TURN).map(async id => {
        const body = { kind: 'cancel', mRID: 'ev-1' as MRID } as const;
        const done = await nms.send({ kind: 'device', id }, body, { class: 'dispatch', primacy: 1 });
        if (!done.ok) throw new Error(`${done.refusal} ${done.detail}`);
        sent.set(id, done.value.cti);
      }),
    );
  return sent;
}

/** Until each is in the ledger and its acknowledgement given to the broker. */
async function take(
  { deliver, published }: Head,
  receipts: readonly Receipt[],
): Promise<{ readonly ms: number; readonly lag: object }> {
  const lags: number[] = [];
  const start = performance.now();
  const taken: Promise<void>[] = [];
  for (let at = 0; at < receipts.length; at += A_TURN) {
    for (const receipt of receipts.slice(at, at + A_TURN)) taken.push(deliver(receipt));
    const before = performance.now();
    await turn();
    lags.push(performance.now() - before);
  }
  await Promise.all(taken);
  while (published() < receipts.length) await turn();
  return { ms: performance.now() - start, lag: quantiles(lags) };
}

async function floor(
  path: string,
  receipts: readonly Receipt[],
  keyOf: (gateway: GatewayId) => KeyObject,
): Promise<number> {
  const keys = new Map(receipts.map(({ gateway }) => [gateway, keyOf(gateway)]));
  const ledger = ledgerAt(path);
  const start = performance.now();
  const kept: Promise<void>[] = [];
  for (let at = 0; at < receipts.length; at += A_TURN) {
    for (const { gateway, record, payload } of receipts.slice(at, at + A_TURN)) {
      // Of bytes that were not signed so, which costs the same.
      verify(null, payload, keys.get(gateway) as KeyObject, payload.subarray(-64));
      const { body } = record;
      if (body.kind !== 'receipt') continue;
      const answer = { cti: body.cti, gateway, at: record.at, receipt: body };
      kept.push(
        ledger.commit([
          { op: 'record', gateway, record },
          { op: 'answer', answer },
        ]),
      );
    }
    await turn();
  }
  await Promise.all(kept);
  const ms = performance.now() - start;
  await ledger.close();
  return ms;
}
