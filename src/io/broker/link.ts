/**
 * A link to a broker that comes back by itself: to the first of its addresses that takes it, and from another to the
 * first again when that is there. Each attempt is a new client object with the same client id and session.
 *
 * It keeps nothing for later: what was not acknowledged by the broker when the link is lost is rejected, and
 * its owner, who has it in a store, sends it again.
 */
import { assert } from '../../base/assert.ts';
import type { BrokerEvents, BrokerPort } from '../../gateway/mod.ts';
import { openConnection } from './connection.ts';
import type { Connection, ConnectionEnd, ConnectionOptions } from './connection.ts';
import type { BrokerFiles } from './files.ts';
import { isReachable } from './reachable.ts';
import { Round } from './round.ts';
import type { Backoff, Next } from './round.ts';

export interface BrokerOptions {
  /** `mqtt://host:port` or `mqtts://host:port`. */
  readonly url: string;
  /** Brokers of the same kind to turn to, in this order, while the first cannot be reached. */
  readonly standby?: readonly string[];
  /** Names the session: never two clients of one id. */
  readonly clientId: string;
  readonly username?: string;
  /** Password and, with `mqtts`, certificates: asked for at every attempt, so that they can be renewed meanwhile. */
  readonly files?: () => BrokerFiles;
  /**
   * Presence, retained on `topic`: `payload` is said by the broker when the link is lost and by ourselves when
   * we close; `birth`, if given, is said by us whenever the link is up.
   */
  readonly will?: { readonly topic: string; readonly payload: Uint8Array; readonly birth?: Uint8Array };
  /** Uniform over [0, 1). */
  readonly random?: () => number;
  /** Told of every failed attempt, also of those that change nothing. */
  readonly onAttemptFailed?: (attempt: { why: string; retryInMs: number }) => void;
  /** Bounds of the pause after a round of attempts; 500 ms and 60 s unless a test says otherwise. */
  readonly backoff?: Backoff;
  /** 30 s unless a test says otherwise: a link gone silent is noticed within 45 s. */
  readonly keepaliveS?: number;
  /** From the first byte to the last SUBACK; 10 s unless a test says otherwise. */
  readonly readyWithinMs?: number;
  /** Publishes are under way, and none is acknowledged for so long: the link is given up. 30 s unless a test says so. */
  readonly acknowledgedWithinMs?: number;
  /** On another broker, how often the first is looked for, at random within ± 50 %; 10 min unless a test says so. */
  readonly returnEveryMs?: number;
}

