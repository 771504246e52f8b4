/**
 * One connection to a broker, from CONNECT to its end: it comes up at most once and goes down once, for good.
 * mqtt.js does framing, keep-alive and message ids; everything it would do by itself (reconnect, queue, replay,
 * acknowledge) is off, because its owner must know of it.
 *
 * A PUBACK goes out when the owner says so. mqtt.js handles one message at a time and would wait for the
 * acknowledgement of one before it reads the next, so its own PUBACK is withheld and ours is written instead:
 * several messages can be in the owner's hands at once. The PUBACKs of one turn of the loop go out together at its
 * end: so no flood takes more of a turn than the messages a broker has under way, and none costs a write of its own.
 */
import { Socket } from 'node:net';
import { connect } from 'mqtt';
import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt';
import { assert } from '../../base/assert.ts';
import type { BrokerEvents } from '../../gateway/mod.ts';
import { causeOf, codeOf, isOldBroker } from './causes.ts';
import type { BrokerFiles } from './files.ts';

/** MQTT 5, or MQTT 3.1.1 by the number in its CONNECT. */
export type ProtocolVersion = 5 | 4;

export interface ConnectionOptions {
  /** `mqtt://host:port` or `mqtts://host:port`. */
  readonly url: string;
  readonly clientId: string;
  readonly username?: string;
  /** Password, certificates and key. Without `ca`, the roots that Node ships are believed; with it, no other. */
  readonly files?: BrokerFiles;
  /** What the broker says, retained, when this connection is lost without a goodbye. */
  readonly will?: { readonly topic: string; readonly payload: Uint8Array };
  /** Silence after which a PING goes out, in s; half as much again without an answer is the end. */
  readonly keepaliveS: number;
  /** From the first byte to the last SUBACK, in ms. */
  readonly readyWithinMs: number;
  readonly protocolVersion: ProtocolVersion;
}

export interface ConnectionEnd {
  readonly why: string;
  /** It speaks MQTT 3.1.1 only. */
  readonly oldBroker: boolean;
  /** Another client of our id came; some MQTT 5 brokers say so. */
  readonly takenOver: boolean;
  /** The broker closed it and did not say why. */
  readonly wordless: boolean;
}

export interface ConnectionEvents {
  /** Connected, and every subscription asked for in the beginning is in force. */
  up(why: string): void;
  /** The end of this connection; nothing follows. */
  down(end: ConnectionEnd): void;
  /** A subscription the broker would not take; the others stand. */
  subscriptionRefused(why: string): void;
  readonly message: BrokerEvents['message'];
}

/** A session outlives a lost link by this long, in s: seven days. MQTT 3.1.1 brokers keep theirs as they like. */
const SESSION_EXPIRY_S = 7 * 24 * 3600;
/**
 * Messages the owner may hold without having acknowledged them: MQTT 5 brokers are told so (Receive Maximum);
 * from others nothing more is read until one is acknowledged, keep-alive included, so an owner that never
 * acknowledges loses the link and gets all of them again.
 */
export const MAX_UNACKNOWLEDGED = 100;
/** Announced to MQTT 5 brokers, and enforced by mqtt.js there: four times the largest envelope. In bytes. */
const MAX_PACKET_BYTES = 64 * 1024;
/** Reason code of DISCONNECT (MQTT 5, table 3-10). */
const SESSION_TAKEN_OVER = 142;
/** A goodbye that takes longer is not waited for, in ms. */
const GOODBYE_WITHIN_MS = 1000;

/** Starts connecting; `topics` are subscribed before the connection counts as up. */
export function openConnection(
  options: ConnectionOptions,
  topics: readonly string[],
  events: ConnectionEvents,
): Connection {
  return new Connection(options, topics, events);
}

export class Connection {
  readonly #events: ConnectionEvents;
  readonly #client: MqttClient;
  readonly #deadline: NodeJS.Timeout;
  readonly #unacknowledged: Unacknowledged[] = [];
  #flushDue = false;
  #resumeReading: (() => void) | undefined;
  #lastTrouble: string | undefined;
  #takenOver = false;
  #wordless = false;
  #over = false;
  /** How many publishes may be under way at once: the broker's own Receive Maximum. */
  sendWindow = 65_535;

  constructor(options: ConnectionOptions, topics: readonly string[], events: ConnectionEvents) {
    this.#events = events;
    this.#client = connect(options.url, clientOptions(options));
    this.#deadline = setTimeout(
      () => this.#end(`no answer within ${options.readyWithinMs / 1000} s`),
      options.readyWithinMs,
    );
    noDelay(this.#client);
    this.#listen(topics);
  }

