/**
 * Commands on their way down: each is signed once, written to the ledger, and only then given to the broker,
 * again and again as the same bytes, until every addressed gateway has answered or its time has run out. It
 * hears of answers; it does not judge them.
 */
import { ok, refused, troubleOf } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import { after, between, hours, milliseconds } from '../base/time.ts';
import type { Instant, UnixTime } from '../base/time.ts';
import { commandTopic, formatAudience } from '../model/mod.ts';
import type { Audience, CommandBody, CommandClass, Cti, GatewayId, ReceiptBody } from '../model/mod.ts';
import { signCommand, vetClaims } from '../wan/envelope/mod.ts';
import type { CommandClaims, EnvelopeRefusal, Signer } from '../wan/envelope/mod.ts';
import { againTo } from './deliveries.ts';
import { Lanes } from './lanes.ts';
import { commandStream } from './numbers.ts';
import type { Numbers } from './numbers.ts';
import {
  answered,
  dueAt,
  FIRST_REPEAT_MS,
  handed,
  isAnswer,
  isExpired,
  isUrgent,
  LAST_REPEAT_MS,
  MAX_OUTSTANDING,
  outstanding,
} from './outstanding.ts';
import type { Outstanding, OutstandingCommands } from './outstanding.ts';
import type { ClockPort, LedgerPort, LedgerSnapshot, SentCommand, Settlement } from './ports.ts';
import { Wakes } from './wakes.ts';

/** What signs, and under which name. */
export interface Issuer {
  readonly utility: string;
  readonly issuer: string;
  readonly keyEpoch: number;
  readonly signer: Signer;
  readonly clock: ClockPort;
  /** Unpredictable bytes, for the id of a command. */
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface SendOptions {
  readonly class: CommandClass;
  /** 1 … 255, lower wins. */
  readonly primacy: number;
  /** The first moment a gateway may take it; now unless given. */
  readonly notBefore?: UnixTime;
  /** The last moment a gateway may take it; see {@link defaultExpiry}. */
  readonly expires?: UnixTime;
  /** Its id, where whoever sends it has to find it again; drawn unless given. Never one that was sent before. */
  readonly cti?: Cti;
}

/** Whom it is for, and whose receipts are waited for. */
export interface Addressed {
  readonly audience: Audience;
  readonly awaits: readonly GatewayId[];
  /** With a group. */
  readonly groupEpoch?: number;
}

/**
 * `busy`: too many commands wait for answers. `storage`: the ledger could not take it, so it was not sent. Any
 * other: no gateway would understand it.
 */
export type DispatchRefusal = EnvelopeRefusal | 'busy' | 'storage';

export interface Sent {
  readonly cti: Cti;
  readonly expires: UnixTime;
  /** Every gateway that was addressed. */
  readonly awaits: readonly GatewayId[];
  /** How it ended; `closed` when this head end stopped first. Never rejects. */
  readonly settled: Promise<Settlement | 'closed'>;
}

export interface DispatcherDoors {
  readonly ledger: LedgerPort;
  readonly numbers: Numbers;
  /** Uniform over [0, 1). */
  readonly random: () => number;
  readonly publish: (topic: string, bytes: Uint8Array) => Promise<void>;
  /** A gateway answered for the first time; how long it took, where that is known. */
  readonly answered: (gateway: GatewayId, tookMs: number | undefined) => void;
  /** A gateway did not answer before the expiry. */
  readonly expired: (gateway: GatewayId) => void;
  /** The broker took a command for the first time. */
  readonly delivered: (cti: Cti) => void;
  readonly trouble: (why: string) => void;
}

/** How long an open-ended command, a cancel or a grant is tried. */
const TRIED_FOR = hours(7 * 24);

export class Dispatcher {
  readonly #issuer: Issuer;
  readonly #doors: DispatcherDoors;
  readonly #commands: OutstandingCommands = new Map();
  /** Numbered, and not durable yet. */
  readonly #committing = new Set<SentCommand>();
  readonly #settling = new Map<Cti, (how: Settlement | 'closed') => void>();
  /** When each command is to be handed over or given up. */
  readonly #wakes = new Wakes<Cti>();
  readonly #lanes = new Lanes();
  #wake: { readonly at: Instant; readonly cancel: () => void } | undefined;
  #closed = false;

  constructor(issuer: Issuer, doors: DispatcherDoors) {
    this.#issuer = issuer;
    this.#doors = doors;
  }

