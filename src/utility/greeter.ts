/**
 * Answers gateways that have started: with the date, how far this head end has used its streams of commands, which of
 * those commands the gateway still owes an answer to, and which of its records are held (the nonce exchange). And
 * tells the time to a gateway that asks for it.
 *
 * Answers are signed for the nonce of the question, not kept, and not repeated: who hears none asks again. A head end
 * that was itself restored from a backup learns from the birth record which numbers of the gateway's own streams it
 * has used already, and goes on above them; on a stream of a group no single member is believed, and people are told.
 */
import { troubleOf } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import { after, minutes, seconds } from '../base/time.ts';
import type { Instant } from '../base/time.ts';
import { commandTopic, formatAudience, parseAudience } from '../model/mod.ts';
import type {
  Audience,
  BirthBody,
  CommandBody,
  Cti,
  GatewayId,
  GroupId,
  Nonce,
  ReceiptBody,
  StreamTold,
  WelcomeBody,
} from '../model/mod.ts';
import { MAX_SEQUENCE_JUMP, readCommand, signCommand } from '../wan/envelope/mod.ts';
import { makeClaims } from './dispatcher.ts';
import type { Issuer } from './dispatcher.ts';
import { noteEpoch } from './key-epochs.ts';
import { commandStream } from './numbers.ts';
import type { Numbers } from './numbers.ts';
import type { LedgerPort, SentCommand } from './ports.ts';

/**
 * Anybody can bring an old birth record again, and each answer costs a signature and repeats what is open. But a
 * gateway without its store numbers from 1 again, so that its new record looks like an old one: some are answered.
 */
const AGAIN_WITHIN = seconds(10);
export const MOST_AGAIN = 5;
/** A start that does not take our answer is left alone for so long: its trust may change, and then it waits for one. */
export const REFUSED_FOR = minutes(1);
/** An answer is of no use for longer: the gateway asks again after a minute. */
const VALID = minutes(5);
/** Streams and open commands in one welcome: what fits into the 512 items of a command with room to spare. */
export const MAX_STREAMS = 64;
export const MAX_OPEN = 128;
/** Commands of one stream between two copies of a ledger at most: half of what a gateway lets a number leap. */
export const MAX_NUMBERS_LIFT = MAX_SEQUENCE_JUMP / 2;
/** The class of what asks nothing of a device: any key may use it. */
const LEAST = { class: 'market', primacy: 255 } as const;

export interface GreeterDoors {
  readonly ledger: LedgerPort;
  readonly numbers: Numbers;
  readonly publish: (topic: string, bytes: Uint8Array) => Promise<void>;
  /** The groups a gateway is in. */
  readonly groupsOf: (gateway: GatewayId) => readonly GroupId[];
  /** Commands that wait for an answer of this gateway, by ascending sequence, by audience (`g/<id>`, `d/<id>`). */
  readonly openFor: (gateway: GatewayId) => ReadonlyMap<string, readonly SentCommand[]>;
  /** The highest sequence held of each stream of its records. */
  readonly heldOf: (gateway: GatewayId) => WelcomeBody['held'];
  /** It takes commands from now on. */
  readonly welcomed: (gateway: GatewayId) => void;
  readonly trouble: (why: string) => void;
}

/** A publish settles in milliseconds, or never where the link is gone. */
const FINISH_WITHIN = seconds(1);

export class Greeter {
  readonly #issuer: Issuer;
  readonly #doors: GreeterDoors;
  /** One a birth that is being answered: as many as come in while a ledger writes. */
  readonly #underWay = new Set<Promise<void>>();
  /** Answers to records that came again: as many entries as gateways were heard of. */
  readonly #again = new Map<GatewayId, { readonly since: Instant; count: number }>();
  /** The last answer to each gateway, and since when it is refused: as many entries as gateways were heard of. */
  readonly #answers = new Map<
    GatewayId,
    { readonly cti: Cti; readonly start: number; refusedAt?: Instant }
  >();
  /** Former key epochs of ours, newest first; read once. */
  readonly #earlier: Promise<readonly number[]>;

  constructor(issuer: Issuer, doors: GreeterDoors) {
    this.#issuer = issuer;
    this.#doors = doors;
    this.#earlier = this.#readEpochs();
  }

