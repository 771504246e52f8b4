/**
 * The broker of a simulated world and the lines to it. It keeps what a gateway has not acknowledged and delivers it
 * again on the next link, as QoS 1 has it; the faults are those that lie beneath: messages lost in the broker, doubled,
 * late and out of order, links that break, and a broker that is away.
 */
import { parseTopic } from '../../../src/model/mod.ts';
import type { GatewayId } from '../../../src/model/mod.ts';
import type { BrokerEvents, BrokerPort } from '../../../src/gateway/mod.ts';
import type { BrokerEvents as HeadEndEvents, BrokerPort as HeadEndPort } from '../../../src/utility/mod.ts';
import type { Luck } from './luck.ts';
import type { VirtualTime } from './time.ts';

export interface Manners {
  /** Share that the broker takes and never delivers. */
  readonly loss: number;
  readonly doubled: number;
  readonly delayMs: readonly [number, number];
}

export const CALM: Manners = { loss: 0, doubled: 0, delayMs: [5, 60] };
/** One in ten is lost, one in ten comes twice, and any may overtake those of three seconds before. */
export const ROUGH: Manners = { loss: 0.1, doubled: 0.1, delayMs: [5, 3000] };

interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export class Network {
  readonly time: VirtualTime;
  readonly luck: Luck;
  manners = CALM;
  isUp = true;
  readonly #sessions = new Map<GatewayId, Session>();
  #headEnd: HeadEndEvents | undefined;

  constructor(time: VirtualTime, luck: Luck) {
    this.time = time;
    this.luck = luck;
  }

  session(gateway: GatewayId): Session {
    const known = this.#sessions.get(gateway);
    if (known !== undefined) return known;
    const session = new Session(this);
    this.#sessions.set(gateway, session);
    return session;
  }

  connectHeadEnd(events: HeadEndEvents): HeadEndPort {
    this.#headEnd = events;
    this.time.after(5, () => {
      if (this.#headEnd === events && this.isUp) events.link({ up: true, why: 'connected' });
    });
    return {
      publish: (topic, payload) => {
        if (!this.isUp) return Promise.reject(new Error('the broker is away'));
        if (this.#headEnd === events) this.#down({ topic, payload });
        return Promise.resolve();
      },
      subscribe: () => {},
      unsubscribe: () => {},
      close: () => Promise.resolve(),
    };
  }

  /** What reaches a head end that is away is lost. */
  dropHeadEnd(): void {
    this.#headEnd = undefined;
  }

  /** The broker itself goes away, with every link to it, and comes back. */
  outage(ms: number): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.#headEnd?.link({ up: false, why: 'the broker went away' });
    for (const session of this.#sessions.values()) session.cut(ms + this.luck.between(0, 5000));
    this.time.after(ms, () => {
      this.isUp = true;
      this.#headEnd?.link({ up: true, why: 'the broker is back' });
    });
  }

  carry(arrive: () => void): void {
    const { doubled, delayMs } = this.manners;
    for (let copies = this.luck.chance(doubled) ? 2 : 1; copies > 0; copies--)
      this.time.after(this.luck.between(...delayMs), arrive);
  }

  isLost(): boolean {
    return this.luck.chance(this.manners.loss);
  }

  up(message: Message): void {
    if (!this.isLost())
      this.carry(() => this.#headEnd?.message({ ...message, retained: false, acknowledge: () => {} }));
  }

  #down(message: Message): void {
    const topic = parseTopic(message.topic);
    const to = topic?.kind === 'command' ? topic.audience : undefined;
    const id = topic?.kind === 'ack' ? topic.gateway : to?.kind === 'device' ? to.id : undefined;
    for (const [gateway, session] of this.#sessions)
      if (id === gateway || session.topics.has(message.topic)) session.take(message);
  }
}

/** What the broker keeps for one gateway, whichever process of it is connected. */
export class Session {
  readonly topics = new Set<string>();
  readonly #network: Network;
  readonly #waiting = new Map<number, Message>();
  #next = 1;
  #link: Link | undefined;

  constructor(network: Network) {
    this.#network = network;
  }

  /** A process of the gateway connects; the one before, if it lives, is taken over. */
  connect(events: BrokerEvents): BrokerPort {
    this.#link?.end();
    const link = new Link(this, this.#network, events);
    this.#link = link;
    link.connectIn(this.#network.luck.between(10, 2000));
    return link;
  }

  take(message: Message): void {
    if (this.#network.isLost()) return;
    const id = this.#next++;
    this.#waiting.set(id, message);
    this.#link?.deliver(id, message);
  }

  acknowledged(id: number): void {
    this.#waiting.delete(id);
  }

  isWaiting(id: number): boolean {
    return this.#waiting.has(id);
  }

  /** Again what was not acknowledged. */
  resume(link: Link): void {
    for (const [id, message] of this.#waiting) link.deliver(id, message);
  }

  cut(forMs: number): void {
    this.#link?.cut(forMs);
  }

  /** Its process died. */
  gone(): void {
    this.#link?.end();
    this.#link = undefined;
  }
}

class Link implements BrokerPort {
  readonly #session: Session;
  readonly #network: Network;
  readonly #events: BrokerEvents;
  readonly #publishing = new Set<(error: Error) => void>();
  #isUp = false;
  #hasEnded = false;
  /** Rises with every connection: what was on an older one arrives nowhere. */
  #connection = 0;

  constructor(session: Session, network: Network, events: BrokerEvents) {
    this.#session = session;
    this.#network = network;
    this.#events = events;
  }

  connectIn(ms: number): void {
    this.#network.time.after(ms, () => {
      if (this.#hasEnded || this.#isUp) return;
      if (!this.#network.isUp) return this.connectIn(1000);
      this.#isUp = true;
      this.#events.link({ up: true, why: 'connected' });
      this.#session.resume(this);
    });
  }

  deliver(id: number, message: Message): void {
    if (!this.#isUp) return;
    const connection = this.#connection;
    const acknowledge = (): void => {
      if (connection === this.#connection && !this.#hasEnded) this.#session.acknowledged(id);
    };
    this.#network.carry(() => {
      if (connection !== this.#connection || this.#hasEnded) return;
      this.#events.message({ ...message, retained: false, acknowledge });
    });
  }

  publish(topic: string, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return;
      if (!this.#isUp) return reject(new Error('the link is down'));
      this.#network.up({ topic, payload });
      this.#publishing.add(reject);
      this.#network.time.after(this.#network.luck.between(2, 200), () => {
        if (this.#publishing.delete(reject) && !this.#hasEnded) resolve();
      });
    });
  }

  subscribe(topics: readonly string[]): void {
    if (!this.#hasEnded) for (const topic of topics) this.#session.topics.add(topic);
  }

  unsubscribe(topics: readonly string[]): void {
    if (!this.#hasEnded) for (const topic of topics) this.#session.topics.delete(topic);
  }

  renew(): void {
    this.cut(this.#network.luck.between(10, 500));
  }

  cut(forMs: number): void {
    if (this.#hasEnded || !this.#isUp) return;
    this.#isUp = false;
    this.#connection++;
    for (const reject of this.#publishing) reject(new Error('the link was lost'));
    this.#publishing.clear();
    this.#events.link({ up: false, why: 'the link was lost' });
    this.connectIn(forMs);
  }

  end(): void {
    this.#hasEnded = true;
    this.#isUp = false;
    this.#publishing.clear();
  }

  close(): Promise<void> {
    this.end();
    return Promise.resolve();
  }
}
