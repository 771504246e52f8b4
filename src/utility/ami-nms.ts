/**
 * AMI Network Management System, the head end: sends signed commands and sees to it that they arrive, takes in
 * what gateways report, and proves to each what it holds.
 *
 * A command is in the ledger before the broker sees it, and the same bytes are repeated until every addressed
 * gateway has answered or its time has run out (GRP-3). A record is in the ledger before it is acknowledged.
 * So a head end that dies at any moment goes on where it was. Presence, which nobody signs, decides nothing.
 */
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import { after, hours, milliseconds, minutes } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import { ackTopic, commandTopic, formatAudience, headEndSubscriptions, parseTopic } from '../model/mod.ts';
import type {
  Audience,
  CommandBody,
  CommandClass,
  Cti,
  GatewayId,
  KeyId,
  ReceiptBody,
  StreamName,
  UplinkRecord,
} from '../model/mod.ts';
import { openRecord, signCommand, vetClaims } from '../wan/envelope/mod.ts';
import type { CommandClaims, EnvelopeRefusal, Signer, TrustedKey } from '../wan/envelope/mod.ts';
import { Acknowledger } from './acknowledger.ts';
import type { Through } from './acknowledger.ts';
import { Enrolment } from './enrolment.ts';
import type { GroupRegistry } from './group-registry.ts';
import { judge, restored, streamIntake, take, takeAgain } from './intake.ts';
import type { Gap, Intake } from './intake.ts';
import { commandStream, Numbers } from './numbers.ts';
import { answered, expired, MAX_OUTSTANDING, nextWake, outstanding, takeDue } from './outstanding.ts';
import type { Outstanding, OutstandingCommands } from './outstanding.ts';
import { FIRST_REPEAT_MS } from './outstanding.ts';
import type {
  BrokerEvents,
  BrokerPort,
  ClockPort,
  LedgerChange,
  LedgerPort,
  LedgerSnapshot,
  SentCommand,
  Settlement,
} from './ports.ts';

export interface AmiNmsOptions {
  readonly utility: string;
  /** Who signs: the issuer of the signer's key. */
  readonly issuer: string;
  readonly keyEpoch: number;
  readonly signer: Signer;
  readonly ledger: LedgerPort;
  readonly clock: ClockPort;
  /** Makes the link; called once. */
  readonly connect: (events: BrokerEvents) => BrokerPort;
  /** The device keys that are trusted now. */
  readonly keyOf: (kid: KeyId) => TrustedKey | undefined;
  /** Unpredictable bytes, for the id of a command. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** Uniform over [0, 1). */
  readonly random: () => number;
  /** Without one, commands go to single gateways only. */
  readonly registry?: GroupRegistry;
  readonly events?: NmsEvents;
}

/** What the head end tells its owner. All of it is durable already. */
export interface NmsEvents {
  onRecord?(gateway: GatewayId, record: UplinkRecord): void;
  onReceipt?(gateway: GatewayId, receipt: ReceiptBody): void;
  /** Records are missing. `lost`: the gateway cannot send them, and the gap is written off. */
  onGap?(gateway: GatewayId, stream: StreamName, gap: Gap & { readonly lost: boolean }): void;
  /** Said by an unsigned message: for people, not for decisions. */
  onPresence?(gateway: GatewayId, online: boolean): void;
  onRefused?(topic: string, refusal: NmsRefusal, detail: string | undefined): void;
  onLink?(state: { up: boolean; why: string }): void;
  /** Something could not be done and will be tried again or was given up; for the log. */
  onTrouble?(why: string): void;
}

/** Why a message from below was not taken. */
export type NmsRefusal = EnvelopeRefusal | 'presence-unreadable' | 'too-scattered' | 'storage';

export interface SendOptions {
  readonly class: CommandClass;
  /** 1 … 255, lower wins. */
  readonly primacy: number;
  /** The first moment a gateway may take it; now unless given. */
  readonly notBefore?: UnixTime;
  /** The last moment a gateway may take it; see {@link defaultExpiry}. */
  readonly expires?: UnixTime;
}

