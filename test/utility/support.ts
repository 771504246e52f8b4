/**
 * The head end's surroundings in a test: a broker that is a list, a clock that stands until it is moved, and a
 * gateway that is nothing but a key.
 */
import { randomBytes } from 'node:crypto';
import { after, instant, milliseconds, unixSeconds, unixTime } from '../../src/base/time.ts';
import type { Instant, Now, UnixTime } from '../../src/base/time.ts';
import { nextUnit, seeded } from '../../src/base/random.ts';
import { generateKey, signerOf } from '../../src/io/keys.ts';
import type { SigningKey } from '../../src/io/keys.ts';
import { openLedger } from '../../src/io/store/mod.ts';
import type { Ledger } from '../../src/io/store/mod.ts';
import { upTopic } from '../../src/model/mod.ts';
import type {
  Command,
  Cti,
  EventBody,
  GatewayId,
  MRID,
  ReceiptBody,
  RecordBody,
  StreamName,
} from '../../src/model/mod.ts';
import { GroupRegistry, startAmiNms } from '../../src/utility/mod.ts';
import type {
  AmiNms,
  BrokerEvents,
  BrokerPort,
  ClockPort,
  LedgerPort,
  NmsEvents,
  SealDoor,
} from '../../src/utility/mod.ts';
import { openCommand, signRecord, signRecords, trustKey } from '../../src/wan/envelope/mod.ts';
import type { TrustedKey } from '../../src/wan/envelope/mod.ts';

export const UTILITY = 'grid';
export const START = unixSeconds(1_800_000_000);

/** Stands still; `advance` calls what is due on the way, in order. */
export class TestClock implements ClockPort {
  #ms = 0;
  readonly #wakes = new Set<{ when: Instant; wake: () => void }>();

