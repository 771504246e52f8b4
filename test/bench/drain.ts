/**
 * `bench -- drain`: a gateway comes back from an outage with a backlog in its store and sends it: read, signed, published
 * with QoS 1 through mosquitto, acknowledged by signed messages, trimmed. Meanwhile a phase of its meter leaves Range
 * A three times: how long does that alarm take through the backlog (ALARM-1)?
 *
 * The floor is the same library publishing the same bytes with QoS 1 through the same broker, as many at once as it is
 * given, with nothing read, signed or stored. The far end is a process of its own in both.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { assert } from '../../src/base/assert.ts';
import { toHex } from '../../src/base/bytes.ts';
import { after, hours, milliseconds, unixTime } from '../../src/base/time.ts';
import { startGateway } from '../../src/gateway/mod.ts';
import type { DeviceEvents, Gateway, Settings, SignerPort } from '../../src/gateway/mod.ts';
import { connectBroker } from '../../src/io/broker/mod.ts';
import { now, systemClock } from '../../src/io/clock.ts';
import { generateKey, keyFromSeed, signerOf } from '../../src/io/keys.ts';
import { openStore } from '../../src/io/store/mod.ts';
import type { Store } from '../../src/io/store/mod.ts';
import type { DeviceId, GatewayId, StatusBody, UplinkRecord } from '../../src/model/mod.ts';
import { signRecord, signRecords, trustKey } from '../../src/wan/envelope/mod.ts';
import type { DrainSaid, DrainTask } from './drained.ts';
import { startMosquitto } from './mosquitto.ts';

const RECORDS = Number(process.env.RECORDS ?? 20_000);
const GATEWAY = 'bench-1' as GatewayId;
const METER = 'meter' as DeviceId;
const ISSUER = 'bench-ops';
/** Publishes of the floor that are under way at once: as many as mosquitto takes from one client. */
const FLOOR_AT_ONCE = 20;

export async function run(): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'underglass-bench-'));
  const mosquitto = await startMosquitto(folder, 0);
  const broker = `mqtt://127.0.0.1:${mosquitto.port}`;
  const device = generateKey();
  const seed = new Uint8Array(32).fill(7);
  const task: DrainTask = {
    broker,
    utility: 'bench',
    gateway: GATEWAY,
    issuer: ISSUER,
    count: RECORDS,
    device: toHex(device.publicKey),
    seed: toHex(seed),
  };
  const store = await filledStore(join(folder, 'gateway.sqlite'));
  const far = fork(fileURLToPath(new URL('drained.ts', import.meta.url)));
  try {
    const ready = said(far, 'ready');
    far.send(task);
    await ready;
    const signer = signerOf(device);
    const from = { gateway: GATEWAY, utility: 'bench', keyEpoch: 1 };
    const signs: SignerPort = {
      signRecord: (record, at) => signRecord(record, { ...from, at }, signer),
      signRecords: (records, at) => signRecords(records, { ...from, at }, signer),
    };
    const payload = signs.signRecord(recordAt(RECORDS), now().unix);
    // Before and after, since a shared machine is not the same from one moment to the next.
    const before = await measureFloor(far, broker, payload);
    const ours = await measureOurs(far, store, { broker, signs, seed });
    const behind = await measureFloor(far, broker, payload);
    const floors = [before, behind].map(({ tookMs }) => rate(tookMs));
    const perSecond = {
      ours: rate(ours.tookMs),
      floor: Math.round(floors.reduce((sum, each) => sum + each, 0) / floors.length),
    };
    return {
      name: 'drain',
      records: RECORDS,
      bytesARecord: Math.round(ours.bytes / RECORDS),
      sentTwice: ours.twice,
      ours: perSecond.ours,
      floor: perSecond.floor,
      floors,
      ratio: Number((perSecond.ours / perSecond.floor).toFixed(2)),
      aim: 0.7,
      cpuUsARecord: {
        ours: ours.cpuUs,
        floor: Math.round((before.cpuUs + behind.cpuUs) / 2),
      },
      alarmThroughBacklogMs: ours.alarmsMs.map(ms => Number(ms.toFixed(1))),
    };
  } finally {
    far.kill();
    await store.close();
    mosquitto.process.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

function rate(tookMs: number): number {
  return Math.round((RECORDS / tookMs) * 1000);
}

/** A status of a home with an inverter and a meter, as after some hours of outage. */
function recordAt(sequence: number): UplinkRecord {
  const at = unixTime(1_790_000_000_000 + sequence * 2000);
  const body: StatusBody = {
    kind: 'status',
    readings: [
      {
        device: 'inverter' as DeviceId,
        role: 'inverter',
        at,
        points: {
          W: 3200 + (sequence % 900),
          VA: 3300,
          Var: 100,
          PF: 0.99,
          A: 13.7,
          Hz: 60.01,
          PhVphA: 240.2,
        },
      },
      {
        device: METER,
        role: 'meter',
        at,
        points: {
          W: -1200 - (sequence % 900),
          A: 5.2,
          Hz: 60.01,
          PhVphA: 120.1,
          PhVphB: 120.3,
          TotWhExp: 81_000,
        },
      },
    ],
    setpoints: [],
    membershipDigest: '0011223344556677',
  };
  return { stream: 'status', sequence, at, body };
}

async function filledStore(path: string): Promise<Store> {
  const opened = openStore(path);
  assert(opened.ok, 'a new store opens');
  for (let from = 1; from <= RECORDS; from += 500)
    await opened.value.persist(
      GATEWAY,
      Array.from({ length: Math.min(500, RECORDS - from + 1) }, (_, n) => ({
        op: 'append',
        record: recordAt(from + n),
      })),
    );
  return opened.value;
}

function said<K extends DrainSaid['is']>(far: ChildProcess, is: K): Promise<Extract<DrainSaid, { is: K }>> {
  return new Promise((resolve, reject) => {
    const hear = (message: DrainSaid): void => {
      if (message.is !== is) return;
      far.off('message', hear);
      resolve(message as Extract<DrainSaid, { is: K }>);
    };
    far.on('message', hear);
    far.once('exit', code => reject(new Error(`the far end ended with ${code}`)));
  });
}

const wallMs = (): number => performance.timeOrigin + performance.now();

async function measureFloor(far: ChildProcess, broker: string, payload: Uint8Array): Promise<Timed> {
  const client = await connectAsync(broker, { protocolVersion: 5, reconnectPeriod: 0 });
  (client.stream as unknown as Socket).setNoDelay(true);
  const all = said(far, 'all');
  const cpu = process.cpuUsage();
  const startMs = wallMs();
  let left = RECORDS;
  await Promise.all(
    Array.from({ length: FLOOR_AT_ONCE }, async () => {
      while (left-- > 0) await client.publishAsync('floor', Buffer.from(payload), { qos: 1 });
    }),
  );
  const tookMs = (await all).atMs - startMs;
  const cpuUs = cpuSince(cpu);
  await client.endAsync();
  return { tookMs, cpuUs };
}

interface Timed {
  readonly tookMs: number;
  /** Of this process, a record. */
  readonly cpuUs: number;
}

function cpuSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return Math.round((user + system) / RECORDS);
}