  /** Resolves when the command is durable; it is on its way then. */
  async send(to: Addressed, body: CommandBody, how: SendOptions): Promise<Result<Sent, DispatchRefusal>> {
    if (this.#commands.size >= MAX_OUTSTANDING)
      return refused('busy', `${MAX_OUTSTANDING} commands wait for answers`, 'later');
    const stream = commandStream(to.audience);
    const sequence = this.#doors.numbers.next(to.audience, stream);
    const claims = makeClaims(this.#issuer, { ...to, ...how, stream, sequence, body });
    const vetted = vetClaims(claims);
    if (!vetted.ok) return vetted;
    const command = this.#sign(claims, to.awaits);
    this.#committing.add(command);
    try {
      await this.#doors.ledger.commit([{ op: 'command', command }]);
    } catch (error) {
      return refused('storage', troubleOf(error), 'later');
    } finally {
      this.#committing.delete(command);
    }
    const settled = this.#track(outstanding(command, [], this.#issuer.clock.now().instant));
    this.repeat();
    const { cti, expires, awaits } = command;
    return ok({ cti, expires, awaits, settled });
  }

  /**
   * Takes up the commands of an earlier run. Not all at once: a restart must not be a storm. What a member could not
   * take because its group had moved on is not settled by that: whether it was sent it alone is not known here.
   */
  reopen(
    open: LedgerSnapshot['open'],
  ): readonly { command: SentCommand; settled: Promise<Settlement | 'closed'> }[] {
    const { instant } = this.#issuer.clock.now();
    return open.map(({ command, answers }) => {
      const at = after(instant, milliseconds(Math.ceil(this.#doors.random() * FIRST_REPEAT_MS)));
      const entry = outstanding(command, [], at);
      const settled = this.#track(entry);
      for (const { gateway, receipt } of answers)
        if (!againTo(gateway, receipt, entry).ok) answered(this.#commands, gateway, receipt);
      if (entry.missing.size === 0) void this.settle(command.cti, 'answered');
      return { command, settled };
    });
  }

  /** Hands to the broker what is due, gives up what has expired, and sleeps until the next of either. */
  repeat(): void {
    if (this.#closed) return;
    const now = this.#issuer.clock.now();
    for (const cti of this.#wakes.due(now.instant)) {
      const entry = this.#commands.get(cti);
      if (entry === undefined) continue;
      if (isExpired(entry, now)) {
        for (const gateway of entry.missing) this.#doors.expired(gateway);
        void this.settle(cti, 'expired');
        continue;
      }
      if (entry.repeatAt <= now.instant) {
        if (this.#lanes.mayGo(entry.command) || isUrgent(entry)) {
          handed(entry, now, this.#doors.random);
          void this.#hand(entry);
        } else entry.repeatAt = after(now.instant, milliseconds(LAST_REPEAT_MS)); // or when the oldest is through
      }
      this.#wakes.set(cti, dueAt(entry, now));
    }
    this.#sleep();
  }

  /** Sends at once what the broker never had. */
  linkUp(): void {
    const { instant } = this.#issuer.clock.now();
    for (const entry of this.#commands.values()) if (!entry.delivered) this.#hurry(entry, instant);
    this.repeat();
  }

  answered(gateway: GatewayId, receipt: ReceiptBody): void {
    const entry = this.#commands.get(receipt.cti);
    if (entry?.missing.has(gateway) === true && isAnswer(receipt)) {
      const took = between(entry.handedAt, this.#issuer.clock.now().instant);
      this.#doors.answered(gateway, entry.attempts === 1 ? took : undefined);
    }
    if (answered(this.#commands, gateway, receipt)) void this.settle(receipt.cti, 'answered');
  }

  /** Stops repeating. A command that is settled already is left as it is. */
  async settle(cti: Cti, how: Settlement): Promise<void> {
    const entry = this.#commands.get(cti);
    if (entry === undefined) return;
    this.#commands.delete(cti);
    this.#wakes.delete(cti);
    this.#through(entry);
    try {
      await this.#doors.ledger.commit([{ op: 'settle', cti, how, at: this.#issuer.clock.now().unix }]);
    } catch (error) {
      // It stays open in the ledger, and after a restart it is settled by what stands there.
      this.#doors.trouble(`${cti} is ${how}, and the ledger could not note it: ${troubleOf(error)}`);
    }
    this.#settling.get(cti)?.(how);
    this.#settling.delete(cti);
  }

  /** Commands that `gateway` has not answered, by ascending sequence, by audience (`g/<id>`, `d/<id>`). */
  openFor(gateway: GatewayId): ReadonlyMap<string, readonly SentCommand[]> {
    const waiting = [...this.#commands.values()].flatMap(({ command, missing }) =>
      missing.has(gateway) ? [command] : [],
    );
    const coming = [...this.#committing].filter(({ awaits }) => awaits.includes(gateway));
    const all = [...waiting, ...coming].sort((a, b) => a.sequence - b.sequence);
    return Map.groupBy(all, ({ audience }) => audience);
  }

  /** Sends at once what this gateway alone is to answer; what a group is to answer comes in its own time. */
  again(gateway: GatewayId): void {
    const to = formatAudience({ kind: 'device', id: gateway });
    const { instant } = this.#issuer.clock.now();
    for (const entry of this.#commands.values())
      if (entry.command.audience === to) this.#hurry(entry, instant);
    this.repeat();
  }

  isDelivered(cti: Cti): boolean {
    return this.#commands.get(cti)?.delivered === true;
  }

  /** One command that waits for answers. */
  find(cti: Cti): Readonly<Outstanding> | undefined {
    return this.#commands.get(cti);
  }

  open(): readonly Readonly<Outstanding>[] {
    return [...this.#commands.values()];
  }

  close(): void {
    this.#closed = true;
    this.#wake?.cancel();
    for (const settle of this.#settling.values()) settle('closed');
    this.#settling.clear();
  }

  #track(entry: Outstanding): Promise<Settlement | 'closed'> {
    this.#commands.set(entry.command.cti, entry);
    this.#lanes.enter(entry.command);
    this.#wakes.set(entry.command.cti, dueAt(entry, this.#issuer.clock.now()));
    return new Promise(resolve => {
      if (this.#closed) resolve('closed');
      else this.#settling.set(entry.command.cti, resolve);
    });
  }

  #hurry(entry: Outstanding, now: Instant): void {
    entry.repeatAt = now;
    this.#wakes.set(entry.command.cti, now);
  }

  /** Lets those go that waited behind it. */
  #through({ command }: Outstanding): void {
    const { instant } = this.#issuer.clock.now();
    for (const cti of this.#lanes.leave(command)) {
      const next = this.#commands.get(cti);
      if (next?.attempts === 0) this.#hurry(next, instant);
    }
    this.#sleep();
  }

  /** One timer for all, moved only when another command is due first. */
  #sleep(): void {
    const at = this.#wakes.next();
    if (at === this.#wake?.at) return;
    this.#wake?.cancel();
    const cancel = at === undefined ? undefined : this.#issuer.clock.at(at, () => this.#woken());
    this.#wake = at === undefined || cancel === undefined ? undefined : { at, cancel };
  }

  #woken(): void {
    this.#wake = undefined;
    this.repeat();
  }

  async #hand(entry: Outstanding): Promise<void> {
    const { cti, topic, bytes } = entry.command;
    try {
      await this.#doors.publish(topic, bytes);
    } catch (error) {
      troubleOf(error); // the link says why itself, and the command is repeated
      return;
    }
    if (entry.delivered) return;
    entry.delivered = true;
    if (entry.command.audience.startsWith('g/')) this.#through(entry);
    this.#doors.delivered(cti);
  }

  #sign(claims: CommandClaims, awaits: readonly GatewayId[]): SentCommand {
    const { cti, stream, sequence, expires, body } = claims;
    return {
      cti,
      audience: formatAudience(claims.audience),
      topic: commandTopic(this.#issuer.utility, claims.audience),
      bytes: signCommand(claims, this.#issuer.signer),
      stream,
      sequence,
      sentAt: claims.issuedAt,
      expires,
      kind: body.kind,
      about: aboutOf(claims),
      awaits,
    };
  }
}

/** The claims of a command made now. */
export function makeClaims(
  { issuer, keyEpoch, clock, randomBytes }: Issuer,
  what: SendOptions & Pick<CommandClaims, 'audience' | 'stream' | 'sequence' | 'groupEpoch' | 'body'>,
): CommandClaims {
  const { unix } = clock.now();
  const { audience, stream, sequence, groupEpoch, body } = what;
  return {
    issuer,
    audience,
    issuedAt: unix,
    notBefore: what.notBefore ?? unix,
    expires: what.expires ?? defaultExpiry(body, unix),
    cti: what.cti ?? (toHex(randomBytes(16)) as Cti),
    stream,
    keyEpoch,
    sequence,
    ...(groupEpoch === undefined ? {} : { groupEpoch }),
    class: what.class,
    primacy: what.primacy,
    body,
  };
}

/** An event is worth taking until its end; what is open-ended, a cancel or a grant is tried for a week. */
export function defaultExpiry(body: CommandBody, now: UnixTime): UnixTime {
  if (body.kind === 'event' && body.duration !== undefined) return after(body.start, body.duration);
  return after(now, TRIED_FOR);
}

function aboutOf({ body, audience, groupEpoch }: CommandClaims): string {
  switch (body.kind) {
    case 'event':
    case 'cancel':
      return body.mRID;
    case 'grant':
      return `${body.group}@${body.epoch}`;
    case 'sealed':
      return body.mRID ?? '';
    case 'manifest':
      return body.file;
    case 'probe':
      return `${audience.id}@${groupEpoch}`;
    default:
      return '';
  }
}
