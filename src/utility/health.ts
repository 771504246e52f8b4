/**
 * The health of the network (NMS-1): of each gateway when it was last heard, for how much of the time it was there,
 * how many of our commands it answered and how fast, what of its records is missing, and what was refused. Of a group
 * the same over its members. Figures are of the last {@link DAYS} days (SIWG-6).
 *
 * Only signed records count as a sign of life; presence, which nobody signs, does not. A gateway reports at least
 * every five minutes: it counts as away from {@link HEARD_WITHIN} after its last record until the next. Time in which
 * this head end was not running, or had no link itself, says nothing about a gateway and is not counted.
 */
import { troubleOf } from '../base/assert.ts';
import { after, between, hours, minutes, seconds, unixTime } from '../base/time.ts';
import type { Instant, Now, UnixTime } from '../base/time.ts';
import type { GatewayId, ReceiptBody } from '../model/mod.ts';
import { parseTopic } from '../model/mod.ts';
import type { NmsEvents } from './nms-options.ts';
import type { ClockPort, Json, LedgerPort } from './ports.ts';

/** Days that figures are of. */
export const DAYS = 30;
/** A whole report comes every five minutes; half a minute more for the way. */
export const HEARD_WITHIN = seconds(330);
/** Figures go to the ledger this often; a head end that is killed forgets no more than this of them. */
const WRITE_EVERY = minutes(1);
/** Rows of one commit: some 100 kB. */
const ROWS_A_COMMIT = 200;
/** Names of refusals kept a gateway; further ones are counted together as `other`. */
const MAX_REFUSALS = 32;
/** The newest round trip counts this much. */
const NEWEST_SHARE = 0.2;
const ACTOR = 'health';
const DAY = hours(24);

/** One day of one gateway, by the date of UTC. */
interface Day {
  watchedMs: number;
  awayMs: number;
  answered: number;
  expired: number;
}

interface Row {
  heardAt: UnixTime | undefined;
  roundTripMs: number | undefined;
  lost: number;
  /** By the day's number since 1970; at most {@link DAYS} and the one that runs. */
  days: Record<string, Day>;
  refusals: Record<string, number>;
}

/** Shares are 0 … 1; absent where nothing is known yet. */
export interface GatewayHealth {
  readonly gateway: GatewayId;
  readonly heardAt?: UnixTime;
  /** Heard within {@link HEARD_WITHIN}; absent while this head end has not listened for so long itself. */
  readonly isThere?: boolean;
  /** How long of the last {@link DAYS} days it was watched. */
  readonly watchedMs: number;
  readonly linkAvailability?: number;
  /** Answered of those that were answered or ran out of time. */
  readonly commandAvailability?: number;
  readonly answered: number;
  readonly expired: number;
  /** From the broker's door to the receipt, a moving mean of commands that went out once. */
  readonly roundTripMs?: number;
  /** Records that were lost for good, ever. */
  readonly lost: number;
  /** Messages and commands that were refused, ever, by reason. */
  readonly refusals: Readonly<Record<string, number>>;
}

export interface GroupHealth {
  readonly members: number;
  /** Heard within {@link HEARD_WITHIN}. */
  readonly there: number;
  readonly linkAvailability?: number;
  readonly commandAvailability?: number;
  /** The worst first. */
  readonly worst: readonly GatewayId[];
}

/** Members named as the worst. */
const MAX_WORST = 5;

export class NetworkHealth {
  readonly #ledger: LedgerPort;
  readonly #clock: ClockPort;
  /** One entry a gateway that was ever heard of, or failed to answer. */
  readonly #rows: Map<GatewayId, Row>;
  readonly #changed = new Set<GatewayId>();
  readonly #trouble: (why: string) => void;
  /** Since when this head end listens; absent while its own link is down. */
  #listeningSince: Now | undefined;
  #cancelWake: (() => void) | undefined;
  #writing: Promise<void> | undefined;

