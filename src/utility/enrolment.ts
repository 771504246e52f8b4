/**
 * Enrolment: brings every gateway to what the group registry says of it (GRP-1, GRP-2), by a signed grant to each
 * that joins or leaves, and reports back how far each has come. A grant names only what changes for its gateway, and
 * whoever moves between groups has one grant. Those who stay hear of a new epoch by the group's probe; see prober.
 *
 * It starts from the registry's states alone, so it converges after loss, restart and reorder: who has not
 * acknowledged is told. What a gateway says it holds is compared with the record; who differs is told its whole list.
 */
import { troubleOf } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { between, minutes, unixTime } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import type { Cti, GatewayId, GrantBody, GroupId, MembershipChange, ReceiptBody } from '../model/mod.ts';
import { MAX_ALSO } from '../wan/envelope/mod.ts';
import { membershipDigest } from '../wan/groups/mod.ts';
import type { GroupRegistry } from './group-registry.ts';
import type { MemberState } from './group-rows.ts';
import { isAnswer } from './outstanding.ts';
import type { ClockPort, Settlement } from './ports.ts';

/** Grants under way at once; the next leaves when one is settled, so a large group leaves room for commands (NMS-1). */
export const MAX_GRANTS_UNDER_WAY = 500;
/**
 * How long nothing of a gateway's groups has changed before its status is held against the record: by then the probe
 * that carries a new epoch, and its repetitions, are through.
 */
export const DRIFT_AFTER = minutes(2);
/** Who lapsed is granted anew when it is heard of again, and no sooner than this after the last time. */
export const REPAIR_EVERY = minutes(10);

/** What a gateway knows and this head end does not is taken for an old ledger at most so often. */
export const CATCH_UP_EVERY = minutes(1);

/** What one grant says of one group. */
interface Cover {
  readonly group: GroupId;
  /** The epoch in which this member joined or left. */
  readonly epoch: number;
}

interface Grant {
  readonly cti: Cti;
  readonly gateway: GatewayId;
  readonly covers: readonly Cover[];
  /** Its gateway's whole list, because its digest was this one. */
  readonly drifted?: string;
}

/** What enrolment needs of the head end. */
export interface GrantSender {
  /** Sends `body` to one gateway until it answers. */
  sendGrant(
    gateway: GatewayId,
    body: GrantBody,
  ): Promise<Result<{ cti: Cti; settled: Promise<Settlement | 'closed'> }, string>>;
  /** Whether the broker has the command already. */
  isDelivered(cti: Cti): boolean;
  /** Stops repeating a command that a newer one has replaced. */
  supersede(cti: Cti): void;
  /** A member of `group` has its grant: it can hear the group's probe. */
  acknowledged(group: GroupId): void;
  /** What could not be done, for the log. */
  trouble(why: string): void;
}

export class Enrolment {
  readonly #registry: GroupRegistry;
  readonly #sender: GrantSender;
  readonly #clock: ClockPort;
  /** At most {@link MAX_GRANTS_UNDER_WAY}. */
  readonly #underWay = new Map<GatewayId, Grant>();
  readonly #byCti = new Map<Cti, Grant>();
  /** Gateways that wait for their grant, in order; at most one entry a gateway. */
  readonly #queue = new Set<GatewayId>();
  /** Groups whose grant a gateway asked for, beside what it has not been told. */
  readonly #askedFor = new Map<GatewayId, Set<GroupId>>();
  /** Gateways that are told their whole list next, with the digest that showed it. */
  readonly #drifted = new Map<GatewayId, string>();
  /** What a gateway refused is sent again only when it asks, or when the record changes for it. */
  readonly #refused = new Set<GatewayId>();
  readonly #caughtUpAt = new Map<string, UnixTime>();
  readonly #repairedAt = new Map<GatewayId, UnixTime>();
  /** The digest of a gateway that is in other issuers' groups too, and ours with which it was so. */
  readonly #withOthers = new Map<GatewayId, { readonly shown: string; readonly ours: string }>();
  #stopListening: (() => void) | undefined;