interface Ours extends Timed {
  readonly bytes: number;
  readonly twice: number;
  readonly alarmsMs: readonly number[];
}

async function measureOurs(
  far: ChildProcess,
  store: Store,
  { broker, signs, seed }: { broker: string; signs: SignerPort; seed: Uint8Array },
): Promise<Ours> {
  const { promise: up, resolve: isUp } = Promise.withResolvers<number>();
  let meter: DeviceEvents | undefined;
  const gateway: Gateway = await startGateway(settings(seed), {
    store,
    broker: events =>
      connectBroker(
        { url: broker, clientId: 'bench-gateway' },
        {
          message: message => events.message(message),
          link: state => {
            if (state.up) isUp(wallMs());
            events.link(state);
          },
        },
      ),
    devices: events => {
      meter = events;
      return {
        apply: () => Promise.reject(new Error('no device is ordered here')),
        close: () => Promise.resolve(),
      };
    },
    signer: signs,
    display: { show: () => {} },
    code: { check: () => Promise.resolve(false) },
    clock: systemClock,
    seed: () => '00'.repeat(32),
    log: entry => {
      if (entry.level !== 'info' && !entry.event.startsWith('voltage'))
        process.stderr.write(`${entry.text}\n`);
    },
  });
  const all = said(far, 'all');
  const startMs = await up;
  const cpu = process.cpuUsage();
  const alarmsMs: number[] = [];
  // Out, back, and out again, while the backlog is on its way.
  for (const voltageV of [100, 120, 100]) {
    await sleep(100);
    const came = said(far, 'alarm');
    const readMs = wallMs();
    meter?.reading({ device: METER, role: 'meter', at: now().unix, points: { PhVphA: voltageV } });
    alarmsMs.push((await came).atMs - readMs);
  }
  const { atMs, bytes, twice } = await all;
  const cpuUs = cpuSince(cpu);
  await gateway.stop();
  return { tookMs: atMs - startMs, cpuUs, bytes, twice, alarmsMs };
}

function settings(seed: Uint8Array): Settings {
  const forever = { validFrom: unixTime(0), validUntil: after(now().unix, hours(24)) };
  const key = trustKey({
    publicKey: keyFromSeed(seed).publicKey,
    issuer: ISSUER,
    alg: -19,
    epoch: 1,
    scope: { operations: ['ack'], highestClass: 'market', primacy: { min: 1, max: 255 }, ...forever },
  });
  assert(key.ok, 'a fresh key is trusted');
  return {
    gateway: GATEWAY,
    utility: 'bench',
    version: '0.0.0',
    keys: new Map([[key.value.kid, key.value]]),
    defaults: {},
    bounds: [],
    terms: { directMayBeOverridden: [] },
    reversion: milliseconds(60_000),
    meters: new Map([[METER, { service: 'net-billing', nominalV: 120, dwell: milliseconds(0) }]]),
  };
}
