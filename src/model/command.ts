/**
 * A command: what an envelope says once every check has passed. Nothing else in the program may make one.
 */
import type { Duration, UnixTime } from '../base/time.ts';
import type { AxisValues, CommandClass } from './control.ts';
import type { Audience, Cti, GroupId, KeyId, MRID, Nonce } from './ids.ts';
import type { ManifestBody } from './delivery.ts';
import type { InterrogateBody, ReadBody, SettingsBody } from './modes.ts';
import type { StreamName } from './record.ts';

export interface Command {
  readonly cti: Cti;
  readonly issuer: string;
  readonly kid: KeyId;
  readonly audience: Audience;
  readonly issuedAt: UnixTime;
  readonly notBefore: UnixTime;
  readonly expires: UnixTime;
  readonly stream: string;
  readonly keyEpoch: number;
  readonly sequence: number;
  /** Present on every command to a group: the membership list it was written for. */
  readonly groupEpoch?: number;
  readonly class: CommandClass;
  /** Primacy of the program; lower wins (IEEE 2030.5). 0 is the customer's own energy manager and is refused from the WAN. */
  readonly primacy: number;
  readonly body: CommandBody;
  /** SHA-256 of the whole envelope, hexadecimal: tells a repetition from another command under a used sequence. */
  readonly digest: string;
}

export type CommandBody =
  | EventBody
  | CancelBody
  | GrantBody
  | AckBody
  | ProbeBody
  | SealedBody
  | ManifestBody
  | WelcomeBody
  | TimeBody
  | TrustBody
  | InterrogateBody
  | SettingsBody
  | ReadBody;

/** How an event came about: a demand-response event a customer may answer, or a direct order to the DER. */
export type Service = 'demand-response' | 'direct';

/** An event on one or more axes (IEEE 2030.5 EndDeviceControl, DERControl). */
export interface EventBody {
  readonly kind: 'event';
  readonly service: Service;
  readonly mRID: MRID;
  readonly axes: AxisValues;
  readonly start: UnixTime;
  /** Absent: until a signed cancel names it. Only an emergency may be open-ended. */
  readonly duration?: Duration;
  /** A sentence for the customer. */
  readonly note?: string;
}

/** Ends the event it names, at once. The signed release of an emergency isolation is one. */
export interface CancelBody {
  readonly kind: 'cancel';
  readonly mRID: MRID;
}

/** Membership of one gateway in one group from an epoch on. */
export interface MembershipChange {
  readonly group: GroupId;
  readonly epoch: number;
  readonly member: boolean;
  /**
   * 8 bytes, hexadecimal, drawn for this membership alone: by it a {@link ProbeBody} tells this member that it has
   * left, and tells nobody else anything. Absent with the end of a membership.
   */
  readonly tag?: string;
}

/** What changes in the memberships of this gateway: a difference. Says nothing of other members (DR-1). */
export interface GrantBody extends MembershipChange {
  readonly kind: 'grant';
  /** Further changes of the same gateway: who moves from one group to another is told once. At most 63. */
  readonly also?: readonly MembershipChange[];
  /** This issuer's groups that are not named are over: the whole list instead of a difference, to end a drift. */
  readonly only?: true;
}

/**
 * To a group, in its newest epoch (the command's own): the difference in the list of members, as far as a member
 * needs it, and a proof asked of new members that they hear the group's topic and hold its epoch. A member that
 * holds `from` or newer takes the command's epoch on, unless its tag is among `left`: then it has left. A member
 * answers its first probe after each grant by a receipt, and then is silent.
 */
export interface ProbeBody {
  readonly kind: 'probe';
  readonly from: number;
  /** Every member answers, whether it has before or not. */
  readonly all?: true;
  /** Tags of all who left after `from`; at most 1,024. */
  readonly left: readonly string[];
}

/** The head end holds every record of these streams up to and including the sequence named. */
export interface AckBody {
  readonly kind: 'ack';
  readonly through: Readonly<Partial<Record<StreamName, number>>>;
}

/** What only one gateway may read: a box to its key. Names the event it belongs to, if it belongs to one. */
export interface SealedBody {
  readonly kind: 'sealed';
  /** Ephemeral public key (32 bytes) and box, in hexadecimal. */
  readonly box: string;
  readonly mRID?: MRID;
}

/**
 * The head end's answer to a start, for the nonce of that start's birth record. It gives the date, and says how far
 * this issuer's streams of commands and the gateway's own streams of records were used in its earlier life.
 */
export interface WelcomeBody {
  readonly kind: 'welcome';
  readonly nonce: Nonce;
  readonly time: UnixTime;
  readonly marks: readonly StreamTold[];
  /** The highest sequence held of each stream of records. */
  readonly held: Readonly<Partial<Record<StreamName, number>>>;
}

/** How far an issuer has used one of its streams under one of its key epochs. */
export interface StreamTold {
  readonly stream: string;
  /** An earlier one; that of the command which says so unless given. */
  readonly keyEpoch?: number;
  /** No sequence up to here is to be taken any more, but those in `open`. */
  readonly through: number;
  /** Sent to this gateway and not answered by it; ascending, none above `through`. */
  readonly open: readonly number[];
}

/** The date. With the nonce of a question of ours it cannot have been held back; without, it is a lower bound. */
export interface TimeBody {
  readonly kind: 'time';
  readonly time: UnixTime;
  readonly nonce?: Nonce;
}

/** Roots, delegations and revocations, as signed by those who may say so. */
export interface TrustBody {
  readonly kind: 'trust';
  readonly documents: readonly Uint8Array[];
}

/** An event as the schedule keeps it: the command's authority with the body's content. */
export interface DerEvent {
  readonly mRID: MRID;
  readonly service: Service;
  readonly class: CommandClass;
  readonly primacy: number;
  readonly issuer: string;
  readonly kid: KeyId;
  readonly cti: Cti;
  readonly audience: Audience;
  /** When the issuer made it; between equals the newer wins. */
  readonly createdAt: UnixTime;
  /** Of its command, which orders what one issuer made in one second: times on the wire are whole seconds. */
  readonly sequence: number;
  readonly start: UnixTime;
  readonly duration?: Duration;
  readonly axes: AxisValues;
  readonly note?: string;
}
