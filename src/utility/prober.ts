/**
 * The prober: when a group's probe goes, and what its answers prove. A probe brings those who stay to the group's
 * newest epoch, and lets those who were granted prove that they hear the group's topic (GRP-1, GRP-2).
 *
 * One message serves all members, so it waits a little for the grants that are under way, and replaces the probe
 * before it. A command to the group does not wait: the probe that is due goes ahead of it.
 */
import type { Result } from '../base/assert.ts';
import { after, between, minutes, seconds } from '../base/time.ts';
import type { Duration, Instant, UnixTime } from '../base/time.ts';
import type { Cti, GatewayId, GroupId, ProbeBody, ReceiptBody } from '../model/mod.ts';
import type { GroupRegistry } from './group-registry.ts';
import type { ClockPort, Settlement } from './ports.ts';

/** Changes and receipts within this time share a probe. */
export const PROBE_GATHER = seconds(1);
/** The longest a probe waits for members whose grant is under way; they have one of their own later. */
export const PROBE_WAIT = seconds(30);
/** How long the same probe is repeated for members that owe an answer; then they have lapsed. */
export const ANSWER_WITHIN = minutes(10);
/** How long one is repeated that nobody owes an answer to. Who missed it shows by its digest. */
export const CARRY_FOR = seconds(30);

/** How long after a number that was taken before its group is probed anew. */
const ASK_AGAIN = seconds(10);

export interface Probing {
  readonly group: GroupId;
  readonly epoch: number;
  readonly body: ProbeBody;
  /** Who owes an answer. */
  readonly awaits: readonly GatewayId[];
  readonly expires: UnixTime;
}

/** What the prober needs of the head end. */
export interface ProbeSender {
  sendProbe(probing: Probing): Promise<Result<{ cti: Cti; settled: Promise<Settlement | 'closed'> }, string>>;
  supersede(cti: Cti): void;
  /** Of which group and epoch a probe was that is not open any more. */
  sentProbe(cti: Cti): Promise<{ readonly group: GroupId; readonly epoch: number } | undefined>;
  /** What could not be done, for the log. */
  trouble(why: string): void;
}

interface Probe {
  readonly cti: Cti;
  readonly epoch: number;
  readonly awaits: readonly GatewayId[];
}

export class Prober {
  readonly #registry: GroupRegistry;
  readonly #clock: ClockPort;
  readonly #sender: ProbeSender;
  /** The newest probe of each group that still waits for answers. */
  readonly #open = new Map<GroupId, Probe>();
  /** Groups whose need of a probe is looked at once in {@link PROBE_GATHER}, and since when they are. */
  readonly #wanted = new Map<GroupId, Instant>();
  /** Groups that are looked at again later; each with what takes that back. */
  readonly #askedAgain = new Map<GroupId, () => void>();
  readonly #sending = new Map<GroupId, Promise<void>>();
  #cancelWake: (() => void) | undefined;
  #stopListening: (() => void) | undefined;

  constructor(registry: GroupRegistry, clock: ClockPort, sender: ProbeSender) {
    this.#registry = registry;
    this.#clock = clock;
    this.#sender = sender;
  }