  constructor(registry: GroupRegistry, clock: ClockPort, sender: GrantSender) {
    this.#registry = registry;
    this.#clock = clock;
    this.#sender = sender;
  }

  /** `left`: grants of an earlier run. They are replaced: which of their changes are known yet, the registry says. */
  start(left: readonly Cti[]): void {
    for (const cti of left) this.#sender.supersede(cti);
    for (const { members } of this.#registry.list())
      for (const { gateway, state } of members) if (isUntold(state)) this.#queue.add(gateway);
    this.#stopListening = this.#registry.onChange(changed =>
      this.#changed(changed.flatMap(({ gateways }) => gateways)),
    );
    this.#pump();
  }

  close(): void {
    this.#stopListening?.();
  }

  /** The broker has the command; its gateway may not. */
  delivered(cti: Cti): void {
    const grant = this.#byCti.get(cti);
    if (grant !== undefined) this.#report(grant, 'delivered', 'the broker has its grant');
  }

  /** Whether it is the answer to a grant. */
  receipt(gateway: GatewayId, receipt: ReceiptBody): boolean {
    const grant = this.#byCti.get(receipt.cti);
    if (grant?.gateway !== gateway) return false;
    if (isAnswer(receipt)) this.#answered(grant, receipt);
    return true;
  }

  /** A gateway misses its grant: it has heard of a newer epoch, or its store is new. It gets the newest again. */
  asked(gateway: GatewayId, group: GroupId): void {
    if (!this.#registry.has(group)) return;
    this.#refused.delete(gateway);
    const asked = this.#askedFor.get(gateway) ?? new Set();
    this.#askedFor.set(gateway, asked.add(group));
    if (this.#underWay.get(gateway)?.covers.some(cover => cover.group === group)) return;
    this.#queue.add(gateway);
    this.#pump();
  }

  /** What a gateway proves to hold of our groups. Where it is what the record says, its proven memberships are active. */
  holds(gateway: GatewayId, digest: string): boolean {
    const expected = this.#expected(gateway);
    if (digest !== expected) return false;
    for (const { group, epoch, member } of this.#registry.rowsOf(gateway))
      if (member.member) this.#advance({ gateway, group, epoch }, 'active', 'it holds what the record says');
    return true;
  }

  /** A status of `gateway`, made at `at`. One that differs from a record that has been at rest shows drift. */
  status(gateway: GatewayId, digest: string, at: UnixTime): void {
    const others = this.#withOthers.get(gateway);
    const isExplained = others?.shown === digest && others.ours === this.#expected(gateway);
    const rows = this.#registry.rowsOf(gateway);
    const fits = this.holds(gateway, isExplained ? others.ours : digest);
    if (fits && rows.every(({ member }) => member.state !== 'lapsed')) return;
    const { unix } = this.#clock.now();
    const rest = unixTime(Math.max(0, ...rows.flatMap(row => [row.changedAt, row.member.since])));
    const isEarly = at < rest || between(rest, unix) < DRIFT_AFTER || this.#underWay.has(gateway);
    if (isEarly || this.#queue.has(gateway) || this.#refused.has(gateway)) return;
    const repaired = this.#repairedAt.get(gateway);
    if (repaired !== undefined && between(repaired, unix) < REPAIR_EVERY) return;
    this.#repairedAt.set(gateway, unix);
    this.#drifted.set(gateway, digest);
    const why = fits ? 'has lapsed and is heard again' : 'holds other groups than the record says';
    this.#sender.trouble(`${gateway} ${why}: it is told its whole list`);
    for (const { group, epoch, member } of rows)
      if (member.state !== 'lapsed')
        this.#advance(
          { gateway, group, epoch },
          'lapsed',
          `it holds other groups than the record: ${digest}`,
        );
    void this.#registry.settled().then(() => {
      this.#queue.add(gateway);
      this.#pump();
    });
  }

  #answered(grant: Grant, receipt: ReceiptBody): void {
    const { gateway } = grant;
    const { membershipDigest: digest, refusal } = receipt;
    const isAhead = receipt.taken !== undefined || receipt.held !== undefined;
    if (isAhead)
      void this.#catchUp(grant, receipt).catch((error: unknown) =>
        this.#sender.trouble(`${gateway}: ${troubleOf(error)}`),
      );
    if (refusal !== undefined) return isAhead ? undefined : this.#refuses(grant, refusal, receipt.why);
    this.#report(grant, 'acknowledged', 'its gateway signed for the grant');
    for (const { group } of grant.covers) this.#sender.acknowledged(group);
    if (digest === undefined) return;
    if (grant.drifted !== undefined && digest === this.#expected(gateway))
      this.#withOthers.set(gateway, { shown: grant.drifted, ours: digest });
    this.holds(gateway, digest);
  }

