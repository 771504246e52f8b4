/** What a head end is made of and what it tells its owner, as types; ami-nms is the head end itself. */
import type { AuditVerdict } from './auditor.ts';
import type { BirthBody, GatewayId, KeyId, ReceiptBody, StreamName, UplinkRecord } from '../model/mod.ts';
import type { TrustedKey } from '../wan/envelope/mod.ts';
import type { CollectRefusal, Successors } from './collector.ts';
import type { DispatchRefusal, Issuer } from './dispatcher.ts';
import type { GroupRegistry } from './group-registry.ts';
import type { Gap } from './intake.ts';
import type { BrokerEvents, BrokerPort, LedgerPort } from './ports.ts';
import type { SealDoor } from './sealer.ts';

export interface AmiNmsOptions extends Issuer {
  readonly ledger: LedgerPort;
  /** Makes the link; called once. */
  readonly connect: (events: BrokerEvents) => BrokerPort;
  /** The device keys that are trusted now. */
  readonly keyOf: (kid: KeyId) => TrustedKey | undefined;
  /** How gateways make their next key known themselves. */
  readonly successors?: Successors;
  /** Uniform over [0, 1). */
  readonly random: () => number;
  /** Without one, commands go to single gateways only. */
  readonly registry?: GroupRegistry;
  readonly events?: NmsEvents;
  /** Without one, nothing is sealed. */
  readonly seal?: SealDoor;
  /**
   * On another's topics, beside its head end, as an aggregator is (SIWG-3): sends to single gateways, hears what they
   * answer to that, and acknowledges nothing, for what gateways report is the utility's. A receipt that was missed
   * comes again, because its command is repeated.
   */
  readonly guest?: true;
}

/** What the head end tells its owner. Records, receipts and gaps are durable already. */
export interface NmsEvents {
  onRecord?(gateway: GatewayId, record: UplinkRecord): void;
  /** A gateway says that it begins a run; also when the record came before, or only looks so to who has lost its store. */
  onBirth?(gateway: GatewayId, body: BirthBody): void;
  /** To a command of ours. */
  onReceipt?(gateway: GatewayId, receipt: ReceiptBody): void;
  /** The first answer of a gateway to a command. `tookMs` only where it went out once, else nobody knows from when. */
  onAnswered?(gateway: GatewayId, tookMs: number | undefined): void;
  /** A command ran out of time without an answer of this gateway. */
  onExpired?(gateway: GatewayId): void;
  /** Records are missing. `lost`: the gateway cannot send them, and the gap is written off. */
  onGap?(gateway: GatewayId, stream: StreamName, gap: Gap & { readonly lost: boolean }): void;
  /** A gateway's audit was held against the ledger. */
  onAudit?(gateway: GatewayId, verdict: AuditVerdict): void;
  /** Said by an unsigned message: for people, not for decisions. */
  onPresence?(gateway: GatewayId, online: boolean): void;
  onRefused?(topic: string, refusal: NmsRefusal, detail: string | undefined): void;
  onLink?(state: { up: boolean; why: string }): void;
  /** Something could not be done, and will be tried again or was given up; for the log. */
  onTrouble?(why: string): void;
}

/** Why a message from below was not taken. */
export type NmsRefusal = CollectRefusal | 'presence-unreadable';

/** `no-such-group`, `no-members`: nobody to send to. `wrong-purpose`: the group is not for commands of that kind. */
export type SendRefusal = DispatchRefusal | AddressRefusal;
export type AddressRefusal = 'no-such-group' | 'no-members' | 'wrong-purpose';