  /** `left`: probes of an earlier run; newer ones take their place where they are still wanted. */
  start(left: readonly Cti[]): void {
    for (const cti of left) this.#sender.supersede(cti);
    for (const { group } of this.#registry.list()) this.touch(group);
    this.#stopListening = this.#registry.onChange(changed => {
      for (const { group } of changed) this.touch(group);
    });
  }

  close(): void {
    this.#cancelWake?.();
    this.#stopListening?.();
    this.#wanted.clear();
    for (const cancel of this.#askedAgain.values()) cancel();
  }

  /** Something has changed in `group`: whether it wants a probe is looked at soon. */
  touch(group: GroupId): void {
    if (!this.#wanted.has(group)) this.#wanted.set(group, this.#clock.now().instant);
    this.#cancelWake ??= this.#clock.at(after(this.#clock.now().instant, PROBE_GATHER), () => this.#look());
  }

  /** Before a command to `group`: those who stay must hold the epoch that it names. */
  async ahead(group: GroupId): Promise<void> {
    await this.#sending.get(group);
    if (this.#need(group)?.carries === true) await this.#send(group);
  }

  /** An answer to one of our probes. */
  async receipt(gateway: GatewayId, { cti, refusal }: ReceiptBody): Promise<boolean> {
    if (refusal !== undefined) return false;
    const open = [...this.#open].find(([, probe]) => probe.cti === cti);
    const about =
      open === undefined ? await this.#sender.sentProbe(cti) : { group: open[0], epoch: open[1].epoch };
    // Who has left says that it has; the answer to its own grant tells so, too, and ends its membership.
    if (about === undefined || this.#registry.member(about.group, gateway)?.member !== true) return false;
    const { group, epoch } = about;
    await this.#registry.advance(group, {
      gateway,
      epoch,
      state: 'verified',
      cause: `it answered the probe of epoch ${epoch} on the group's own topic`,
    });
    return true;
  }

  /**
   * A member has taken the number of a probe before, from an earlier life of this head end. Its numbers stand above
   * that now, so it is asked again: a little later, for a gateway may say what it likes.
   */
  tookBefore(gateway: GatewayId, cti: Cti): void {
    const [group, probe] = [...this.#open].find(([, open]) => open.cti === cti) ?? [];
    if (group === undefined || probe === undefined) return;
    this.#open.set(group, { ...probe, awaits: probe.awaits.filter(id => id !== gateway) });
    if (this.#askedAgain.has(group)) return;
    const asks = (): void => {
      this.#askedAgain.delete(group);
      this.touch(group);
    };
    this.#askedAgain.set(group, this.#clock.at(after(this.#clock.now().instant, ASK_AGAIN), asks));
  }

  #look(): void {
    this.#cancelWake = undefined;
    const { instant } = this.#clock.now();
    for (const [group, since] of this.#wanted) {
      const need = this.#need(group);
      if (need !== undefined && need.isWaiting && between(since, instant) < PROBE_WAIT) continue;
      this.#wanted.delete(group);
      if (need !== undefined) void this.#send(group);
    }
    if (this.#wanted.size > 0)
      this.#cancelWake ??= this.#clock.at(after(instant, PROBE_GATHER), () => this.#look());
  }

  /** What a probe is wanted for now; `undefined`: nothing. */
  #need(
    group: GroupId,
  ): { carries: boolean; unproven: readonly GatewayId[]; isWaiting: boolean } | undefined {
    const known = this.#registry.get(group);
    if (known === undefined) return undefined;
    const { epoch, probed } = this.#registry.leaversOf(group);
    const members = known.members.filter(({ member }) => member);
    const isGranted = (state: string): boolean => state !== 'requested' && state !== 'delivered';
    const carries = epoch > probed && members.some(m => m.epoch < epoch && isGranted(m.state));
    const unproven = members.filter(({ state }) => state === 'acknowledged').map(({ gateway }) => gateway);
    const asked = new Set(this.#open.get(group)?.awaits);
    if (!carries && unproven.every(gateway => asked.has(gateway))) return undefined;
    return { carries, unproven, isWaiting: members.some(({ state }) => !isGranted(state)) };
  }

  #send(group: GroupId): Promise<void> {
    const sending = this.#sendNow(group).finally(() => this.#sending.delete(group));
    this.#sending.set(group, sending);
    return sending;
  }

  async #sendNow(group: GroupId): Promise<void> {
    const awaits = this.#need(group)?.unproven ?? [];
    const { epoch, from, left } = this.#registry.leaversOf(group);
    const triedFor: Duration = awaits.length === 0 ? CARRY_FOR : ANSWER_WITHIN;
    const body: ProbeBody = { kind: 'probe', from, left };
    const expires = after(this.#clock.now().unix, triedFor);
    const sent = await this.#sender.sendProbe({ group, epoch, body, awaits, expires });
    if (!sent.ok) {
      this.#sender.trouble(`no probe of ${group}: ${sent.detail ?? sent.refusal}`);
      return this.touch(group);
    }
    const probe = { cti: sent.value.cti, epoch, awaits };
    const before = this.#open.get(group);
    this.#open.set(group, probe);
    if (before !== undefined) this.#sender.supersede(before.cti);
    void sent.value.settled.then(how => this.#settled(group, probe, how));
    await this.#registry
      .noteProbed(group, epoch)
      .catch((error: unknown) => this.#sender.trouble(`${group}: ${String(error)}`));
  }

  #settled(group: GroupId, probe: Probe, how: Settlement | 'closed'): void {
    if (this.#open.get(group)?.cti === probe.cti) this.#open.delete(group);
    if (how !== 'expired') return;
    for (const gateway of probe.awaits) {
      if (this.#registry.member(group, gateway)?.state !== 'acknowledged') continue;
      const cause = `it did not answer the group's probe within ${ANSWER_WITHIN / 60_000} minutes`;
      this.#registry
        .advance(group, { gateway, epoch: probe.epoch, state: 'lapsed', cause })
        .catch((error: unknown) => this.#sender.trouble(`${group}, ${gateway}: ${String(error)}`));
    }
  }
}
