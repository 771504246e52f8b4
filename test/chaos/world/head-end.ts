/**
 * The head end of a simulated world: the real one, with its registry, on a ledger that outlasts it. It sends what the
 * world draws, dies at any moment, and begins again where its ledger says.
 */
import { nextUnit, seeded } from '../../../src/base/random.ts';
import { unixSeconds } from '../../../src/base/time.ts';
import { keyFromSeed, signerOf } from '../../../src/io/keys.ts';
import type { SigningKey } from '../../../src/io/keys.ts';
import type { Audience, CommandClass, EventBody, GatewayId, GroupId, MRID } from '../../../src/model/mod.ts';
import { GroupRegistry, startAmiNms } from '../../../src/utility/mod.ts';
import type { AmiNms, Change, ClockPort, LedgerPort, SentCommand } from '../../../src/utility/mod.ts';
import { trustKey } from '../../../src/wan/envelope/mod.ts';
import type { Signer, TrustedKey } from '../../../src/wan/envelope/mod.ts';
import type { KnownEvent } from './facts.ts';
import type { WorldLedger } from './ledger.ts';
import type { Luck } from './luck.ts';
import type { Network } from './network.ts';
import { UTILITY } from './premise.ts';
import type { VirtualTime } from './time.ts';

export const ISSUER = 'ops';

/** Keys are the same in every world: they cost more to make than a world does. */
export interface KeyPair {
  readonly signer: Signer;
  readonly trusted: TrustedKey;
}

export function keyPair(fill: number, issuer: string): KeyPair {
  const key: SigningKey = keyFromSeed(new Uint8Array(32).fill(fill));
  const trusted = trustKey({
    publicKey: key.publicKey,
    issuer,
    alg: key.alg,
    epoch: 1,
    scope: {
      operations: ['event', 'cancel', 'grant', 'ack', 'sealed', 'time', 'welcome', 'read', 'interrogate'],
      highestClass: 'emergency',
      primacy: { min: 1, max: 255 },
      validFrom: unixSeconds(1),
      validUntil: unixSeconds(4_000_000_000),
    },
  });
  if (!trusted.ok) throw new Error(trusted.refusal);
  return { signer: signerOf(key), trusted: trusted.value };
}

type Draft = Omit<EventBody, 'kind' | 'mRID'>;
type How = { readonly class: CommandClass; readonly primacy: number };

interface Running {
  readonly nms: AmiNms;
  readonly registry: GroupRegistry;
  isOver: boolean;
}

export interface HeadEndParts {
  readonly time: VirtualTime;
  readonly luck: Luck;
  readonly network: Network;
  readonly ledger: WorldLedger;
  readonly signer: Signer;
  readonly gateways: ReadonlyMap<GatewayId, TrustedKey>;
}

export class WorldHeadEnd {
  readonly events = new Map<MRID, KnownEvent>();
  readonly #parts: HeadEndParts;
  readonly #byKid: ReadonlyMap<string, TrustedKey>;
  #running: Running | undefined;
  #lives = 0;
  #drawn = 0;
  readonly #drafts = new Map<MRID, Draft & How>();

  constructor(parts: HeadEndParts) {
    this.#parts = parts;
    parts.ledger.onCommand = command => this.#learn(command);
    this.#byKid = new Map([...parts.gateways.values()].map(key => [key.kid, key]));
  }

  get registry(): GroupRegistry | undefined {
    return this.#running?.registry;
  }

  get nms(): AmiNms | undefined {
    return this.#running?.nms;
  }

  async start(): Promise<void> {
    const { time, luck, network, ledger, signer } = this.#parts;
    const life = { isOver: false };
    const clock: ClockPort = {
      now: () => time.now(),
      at: (when, wake) => time.at(when, () => void (life.isOver || wake())),
    };
    const port = this.#ledgerOf(life, ledger);
    const randomBytes = (length: number): Uint8Array => luck.bytes(length);
    const random = seeded(++this.#lives);
    const registry = await GroupRegistry.open(port, clock, randomBytes);
    const nms = await startAmiNms({
      utility: UTILITY,
      issuer: ISSUER,
      keyEpoch: 1,
      signer,
      ledger: port,
      clock,
      registry,
      randomBytes,
      random: () => nextUnit(random),
      keyOf: kid => this.#byKid.get(kid),
      connect: events => {
        const broker = network.connectHeadEnd(events);
        return {
          ...broker,
          publish: (topic, payload) => (life.isOver ? new Promise(() => {}) : broker.publish(topic, payload)),
        };
      },
    });
    this.#running = Object.assign(life, { nms, registry });
  }

  /** For good. */
  end(): void {
    if (this.#running !== undefined) this.#running.isOver = true;
    this.#running = undefined;
  }

  /** Dies, and begins again after `ms`. */
  crash(ms: number): void {
    if (this.#running === undefined) return;
    this.end();
    this.#parts.network.dropHeadEnd();
    this.#parts.ledger.crash();
    this.#parts.time.after(ms, () => void this.start());
  }

  async change(changes: readonly Change[]): Promise<void> {
    await this.#running?.registry.change(changes);
  }

  async createGroups(groups: readonly GroupId[]): Promise<void> {
    for (const group of groups) await this.#running?.registry.create(group);
  }

  async send(audience: Audience, body: Draft, how: How): Promise<void> {
    const mRID = `ev-${++this.#drawn}` as MRID;
    this.#drafts.set(mRID, { ...body, ...how });
    await this.#running?.nms.send(audience, { kind: 'event', mRID, ...body }, how);
  }

  async cancel(event: KnownEvent, audience: Audience): Promise<void> {
    const nms = this.#running?.nms;
    if (nms === undefined) return;
    event.cancelSent = true;
    await nms.send(audience, { kind: 'cancel', mRID: event.mRID }, { class: event.class, primacy: 1 });
  }

  /** An event is in the ledger: from now on it may reach anybody, whatever becomes of this head end. */
  #learn({ about, kind, cti, sentAt, sequence, awaits }: SentCommand): void {
    const draft = this.#drafts.get(about as MRID);
    if (kind !== 'event' || draft === undefined) return;
    const { duration, ...rest } = draft;
    const issuedAt = Math.floor(sentAt / 1000) * 1000;
    const named = { mRID: about as MRID, cti, issuedAt, sequence, awaits };
    this.events.set(named.mRID, { ...rest, ...named, durationMs: duration, cancelSent: false });
  }

  #ledgerOf(life: { isOver: boolean }, ledger: WorldLedger): LedgerPort {
    const open = <T>(work: () => Promise<T>): Promise<T> => (life.isOver ? new Promise(() => {}) : work());
    return {
      snapshot: () => open(() => ledger.snapshot()),
      rows: (...args) => open(() => ledger.rows(...args)),
      commit: changes => open(() => ledger.commit(changes)),
      records: (...args) => open(() => ledger.records(...args)),
      answers: cti => open(() => ledger.answers(cti)),
      command: cti => open(() => ledger.command(cti)),
      commands: (...args) => open(() => ledger.commands(...args)),
    };
  }
}