  now(): Now {
    return { instant: instant(this.#ms), unix: unixTime(START + this.#ms) };
  }

  at(when: Instant, wake: () => void): () => void {
    const entry = { when, wake };
    this.#wakes.add(entry);
    return () => this.#wakes.delete(entry);
  }

  advance(ms: number): void {
    const end = this.#ms + ms;
    for (;;) {
      const next = [...this.#wakes].filter(w => w.when <= end).sort((a, b) => a.when - b.when)[0];
      if (next === undefined) break;
      this.#wakes.delete(next);
      this.#ms = Math.max(this.#ms, next.when);
      next.wake();
    }
    this.#ms = end;
  }
}

export interface Published {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly at: number;
}

/** Takes what is published while it is up; hands in what a test delivers. */
export class TestBroker implements BrokerPort {
  readonly published: Published[] = [];
  readonly topics = new Set<string>();
  readonly #clock: TestClock;
  readonly #events: BrokerEvents;
  readonly #waiting = new Set<{ wants: (p: Published) => boolean; resolve: (p: Published) => void }>();
  #up = true;

  constructor(clock: TestClock, events: BrokerEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  publish(topic: string, payload: Uint8Array): Promise<void> {
    if (!this.#up) return Promise.reject(new Error('the link is down'));
    const message = { topic, payload, at: this.#clock.now().instant };
    this.published.push(message);
    for (const waiting of this.#waiting) {
      if (!waiting.wants(message)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(message);
    }
    return Promise.resolve();
  }

  subscribe(topics: readonly string[]): void {
    for (const topic of topics) this.topics.add(topic);
  }

  unsubscribe(topics: readonly string[]): void {
    for (const topic of topics) this.topics.delete(topic);
  }

  close(): Promise<void> {
    this.#up = false;
    return Promise.resolve();
  }

  link(up: boolean): void {
    this.#up = up;
    this.#events.link({ up, why: 'as the test says' });
  }

  /** Resolves when the head end sends the PUBACK. */
  deliver(topic: string, payload: Uint8Array): Promise<void> {
    return new Promise(acknowledge => this.#events.message({ topic, payload, retained: false, acknowledge }));
  }

  /** The next message on a topic that ends so. */
  next(end: string): Promise<Published> {
    return new Promise(resolve => this.#waiting.add({ wants: p => p.topic.endsWith(end), resolve }));
  }

  on(end: string): readonly Published[] {
    return this.published.filter(p => p.topic.endsWith(end));
  }
}

/** A gateway as far as its key goes. */
export class TestGateway {
  readonly id: GatewayId;
  readonly key: SigningKey;
  readonly trusted: TrustedKey;
  readonly #last = new Map<StreamName, number>();

  constructor(id: string) {
    this.id = id as GatewayId;
    this.key = generateKey();
    this.trusted = trusted(this.key, id);
  }

  /** A record as it would come up: the next of its stream, or one with a number of its own. */
  signs(
    stream: StreamName,
    body: RecordBody,
    number?: number,
    at = START,
  ): { topic: string; payload: Uint8Array; sequence: number } {
    const sequence = number ?? (this.#last.get(stream) ?? 0) + 1;
    this.#last.set(stream, Math.max(sequence, this.#last.get(stream) ?? 0));
    const record = { stream, sequence, at, body };
    const from = { gateway: this.id, utility: UTILITY, at, keyEpoch: 1 };
    return {
      topic: upTopic(UTILITY, this.id, stream),
      payload: signRecord(record, from, signerOf(this.key)),
      sequence,
    };
  }

  /** The next records of a stream under one signature, as a backlog comes. */
  signsSeveral(
    stream: StreamName,
    bodies: readonly RecordBody[],
    first = (this.#last.get(stream) ?? 0) + 1,
  ): { topic: string; payload: Uint8Array } {
    const records = bodies.map((body, n) => ({ stream, sequence: first + n, at: START, body }));
    this.#last.set(stream, Math.max(first + bodies.length - 1, this.#last.get(stream) ?? 0));
    const from = { gateway: this.id, utility: UTILITY, at: START, keyEpoch: 1 };
    const payload = signRecords(records, from, signerOf(this.key));
    if (payload === undefined) throw new Error('too large together');
    return { topic: upTopic(UTILITY, this.id, stream), payload };
  }

  receipt(
    cti: Cti,
    refusal?: string,
    more: Partial<ReceiptBody> = {},
  ): { topic: string; payload: Uint8Array } {
    const answer =
      refusal === undefined
        ? ({ response: 'completed' } as const)
        : ({ response: 'invalid', refusal } as const);
    return this.signs('receipt', { kind: 'receipt', cti, why: 'as the test says', ...answer, ...more });
  }
}

export function birth(start = 1): RecordBody {
  return { kind: 'birth', version: '0.1.0', start, devices: [] };
}

export function trusted(key: SigningKey, issuer: string, epoch = 1): TrustedKey {
  const vetted = trustKey({
    publicKey: key.publicKey,
    issuer,
    alg: key.alg,
    epoch,
    scope: {
      operations: ['event', 'cancel', 'grant', 'ack', 'sealed', 'manifest', 'time', 'welcome'],
      highestClass: 'emergency',
      primacy: { min: 1, max: 255 },
      validFrom: unixSeconds(1),
      validUntil: unixSeconds(4_000_000_000),
    },
  });
  if (!vetted.ok) throw new Error(vetted.refusal);
  return vetted.value;
}

/** A head end on a real ledger file, and what it stands on. */
export class TestHeadEnd {
  readonly clock: TestClock;
  readonly key: SigningKey;
  readonly keyEpoch: number;
  /** Its own and those it had before. */
  readonly keys: readonly TrustedKey[];
  readonly gateways: readonly TestGateway[];
  readonly ledger: Ledger;
  readonly registry: GroupRegistry;
  readonly broker: TestBroker;
  readonly nms: AmiNms;

  private constructor(
    parts: Pick<
      TestHeadEnd,
      'clock' | 'key' | 'keyEpoch' | 'keys' | 'gateways' | 'ledger' | 'registry' | 'broker' | 'nms'
    >,
  ) {
    this.clock = parts.clock;
    this.key = parts.key;
    this.keyEpoch = parts.keyEpoch;
    this.keys = parts.keys;
    this.gateways = parts.gateways;
    this.ledger = parts.ledger;
    this.registry = parts.registry;
    this.broker = parts.broker;
    this.nms = parts.nms;
  }

  /** `before`: the same utility after a restart, on the same file, clock, key and gateways. */
  static async start(
    path: string,
    options: {
      events?: NmsEvents;
      gateways?: readonly string[];
      before?: TestHeadEnd;
      through?: (l: Ledger) => LedgerPort;
      seal?: SealDoor;
      guest?: true;
      /** With a key of its own. */
      keyEpoch?: number;
    } = {},
  ): Promise<TestHeadEnd> {
    const { before, events, seal, guest, keyEpoch = 1, through = l => l } = options;
    const clock = before?.clock ?? new TestClock();
    const key = before?.keyEpoch === keyEpoch ? before.key : generateKey();
    const gateways = before?.gateways ?? (options.gateways ?? ['gw-1']).map(id => new TestGateway(id));
    const opened = openLedger(path);
    if (!opened.ok) throw new Error(opened.detail);
    const ledger = opened.value;
    const port = through(ledger);
    const registry = await GroupRegistry.open(port, clock, randomBytes);
    const random = seeded(7);
    let broker: TestBroker | undefined;
    const nms = await startAmiNms({
      utility: UTILITY,
      issuer: 'ops',
      keyEpoch,
      signer: signerOf(key),
      ledger: port,
      clock,
      registry,
      randomBytes,
      random: () => nextUnit(random),
      keyOf: kid => gateways.find(g => g.key.kid === kid)?.trusted,
      connect: brokerEvents => (broker = new TestBroker(clock, brokerEvents)),
      ...(events === undefined ? {} : { events }),
      ...(seal === undefined ? {} : { seal }),
      ...(guest === undefined ? {} : { guest }),
    });
    if (broker === undefined) throw new Error('the head end connects when it starts');
    const keys = [...(before?.keys ?? []), trusted(key, 'ops', keyEpoch)];
    return new TestHeadEnd({ clock, key, keyEpoch, keys, gateways, ledger, registry, broker, nms });
  }

  get gateway(): TestGateway {
    const [first] = this.gateways;
    if (first === undefined) throw new Error('there is a gateway');
    return first;
  }

  /** What a gateway would make of a message, by the pipeline a gateway uses. */
  opens({ topic, payload }: Published): Command {
    const { unix: now } = this.clock.now();
    const keyOf = (kid: string): TrustedKey | undefined => this.keys.find(key => key.kid === kid);
    const opened = openCommand(payload, { topic, now, utility: UTILITY, keyOf });
    if (!opened.ok) throw new Error(`${opened.refusal}: ${opened.detail}`);
    return opened.value;
  }

  async close(): Promise<void> {
    await this.nms.close();
    await this.ledger.close();
  }
}

/** An event that halves real power for an hour from the beginning of the test. */
export function event(mRID: string, start: UnixTime = START): EventBody {
  return {
    kind: 'event',
    service: 'direct',
    mRID: mRID as MRID,
    axes: { opModMaxLimW: 5000 },
    start,
    duration: milliseconds(3_600_000),
  };
}

export const END_OF_EVENT = after(START, milliseconds(3_600_000));

/** A ledger whose commits a test can hold back or fail. */
export function gated(): {
  through: (ledger: Ledger) => LedgerPort;
  hold: () => () => void;
  fail: (on: boolean) => void;
} {
  let gate = Promise.resolve();
  let failing = false;
  return {
    through: ledger => ({
      snapshot: () => ledger.snapshot(),
      rows: (...args) => ledger.rows(...args),
      answers: cti => ledger.answers(cti),
      command: cti => ledger.command(cti),
      commands: (...args) => ledger.commands(...args),
      records: (...args) => ledger.records(...args),
      commit: async changes => {
        await gate;
        if (failing) throw new Error('the disk is full');
        await ledger.commit(changes);
      },
    }),
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    fail: on => (failing = on),
  };
}