  /**
   * Its gateway knows of later numbers or epochs than this head end: the ledger is an old copy. What stands above them
   * is told it anew; once in a while, for a gateway may say what it likes, and it is heard of again by its status.
   */
  async #catchUp(grant: Grant, { held = [], taken, refusal, why }: ReceiptBody): Promise<void> {
    const { gateway, drifted } = grant;
    const { unix } = this.#clock.now();
    const about = `${gateway} ${taken === undefined ? 'epoch' : 'number'}`;
    const last = this.#caughtUpAt.get(about);
    const isSoon = last !== undefined && between(last, unix) < CATCH_UP_EVERY;
    let isNews = taken !== undefined && !isSoon;
    for (const { group, ...how } of isSoon ? [] : held) {
      if ((await this.#registry.lift(group, { gateway, ...how })) === 'nothing') continue;
      isNews = true;
      this.#sender.trouble(
        `${gateway} holds a later epoch of ${group}: the ledger is restored, all are told anew`,
      );
    }
    if (!isNews) return refusal === undefined || isSoon ? undefined : this.#refuses(grant, refusal, why);
    this.#caughtUpAt.set(about, unix);
    if (drifted !== undefined) this.#drifted.set(gateway, drifted);
    this.#queue.add(gateway);
    this.#pump();
  }

