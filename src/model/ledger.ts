/**
 * The head end's durable memory, as types: what it sent, what was answered, which records it holds, and rows of
 * its actors. The utility's actors use it and the store builds it; they do not know each other, so it stands here.
 */
import type { UnixTime } from '../base/time.ts';
import type { CommandBody } from './command.ts';
import type { Cti, GatewayId } from './ids.ts';
import type { ReceiptBody, StreamName, UplinkRecord } from './record.ts';

/** Text that JSON can hold without loss. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

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

/** A command as the ledger keeps it: how it ended, when it has. */
export interface LedgerCommand {
  readonly command: SentCommand;
  readonly settled?: { readonly how: Settlement; readonly at: UnixTime };
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
  /** What one actor put, under keys that begin with `prefix`; all of it unless given. In the order of the keys. */
  rows(actor: string, prefix?: string): Promise<readonly { readonly key: string; readonly value: Json }[]>;
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
  /** One command, also when it is settled; `undefined` when the ledger holds none, or holds it no longer. */
  command(cti: Cti): Promise<LedgerCommand | undefined>;
  /** The newest `limit` commands of one kind, newest first. */
  commands(kind: CommandBody['kind'], limit: number): Promise<readonly LedgerCommand[]>;
}