  /** Resolves at PUBACK; rejects when the broker refuses it. Never settles when the connection ends first. */
  publish(topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    // Whoever hears of it may take what was acknowledged before it for acknowledged.
    this.#writePubacks();
    return new Promise((resolve, reject) => {
      this.#client.publish(topic, Buffer.from(payload), { qos: 1, retain }, error => {
        if (this.#over) return;
        if (error) reject(new Error(`${topic}: ${error.message}`));
        else resolve();
      });
    });
  }

  subscribe(topics: readonly string[]): void {
    if (topics.length === 0) return;
    this.#client.subscribe([...topics], { qos: 1 }, (error, granted) => {
      if (error && !this.#over) this.#events.subscriptionRefused(`${refusedOf(granted)}: ${error.message}`);
    });
  }

  unsubscribe(topics: readonly string[]): void {
    if (topics.length > 0) this.#client.unsubscribe([...topics], () => {});
  }

  /** Ends the connection without a goodbye, as if the network had: `down` follows at once. */
  drop(why: string): void {
    this.#end(why);
  }

  /** Says goodbye, so that no will is sent, and closes the socket either way. `down` is not called. */
  async close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#writePubacks();
    clearTimeout(this.#deadline);
    await new Promise<void>(resolve => {
      const impatient = setTimeout(() => this.#client.stream.destroy(), GOODBYE_WITHIN_MS);
      this.#client.stream.once('close', () => {
        clearTimeout(impatient);
        resolve();
      });
      this.#client.end(!this.#client.connected);
    });
  }

  #listen(topics: readonly string[]): void {
    const client = this.#client;
    client.on('connect', packet => {
      this.sendWindow = packet.properties?.receiveMaximum ?? this.sendWindow;
      this.#becomeUp(topics, packet.sessionPresent ? 'session resumed' : 'new session');
    });
    // Stays for good: mqtt.js may still report an error after the end, and without a listener that ends the process.
    client.on('error', error => this.#end(causeOf(error.message, codeOf(error)), isOldBroker(codeOf(error))));
    client.on('disconnect', packet => {
      this.#lastTrouble = causeOf(undefined, packet.reasonCode);
      this.#takenOver = packet.reasonCode === SESSION_TAKEN_OVER;
    });
    client.on('close', () => {
      this.#wordless = this.#lastTrouble === undefined;
      this.#end(this.#lastTrouble ?? 'the broker closed the connection');
    });
    client.handleMessage = (packet, next) => this.#receive(packet, next);
  }

  #becomeUp(topics: readonly string[], why: string): void {
    const ready = (): void => {
      if (this.#over) return;
      clearTimeout(this.#deadline);
      this.#events.up(why);
    };
    if (topics.length === 0) return ready();
    this.#client.subscribe([...topics], { qos: 1 }, (error, granted) => {
      if (error && !this.#over) this.#events.subscriptionRefused(`${refusedOf(granted)}: ${error.message}`);
      ready();
    });
  }

  #receive(packet: IPublishPacket, next: (error?: Error) => void): void {
    const proceed = (): void => next(OURS_TO_SEND);
    const pending = { id: packet.qos === 1 ? packet.messageId : undefined, settled: false };
    this.#unacknowledged.push(pending);
    this.#events.message({
      topic: packet.topic,
      payload: typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload,
      retained: packet.retain,
      acknowledge: () => this.#acknowledge(pending),
    });
    if (this.#unacknowledged.length < MAX_UNACKNOWLEDGED) proceed();
    else this.#resumeReading = proceed;
  }

  #acknowledge(pending: Unacknowledged): void {
    assert(!pending.settled, 'a message is acknowledged once');
    pending.settled = true;
    if (this.#over || this.#flushDue) return;
    this.#flushDue = true;
    setImmediate(() => this.#flush());
  }

  /** PUBACKs go out in the order in which the messages came (MQTT 5, 4.6.0-2), whatever the owner's order. */
  #flush(): void {
    this.#flushDue = false;
    if (this.#over) return;
    this.#writePubacks();
    if (this.#unacknowledged.length >= MAX_UNACKNOWLEDGED) return;
    const resume = this.#resumeReading;
    this.#resumeReading = undefined;
    resume?.();
  }

  #writePubacks(): void {
    const open = this.#unacknowledged.findIndex(({ settled }) => !settled);
    const done = this.#unacknowledged.splice(0, open < 0 ? this.#unacknowledged.length : open);
    const pubacks = done.flatMap(({ id }) => (id === undefined ? [] : [puback(id)]));
    if (pubacks.length > 0) this.#client.stream.write(Buffer.concat(pubacks));
  }

  #end(why: string, oldBroker = false): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#client.end(true);
    // `end` does nothing to a stream that was never connected.
    this.#client.stream.destroy();
    this.#events.down({ why, oldBroker, takenOver: this.#takenOver, wordless: this.#wordless });
  }
}

/** Handed an error, mqtt.js goes on to the next packet and sends no PUBACK for this one. */
const OURS_TO_SEND = new Error('the PUBACK is ours to send');

interface Unacknowledged {
  /** Absent on QoS 0, which has nothing to acknowledge, but takes its place until the owner is done with it. */
  readonly id: number | undefined;
  settled: boolean;
}

/** PUBACK, the same in MQTT 3.1.1 and 5: type 4, two bytes of packet identifier, success (3.4). */
function puback(id: number): Buffer {
  return Buffer.from([0x40, 0x02, id >> 8, id & 0xff]);
}

/** Nagle's algorithm with delayed acknowledgement makes 40 ms of every small message (RFC 896, RFC 1122). */
function noDelay(client: MqttClient): void {
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
}

/** `topic, topic` of those the broker answered with 128 or above. */
function refusedOf(granted: readonly { topic: string; qos: number }[] | undefined): string {
  const topics = (granted ?? []).filter(({ qos }) => qos >= 128).map(({ topic }) => topic);
  return `subscription to ${topics.join(', ') || 'a topic'} refused`;
}

function clientOptions(options: ConnectionOptions): IClientOptions {
  const { clientId, username, files, will, keepaliveS, protocolVersion } = options;
  const v5 = protocolVersion === 5;
  return {
    ...files,
    clientId,
    ...(username === undefined ? {} : { username }),
    ...(will === undefined
      ? {}
      : { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true } }),
    protocolVersion,
    keepalive: keepaliveS,
    clean: false,
    reconnectPeriod: 0,
    resubscribe: false,
    // Ours is the deadline that also covers the SUBACK.
    connectTimeout: options.readyWithinMs * 2,
    ...(v5
      ? {
          properties: {
            sessionExpiryInterval: SESSION_EXPIRY_S,
            receiveMaximum: MAX_UNACKNOWLEDGED,
            maximumPacketSize: MAX_PACKET_BYTES,
          },
        }
      : {}),
  };
}