  /** Begins to answer a birth record, as {@link birth} does; one that came before not too often. */
  greet(gateway: GatewayId, body: BirthBody, came: 'new' | 'again' = 'new'): void {
    if (this.#isRefusing(gateway, body.start) || (came === 'again' && this.#isTooOften(gateway))) return;
    const greeting = this.birth(gateway, body);
    this.#underWay.add(greeting);
    void greeting.finally(() => this.#underWay.delete(greeting));
  }

  /** What a gateway made of our answer: a key that may not welcome is not waited for, so it need not say it again. */
  receipt(gateway: GatewayId, { cti, response, refusal }: ReceiptBody): void {
    const answer = this.#answers.get(gateway);
    if (answer?.cti !== cti || response !== 'invalid' || answer.refusedAt !== undefined) return;
    answer.refusedAt = this.#issuer.clock.now().instant;
    this.#doors.trouble(
      `${gateway} does not take our answer to its start (${refusal ?? response}): let our key welcome in what it trusts, else a store it lost is not noticed`,
    );
  }

  #isRefusing(gateway: GatewayId, start: number): boolean {
    const answer = this.#answers.get(gateway);
    const refusedAt = answer?.start === start ? answer.refusedAt : undefined;
    return refusedAt !== undefined && this.#issuer.clock.now().instant < after(refusedAt, REFUSED_FOR);
  }

