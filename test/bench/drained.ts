/**
 * The far end of `bench -- drain`, in a process of its own, which is told its task in its first message. It takes records as they come, verifies each, acknowledges as the head end does (signed, cumulative, for up
 * to 20 at once), and tells its parent when all are there, and when each alarm came. It stores nothing.
 *
 * Messages on `floor` are counted and nothing else.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connectAsync } from 'mqtt';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { after, minutes, unixTime } from '../../src/base/time.ts';
import { now } from '../../src/io/clock.ts';
import { ackTopic, upTopic } from '../../src/model/mod.ts';
import type { Cti, GatewayId, StreamName } from '../../src/model/mod.ts';
import { openRecords, signCommand, trustKey } from '../../src/wan/envelope/mod.ts';
import { keyFromSeed, signerOf } from '../../src/io/keys.ts';

export interface DrainTask {
  readonly broker: string;
  readonly utility: string;
  readonly gateway: GatewayId;
  readonly issuer: string;
  /** Records of stream status, and messages of the floor, that are waited for. */
  readonly count: number;
  /** Hexadecimal: the gateway's public key, and what the head end's is made from. */
  readonly device: string;
  readonly seed: string;
}

/** What the parent is told; times are of `Date`, to the microsecond. */
export type DrainSaid =
  | { readonly is: 'ready' }
  | {
      readonly is: 'all';
      readonly of: 'floor' | 'status';
      readonly atMs: number;
      readonly bytes: number;
      readonly twice: number;
    }
  | { readonly is: 'alarm'; readonly atMs: number };

/** Records acknowledged together, as `ami-nms` does. */
const ACK_EVERY = 20;

const wallMs = (): number => performance.timeOrigin + performance.now();
const say = (said: DrainSaid): void => void process.send?.(said);

const [task] = (await once(process, 'message')) as [DrainTask];
const scope = {
  operations: [],
  highestClass: 'market',
  primacy: { min: 1, max: 255 },
  validFrom: unixTime(0),
  validUntil: after(now().unix, minutes(600)),
} as const;
const key = trustKey({
  publicKey: fromHex(task.device) ?? new Uint8Array(),
  issuer: task.gateway,
  alg: -19,
  epoch: 1,
  scope,
});
if (!key.ok) throw new Error(key.refusal);
const device = key.value;
const signer = signerOf(keyFromSeed(fromHex(task.seed) ?? new Uint8Array()));
const client = await connectAsync(task.broker, { protocolVersion: 4, reconnectPeriod: 0 });
(client.stream as unknown as Socket).setNoDelay(true);

const held = new Set<number>();
let through = 0;
let unacknowledged = 0;
let acks = 0;
let bytes = 0;
let twice = 0;
let floor = 0;

client.on('message', (topic, payload) => {
  if (topic === 'floor') {
    bytes += payload.length;
    if (++floor === task.count) {
      floor = 0;
      tell('floor');
    }
    return;
  }
  const opened = openRecords(payload, { topic, keyOf: () => device });
  if (!opened.ok) throw new Error(`a record was refused: ${opened.refusal}`);
  bytes += payload.length;
  for (const { stream, sequence } of opened.value.records) take(stream, sequence);
});

function take(stream: StreamName, sequence: number): void {
  if (stream === 'alarm') say({ is: 'alarm', atMs: wallMs() });
  if (stream !== 'status') return acknowledge({ [stream]: sequence });
  if (held.has(sequence)) twice++;
  held.add(sequence);
  while (held.has(through + 1)) through++;
  if (++unacknowledged >= ACK_EVERY || through >= task.count) {
    unacknowledged = 0;
    acknowledge({ status: through });
  }
  if (sequence <= task.count && through >= task.count) tell('status');
}

function tell(of: 'floor' | 'status'): void {
  say({ is: 'all', of, atMs: wallMs(), bytes, twice });
  bytes = 0;
}

function acknowledge(what: Partial<Record<StreamName, number>>): void {
  const { unix } = now();
  const claims = {
    issuer: task.issuer,
    audience: { kind: 'device', id: task.gateway },
    issuedAt: unix,
    notBefore: unix,
    expires: after(unix, minutes(5)),
    cti: toHex(Buffer.from((++acks).toString(16).padStart(32, '0'), 'hex')) as Cti,
    stream: 'ack',
    keyEpoch: 1,
    sequence: acks,
    class: 'market',
    primacy: 255,
    body: { kind: 'ack', through: what },
  } as const;
  client.publish(ackTopic(task.utility, task.gateway), Buffer.from(signCommand(claims, signer)), { qos: 1 });
}

await client.subscribeAsync(
  ['floor', upTopic(task.utility, task.gateway, 'status').replace(/status$/, '+')],
  {
    qos: 1,
  },
);
say({ is: 'ready' });
