/**
 * Enrolment: brings every gateway to what the group registry says of it (GRP-1, GRP-2), by a signed grant to
 * each, and reports back how far each has come. It starts from the registry's states alone, so it converges
 * after loss, restart and reorder: whoever has not acknowledged the newest epoch gets its grant.
 */
import type { Result } from '../base/assert.ts';
import type { Cti, GatewayId, GrantBody, GroupId, ReceiptBody } from '../model/mod.ts';
import { membershipDigest } from '../wan/groups/mod.ts';
import type { GroupRegistry, MemberState } from './group-registry.ts';
import { isAnswer } from './outstanding.ts';
import type { SentCommand, Settlement } from './ports.ts';

/** Grants under way at once; the next leaves when one is settled, so a large group leaves room for commands (NMS-1). */
export const MAX_GRANTS_UNDER_WAY = 500;

interface Grant {
  readonly cti: Cti;
  readonly gateway: GatewayId;
  readonly group: GroupId;
  readonly epoch: number;
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
  /** What could not be done, for the log. */
  trouble(why: string): void;
}

export class Enrolment {
  readonly #registry: GroupRegistry;
  readonly #sender: GrantSender;
  /** By gateway and group. At most {@link MAX_GRANTS_UNDER_WAY}, plus those taken over from before a restart. */
  readonly #underWay = new Map<string, Grant>();
  readonly #byCti = new Map<Cti, Grant>();
  /** The epoch each gateway refused, by gateway and group: sent again only when asked for, or in a newer epoch. */
  readonly #refused = new Map<string, number>();
  #stopListening: (() => void) | undefined;

  constructor(registry: GroupRegistry, sender: GrantSender) {
    this.#registry = registry;
    this.#sender = sender;
  }

  /** `open`: grants of an earlier run that are still repeated. */
  start(open: readonly { command: SentCommand; settled: Promise<Settlement | 'closed'> }[]): void {
    for (const { command, settled } of open) this.#adopt(command, settled);
    this.#stopListening = this.#registry.onChange(() => this.#pump());
    this.#pump();
  }

  close(): void {
    this.#stopListening?.();
  }

  /** The broker has the command; its gateway may not. */
  delivered(cti: Cti): void {
    this.#advance(this.#byCti.get(cti), 'delivered');
  }

  receipt(gateway: GatewayId, receipt: ReceiptBody): void {
    const grant = this.#byCti.get(receipt.cti);
    if (grant?.gateway !== gateway || !isAnswer(receipt)) return;
    if (receipt.refusal === undefined) return this.#advance(grant, 'acknowledged');
    this.#refused.set(`${gateway} ${grant.group}`, grant.epoch);
    this.#sender.trouble(`${gateway} refused its grant of ${grant.group}: ${receipt.refusal}`);
  }

  /** A gateway misses its grant: it has heard of a newer epoch, or its store is new. It gets the newest again. */
  asked(gateway: GatewayId, group: string): void {
    const known = this.#registry.get(group as GroupId);
    const member = known?.members.find(m => m.gateway === gateway);
    const key = `${gateway} ${group}`;
    this.#refused.delete(key);
    if (known === undefined || member === undefined || this.#underWay.has(key)) return;
    void this.#send(gateway, {
      kind: 'grant',
      group: known.group,
      epoch: known.epoch,
      member: member.member,
    });
  }

  /** A gateway's digest is that of the registry: all its memberships are in force. */
  status(gateway: GatewayId, digest: string): void {
    const memberships = this.#registry.membershipsOf(gateway);
    const expected = new Map([...memberships].map(([group, epoch]) => [group, { epoch, member: true }]));
    if (membershipDigest(expected) !== digest) return;
    for (const [group, epoch] of memberships) this.#advance({ gateway, group, epoch }, 'active');
  }

  #adopt(command: SentCommand, settled: Promise<Settlement | 'closed'>): void {
    const [group, epoch] = command.about.split('@') as [GroupId, string];
    const [gateway] = command.awaits;
    if (gateway !== undefined)
      this.#track({ cti: command.cti, gateway, group, epoch: Number(epoch) }, settled);
  }

  /** Sends what is missing, as far as there is room. */
  #pump(): void {
    for (const { group, epoch, members } of this.#registry.list()) {
      for (const { gateway, member, state } of members) {
        const isTold = state === 'acknowledged' || state === 'active';
        const key = `${gateway} ${group}`;
        const known = this.#underWay.get(key);
        if (isTold || known?.epoch === epoch || this.#refused.get(key) === epoch) continue;
        if (known !== undefined) this.#sender.supersede(known.cti);
        else if (this.#underWay.size >= MAX_GRANTS_UNDER_WAY) return;
        void this.#send(gateway, { kind: 'grant', group, epoch, member });
      }
    }
  }

  async #send(gateway: GatewayId, body: GrantBody): Promise<void> {
    const { group, epoch } = body;
    const key = `${gateway} ${group}`;
    // Takes the place at once: the next pump must not send it again.
    const place = { cti: '' as Cti, gateway, group, epoch };
    this.#underWay.set(key, place);
    const sent = await this.#sender.sendGrant(gateway, body);
    const isNewest = this.#underWay.get(key) === place;
    if (sent.ok) {
      if (isNewest) this.#track({ ...place, cti: sent.value.cti }, sent.value.settled);
      else this.#sender.supersede(sent.value.cti);
      return;
    }
    // Not tried again by itself: the same trouble would refuse it at once. The next change or request does.
    if (isNewest) this.#underWay.delete(key);
    this.#sender.trouble(`no grant of ${group} to ${gateway}: ${sent.detail ?? sent.refusal}`);
  }

  #track(grant: Grant, settled: Promise<Settlement | 'closed'>): void {
    const key = `${grant.gateway} ${grant.group}`;
    this.#underWay.set(key, grant);
    this.#byCti.set(grant.cti, grant);
    // A broker can be faster than the promise that told us of the command.
    if (this.#sender.isDelivered(grant.cti)) this.delivered(grant.cti);
    void settled.then(how => {
      this.#byCti.delete(grant.cti);
      if (this.#underWay.get(key) === grant) this.#underWay.delete(key);
      if (how !== 'closed') this.#pump();
    });
  }

  #advance(at: Omit<Grant, 'cti'> | undefined, state: MemberState): void {
    if (at === undefined) return;
    const { group, gateway, epoch } = at;
    this.#registry
      .advance(group, { gateway, epoch, state })
      .catch((error: unknown) => this.#sender.trouble(`${group}, ${gateway}: ${String(error)}`));
  }
}