  private constructor(
    { ledger, clock, trouble }: HealthDoors,
    rows: readonly { readonly key: string; readonly value: Json }[],
  ) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#trouble = trouble;
    this.#rows = new Map(rows.map(({ key, value }) => [key as GatewayId, value as unknown as Row]));
    this.#sleep();
  }

  static async open(doors: HealthDoors): Promise<NetworkHealth> {
    return new NetworkHealth(doors, await doors.ledger.rows(ACTOR));
  }

  /** What the head end tells, as this needs it. */
  readonly events: NmsEvents = {
    onLink: ({ up }) => this.#link(up),
    onRecord: gateway => this.#heard(gateway),
    onGap: (gateway, _stream, { first, last, lost }) => {
      if (lost) this.#change(gateway).lost += last - first + 1;
    },
    onRefused: (topic, refusal) => {
      const parsed = parseTopic(topic);
      // Whoever can publish can name any gateway: only those that we know already are counted.
      if (parsed !== undefined && 'gateway' in parsed && this.#rows.has(parsed.gateway))
        this.#refusal(parsed.gateway, refusal);
    },
    onReceipt: (gateway, receipt) => this.#receipt(gateway, receipt),
    onAnswered: (gateway, tookMs) => this.#answered(gateway, tookMs),
    onExpired: gateway => {
      this.#day(this.#change(gateway)).expired++;
    },
  };

  of(gateway: GatewayId): GatewayHealth {
    const row = this.#rows.get(gateway);
    if (row === undefined) return { gateway, watchedMs: 0, answered: 0, expired: 0, lost: 0, refusals: {} };
    const { heardAt, roundTripMs, lost, refusals } = row;
    const now = this.#clock.now();
    const running = this.#sinceHeard(row, now);
    const days = recent(row, now.unix);
    const watchedMs = sum(days, 'watchedMs') + running.watchedMs;
    const awayMs = sum(days, 'awayMs') + running.awayMs;
    const answered = sum(days, 'answered');
    const expired = sum(days, 'expired');
    const isThere = this.#isThere(row, now);
    return {
      gateway,
      ...(heardAt === undefined ? {} : { heardAt }),
      ...(isThere === undefined ? {} : { isThere }),
      watchedMs,
      ...(watchedMs === 0 ? {} : { linkAvailability: 1 - awayMs / watchedMs }),
      ...(answered + expired === 0 ? {} : { commandAvailability: answered / (answered + expired) }),
      answered,
      expired,
      ...(roundTripMs === undefined ? {} : { roundTripMs: Math.round(roundTripMs) }),
      lost,
      refusals: { ...refusals },
    };
  }

  ofGroup(members: readonly GatewayId[]): GroupHealth {
    const all = members.map(gateway => this.of(gateway));
    const watchedMs = all.reduce((total, one) => total + one.watchedMs, 0);
    const upMs = all.reduce((total, one) => total + one.watchedMs * (one.linkAvailability ?? 0), 0);
    const answered = all.reduce((total, one) => total + one.answered, 0);
    const ended = all.reduce((total, one) => total + one.answered + one.expired, 0);
    const worst = all.toSorted((a, b) => (a.linkAvailability ?? -1) - (b.linkAvailability ?? -1));
    return {
      members: all.length,
      there: all.filter(({ isThere }) => isThere === true).length,
      ...(watchedMs === 0 ? {} : { linkAvailability: upMs / watchedMs }),
      ...(ended === 0 ? {} : { commandAvailability: answered / ended }),
      worst: worst.slice(0, MAX_WORST).map(({ gateway }) => gateway),
    };
  }

  /** Writes what has changed. */
  async close(): Promise<void> {
    this.#cancelWake?.();
    this.#link(false);
    await this.#writing;
    this.#write();
    await this.#writing;
  }

  #link(up: boolean): void {
    const now = this.#clock.now();
    if (up) this.#listeningSince ??= now;
    if (up || this.#listeningSince === undefined) return;
    for (const [gateway, row] of this.#rows) if (this.#settle(row, now)) this.#changed.add(gateway);
    this.#listeningSince = undefined;
  }

  #heard(gateway: GatewayId): void {
    const now = this.#clock.now();
    const row = this.#change(gateway);
    this.#settle(row, now);
    row.heardAt = now.unix;
  }

  #receipt(gateway: GatewayId, { refusal }: ReceiptBody): void {
    if (refusal !== undefined) this.#refusal(gateway, refusal);
  }

  #refusal(gateway: GatewayId, refusal: string): void {
    const { refusals } = this.#change(gateway);
    const isKnown = Object.hasOwn(refusals, refusal) || Object.keys(refusals).length < MAX_REFUSALS;
    const name = isKnown ? refusal : 'other';
    refusals[name] = (refusals[name] ?? 0) + 1;
  }

  #answered(gateway: GatewayId, tookMs: number | undefined): void {
    const row = this.#change(gateway);
    this.#day(row).answered++;
    if (tookMs === undefined) return;
    const before = row.roundTripMs ?? tookMs;
    row.roundTripMs = before + NEWEST_SHARE * (tookMs - before);
  }

  #change(gateway: GatewayId): Row {
    const row = this.#rows.get(gateway) ?? {
      heardAt: undefined,
      roundTripMs: undefined,
      lost: 0,
      days: {},
      refusals: {},
    };
    this.#rows.set(gateway, row);
    this.#changed.add(gateway);
    return row;
  }

  #day(row: Row, at = this.#clock.now().unix): Day {
    const key = `${Math.floor(at / DAY)}`;
    const day = row.days[key] ?? { watchedMs: 0, awayMs: 0, answered: 0, expired: 0 };
    row.days[key] = day;
    const oldest = Math.floor(at / DAY) - DAYS;
    for (const old of Object.keys(row.days)) if (Number(old) < oldest) delete row.days[old];
    return day;
  }

  /** The time since the gateway was last heard, or since we listen, goes into its days. Whether there was any. */
  #settle(row: Row, now: Now): boolean {
    const { from, watchedMs, awayMs } = this.#sinceHeard(row, now);
    if (watchedMs === 0) return false;
    const awayFrom = from + watchedMs - awayMs;
    for (let at = from; at < from + watchedMs; ) {
      const end = Math.min(from + watchedMs, (Math.floor(at / DAY) + 1) * DAY);
      const day = this.#day(row, unixTime(at));
      day.watchedMs += end - at;
      day.awayMs += Math.max(0, end - Math.max(at, awayFrom));
      at = end;
    }
    return true;
  }

  /** Nothing is watched of a gateway before its first record, nor while this head end does not listen. */
  #sinceHeard(
    { heardAt }: Row,
    now: Now,
  ): { readonly from: number; readonly watchedMs: number; readonly awayMs: number } {
    const listening = this.#listeningSince;
    if (heardAt === undefined || listening === undefined) return { from: now.unix, watchedMs: 0, awayMs: 0 };
    // The monotonic clock says for how long we listen: a wall clock that was set adds no time to it.
    const listensFor = between(listening.instant, now.instant);
    const watchedMs = Math.max(0, Math.min(listensFor, now.unix - heardAt));
    return { from: now.unix - watchedMs, watchedMs, awayMs: Math.max(0, watchedMs - HEARD_WITHIN) };
  }

  #isThere({ heardAt }: Row, now: Now): boolean | undefined {
    if (heardAt !== undefined && now.unix - heardAt <= HEARD_WITHIN) return true;
    const listening = this.#listeningSince;
    return listening !== undefined && now.instant - listening.instant > HEARD_WITHIN ? false : undefined;
  }

  #sleep(): void {
    const wake: Instant = after(this.#clock.now().instant, WRITE_EVERY);
    this.#cancelWake = this.#clock.at(wake, () => {
      this.#write();
      this.#sleep();
    });
  }

  /** One writing at a time: a slow disk gathers changes, not writings. */
  #write(): void {
    if (this.#writing !== undefined || this.#changed.size === 0) return;
    const gateways = [...this.#changed];
    this.#changed.clear();
    this.#writing = this.#commit(gateways).finally(() => (this.#writing = undefined));
  }

  async #commit(gateways: readonly GatewayId[]): Promise<void> {
    for (let at = 0; at < gateways.length; at += ROWS_A_COMMIT) {
      const part = gateways.slice(at, at + ROWS_A_COMMIT);
      const rows = part.flatMap(gateway => {
        const row = this.#rows.get(gateway);
        const value = JSON.parse(JSON.stringify(row ?? null)) as Json;
        return row === undefined ? [] : [{ op: 'put', actor: ACTOR, key: gateway, value } as const];
      });
      try {
        await this.#ledger.commit(rows);
      } catch (error) {
        for (const gateway of part) this.#changed.add(gateway);
        this.#trouble(`figures of health are not written, and tried again: ${troubleOf(error)}`);
      }
    }
  }
}

export interface HealthDoors {
  readonly ledger: LedgerPort;
  readonly clock: ClockPort;
  readonly trouble: (why: string) => void;
}

function recent({ days }: Row, now: UnixTime): readonly Day[] {
  const oldest = Math.floor(now / DAY) - DAYS;
  return Object.entries(days).flatMap(([day, figures]) => (Number(day) > oldest ? [figures] : []));
}

function sum(days: readonly Day[], what: keyof Day): number {
  return days.reduce((total, day) => total + day[what], 0);
}
