/**
 * A head end and its gateways on one virtual clock: the real head end with its ledger, the real step function of each
 * gateway with a store in memory, real signatures both ways. Between them is a network that loses, doubles and
 * delays what it carries, drawn from one seed; either side may be restarted at any moment.
 *
 * The clock goes in slots of {@link SLOT_MS}; after each, everything that the head end has begun is finished.
 */
import { randomBytes } from 'node:crypto';
import { nextBetween, nextUnit, seeded } from '../../src/base/random.ts';
import { instant, milliseconds, unixTime } from '../../src/base/time.ts';
import type { Instant, Now } from '../../src/base/time.ts';
import { nextWake, restore, step } from '../../src/gateway/mod.ts';
import type { Effect, GatewayState, Input, Settings } from '../../src/gateway/mod.ts';
import { generateKey, signerOf } from '../../src/io/keys.ts';
import { openLedger } from '../../src/io/store/mod.ts';
import type { Ledger } from '../../src/io/store/mod.ts';
import { parseTopic, upTopic } from '../../src/model/mod.ts';
import type { GatewayId, GroupId, ParsedTopic } from '../../src/model/mod.ts';
import { GroupRegistry, startAmiNms } from '../../src/utility/mod.ts';
import type { AmiNms, BrokerEvents, ClockPort, LedgerPort } from '../../src/utility/mod.ts';
import { signRecord } from '../../src/wan/envelope/mod.ts';
import type { Signer, TrustedKey } from '../../src/wan/envelope/mod.ts';
import { groupsOf } from '../../src/wan/groups/mod.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { START, UTILITY, trusted } from './support.ts';

const SLOT_MS = 10;
const LOOK_EVERY_MS = 100;
const ISSUER = 'ops';

/** What is drawn for each message and each of its receivers. */
export interface Network {
  /** Share that never arrives, 0 to 1. */
  readonly loss: number;
  /** Share that arrives twice. */
  readonly doubled: number;
  readonly delayMs: readonly [from: number, to: number];
}

/** Messages of one gateway; acknowledgements of records apart. */
export interface Traffic {
  /** Commands that reached it. */
  down: number;
  /** Receipts and requests that it sent. */
  up: number;
  acks: number;
}

class SlotClock implements ClockPort {
  #slot = 0;
  readonly #slots = new Map<number, Set<() => void>>();

  now(): Now {
    const ms = this.#slot * SLOT_MS;
    return { instant: instant(ms), unix: unixTime(START + ms) };
  }

  at(when: Instant, wake: () => void): () => void {
    const slot = Math.max(this.#slot + 1, Math.ceil(when / SLOT_MS));
    const due = this.#slots.get(slot) ?? new Set();
    const once = (): void => wake();
    this.#slots.set(slot, due.add(once));
    return () => due.delete(once);
  }

  /** What is due in the next slot, done. Whether there was something. */
  next(): boolean {
    const due = this.#slots.get(++this.#slot);
    this.#slots.delete(this.#slot);
    for (const wake of due ?? []) wake();
    return due !== undefined;
  }
}

class FleetGateway {
  readonly id: GatewayId;
  readonly store = new MemoryStore();
  readonly trusted: TrustedKey;
  readonly traffic: Traffic = { down: 0, up: 0, acks: 0 };
  readonly #settings: Settings;
  readonly #signer: Signer;
  readonly #fleet: Fleet;
  state: GatewayState;
  #token = 0;
  #cancelWake: (() => void) | undefined;

  constructor(fleet: Fleet, id: GatewayId, keys: Settings['keys']) {
    this.id = id;
    const key = generateKey();
    this.#signer = signerOf(key);
    this.trusted = trusted(key, id);
    this.#fleet = fleet;
    this.#settings = {
      gateway: id,
      utility: UTILITY,
      version: '0.0.0',
      keys,
      defaults: {},
      bounds: [],
      terms: { directMayBeOverridden: [] },
      reversion: milliseconds(60_000),
    };
    this.state = restore(this.#settings, this.store.read());
  }

