/**
 * AMI Network Management System, the head end: sends signed commands and sees to it that they arrive, takes in
 * what gateways report, and proves to each what it holds.
 *
 * A command is in the ledger before the broker sees it, and the same bytes are repeated until every addressed
 * gateway has answered or its time has run out (GRP-3). A record is in the ledger before it is acknowledged.
 * So a head end that dies at any moment goes on where it was. Presence, which nobody signs, decides nothing.
 */
import { refused, troubleOf } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { after, minutes } from '../base/time.ts';
import { ackTopic, blobTopic, guestSubscriptions, headEndSubscriptions, parseTopic } from '../model/mod.ts';
import type {
  Audience,
  CommandBody,
  Cti,
  FileId,
  GatewayId,
  GroupId,
  MRID,
  ReceiptBody,
  StatusBody,
  UplinkRecord,
} from '../model/mod.ts';
import { signCommand } from '../wan/envelope/mod.ts';
import type { SealedContent } from '../wan/envelope/mod.ts';
import { addressed } from './addressing.ts';
import { Acknowledger } from './acknowledger.ts';
import type { Through } from './acknowledger.ts';
import { Auditor } from './auditor.ts';
import type { AuditStanding } from './auditor.ts';
import { Collector } from './collector.ts';
import { deliveryOf } from './deliveries.ts';
import type { Delivery } from './deliveries.ts';
import { Dispatcher, makeClaims } from './dispatcher.ts';
import type { Addressed, SendOptions, Sent } from './dispatcher.ts';
import { Enrolment } from './enrolment.ts';
import { Greeter } from './greeter.ts';
import { Latecomers } from './latecomers.ts';
import { ModeBook } from './mode-book.ts';
import type { ModesKnown } from './mode-book.ts';
import type { AmiNmsOptions, NmsEvents, NmsRefusal, SendRefusal } from './nms-options.ts';
import { Numbers } from './numbers.ts';
import { isAbout } from './outstanding.ts';
import type { Outstanding } from './outstanding.ts';
import { Prober } from './prober.ts';
import { Sealer } from './sealer.ts';
import { STATUSES_BACK, wholeStatus } from './whole-status.ts';
import type { SealRefusal } from './sealer.ts';
import type { Answer, BrokerEvents, BrokerPort, LedgerSnapshot } from './ports.ts';

/** An acknowledgement is of no use for longer: the gateway asks again after half a minute. */
const ACK_VALID = minutes(5);
/** Payloads of the retained presence topic. */
const PRESENCE: ReadonlyMap<string, boolean> = new Map([
  ['online', true],
  ['offline', false],
]);
/** The class of what asks nothing of a device: any key may use it. */
const LEAST = { class: 'market', primacy: 255 } as const satisfies SendOptions;

/** A head end that stands where its ledger says; connects at once. */
export async function startAmiNms(options: AmiNmsOptions): Promise<AmiNms> {
  return new AmiNms(options, await options.ledger.snapshot());
}

export class AmiNms {
  readonly #options: AmiNmsOptions;
  readonly #events: NmsEvents;
  readonly #broker: BrokerPort;
  readonly #numbers: Numbers;
  readonly #dispatcher: Dispatcher;
  readonly #collector: Collector;
  readonly #acknowledger: Acknowledger;
  readonly #auditor: Auditor;
  readonly #modes: ModeBook;
  readonly #enrolment: Enrolment | undefined;
  readonly #prober: Prober | undefined;
  readonly #sealer: Sealer | undefined;
  readonly #greeter: Greeter;
  readonly #latecomers: Latecomers;
  /** One entry a gateway that was ever heard of. */
  readonly #presence = new Map<GatewayId, boolean>();
  readonly #refusals = new Map<NmsRefusal, number>();