const BACKOFF: Backoff = { baseMs: 500, capMs: 60_000 };
const ACKNOWLEDGED_WITHIN_MS = 30_000;
const RETURN_EVERY_MS = 600_000;
const READY_WITHIN_MS = 10_000;
/** A broker that is restarted closes a link without a word too; not so often in a row. */
const SUSPICIOUS = 3;
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
  readonly #round: Round;
  readonly #random: () => number;
  /** Addresses of brokers that speak MQTT 3.1.1 only. */
  readonly #old = new Set<string>();
  readonly #topics = new Set<string>();
  readonly #inFlight = new Set<Waiting>();
  #waiting: Waiting[] = [];
  #connection: Connection | undefined;
  /** `undefined` until the first attempt has ended one way or the other. */
  #up: boolean | undefined;
  #upSince = 0;
  /** Links in a row that the broker closed without a word. */
  #wordless = 0;
  #retry: NodeJS.Timeout | undefined;
  /** Ends a link on which nothing is acknowledged any more. */
  #silence: NodeJS.Timeout | undefined;
  #return: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: BrokerOptions, events: BrokerEvents) {
    const urls = [options.url, ...(options.standby ?? [])];
    for (const url of urls) assert(/^mqtts?:/.test(url), `${url} begins with mqtt: or mqtts:`);
    this.#options = options;
    this.#events = events;
    this.#random = options.random ?? Math.random;
    this.#round = new Round(urls, options.backoff ?? BACKOFF, this.#random);
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
    clearTimeout(this.#silence);
    clearTimeout(this.#return);
    await this.#connection?.close();
    this.#rejectAll('the link was closed');
  }

  /** Without user and password, which may stand in a URL and must not stand in a log. */
  get #address(): string {
    const { protocol, host } = new URL(this.#round.url);
    return `${protocol}//${host}`;
  }

  #attempt(): void {
    const { keepaliveS = 30, readyWithinMs = READY_WITHIN_MS, files } = this.#options;
    const { url } = this.#round;
    const options: ConnectionOptions = {
      ...this.#options,
      url,
      keepaliveS,
      readyWithinMs,
      protocolVersion: this.#old.has(url) ? 4 : 5,
      files: files?.() ?? {},
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
    if (this.#round.onStandby) this.#returnLater();
    this.#events.link({ up: true, why: `${this.#address}: ${why}` });
  }

  #wentDown({ why, oldBroker, takenOver, wordless }: ConnectionEnd): void {
    this.#connection = undefined;
    clearTimeout(this.#silence);
    clearTimeout(this.#return);
    if (this.#closed) return;
    const { url } = this.#round;
    if (oldBroker && !this.#old.has(url)) {
      this.#old.add(url);
      this.#attempt();
      return;
    }
    const wasUp = this.#up === true;
    this.#wordless = wasUp && wordless ? this.#wordless + 1 : 0;
    // Mosquitto 2.0 closes the older of two clients without a DISCONNECT.
    const guess =
      this.#wordless < SUSPICIOUS ? '' : `, again; does another client use the id ${this.#options.clientId}?`;
    const text = `${this.#address}: ${why}${guess}`;
    const next = wasUp
      ? this.#round.lost(text, { upMs: performance.now() - this.#upSince, takenOver })
      : this.#round.failed(text);
    if (wasUp) this.#rejectAll(text);
    this.#goOn(next, text);
  }

  #goOn(next: Next, why: string): void {
    if (next === 'at once') {
      this.#options.onAttemptFailed?.({ why, retryInMs: 0 });
      this.#attempt();
      return;
    }
    const changed = this.#up !== false;
    this.#up = false;
    this.#retry = setTimeout(() => this.#attempt(), next.pauseMs);
    this.#options.onAttemptFailed?.({ why, retryInMs: next.pauseMs });
    const { capMs } = this.#options.backoff ?? BACKOFF;
    // Once, however many attempts fail: the line says what happens next.
    if (changed)
      this.#events.link({ up: false, why: `${next.why}; tried again, at most ${capMs / 1000} s apart` });
  }

  /** On another broker: looks for the first from time to time. */
  #returnLater(): void {
    const { returnEveryMs = RETURN_EVERY_MS } = this.#options;
    const pauseMs = returnEveryMs * (0.5 + this.#random());
    this.#return = setTimeout(() => void this.#returnIfReachable(this.#connection), pauseMs);
  }

  async #returnIfReachable(connection: Connection | undefined): Promise<void> {
    const { readyWithinMs = READY_WITHIN_MS, url } = this.#options;
    const reached = await isReachable(url, readyWithinMs);
    if (this.#closed || this.#connection !== connection) return;
    if (reached) connection?.drop('the first broker can be reached again');
    else this.#returnLater();
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
      if (next === undefined) break;
      this.#inFlight.add(next);
      if (this.#inFlight.size === 1) this.#expectAcknowledgement(connection);
      void connection
        .publish(next.topic, next.payload, next.retain)
        .then(next.resolve, next.reject)
        .then(() => {
          this.#inFlight.delete(next);
          if (this.#connection !== connection) return;
          this.#expectAcknowledgement(connection);
          this.#pump();
        });
    }
  }

  /** A broker may answer every ping and acknowledge nothing; pings alone do not show it. */
  #expectAcknowledgement(connection: Connection): void {
    const withinMs = this.#options.acknowledgedWithinMs ?? ACKNOWLEDGED_WITHIN_MS;
    clearTimeout(this.#silence);
    if (this.#inFlight.size === 0) return;
    this.#silence = setTimeout(
      () => connection.drop(`nothing was acknowledged for ${withinMs / 1000} s`),
      withinMs,
    );
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
