/**
 * A group moved on while a command to it was under way: a member that holds a newer epoch by then cannot take it any
 * more, and is sent what it says alone (GRP-3). So is a gateway that has taken a command of that number before, from a
 * head end whose ledger was lost since.
 *
 * The command to one has an id made of the id of the command to all and of the gateway, so the ledger tells whether it
 * was sent, also after a head end died in between; and the member counts as answered only when it was.
 */
import { hash } from 'node:crypto';
import { troubleOf } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { after, minutes } from '../base/time.ts';
import type { Audience, CommandBody, Cti, GatewayId, GroupId, ReceiptBody } from '../model/mod.ts';
import { againTo } from './deliveries.ts';
import type { Again } from './deliveries.ts';
import type { SendOptions } from './dispatcher.ts';
import { MAX_OUTSTANDING } from './outstanding.ts';
import type { Outstanding } from './outstanding.ts';
import type { ClockPort, LedgerPort } from './ports.ts';

/** What could not be sent for want of room, or because the ledger failed, is tried again after this long. */
const TRY_AGAIN = minutes(1);

/** Once for the group's epoch, once for its number, once for the gateway's own: who still refuses says what it likes. */
const MOST_TIMES = 3;

export interface LatecomerDoors {
  readonly ledger: Pick<LedgerPort, 'command'>;
  readonly clock: ClockPort;
  readonly isMember: (group: GroupId, gateway: GatewayId) => boolean;
  /** Commands that wait for answers. */
  readonly find: (cti: Cti) => Readonly<Outstanding> | undefined;
  readonly send: (to: Audience, body: CommandBody, how: SendOptions) => Promise<Result<unknown, string>>;
  /** The receipt answers its command: nothing more is owed for it. */
  readonly answered: (gateway: GatewayId, receipt: ReceiptBody) => void;
  readonly trouble: (why: string) => void;
}

export class Latecomers {
  readonly #doors: LatecomerDoors;
  /** One entry a command and member on its way, so as many as commands and their members. */
  readonly #underWay = new Map<string, (() => void) | undefined>();
  /** How often what a command says was sent before it; forgotten together when there are too many. */
  readonly #times = new Map<Cti, number>();
  #closed = false;

  constructor(doors: LatecomerDoors) {
    this.#doors = doors;
  }

  /** Takes a receipt in. Whether it is from a latecomer: then it answers its command when that was sent alone. */
  receipt(gateway: GatewayId, receipt: ReceiptBody): boolean {
    const key = `${receipt.cti} ${gateway}`;
    if (this.#underWay.has(key)) return true;
    const again = againTo(gateway, receipt, this.#doors.find(receipt.cti));
    const times = (this.#times.get(receipt.cti) ?? 0) + 1;
    if (!again.ok || times > MOST_TIMES) return false;
    if (this.#times.size >= MAX_OUTSTANDING) this.#times.clear();
    this.#times.set(aloneId(receipt.cti, gateway), times);
    this.#underWay.set(key, undefined);
    void this.#take(key, again.value, receipt);
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#underWay.values()) cancel?.();
  }

  async #take(key: string, again: Again, receipt: ReceiptBody): Promise<void> {
    const why = await this.#sendAlone(again).catch(troubleOf);
    if (this.#closed) return;
    if (why === undefined) {
      this.#underWay.delete(key);
      return this.#doors.answered(again.gateway, receipt);
    }
    const { gateway, claims } = again;
    this.#doors.trouble(`${describe(again)} could not be sent to it alone, and is tried again: ${why}`);
    const { clock, find } = this.#doors;
    const retry = (): void => {
      const open = find(claims.cti)?.missing.has(gateway) === true;
      if (open) void this.#take(key, again, receipt);
      else this.#underWay.delete(key);
    };
    this.#underWay.set(key, clock.at(after(clock.now().instant, TRY_AGAIN), retry));
  }

  /** Why it was not sent; `undefined` when it was, now or before, or when it is not to be. */
  async #sendAlone(again: Again): Promise<string | undefined> {
    const { gateway, group, claims } = again;
    if (group !== undefined && !this.#doors.isMember(group, gateway)) return undefined;
    const cti = aloneId(claims.cti, gateway);
    if ((await this.#doors.ledger.command(cti)) !== undefined) return undefined;
    const { body, class: rank, primacy, notBefore, expires } = claims;
    const how = { class: rank, primacy, notBefore, expires, cti };
    const sent = await this.#doors.send({ kind: 'device', id: gateway }, body, how);
    if (!sent.ok) return sent.detail ?? sent.refusal;
    this.#doors.trouble(`${describe(again)} is sent to it alone`);
    return undefined;
  }
}

function describe({ gateway, claims }: Again): string {
  return `${gateway} could not take ${claims.body.kind} ${claims.cti} as it was, for its epoch or its number; it`;
}

/** 16 bytes in hexadecimal, the same for the same command and gateway. */
function aloneId(cti: Cti, gateway: GatewayId): Cti {
  return hash('sha256', `underglass alone 1\n${cti}\n${gateway}\n`, 'hex').slice(0, 32) as Cti;
}
