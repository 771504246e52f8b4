/**
 * The doors the utility's actors need, as types: a broker, a ledger, clocks. `io` builds them; tests imitate
 * them. The shapes of broker and clock are those of the gateway's ports, so one adapter serves both sides.
 */
import type { Instant, Now, UnixTime } from '../base/time.ts';
import type { CommandBody, Cti, GatewayId, ReceiptBody, StreamName, UplinkRecord } from '../model/mod.ts';

/** Text that JSON can hold without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The utility's end of the WAN. Reconnects by itself; whoever holds it only hears of it. */
export interface BrokerPort {
  /** Resolves at the broker's PUBACK, which says nothing about a gateway. Rejects when the link is lost first. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Adds subscriptions; they are renewed on every reconnect. */
  subscribe(topics: readonly string[]): void;
  unsubscribe(topics: readonly string[]): void;
  close(): Promise<void>;
}

export interface BrokerEvents {
  /** `acknowledge` sends the PUBACK. It is called once. */
  message(message: { topic: string; payload: Uint8Array; retained: boolean; acknowledge: () => void }): void;
  link(state: { up: boolean; why: string }): void;
}

/** Both clocks, and a wake. */
export interface ClockPort {
  now(): Now;
  /** Calls `wake` once, at or after `when`; what it returns takes that back. */
  at(when: Instant, wake: () => void): () => void;
}

/** How a command stopped being repeated: every gateway answered, its time ran out, or a newer one took its place. */
export type Settlement = 'answered' | 'expired' | 'superseded';

/** A command as it was sent. The bytes are what is repeated: a second signature would be another command. */
export interface SentCommand {
  readonly cti: Cti;
  /** `g/<id>` or `d/<id>`. */
  readonly audience: string;
  readonly topic: string;
  readonly bytes: Uint8Array;
  readonly stream: string;
  readonly sequence: number;
  readonly sentAt: UnixTime;
  readonly expires: UnixTime;
  readonly kind: CommandBody['kind'];
  /** The mRID of an event or a cancel; `<group>@<epoch>` of a grant (its first) or a probe. */
  readonly about: string;
  /** Every gateway a receipt is wanted from. */
  readonly awaits: readonly GatewayId[];
}

/** The newest receipt of one gateway to one command. */
export interface Answer {
  readonly cti: Cti;
  readonly gateway: GatewayId;
  readonly at: UnixTime;
  readonly receipt: ReceiptBody;
}

/** One change to the ledger. All changes of one `commit` become durable together or not at all. */
export type LedgerChange =
  /** Its sequence is above all others of its audience and stream; any other is a broken promise. */
  | { readonly op: 'command'; readonly command: SentCommand }
  | { readonly op: 'settle'; readonly cti: Cti; readonly how: Settlement; readonly at: UnixTime }
  /** Numbers up to `last` are spoken for: none of them is used again, whether they were sent or not. */
  | { readonly op: 'reserve'; readonly audience: string; readonly stream: string; readonly last: number }
  | { readonly op: 'record'; readonly gateway: GatewayId; readonly record: UplinkRecord }
  | { readonly op: 'answer'; readonly answer: Answer }
  /** Every record up to `through` is held, or known to be lost. */
  | {
      readonly op: 'mark';
      readonly gateway: GatewayId;
      readonly stream: StreamName;
      readonly through: number;
    }
  | { readonly op: 'put'; readonly actor: string; readonly key: string; readonly value: Json }
  | { readonly op: 'delete'; readonly actor: string; readonly key: string };

/** Everything the head end's state is rebuilt from. */
export interface LedgerSnapshot {
  readonly sequences: readonly {
    readonly audience: string;
    readonly stream: string;
    readonly last: number;
  }[];
  /** Commands not settled, oldest first, with the gateways that answered already. */
  readonly open: readonly { readonly command: SentCommand; readonly answers: readonly Answer[] }[];
  /** `ahead`: the records held beyond `through`, ascending. */
  readonly marks: readonly {
    readonly gateway: GatewayId;
    readonly stream: StreamName;
    readonly through: number;
    readonly ahead: readonly number[];
  }[];
}

/** The head end's durable memory. */
export interface LedgerPort {
  snapshot(): Promise<LedgerSnapshot>;
  /** What one actor put. */
  rows(actor: string): Promise<readonly { readonly key: string; readonly value: Json }[]>;
  /** Resolves when every change is on the disk; rejects, with nothing changed, otherwise. */
  commit(changes: readonly LedgerChange[]): Promise<void>;
  /** Records of `stream` with a sequence above `after`, in order, at most `limit`. */
  records(
    gateway: GatewayId,
    stream: StreamName,
    after: number,
    limit: number,
  ): Promise<readonly UplinkRecord[]>;
  /** The newest receipt of each gateway to one command. */
  answers(cti: Cti): Promise<readonly Answer[]>;
}