  #refuses(grant: Grant, refusal: string, why: string): void {
    const { gateway } = grant;
    this.#refused.add(gateway);
    this.#report(grant, 'lapsed', `its gateway refused the grant: ${refusal}`);
    this.#sender.trouble(`${gateway} refused its grant: ${why}`);
  }

  #changed(gateways: readonly GatewayId[]): void {
    for (const gateway of gateways) {
      this.#refused.delete(gateway);
      this.#queue.add(gateway);
    }
    this.#pump();
  }

  #expected(gateway: GatewayId): string {
    const memberships = this.#registry.membershipsOf(gateway);
    return membershipDigest(new Map([...memberships].map(([g, epoch]) => [g, { epoch, member: true }])));
  }

  /** Sends what is missing, as far as there is room. A newer grant takes the place of the one under way. */
  #pump(): void {
    for (const gateway of this.#queue) {
      const before = this.#underWay.get(gateway);
      if (before === undefined && this.#underWay.size >= MAX_GRANTS_UNDER_WAY) return;
      this.#queue.delete(gateway);
      const made = this.#grantFor(gateway);
      if (made === undefined) continue;
      if (before !== undefined && before.cti !== '') this.#sender.supersede(before.cti);
      void this.#send(gateway, made);
    }
  }

  #grantFor(gateway: GatewayId): { body: GrantBody; grant: Grant } | undefined {
    const rows = this.#registry.rowsOf(gateway);
    const asked = this.#askedFor.get(gateway);
    const drifted = this.#drifted.get(gateway);
    this.#askedFor.delete(gateway);
    this.#drifted.delete(gateway);
    const isTold = ({ group, member }: (typeof rows)[number]): boolean =>
      drifted !== undefined ||
      isUntold(member.state) ||
      member.state === 'lapsed' ||
      asked?.has(group) === true;
    const told = rows.filter(isTold).slice(0, MAX_ALSO + 1);
    const [first, ...also] = this.#changesFor(gateway, told, { asked, drifted });
    if (first === undefined) return undefined;
    const isWhole = drifted !== undefined && told.length === rows.length;
    return {
      body: {
        kind: 'grant',
        ...first,
        ...(also.length === 0 ? {} : { also }),
        ...(isWhole ? { only: true } : {}),
      },
      grant: {
        cti: '' as Cti,
        gateway,
        covers: told.map(({ group, member }) => ({ group, epoch: member.epoch })),
        ...(isWhole ? { drifted } : {}),
      },
    };
  }

  /**
   * What a grant says, but for its form. Who asks for a group it is not in is told that it is not; and a whole list
   * that is empty names one group it is not in, for a grant names at least one.
   */
  #changesFor(
    gateway: GatewayId,
    told: readonly { readonly group: GroupId }[],
    {
      asked = new Set(),
      drifted,
    }: { readonly asked: ReadonlySet<GroupId> | undefined; readonly drifted: string | undefined },
  ): readonly MembershipChange[] {
    const strange = [...asked].filter(group => this.#registry.member(group, gateway) === undefined);
    const named = [...told.map(({ group }) => group), ...strange].slice(0, MAX_ALSO + 1);
    const any = named.length === 0 && drifted !== undefined ? this.#registry.anyGroup() : undefined;
    return (any === undefined ? named : [any]).map(group => this.#registry.changeFor(group, gateway));
  }

  async #send(gateway: GatewayId, { body, grant }: { body: GrantBody; grant: Grant }): Promise<void> {
    // Takes the place at once: the next pump must not send it again.
    this.#underWay.set(gateway, grant);
    const sent = await this.#sender.sendGrant(gateway, body);
    const isNewest = this.#underWay.get(gateway) === grant;
    if (sent.ok) {
      if (isNewest) this.#track({ ...grant, cti: sent.value.cti }, sent.value.settled);
      else this.#sender.supersede(sent.value.cti);
      return;
    }
    // Not tried again by itself: the same trouble would refuse it at once. The next change, request or status does.
    if (isNewest) this.#underWay.delete(gateway);
    this.#sender.trouble(`no grant of ${body.group} to ${gateway}: ${sent.detail ?? sent.refusal}`);
  }

  #track(grant: Grant, settled: Promise<Settlement | 'closed'>): void {
    const { gateway, cti } = grant;
    this.#underWay.set(gateway, grant);
    this.#byCti.set(cti, grant);
    // A broker can be faster than the promise that told us of the command.
    if (this.#sender.isDelivered(cti)) this.delivered(cti);
    void settled.then(async how => {
      this.#byCti.delete(cti);
      if (how === 'closed') return;
      if (how === 'expired') this.#report(grant, 'lapsed', 'its gateway did not answer the grant in time');
      await this.#registry.settled();
      if (this.#underWay.get(gateway) === grant) this.#underWay.delete(gateway);
      // What did not fit into one grant follows in the next.
      const isRest = this.#registry.rowsOf(gateway).some(({ member }) => isUntold(member.state));
      if (isRest && how === 'answered' && !this.#refused.has(gateway)) this.#queue.add(gateway);
      this.#pump();
    });
  }

  #report({ gateway, covers }: Grant, state: MemberState, cause: string): void {
    for (const { group, epoch } of covers) this.#advance({ gateway, group, epoch }, state, cause);
  }

  #advance(at: Cover & { readonly gateway: GatewayId }, state: MemberState, cause: string): void {
    const { group, gateway, epoch } = at;
    this.#registry
      .advance(group, { gateway, epoch, state, cause })
      .catch((error: unknown) => this.#sender.trouble(`${group}, ${gateway}: ${String(error)}`));
  }
}

function isUntold(state: MemberState): boolean {
  return state === 'requested' || state === 'delivered';
}
