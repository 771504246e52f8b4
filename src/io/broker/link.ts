/**
 * A link to a broker that comes back by itself. Each attempt is a new client object with the same client id
 * and session; the pause between attempts doubles and is drawn at random below its bound (full jitter), so
 * that ten thousand gateways do not return in one second after an outage.
 *
 * It keeps nothing for later: what was not acknowledged by the broker when the link is lost is rejected, and
 * its owner, who has it in a store, sends it again.
 */
import { assert } from '../../base/assert.ts';
import type { BrokerEvents, BrokerPort } from '../../gateway/mod.ts';
import { openConnection } from './connection.ts';
import type { Connection, ConnectionOptions } from './connection.ts';

export interface BrokerOptions {
  /** `mqtt://host:port` or `mqtts://host:port`. */
  readonly url: string;
  /** Names the session: never two clients of one id. */
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  /** With `mqtts`: PEM texts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /**
   * Presence, retained on `topic`: `payload` is said by the broker when the link is lost and by ourselves when
   * we close; `birth`, if given, is said by us whenever the link is up.
   */
  readonly will?: { readonly topic: string; readonly payload: Uint8Array; readonly birth?: Uint8Array };
  /** Uniform over [0, 1). */
  readonly random?: () => number;
  /** Told of every failed attempt, also of those that change nothing. */
  readonly onAttemptFailed?: (attempt: { why: string; retryInMs: number }) => void;
  /** Bounds of the pause before an attempt; 500 ms and 60 s unless a test says otherwise. */
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
  /** 30 s unless a test says otherwise: a link gone silent is noticed within 45 s. */
  readonly keepaliveS?: number;
  /** From the first byte to the last SUBACK; 10 s unless a test says otherwise. */
  readonly readyWithinMs?: number;
}

const BACKOFF = { baseMs: 500, capMs: 60_000 };
/** A link that was up for this long was a good one: the next pause begins at the base again. */
const GOOD_AFTER_MS = 10_000;
/** Publishes handed to the broker and not acknowledged; fewer where the broker asks for fewer (Receive Maximum). */
const MAX_IN_FLIGHT = 100;
/** Publishes that wait for a place in flight. Beyond it a publish is rejected: the owner has its own store. */
const MAX_WAITING = 1000;
/** More topics than any of our clients needs: a gateway is in at most 256 groups. */
const MAX_TOPICS = 1024;

/** Starts connecting at once. The first failure is reported to `events.link` as any later one is. */
export function connectBroker(options: BrokerOptions, events: BrokerEvents): BrokerPort {
  return new Link(options, events);
}

interface Waiting {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class Link implements BrokerPort {
  readonly #options: BrokerOptions;
  readonly #events: BrokerEvents;
  readonly #address: string;
  readonly #topics = new Set<string>();
  readonly #inFlight = new Set<Waiting>();
  #waiting: Waiting[] = [];
  #connection: Connection | undefined;
  #protocolVersion: 5 | 4 = 5;
  /** `undefined` until the first attempt has ended one way or the other. */
  #up: boolean | undefined;
  #upSince = 0;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: BrokerOptions, events: BrokerEvents) {
    const url = new URL(options.url);
    assert(
      url.protocol === 'mqtt:' || url.protocol === 'mqtts:',
      `${options.url} begins with mqtt: or mqtts:`,
    );
    this.#options = options;
    this.#events = events;
    // Without user and password, which may stand in a URL and must not stand in a log.
    this.#address = `${url.protocol}//${url.host}`;
    this.#attempt();
  }

  publish(topic: string, payload: Uint8Array): Promise<void> {
    return this.#publish(topic, payload, false);
  }