  constructor(options: AmiNmsOptions, snapshot: LedgerSnapshot) {
    this.#options = options;
    this.#events = options.events ?? {};
    this.#numbers = new Numbers(options.ledger, snapshot.sequences);
    this.#acknowledger = new Acknowledger(options.clock, (gateway, through) =>
      this.#sayHeld(gateway, through),
    );
    this.#modes = new ModeBook(options.ledger);
    const { seal } = options;
    if (seal !== undefined) this.#sealer = new Sealer({ ...options, seal });
    this.#collector = this.#newCollector(snapshot);
    this.#auditor = new Auditor({
      ledger: options.ledger,
      through: (gateway, stream) => this.#collector.throughOf(gateway, stream),
      judged: (gateway, verdict) => this.#events.onAudit?.(gateway, verdict),
      trouble: why => this.#trouble(why),
    });
    this.#dispatcher = this.#newDispatcher();
    this.#greeter = this.#newGreeter();
    this.#latecomers = this.#newLatecomers();
    const reopened = this.#dispatcher.reopen(snapshot.open);
    this.#broker = options.connect({
      message: message => this.#message(message),
      link: state => this.#link(state),
    });
    const { guest, utility } = options;
    this.#broker.subscribe(guest === true ? guestSubscriptions(utility) : headEndSubscriptions(utility));
    this.#prober = this.#newProber();
    this.#enrolment = this.#newEnrolment();
    const openOf = (kind: CommandBody['kind']): readonly Cti[] =>
      reopened.flatMap(({ command }) => (command.kind === kind ? [command.cti] : []));
    this.#prober?.start(openOf('probe'));
    this.#enrolment?.start(openOf('grant'));
    for (const { answers } of snapshot.open)
      for (const { gateway, receipt } of answers) this.#latecomers.receipt(gateway, receipt);
    this.#dispatcher.repeat();
    this.#auditor.start(snapshot);
  }

  /** Signs `body` and sends it to `audience` until every addressed gateway answers. Resolves when it is durable. */
  async send(audience: Audience, body: CommandBody, how: SendOptions): Promise<Result<Sent, SendRefusal>> {
    if (audience.kind === 'group') await this.#prober?.ahead(audience.id);
    const to = addressed(this.#options.registry, audience, body);
    return to.ok ? this.#dispatcher.send(to.value, body, how) : to;
  }

  /**
   * Seals `content` to one gateway and sends it. It belongs to the event `mRID` names, or to the customer. Without a
   * key of that gateway nothing is sent.
   */
  async sendSealed(
    gateway: GatewayId,
    content: SealedContent,
    { mRID, ...how }: Partial<SendOptions> & { readonly mRID?: MRID } = {},
  ): Promise<Result<Sent, SendRefusal | SealRefusal>> {
    const body = await this.#sealer?.body(gateway, content, mRID);
    if (body === undefined) return refused('no-box-key', 'this head end has nothing to seal with');
    return body.ok ? this.send({ kind: 'device', id: gateway }, body.value, { ...LEAST, ...how }) : body;
  }

  /** A piece of a delivery, for whoever listens: it proves itself by its hash. Rejects when the link is lost first. */
  sendChunk(of: FileId, n: number, bytes: Uint8Array): Promise<void> {
    return this.#broker.publish(blobTopic(this.#options.utility, of, n), bytes);
  }

  /** Commands that wait for answers: who is missing, and how often each went out; oldest first. */
  open(): readonly Readonly<Outstanding>[] {
    return this.#dispatcher.open();
  }

  /** The newest receipt of each gateway to one command, also when it is settled. */
  answers(cti: Cti): Promise<readonly Answer[]> {
    return this.#options.ledger.answers(cti);
  }

  /** Which modes the devices of a gateway hold, as they last told (SIWG-4). */
  modes(gateway: GatewayId): Promise<readonly ModesKnown[]> {
    return this.#modes.of(gateway);
  }

  /** How one command stands with each of its members, and what ensures that it reaches them (GRP-3). */
  delivery(cti: Cti): Promise<Delivery | undefined> {
    return deliveryOf(this.#options.ledger, cti, this.#dispatcher.find(cti));
  }

  /** What the audits of a gateway came to, stream by stream: whether all that it made is held. */
  audits(gateway: GatewayId): Promise<readonly AuditStanding[]> {
    return this.#auditor.standing(gateway);
  }

  /** A gateway as it stands by what is held of it. */
  async lastStatus(gateway: GatewayId): Promise<StatusBody | undefined> {
    const last = this.#collector.heldOf(gateway).status ?? 0;
    const from = Math.max(0, last - STATUSES_BACK);
    return wholeStatus(await this.#options.ledger.records(gateway, 'status', from, STATUSES_BACK));
  }

  /** What the gateway's last presence message said; `undefined` before one. */
  isOnline(gateway: GatewayId): boolean | undefined {
    return this.#presence.get(gateway);
  }

  /** How many records of a gateway are missing between those that are held; they may still come. */
  missing(gateway: GatewayId): number {
    return this.#collector.missingOf(gateway);
  }

  /** How many messages were refused since the start, by reason. */
  refusals(): ReadonlyMap<NmsRefusal, number> {
    return this.#refusals;
  }

  /** Stops; what is open stays in the ledger. Ledger and registry are their owner's to close. */
  async close(): Promise<void> {
    this.#dispatcher.close();
    this.#latecomers.close();
    this.#enrolment?.close();
    this.#prober?.close();
    await Promise.all([this.#greeter.finish(), this.#acknowledger.finish()]);
    await this.#broker.close();
    await this.#auditor.idle();
  }

  #message({ topic, payload, acknowledge }: Parameters<BrokerEvents['message']>[0]): void {
    const parsed = parseTopic(topic);
    if (parsed?.kind === 'state') {
      this.#noteState(topic, parsed.gateway, payload);
      return acknowledge();
    }
    // The broker's copy is not needed even if the ledger fails: without our own signed word the gateway sends again.
    // Nothing catches what this rejects with: that is a broken promise of our own, and it ends the process.
    void this.#collector.take(topic, payload).finally(acknowledge);
  }

  #link(state: { up: boolean; why: string }): void {
    this.#events.onLink?.(state);
    if (state.up) this.#dispatcher.linkUp();
  }

  #told(gateway: GatewayId, record: UplinkRecord): void {
    const { body } = record;
    this.#sealer?.told(gateway, record);
    this.#events.onRecord?.(gateway, record);
    if (body.kind === 'audit') this.#auditor.audit(gateway, body.streams, record.at);
    if (body.kind === 'status') {
      const own = body.membershipDigests?.find(({ issuer }) => issuer === this.#options.issuer);
      this.#enrolment?.status(gateway, own?.digest ?? body.membershipDigest, record.at);
    }
    if (body.kind === 'request' && body.wants === 'time') void this.#greeter.time(gateway, body.nonce);
    if (body.kind === 'request' && body.wants === 'grant')
      this.#enrolment?.asked(gateway, body.group as GroupId);
    if (body.kind !== 'receipt' || !isAbout(body, this.#options.issuer)) return;
    const open = this.#dispatcher.find(body.cti);
    if (open?.missing.has(gateway) === true && body.taken !== undefined) {
      this.#greeter.tookBefore(gateway, open.command, body.taken);
      this.#prober?.tookBefore(gateway, body.cti);
    }
    this.#greeter.receipt(gateway, body);
    const isGrants = this.#enrolment?.receipt(gateway, body) === true;
    if (!isGrants && body.membershipDigest !== undefined)
      void this.#proved(gateway, body, body.membershipDigest);
    if (!this.#latecomers.receipt(gateway, body)) this.#dispatcher.answered(gateway, body);
    this.#events.onReceipt?.(gateway, body);
  }

  /** An answer to a probe proves what is held. */
  async #proved(gateway: GatewayId, receipt: ReceiptBody, digest: string): Promise<void> {
    const isProof = await this.#prober?.receipt(gateway, receipt);
    if (isProof === true) this.#enrolment?.holds(gateway, digest);
  }

  /** Signed, not kept, not repeated: the gateway sends again what is not acknowledged, and that is answered. */
  async #sayHeld(gateway: GatewayId, through: Through): Promise<void> {
    const { clock, signer, utility } = this.#options;
    const audience: Audience = { kind: 'device', id: gateway };
    try {
      const sequence = await this.#numbers.nextReserved(audience, 'ack');
      const expires = after(clock.now().unix, ACK_VALID);
      const body: CommandBody = { kind: 'ack', through };
      const claims = makeClaims(this.#options, {
        ...LEAST,
        audience,
        stream: 'ack',
        sequence,
        expires,
        body,
      });
      await this.#broker.publish(ackTopic(utility, gateway), signCommand(claims, signer));
    } catch (error) {
      this.#trouble(`no acknowledgement to ${gateway}: ${troubleOf(error)}`);
    }
  }

  #noteState(topic: string, gateway: GatewayId, payload: Uint8Array): void {
    const online = payload.length > 16 ? undefined : PRESENCE.get(Buffer.from(payload).toString('latin1'));
    if (online === undefined) return this.#refused(topic, 'presence-unreadable', undefined);
    if (this.#presence.get(gateway) === online) return;
    this.#presence.set(gateway, online);
    this.#events.onPresence?.(gateway, online);
  }

  #refused(topic: string, refusal: NmsRefusal, detail: string | undefined): void {
    this.#refusals.set(refusal, (this.#refusals.get(refusal) ?? 0) + 1);
    this.#events.onRefused?.(topic, refusal, detail);
  }

  #trouble(why: string): void {
    this.#events.onTrouble?.(why);
  }

  // The parts, wired together.

  #newCollector({ marks }: LedgerSnapshot): Collector {
    const { issuer, ledger, keyOf, successors, guest } = this.#options;
    return new Collector(
      {
        guest,
        issuer,
        ledger,
        keyOf,
        ...(successors === undefined ? {} : { successors }),
        held: (gateway, stream, through) => {
          this.#acknowledger.owe(gateway, stream, through);
          this.#auditor.held(gateway);
        },
        alongside: (gateway, record) => this.#modes.changes(gateway, record),
        birth: (gateway, body, came) => {
          this.#greeter.greet(gateway, body, came);
          this.#events.onBirth?.(gateway, body);
        },
        record: (gateway, record) => this.#told(gateway, record),
        gap: (gateway, stream, gap) => this.#events.onGap?.(gateway, stream, gap),
        refused: (topic, refusal, detail) => this.#refused(topic, refusal, detail),
      },
      marks,
    );
  }

  #newGreeter(): Greeter {
    return new Greeter(this.#options, {
      ledger: this.#options.ledger,
      numbers: this.#numbers,
      publish: (topic, bytes) => this.#broker.publish(topic, bytes),
      groupsOf: gateway => [...(this.#options.registry?.membershipsOf(gateway).keys() ?? [])],
      openFor: gateway => this.#dispatcher.openFor(gateway),
      heldOf: gateway => this.#collector.heldOf(gateway),
      welcomed: gateway => this.#dispatcher.again(gateway),
      trouble: why => this.#trouble(why),
    });
  }

  #newDispatcher(): Dispatcher {
    const { ledger, random } = this.#options;
    return new Dispatcher(this.#options, {
      ledger,
      random,
      numbers: this.#numbers,
      publish: (topic, bytes) => this.#broker.publish(topic, bytes),
      answered: (gateway, tookMs) => this.#events.onAnswered?.(gateway, tookMs),
      expired: gateway => this.#events.onExpired?.(gateway),
      delivered: cti => this.#enrolment?.delivered(cti),
      trouble: why => this.#trouble(why),
    });
  }

  #newLatecomers(): Latecomers {
    const { ledger, clock, registry } = this.#options;
    return new Latecomers({
      ledger,
      clock,
      isMember: (group, gateway) => registry?.member(group, gateway)?.member === true,
      find: cti => this.#dispatcher.find(cti),
      send: (to, body, how) => this.send(to, body, how),
      answered: (gateway, receipt) => this.#dispatcher.answered(gateway, receipt),
      trouble: why => this.#trouble(why),
    });
  }

  #newEnrolment(): Enrolment | undefined {
    const { registry, clock } = this.#options;
    if (registry === undefined) return undefined;
    return new Enrolment(registry, clock, {
      sendGrant: (gateway, body) => this.send({ kind: 'device', id: gateway }, body, LEAST),
      isDelivered: cti => this.#dispatcher.isDelivered(cti),
      supersede: cti => void this.#dispatcher.settle(cti, 'superseded'),
      acknowledged: group => this.#prober?.touch(group),
      trouble: why => this.#trouble(why),
    });
  }

  #newProber(): Prober | undefined {
    const { registry, clock, ledger } = this.#options;
    if (registry === undefined) return undefined;
    return new Prober(registry, clock, {
      sendProbe: ({ group, epoch, body, awaits, expires }) => {
        const to: Addressed = { audience: { kind: 'group', id: group }, awaits, groupEpoch: epoch };
        return this.#dispatcher.send(to, body, { ...LEAST, expires });
      },
      supersede: cti => void this.#dispatcher.settle(cti, 'superseded'),
      sentProbe: async cti => {
        const known = (await ledger.command(cti))?.command;
        if (known?.kind !== 'probe') return undefined;
        const [group, epoch] = known.about.split('@') as [GroupId, string];
        return { group, epoch: Number(epoch) };
      },
      trouble: why => this.#trouble(why),
    });
  }
}