/**
 * `no-such-group`, `no-members`: nobody to send to. `busy`: too many commands wait for answers. `storage`: the
 * ledger could not take it, so it was not sent. Any other: no gateway would understand it.
 */
export type SendRefusal = EnvelopeRefusal | 'no-such-group' | 'no-members' | 'busy' | 'storage';

export interface Sent {
  readonly cti: Cti;
  readonly expires: UnixTime;
  /** Every gateway that was addressed. */
  readonly awaits: readonly GatewayId[];
  /** How it ended; `closed` when this head end stopped first. Never rejects. */
  readonly settled: Promise<Settlement | 'closed'>;
}

/** An acknowledgement is of no use for longer: the gateway asks again after half a minute. */
const ACK_VALID = minutes(5);
/** How long an open-ended command, a cancel or a grant is tried. */
const TRIED_FOR = hours(7 * 24);
/** Payloads of the retained presence topic. */
const PRESENCE: Readonly<Record<string, boolean>> = { online: true, offline: false };
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
  readonly #acknowledger: Acknowledger;
  readonly #enrolment: Enrolment | undefined;
  readonly #commands: OutstandingCommands = new Map();
  readonly #settling = new Map<Cti, (how: Settlement | 'closed') => void>();
  readonly #intake: Intake = new Map();
  /** Records handed to the ledger and not durable yet; as many as the broker lets us hold unacknowledged. */
  readonly #underWay = new Set<string>();
  /** Marks that moved and go to the ledger with the next record; at most one a stream. */
  readonly #marks = new Map<string, LedgerChange>();
  readonly #presence = new Map<GatewayId, boolean>();
  readonly #refusals = new Map<NmsRefusal, number>();
  #cancelWake: (() => void) | undefined;
  #closed = false;

  constructor(options: AmiNmsOptions, ledger: LedgerSnapshot) {
    const { clock, registry } = options;
    this.#options = options;
    this.#events = options.events ?? {};
    this.#numbers = new Numbers(options.ledger, ledger.sequences);
    this.#acknowledger = new Acknowledger(clock, (gateway, through) => void this.#sayHeld(gateway, through));
    for (const { gateway, stream, through, ahead } of ledger.marks)
      Object.assign(streamIntake(this.#intake, gateway, stream), restored(through, ahead));
    const reopened = ledger.open.map(({ command, answers }) => this.#reopen(command, answers));
    this.#broker = options.connect({
      message: message => this.#message(message),
      link: state => this.#link(state),
    });
    this.#broker.subscribe(headEndSubscriptions(options.utility));
    this.#enrolment =
      registry &&
      new Enrolment(registry, {
        sendGrant: (gateway, body) => this.send({ kind: 'device', id: gateway }, body, LEAST),
        supersede: cti => void this.#settle(cti, 'superseded'),
        trouble: why => this.#events.onTrouble?.(why),
      });
    this.#enrolment?.start(reopened.filter(({ command }) => command.kind === 'grant'));
    this.#repeat();
  }

  /** Signs `body` and sends it to `audience` until every addressed gateway answers. Resolves when it is durable. */
  async send(audience: Audience, body: CommandBody, how: SendOptions): Promise<Result<Sent, SendRefusal>> {
    if (this.#commands.size >= MAX_OUTSTANDING)
      return refused('busy', `${MAX_OUTSTANDING} commands`, 'later');
    const addressed = this.#addressed(audience);
    if (!addressed.ok) return addressed;
    const claims = this.#claims(audience, body, { ...how, ...addressed.value.claims });
    const vetted = vetClaims(claims);
    if (!vetted.ok) return vetted;
    const command = this.#command(claims, addressed.value.awaits);
    try {
      await this.#options.ledger.commit([{ op: 'command', command }]);
    } catch (error) {
      return refused('storage', String(error), 'later');
    }
    const settled = this.#repeatFrom(outstanding(command, [], this.#options.clock.now().instant));
    this.#repeat();
    const { cti, expires, awaits } = command;
    return ok({ cti, expires, awaits, settled });
  }

  /** Gateways that have not answered yet, and how often each command went out; oldest first. */
  open(): readonly Readonly<Outstanding>[] {
    return [...this.#commands.values()];
  }

  /** What the gateway's last presence message said; `undefined` before one. */
  isOnline(gateway: GatewayId): boolean | undefined {
    return this.#presence.get(gateway);
  }

  /** How many messages were refused, by reason. */
  refusals(): ReadonlyMap<NmsRefusal, number> {
    return this.#refusals;
  }

  /** Stops; what is open stays in the ledger. The ledger is its owner's to close. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelWake?.();
    this.#acknowledger.close();
    this.#enrolment?.close();
    for (const settle of this.#settling.values()) settle('closed');
    this.#settling.clear();
    await this.#broker.close();
  }

  // Down: commands.

  #addressed(
    audience: Audience,
  ): Result<
    { awaits: readonly GatewayId[]; claims: { groupEpoch?: number } },
    'no-such-group' | 'no-members'
  > {
    if (audience.kind === 'device') return ok({ awaits: [audience.id], claims: {} });
    const group = this.#options.registry?.get(audience.id);
    if (group === undefined) return refused('no-such-group', audience.id);
    const awaits = group.members.filter(({ member }) => member).map(({ gateway }) => gateway);
    return awaits.length === 0
      ? refused('no-members', audience.id)
      : ok({ awaits, claims: { groupEpoch: group.epoch } });
  }

  #claims(
    audience: Audience,
    body: CommandBody,
    how: SendOptions & { groupEpoch?: number; stream?: string; sequence?: number },
  ): CommandClaims {
    const { issuer, keyEpoch, clock, randomBytes } = this.#options;
    const { unix } = clock.now();
    const stream = how.stream ?? commandStream(audience);
    return {
      issuer,
      audience,
      issuedAt: unix,
      notBefore: how.notBefore ?? unix,
      expires: how.expires ?? defaultExpiry(body, unix),
      cti: toHex(randomBytes(16)) as Cti,
      stream,
      keyEpoch,
      sequence: how.sequence ?? this.#numbers.next(audience, stream),
      ...(how.groupEpoch === undefined ? {} : { groupEpoch: how.groupEpoch }),
      class: how.class,
      primacy: how.primacy,
      body,
    };
  }

  #command(claims: CommandClaims, awaits: readonly GatewayId[]): SentCommand {
    const { cti, audience, stream, sequence, issuedAt, expires, body } = claims;
    const topic = commandTopic(this.#options.utility, audience);
    const bytes = signCommand(claims, this.#options.signer);
    const about = aboutOf(body);
    const to = formatAudience(audience);
    return {
      cti,
      audience: to,
      topic,
      bytes,
      stream,
      sequence,
      sentAt: issuedAt,
      expires,
      kind: body.kind,
      about,
      awaits,
    };
  }

  /** A command of an earlier run. Not all at once: a restart must not be a storm. */
  #reopen(
    command: SentCommand,
    answers: readonly { gateway: GatewayId; receipt: ReceiptBody }[],
  ): { command: SentCommand; settled: Promise<Settlement | 'closed'> } {
    const { clock, random } = this.#options;
    const at = after(clock.now().instant, milliseconds(random() * FIRST_REPEAT_MS));
    const entry = outstanding(command, [], at);
    const settled = this.#repeatFrom(entry);
    const last = answers.map(({ gateway, receipt }) => answered(this.#commands, gateway, receipt)).at(-1);
    if (last === true || entry.missing.size === 0) void this.#settle(command.cti, 'answered');
    return { command, settled };
  }

  #repeatFrom(entry: Outstanding): Promise<Settlement | 'closed'> {
    this.#commands.set(entry.command.cti, entry);
    return new Promise(resolve => this.#settling.set(entry.command.cti, resolve));
  }

  /** Hands to the broker what is due, gives up what has expired, and sleeps until the next of either. */
  #repeat(): void {
    if (this.#closed) return;
    const { clock, random } = this.#options;
    const now = clock.now();
    for (const { command } of expired(this.#commands, now)) void this.#settle(command.cti, 'expired');
    for (const entry of takeDue(this.#commands, now, random)) void this.#hand(entry);
    this.#cancelWake?.();
    const wake = nextWake(this.#commands, now);
    this.#cancelWake = wake === undefined ? undefined : clock.at(wake, () => this.#repeat());
  }

  async #hand(entry: Outstanding): Promise<void> {
    const { cti, topic, bytes } = entry.command;
    try {
      await this.#broker.publish(topic, bytes);
    } catch {
      return; // the link says why itself, and the command is repeated
    }
    if (entry.delivered) return;
    entry.delivered = true;
    this.#enrolment?.delivered(cti);
  }

  async #settle(cti: Cti, how: Settlement): Promise<void> {
    if (!this.#commands.delete(cti)) return;
    try {
      await this.#options.ledger.commit([{ op: 'settle', cti, how, at: this.#options.clock.now().unix }]);
    } catch (error) {
      // It stays open in the ledger, and after a restart it is settled by what stands there.
      this.#events.onTrouble?.(`${cti} is ${how}, and the ledger could not note it: ${String(error)}`);
    }
    this.#settling.get(cti)?.(how);
    this.#settling.delete(cti);
  }

  #link(state: { up: boolean; why: string }): void {
    this.#events.onLink?.(state);
    if (!state.up) return;
    const { instant } = this.#options.clock.now();
    for (const entry of this.#commands.values()) if (!entry.delivered) entry.repeatAt = instant;
    this.#repeat();
  }

  // Up: records.

  #message({ topic, payload, acknowledge }: Parameters<BrokerEvents['message']>[0]): void {
    const parsed = parseTopic(topic);
    if (parsed?.kind === 'state') {
      this.#noteState(topic, parsed.gateway, payload);
      return acknowledge();
    }
    const opened = openRecord(payload, { topic, keyOf: this.#options.keyOf });
    if (!opened.ok) {
      this.#refuse(topic, opened.refusal, opened.detail);
      return acknowledge();
    }
    // The broker's copy is not needed even if the ledger fails: without our own signed word the gateway sends again.
    void this.#takeIn(topic, opened.value.gateway, opened.value.record).finally(acknowledge);
  }

  async #takeIn(topic: string, gateway: GatewayId, record: UplinkRecord): Promise<void> {
    const { stream: name, sequence } = record;
    const stream = streamIntake(this.#intake, gateway, name);
    const verdict = judge(stream, sequence);
    const key = `${gateway} ${name} ${sequence}`;
    if (verdict === 'too-scattered') return this.#refuse(topic, verdict, `${name} ${sequence}`);
    if (verdict === 'duplicate') return this.#takenAgain(gateway, name, sequence);
    if (this.#underWay.has(key)) return;
    this.#underWay.add(key);
    const stored = await this.#store(gateway, record);
    this.#underWay.delete(key);
    if (stored !== undefined) return this.#refuse(topic, 'storage', stored);
    const before = stream.through;
    const gap = take(stream, sequence);
    if (stream.through !== before) this.#noteMark(gateway, name, stream.through);
    this.#acknowledger.owe(gateway, name, stream.through);
    if (gap !== undefined) this.#events.onGap?.(gateway, name, { ...gap, lost: false });
    this.#tell(gateway, record);
  }

  /** The record with what follows from it and the marks that moved. Why it could not be stored, or `undefined`. */
  async #store(gateway: GatewayId, record: UplinkRecord): Promise<string | undefined> {
    const { body, at } = record;
    const marks = [...this.#marks.values()];
    this.#marks.clear();
    const answers: readonly LedgerChange[] =
      body.kind === 'receipt'
        ? [{ op: 'answer', answer: { cti: body.cti, gateway, at, receipt: body } }]
        : [];
    try {
      await this.#options.ledger.commit([{ op: 'record', gateway, record }, ...answers, ...marks]);
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  /** Its acknowledgement was lost, or it passes over a gap it cannot fill. */
  async #takenAgain(gateway: GatewayId, name: StreamName, sequence: number): Promise<void> {
    const stream = streamIntake(this.#intake, gateway, name);
    const gap = takeAgain(stream, sequence);
    if (gap !== undefined) {
      this.#events.onGap?.(gateway, name, { ...gap, lost: true });
      this.#noteMark(gateway, name, stream.through);
      const marks = [...this.#marks.values()];
      this.#marks.clear();
      await this.#options.ledger
        .commit(marks)
        .catch((error: unknown) => this.#events.onTrouble?.(String(error)));
    }
    this.#acknowledger.owe(gateway, name, stream.through);
  }

  #noteMark(gateway: GatewayId, stream: StreamName, through: number): void {
    this.#marks.set(`${gateway} ${stream}`, { op: 'mark', gateway, stream, through });
  }

  #tell(gateway: GatewayId, record: UplinkRecord): void {
    const { body } = record;
    this.#events.onRecord?.(gateway, record);
    if (body.kind === 'status') this.#enrolment?.status(gateway, body.membershipDigest);
    if (body.kind !== 'receipt') return;
    this.#enrolment?.receipt(gateway, body);
    if (answered(this.#commands, gateway, body)) void this.#settle(body.cti, 'answered');
    this.#events.onReceipt?.(gateway, body);
  }

  /** Signed, not kept, not repeated: the gateway sends again what is not acknowledged, and that is answered. */
  async #sayHeld(gateway: GatewayId, through: Through): Promise<void> {
    const { clock, signer, utility } = this.#options;
    const audience: Audience = { kind: 'device', id: gateway };
    try {
      const sequence = await this.#numbers.nextReserved(audience, 'ack');
      const expires = after(clock.now().unix, ACK_VALID);
      const body: CommandBody = { kind: 'ack', through };
      const claims = this.#claims(audience, body, { ...LEAST, stream: 'ack', sequence, expires });
      await this.#broker.publish(ackTopic(utility, gateway), signCommand(claims, signer));
    } catch (error) {
      this.#events.onTrouble?.(`no acknowledgement to ${gateway}: ${String(error)}`);
    }
  }

  #noteState(topic: string, gateway: GatewayId, payload: Uint8Array): void {
    const online = payload.length > 16 ? undefined : PRESENCE[Buffer.from(payload).toString('latin1')];
    if (online === undefined) return this.#refuse(topic, 'presence-unreadable', undefined);
    if (this.#presence.get(gateway) === online) return;
    this.#presence.set(gateway, online);
    this.#events.onPresence?.(gateway, online);
  }

  #refuse(topic: string, refusal: NmsRefusal, detail: string | undefined): void {
    this.#refusals.set(refusal, (this.#refusals.get(refusal) ?? 0) + 1);
    this.#events.onRefused?.(topic, refusal, detail);
  }
}

/** An event is worth taking until its end; what is open-ended, a cancel or a grant is tried for a week. */
export function defaultExpiry(body: CommandBody, now: UnixTime): UnixTime {
  if (body.kind === 'event' && body.duration !== undefined) return after(body.start, body.duration);
  return after(now, TRIED_FOR);
}

function aboutOf(body: CommandBody): string {
  switch (body.kind) {
    case 'event':
    case 'cancel':
      return body.mRID;
    case 'grant':
      return `${body.group}@${body.epoch}`;
    case 'ack':
      return '';
  }
}
