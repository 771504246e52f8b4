/**
 * Does this head end hold what its gateways numbered? A gateway says by an audit which numbers it gave, how many, and
 * the chain of hashes over them; here that is compared with the ledger, as soon as the numbers are held or written off.
 *
 * A verdict changes nothing: a record that is missing is asked for by no one, since its gateway sends it until it is
 * acknowledged. It tells people, and it is kept, a row for each stream.
 */
import { troubleOf } from '../base/assert.ts';
import type { UnixTime } from '../base/time.ts';
import type { AuditedStretch, GatewayId, StreamName } from '../model/mod.ts';
import { CHAIN_START, chained } from '../wan/envelope/mod.ts';
import type { Json, LedgerPort, LedgerSnapshot } from './ports.ts';

/** Stretches of one gateway that wait for their records; with more, the oldest is given up. */
export const MAX_PENDING = 64;
/** Audits looked back through after a start: their stretches are those that can still wait. */
const AUDITS_BACK = 16;
/** Records read from the ledger at once. */
const PAGE = 200;
const ACTOR = 'audit';

/**
 * `proven`: every record is held as it was made. `counted`: every number is held, and the gateway could tell no hash.
 * `incomplete`: some were written off. `differs`: all are held, and they are not what the gateway made.
 */
export type AuditResult = 'proven' | 'counted' | 'incomplete' | 'differs';

export interface AuditVerdict {
  readonly stretch: AuditedStretch;
  readonly result: AuditResult;
  /** Numbers of the stretch of which no record is held. */
  readonly missing: number;
}

/** What is known of one stream of a gateway by its audits. */
export interface AuditStanding {
  readonly stream: StreamName;
  /** The last number that was audited and judged. */
  readonly through: number;
  readonly at: UnixTime;
  readonly result: AuditResult;
  /** Numbers without a record, in all audits so far. */
  readonly missing: number;
  /** Stretches that were not what the gateway made. */
  readonly differing: number;
}

export interface AuditorDoors {
  readonly ledger: LedgerPort;
  /** Up to where a stream is held or written off without a gap. */
  readonly through: (gateway: GatewayId, stream: StreamName) => number;
  readonly judged: (gateway: GatewayId, verdict: AuditVerdict) => void;
  readonly trouble: (why: string) => void;
}

interface Pending {
  readonly stretch: AuditedStretch;
  readonly at: UnixTime;
}

export class Auditor {
  readonly #doors: AuditorDoors;
  readonly #pending = new Map<GatewayId, Pending[]>();
  /** Judging is one after the other: each adds to a row. */
  #tail: Promise<void> = Promise.resolve();

  constructor(doors: AuditorDoors) {
    this.#doors = doors;
  }

  /** What a gateway says it made, told at `at`. */
  audit(gateway: GatewayId, stretches: readonly AuditedStretch[], at: UnixTime): void {
    const pending = this.#pending.get(gateway) ?? [];
    this.#pending.set(gateway, pending);
    pending.push(...stretches.map(stretch => ({ stretch, at })));
    const given = pending.splice(0, Math.max(0, pending.length - MAX_PENDING));
    for (const { stretch } of given) {
      const { stream, first, last } = stretch;
      this.#doors.trouble(
        `${gateway}: ${stream} ${first} to ${last} was not audited: its records do not come`,
      );
    }
    this.held(gateway);
  }

  /** Takes up what a run before this one left waiting. */
  start({ marks }: LedgerSnapshot): void {
    for (const { gateway, stream } of marks)
      if (stream === 'audit')
        this.#restore(gateway).catch((error: unknown) =>
          this.#doors.trouble(`${gateway}: its last audits could not be read: ${troubleOf(error)}`),
        );
  }

  async #restore(gateway: GatewayId): Promise<void> {
    const { ledger, through } = this.#doors;
    const standing = new Map((await this.standing(gateway)).map(one => [one.stream, one.through]));
    const told = await ledger.records(gateway, 'audit', through(gateway, 'audit') - AUDITS_BACK, MAX_PENDING);
    for (const { body, at } of told) {
      if (body.kind !== 'audit') continue;
      const left = body.streams.filter(({ stream, last }) => last > (standing.get(stream) ?? 0));
      this.audit(gateway, left, at);
    }
  }

  /** More is held of `gateway`: judges what that completes. */
  held(gateway: GatewayId): void {
    const pending = this.#pending.get(gateway);
    if (pending === undefined || pending.length === 0) return;
    const isHeld = ({ stretch }: Pending): boolean =>
      this.#doors.through(gateway, stretch.stream) >= stretch.last;
    const ready = pending.filter(isHeld);
    if (ready.length === 0) return;
    this.#pending.set(
      gateway,
      pending.filter(one => !ready.includes(one)),
    );
    for (const one of ready) this.#tail = this.#inTurn(this.#tail, gateway, one);
  }

  /** As the ledger keeps it, a stream after the other. */
  async standing(gateway: GatewayId): Promise<readonly AuditStanding[]> {
    const rows = await this.#doors.ledger.rows(ACTOR, `${gateway}/`);
    return rows.map(({ value }) => value as unknown as AuditStanding);
  }

  /** Settles when everything that is ready has been judged. */
  idle(): Promise<void> {
    return this.#tail;
  }

  async #inTurn(before: Promise<void>, gateway: GatewayId, { stretch, at }: Pending): Promise<void> {
    await before;
    try {
      const verdict = await this.#judge(gateway, stretch);
      await this.#keep(gateway, verdict, at);
      this.#doors.judged(gateway, verdict);
    } catch (error) {
      this.#doors.trouble(`${gateway}: an audit was not judged: ${troubleOf(error)}`);
    }
  }

  async #judge(gateway: GatewayId, stretch: AuditedStretch): Promise<AuditVerdict> {
    const { stream, first, last, count, hash } = stretch;
    let chain = CHAIN_START;
    let held = 0;
    for (let after = first - 1; after < last; ) {
      const records = await this.#doors.ledger.records(gateway, stream, after, PAGE);
      for (const record of records) {
        // What stands for lost records was never numbered as such.
        if (record.sequence > last || record.body.kind === 'lost') continue;
        held++;
        chain = chained(chain, record);
      }
      after = records.length < PAGE ? last : (records.at(-1)?.sequence ?? last);
    }
    const missing = Math.max(0, last - first + 1 - held);
    if (missing > 0 || held !== count) return { stretch, result: 'incomplete', missing };
    if (hash === undefined) return { stretch, result: 'counted', missing };
    return { stretch, result: chain === hash ? 'proven' : 'differs', missing };
  }

  async #keep(
    gateway: GatewayId,
    { stretch: { stream, last }, result, missing }: AuditVerdict,
    at: UnixTime,
  ): Promise<void> {
    const known = (await this.standing(gateway)).find(one => one.stream === stream);
    const row: AuditStanding = {
      stream,
      through: last,
      at,
      result,
      missing: (known?.missing ?? 0) + missing,
      differing: (known?.differing ?? 0) + (result === 'differs' ? 1 : 0),
    };
    const value = row as unknown as Json;
    await this.#doors.ledger.commit([{ op: 'put', actor: ACTOR, key: `${gateway}/${stream}`, value }]);
  }
}