  /** Begins, or begins again, from what its store holds. */
  boot(): void {
    this.state = restore(this.#settings, this.store.read());
    this.#fleet.hears(this, groupsOf(this.state.memberships));
    this.step({ on: 'started', seed: randomBytes(32).toString('hex') });
    this.step({ on: 'link', up: true, why: 'test' });
  }

  receive(topic: string, payload: Uint8Array): void {
    if (topic.endsWith('/ack')) this.traffic.acks++;
    else this.traffic.down++;
    this.step({ on: 'message', token: ++this.#token, topic, payload, retained: false });
  }

  step(input: Input): void {
    const now = this.#fleet.clock.now();
    for (const effect of step(this.state, input, now)) this.#do(effect);
    const wake = nextWake(this.state, now);
    this.#cancelWake?.();
    this.#cancelWake =
      wake === undefined ? undefined : this.#fleet.clock.at(wake, () => this.step({ on: 'tick' }));
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'persist':
        return this.store.apply(effect.changes);
      case 'listen':
        return this.#fleet.hears(this, groupsOf(this.state.memberships));
      case 'publish': {
        const { record, session } = effect;
        if (record.stream === 'receipt' || record.stream === 'request') this.traffic.up++;
        const from = { gateway: this.id, utility: UTILITY, at: this.#fleet.clock.now().unix, keyEpoch: 1 };
        this.#fleet.up(upTopic(UTILITY, this.id, record.stream), signRecord(record, from, this.#signer));
        return this.step({ on: 'published', session });
      }
      case 'load': {
        const { stream, after, limit } = effect;
        const records = this.store.records(stream, after, limit);
        return this.step({ on: 'loaded', stream, after, limit, records });
      }
      default:
    }
  }
}

interface HeadEnd {
  readonly registry: GroupRegistry;
  readonly nms: AmiNms;
  readonly ledger: Ledger;
}

export class Fleet {
  readonly clock = new SlotClock();
  readonly gateways: readonly FleetGateway[];
  network: Network;
  readonly #byId: ReadonlyMap<GatewayId, FleetGateway>;
  readonly #listeners = new Map<GroupId, Set<FleetGateway>>();
  readonly #heard = new Map<FleetGateway, readonly GroupId[]>();
  readonly #random: ReturnType<typeof seeded>;
  readonly #key = generateKey();
  readonly #path: string;
  #headEnd: HeadEnd | undefined;
  #events: BrokerEvents | undefined;
  /** Calls of the ledger that have not come back. */
  #busy = 0;

  private constructor(path: string, size: number, seed: number, network: Network) {
    this.#path = path;
    this.#random = seeded(seed);
    this.network = network;
    const keys = new Map([[this.#key.kid, trusted(this.#key, ISSUER)]]);
    this.gateways = Array.from(
      { length: size },
      (_, n) => new FleetGateway(this, `gw-${n}` as GatewayId, keys),
    );
    this.#byId = new Map(this.gateways.map(gateway => [gateway.id, gateway]));
  }

  static async start(
    path: string,
    { size, seed, network }: { size: number; seed: number; network: Network },
  ): Promise<Fleet> {
    const fleet = new Fleet(path, size, seed, network);
    await fleet.startHeadEnd();
    for (const gateway of fleet.gateways) gateway.boot();
    return fleet;
  }

  async startHeadEnd(): Promise<void> {
    const opened = openLedger(this.#path);
    if (!opened.ok) throw new Error(opened.detail);
    const ledger = this.#counted(opened.value);
    const byKid = new Map(this.gateways.map(gateway => [gateway.trusted.kid, gateway.trusted]));
    const registry = await GroupRegistry.open(ledger, this.clock, randomBytes);
    const nms = await startAmiNms({
      utility: UTILITY,
      issuer: ISSUER,
      keyEpoch: 1,
      signer: signerOf(this.#key),
      ledger,
      clock: this.clock,
      registry,
      randomBytes,
      random: () => nextUnit(this.#random),
      keyOf: kid => byKid.get(kid),
      connect: events => {
        this.#events = events;
        return {
          publish: (topic, payload) => Promise.resolve(this.#down(topic, payload)),
          subscribe: () => {},
          unsubscribe: () => {},
          close: () => Promise.resolve(),
        };
      },
    });
    this.#headEnd = { registry, nms, ledger: opened.value };
  }

  /** What reaches it while it is away is lost. */
  async stopHeadEnd(): Promise<void> {
    this.#events = undefined;
    const { nms, registry, ledger } = this.#parts;
    await nms.close();
    await registry.settled();
    await ledger.close();
  }

  get registry(): GroupRegistry {
    return this.#parts.registry;
  }

  /** Lets time pass until `done`, or until `limitMs` are over: the time it took, to 0.1 s, or `undefined`. */
  async pass(limitMs: number, done: () => boolean = () => false): Promise<number | undefined> {
    for (let ms = SLOT_MS; ms <= limitMs; ms += SLOT_MS) {
      if (this.clock.next()) await this.#quiet();
      if (ms % LOOK_EVERY_MS === 0 && done()) return ms;
    }
    return done() ? limitMs : undefined;
  }

  /** Whether every gateway holds what the record says, and every membership is proven. */
  isConverged(): boolean {
    for (const { members } of this.registry.list())
      if (members.some(({ member, state }) => !member || state !== 'active')) return false;
    return this.gateways.every(({ id, state }) => {
      const wanted = this.registry.membershipsOf(id);
      const held = groupsOf(state.memberships);
      return (
        held.length === wanted.size &&
        held.every(group => state.memberships.get(group)?.epoch === wanted.get(group))
      );
    });
  }

  /** What is not as it should be, for whoever reads a failed test. */
  story(): string {
    const held = this.gateways.map(({ id, state }) => {
      const groups = groupsOf(state.memberships).map(g => `${g}@${state.memberships.get(g)?.epoch}`);
      const wanted = [...this.registry.membershipsOf(id)].map(([g, epoch]) => `${g}@${epoch}`);
      const rows = this.registry.rowsOf(id).map(({ member }) => `${member.state} (${member.cause})`);
      return `${id} holds ${groups.join(' ')}, should hold ${wanted.sort().join(' ')}: ${rows.join(', ')}`;
    });
    return held.join('\n');
  }

  hears(gateway: FleetGateway, groups: readonly GroupId[]): void {
    for (const group of this.#heard.get(gateway) ?? []) this.#listeners.get(group)?.delete(gateway);
    this.#heard.set(gateway, groups);
    for (const group of groups)
      this.#listeners.set(group, (this.#listeners.get(group) ?? new Set()).add(gateway));
  }

  up(topic: string, payload: Uint8Array): void {
    this.#carry(() => this.#events?.message({ topic, payload, retained: false, acknowledge: () => {} }));
  }

  #down(topic: string, payload: Uint8Array): void {
    const parsed = parseTopic(topic);
    if (parsed === undefined) throw new Error(`no topic of ours: ${topic}`);
    for (const gateway of this.#receivers(parsed)) this.#carry(() => gateway.receive(topic, payload));
  }

  #receivers(topic: ParsedTopic): readonly FleetGateway[] {
    const to = topic.kind === 'command' ? topic.audience : undefined;
    if (to?.kind === 'group') return [...(this.#listeners.get(to.id) ?? [])];
    const id = to?.id ?? (topic.kind === 'ack' ? topic.gateway : undefined);
    const one = id === undefined ? undefined : this.#byId.get(id);
    return one === undefined ? [] : [one];
  }

  #carry(arrive: () => void): void {
    const { loss, doubled, delayMs } = this.network;
    const copies = nextUnit(this.#random) < doubled ? 2 : 1;
    for (let n = 0; n < copies; n++) {
      if (nextUnit(this.#random) < loss) continue;
      const delay = nextBetween(this.#random, ...delayMs);
      this.clock.at(instant(this.clock.now().instant + delay), arrive);
    }
  }

  get #parts(): HeadEnd {
    if (this.#headEnd === undefined) throw new Error('the head end is away');
    return this.#headEnd;
  }

  async #quiet(): Promise<void> {
    for (let idle = 0; idle < 2; idle = this.#busy === 0 ? idle + 1 : 0)
      await new Promise(resolve => setImmediate(resolve));
  }

  #counted(ledger: Ledger): LedgerPort {
    const counted = async <T>(work: Promise<T>): Promise<T> => {
      this.#busy++;
      return work.finally(() => this.#busy--);
    };
    return {
      snapshot: () => counted(ledger.snapshot()),
      rows: (...args) => counted(ledger.rows(...args)),
      commit: changes => counted(ledger.commit(changes)),
      records: (...args) => counted(ledger.records(...args)),
      answers: cti => counted(ledger.answers(cti)),
      command: cti => counted(ledger.command(cti)),
      commands: (...args) => counted(ledger.commands(...args)),
    };
  }
}

export const CALM: Network = { loss: 0, doubled: 0, delayMs: [20, 120] };
/** One message in ten is lost, one in ten comes twice, and any may overtake those of three seconds before. */
export const ROUGH: Network = { loss: 0.1, doubled: 0.1, delayMs: [20, 3000] };