  #isTooOften(gateway: GatewayId): boolean {
    const { instant } = this.#issuer.clock.now();
    const known = this.#again.get(gateway);
    if (known === undefined || instant >= after(known.since, AGAIN_WITHIN)) {
      this.#again.set(gateway, { since: instant, count: 1 });
      return false;
    }
    return ++known.count > MOST_AGAIN;
  }

  /**
   * Resolves when what was begun is done, or after {@link FINISH_WITHIN}. The births are in the ledger: a gateway that
   * is not answered now asks again after a minute, and waits that long.
   */
  async finish(): Promise<void> {
    await this.#earlier;
    if (this.#underWay.size === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const { clock } = this.#issuer;
    const forget = clock.at(after(clock.now().instant, FINISH_WITHIN), resolve);
    await Promise.race([Promise.all(this.#underWay), late]);
    forget();
  }

  /** Answers a birth record, also one that came before: its answer may have been lost. Never rejects. */
  async birth(gateway: GatewayId, { nonce, start, marks = [] }: BirthBody): Promise<void> {
    if (nonce === undefined) return;
    const { unix } = this.#issuer.clock.now();
    for (const mark of marks)
      if (mark.issuer === this.#issuer.issuer && mark.keyEpoch === this.#issuer.keyEpoch)
        this.#compare(gateway, mark);
    const body: CommandBody = {
      kind: 'welcome',
      nonce,
      time: unix,
      marks: this.#marksFor(gateway, await this.#earlier),
      held: this.#doors.heldOf(gateway),
    };
    const cti = toHex(this.#issuer.randomBytes(16)) as Cti;
    this.#answers.set(gateway, { cti, start });
    await this.#say(gateway, body, cti);
    this.#doors.welcomed(gateway);
  }

  /** Never rejects. */
  async time(gateway: GatewayId, nonce: Nonce): Promise<void> {
    await this.#say(gateway, { kind: 'time', time: this.#issuer.clock.now().unix, nonce });
  }

  /**
   * A gateway refused a command for its number, and says how far it has taken that stream: an earlier life of this head
   * end used those numbers. Of a group's stream too much is not believed of one member: the others would leap.
   */
  tookBefore(gateway: GatewayId, { audience: to, stream }: SentCommand, high: number): void {
    const audience = parseAudience(to);
    const last = audience === undefined ? high : this.#doors.numbers.last(audience, stream);
    if (audience === undefined || high <= last) return;
    const said = `${gateway} has taken command ${high} to ${to}; this ledger knew of ${last}`;
    if (high - last > MAX_NUMBERS_LIFT) return this.#doors.trouble(`${said}, which is not believed`);
    this.#doors.numbers
      .atLeast(audience, stream, high)
      .catch((error: unknown) => this.#doors.trouble(`numbers of ${to}: ${troubleOf(error)}`));
    this.#doors.trouble(`${said}: it is restored`);
  }

  /** Where this head end stands lower than the gateway: its own memory was lost. */
  #compare(gateway: GatewayId, { stream, high }: { stream: string; high: number }): void {
    const own: Audience = { kind: 'device', id: gateway };
    if (stream === commandStream(own)) {
      const last = this.#doors.numbers.last(own, stream);
      if (high <= last) return;
      if (high - last > MAX_NUMBERS_LIFT)
        return this.#doors.trouble(
          `${gateway} says it has taken command ${high}; this ledger knew of ${last}, and does not believe it`,
        );
      this.#doors.numbers
        .atLeast(own, stream, high)
        .catch((error: unknown) => this.#doors.trouble(`numbers of ${gateway}: ${troubleOf(error)}`));
      this.#doors.trouble(
        `${gateway} has taken command ${high}; this ledger knew of ${last}: it is restored`,
      );
      return;
    }
    const group = this.#doors.groupsOf(gateway).find(id => commandStream({ kind: 'group', id }) === stream);
    if (group === undefined) return;
    const last = this.#doors.numbers.last({ kind: 'group', id: group }, stream);
    if (high > last)
      this.#doors.trouble(
        `${gateway} has taken command ${high} of group ${group}; this ledger knows ${last}`,
      );
  }

  /** Never rejects: a ledger that cannot be read leaves the former keys out, and says so. */
  async #readEpochs(): Promise<readonly number[]> {
    const { clock, keyEpoch } = this.#issuer;
    try {
      return await noteEpoch(this.#doors.ledger, keyEpoch, clock.now().unix);
    } catch (error) {
      this.#doors.trouble(`no gateway is told of former keys: ${troubleOf(error)}`);
      return [];
    }
  }

  #marksFor(gateway: GatewayId, earlier: readonly number[]): readonly StreamTold[] {
    const groups = this.#doors.groupsOf(gateway).map((id): Audience => ({ kind: 'group', id }));
    const audiences: readonly Audience[] = [{ kind: 'device', id: gateway }, ...groups];
    const wanted = [undefined, ...earlier].flatMap(keyEpoch =>
      audiences.map(audience => ({ audience, keyEpoch })),
    );
    if (wanted.length > MAX_STREAMS)
      this.#doors.trouble(`${gateway}: marks of ${wanted.length - MAX_STREAMS} streams do not fit a welcome`);
    let room = MAX_OPEN;
    const owed = this.#doors.openFor(gateway);
    return wanted.slice(0, MAX_STREAMS).map(({ audience, keyEpoch }) => {
      const stream = commandStream(audience);
      const all = sequencesOf(owed.get(formatAudience(audience)) ?? [], keyEpoch ?? this.#issuer.keyEpoch);
      const open = all.slice(0, room);
      room -= open.length;
      // What does not fit stays above the mark, where the gateway judges by what it remembers itself.
      const next = all[open.length];
      const through = next === undefined ? this.#doors.numbers.last(audience, stream) : next - 1;
      return { stream, through, open, ...(keyEpoch === undefined ? {} : { keyEpoch }) };
    });
  }

  async #say(gateway: GatewayId, body: CommandBody, cti?: Cti): Promise<void> {
    const audience: Audience = { kind: 'device', id: gateway };
    try {
      const sequence = await this.#doors.numbers.nextReserved(audience, 'welcome');
      const expires = after(this.#issuer.clock.now().unix, VALID);
      const claims = makeClaims(this.#issuer, {
        ...LEAST,
        audience,
        stream: 'welcome',
        sequence,
        expires,
        body,
        ...(cti === undefined ? {} : { cti }),
      });
      const bytes = signCommand(claims, this.#issuer.signer);
      await this.#doors.publish(commandTopic(this.#issuer.utility, audience), bytes);
    } catch (error) {
      this.#doors.trouble(`no ${body.kind} to ${formatAudience(audience)}: ${troubleOf(error)}`);
    }
  }
}

/** Of the commands that a key of this epoch signed. */
function sequencesOf(commands: readonly SentCommand[], keyEpoch: number): readonly number[] {
  return commands.flatMap(({ bytes, sequence }) => {
    const said = readCommand(bytes);
    return said.ok && said.value.keyEpoch === keyEpoch ? [sequence] : [];
  });
}
