/**
 * The least head end there can be: signs commands, publishes them, verifies the signed receipts, and
 * acknowledges them cumulatively. It stores nothing, so that `bench -- command` measures the gateway and the
 * wire between, from publish to the arrival of the receipt, and not the head end's disk.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { toHex } from '../../src/base/bytes.ts';
import { after, between, minutes } from '../../src/base/time.ts';
import { now } from '../../src/io/clock.ts';
import { ackTopic, commandTopic, formatAudience, upTopic } from '../../src/model/mod.ts';
import type {
  Audience,
  CommandBody,
  CommandClass,
  Cti,
  GatewayId,
  ReceiptBody,
  UplinkRecord,
} from '../../src/model/mod.ts';
import { openRecords, signCommand } from '../../src/wan/envelope/mod.ts';
import type { Signer, TrustedKey } from '../../src/wan/envelope/mod.ts';
import { handed, outstanding } from '../../src/utility/outstanding.ts';
import type { Outstanding } from '../../src/utility/outstanding.ts';

export interface HeadEndOptions {
  readonly broker: string;
  readonly utility: string;
  readonly gateway: GatewayId;
  readonly issuer: string;
  readonly signer: Signer;
  readonly deviceKey: TrustedKey;
}

export interface Command {
  readonly audience: Audience;
  readonly body: CommandBody;
  readonly class: CommandClass;
  readonly groupEpoch?: number;
}

/** Records acknowledged at once: as many as a gateway keeps in flight. */
const ACK_EVERY = 20;

export class BareHeadEnd {
  readonly #client: MqttClient;
  readonly #options: HeadEndOptions;
  #sequence = 0;
  #ackSequence = 0;
  #waiting:
    | {
        readonly cti: Cti;
        readonly fits: (receipt: ReceiptBody) => boolean;
        readonly done: (receipt: ReceiptBody) => void;
      }
    | undefined;

  private constructor(client: MqttClient, options: HeadEndOptions) {
    this.#client = client;
    this.#options = options;
    client.on('message', (topic, payload) => this.#message(topic, payload));
  }

  static async open(options: HeadEndOptions): Promise<BareHeadEnd> {
    const client = await connectAsync(options.broker, { protocolVersion: 4, reconnectPeriod: 0 });
    (client.stream as unknown as Socket).setNoDelay(true);
    const headEnd = new BareHeadEnd(client, options);
    await client.subscribeAsync(upTopic(options.utility, options.gateway, 'receipt'), { qos: 1 });
    return headEnd;
  }

  /** Signs and publishes; resolves with the first receipt that fits and the time from publish to its arrival. */
  send(
    command: Command,
    fits: (receipt: ReceiptBody) => boolean,
  ): Promise<{ receipt: ReceiptBody; tookMs: number }> {
    const { cti, bytes } = this.#sign(command);
    return new Promise(resolve => {
      const startMs = performance.now();
      this.#waiting = {
        cti,
        fits,
        done: receipt => resolve({ receipt, tookMs: performance.now() - startMs }),
      };
      this.#client.publish(commandTopic(this.#options.utility, command.audience), bytes, { qos: 1 });
    });
  }

  /** A command that is not sent. */
  signed(command: Command): Buffer {
    return this.#sign(command).bytes;
  }

  /**
   * Like {@link send}, and the same bytes again until it is answered, when `ami-nms` would. `undefined` when `untilMs`
   * (of `performance.now()`) came first.
   */
  async sendUntil(command: Command, untilMs: number): Promise<{ tookMs: number; times: number } | undefined> {
    const { cti, bytes } = this.#sign(command);
    const entry = this.#outstanding(cti, command, bytes);
    const answered = Promise.withResolvers<true>();
    this.#waiting = { cti, fits: () => true, done: () => answered.resolve(true) };
    const startMs = performance.now();
    for (;;) {
      handed(entry, now(), Math.random);
      this.#client.publish(commandTopic(this.#options.utility, command.audience), bytes, { qos: 1 });
      const leftMs = untilMs - performance.now();
      const waitMs = Math.min(leftMs, between(now().instant, entry.repeatAt));
      const done = await Promise.race([answered.promise, sleep(waitMs)]);
      if (done === true) return { tookMs: performance.now() - startMs, times: entry.attempts };
      if (waitMs === leftMs) return undefined;
    }
  }

  close(): Promise<void> {
    return this.#client.endAsync();
  }

  /** As a head end keeps it. */
  #outstanding(cti: Cti, { audience, body }: Command, bytes: Uint8Array): Outstanding {
    const { utility, gateway } = this.#options;
    const { unix, instant } = now();
    const sent = {
      cti,
      audience: formatAudience(audience),
      topic: commandTopic(utility, audience),
      bytes,
      stream: 'bench',
      sequence: this.#sequence,
      sentAt: unix,
      expires: after(unix, minutes(5)),
      kind: body.kind,
      about: '',
      awaits: [gateway],
    };
    return outstanding(sent, [], instant);
  }

  #sign({ audience, body, class: commandClass, groupEpoch }: Command): { cti: Cti; bytes: Buffer } {
    const { issuer, signer } = this.#options;
    const cti = toHex(randomBytes(16)) as Cti;
    const { unix } = now();
    const isAck = body.kind === 'ack';
    const claims = {
      issuer,
      audience,
      issuedAt: unix,
      notBefore: unix,
      expires: after(unix, minutes(5)),
      cti,
      stream: isAck ? 'ack' : 'bench',
      keyEpoch: 1,
      sequence: isAck ? ++this.#ackSequence : ++this.#sequence,
      class: commandClass,
      primacy: 10,
      body,
      ...(groupEpoch === undefined ? {} : { groupEpoch }),
    };
    return { cti, bytes: Buffer.from(signCommand(claims, signer)) };
  }

  #message(topic: string, payload: Buffer): void {
    const opened = openRecords(payload, { topic, keyOf: () => this.#options.deviceKey });
    if (!opened.ok) throw new Error(`a record was refused: ${opened.refusal}`);
    for (const record of opened.value.records) this.#take(record);
  }

  #take({ body, sequence }: UplinkRecord): void {
    if (sequence % ACK_EVERY === 0) this.#acknowledge(sequence);
    if (body.kind !== 'receipt' || body.cti !== this.#waiting?.cti || !this.#waiting.fits(body)) return;
    this.#waiting.done(body);
  }

  #acknowledge(sequence: number): void {
    const { utility, gateway } = this.#options;
    const audience = { kind: 'device', id: gateway } as const;
    const { bytes } = this.#sign({
      audience,
      body: { kind: 'ack', through: { receipt: sequence } },
      class: 'market',
    });
    this.#client.publish(ackTopic(utility, gateway), bytes, { qos: 1 });
  }
}