  subscribe(topics: readonly string[]): void {
    const added = topics.filter(topic => !this.#topics.has(topic));
    for (const topic of added) this.#topics.add(topic);
    assert(this.#topics.size <= MAX_TOPICS, `a link has at most ${MAX_TOPICS} subscriptions`);
    if (this.#up === true) this.#connection?.subscribe(added);
  }

  unsubscribe(topics: readonly string[]): void {
    const removed = topics.filter(topic => this.#topics.delete(topic));
    if (this.#up === true) this.#connection?.unsubscribe(removed);
  }

  renew(): void {
    this.#connection?.drop('given up by ourselves, to have unacknowledged messages again');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const { will } = this.#options;
    // A goodbye suppresses the will, so its words are ours to say; a broker that does not take them has gone.
    if (this.#up === true && will !== undefined) await this.#sayGoodbye(will.topic, will.payload);
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#connection?.close();
    this.#rejectAll('the link was closed');
  }

  #attempt(): void {
    const { keepaliveS = 30, readyWithinMs = 10_000 } = this.#options;
    const options: ConnectionOptions = {
      ...this.#options,
      keepaliveS,
      readyWithinMs,
      protocolVersion: this.#protocolVersion,
    };
    const initial = new Set(this.#topics);
    const connection = openConnection(options, [...initial], {
      up: why => this.#becameUp(connection, initial, why),
      down: end => this.#wentDown(end),
      subscriptionRefused: why =>
        this.#events.link({ up: this.#up === true, why: `${this.#address}: ${why}` }),
      message: message => this.#events.message(message),
    });
    this.#connection = connection;
  }

  #becameUp(connection: Connection, initial: ReadonlySet<string>, why: string): void {
    this.#up = true;
    this.#upSince = performance.now();
    // What was asked for or given up while the SUBACK was under way.
    connection.subscribe([...this.#topics].filter(topic => !initial.has(topic)));
    connection.unsubscribe([...initial].filter(topic => !this.#topics.has(topic)));
    const { will } = this.#options;
    if (will?.birth !== undefined) this.#publish(will.topic, will.birth, true).catch(() => {}); // lost only with the link, and said anew with the next
    this.#events.link({ up: true, why: `${this.#address}: ${why}` });
  }

  #wentDown({ why, oldBroker }: { why: string; oldBroker: boolean }): void {
    this.#connection = undefined;
    if (this.#closed) return;
    if (oldBroker && this.#protocolVersion === 5) {
      this.#protocolVersion = 4;
      this.#attempt();
      return;
    }
    const { capMs } = this.#options.backoff ?? BACKOFF;
    const text = `${this.#address}: ${why}`;
    const changed = this.#up !== false;
    if (this.#up === true && performance.now() - this.#upSince >= GOOD_AFTER_MS) this.#failures = 0;
    this.#up = false;
    this.#rejectAll(text);
    this.#retryLater(text);
    // Once, however many attempts fail: the line says what happens next.
    const next = `tried again, at most ${capMs / 1000} s apart`;
    if (changed) this.#events.link({ up: false, why: `${text}; ${next}` });
  }

  #retryLater(why: string): void {
    const { baseMs, capMs } = this.#options.backoff ?? BACKOFF;
    const random = this.#options.random ?? Math.random;
    const retryInMs = Math.floor(random() * Math.min(capMs, baseMs * 2 ** this.#failures++));
    this.#retry = setTimeout(() => this.#attempt(), retryInMs);
    this.#options.onAttemptFailed?.({ why, retryInMs });
  }

  #publish(topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    if (this.#up !== true || this.#closed)
      return Promise.reject(new Error(`${this.#address}: the link is down`));
    if (this.#waiting.length >= MAX_WAITING)
      return Promise.reject(
        new Error(`${this.#address}: ${MAX_WAITING} messages wait for the broker already`),
      );
    return new Promise((resolve, reject) => {
      this.#waiting.push({ topic, payload, retain, resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    while (this.#inFlight.size < Math.min(MAX_IN_FLIGHT, connection.sendWindow)) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#inFlight.add(next);
      void connection
        .publish(next.topic, next.payload, next.retain)
        .then(next.resolve, next.reject)
        .then(() => {
          this.#inFlight.delete(next);
          this.#pump();
        });
    }
  }

  #rejectAll(why: string): void {
    const lost = [...this.#inFlight, ...this.#waiting];
    this.#inFlight.clear();
    this.#waiting = [];
    for (const publish of lost) publish.reject(new Error(why));
  }

  async #sayGoodbye(topic: string, payload: Uint8Array): Promise<void> {
    const impatient = new Promise<void>(resolve => setTimeout(resolve, 1000).unref());
    await Promise.race([this.#publish(topic, payload, true).catch(() => {}), impatient]);
  }
}
