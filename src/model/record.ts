/**
 * What a gateway reports. Each record belongs to a stream with a sequence of its own without gaps, so that
 * the receiver can prove it holds all of them.
 */
import type { UnixTime } from '../base/time.ts';
import type { Setpoint } from './control.ts';
import type { FileId } from './delivery.ts';
import type { ClockTrust, Cti, DeviceId, GroupId, MRID, Nonce } from './ids.ts';
import type { SettingsSet } from './held.ts';
import type { BillingBody, VoltageAlarm } from './metering.ts';
import type { ModesBody, ReadingsBody } from './modes.ts';
import type { Evidence, Outcome, Reading } from './reading.ts';
import type { SamplesBody } from './samples.ts';

/** In the order of sending (ALARM-1): an alarm goes ahead of everything else. */
export const STREAMS = [
  'alarm',
  'receipt',
  'request',
  'customer',
  'status',
  'billing',
  'reading',
  'audit',
  'birth',
] as const;
export type StreamName = (typeof STREAMS)[number];

export interface UplinkRecord {
  readonly stream: StreamName;
  /** 1, 2, 3 … without gaps within the stream. */
  readonly sequence: number;
  readonly at: UnixTime;
  readonly body: RecordBody;
}

export type RecordBody =
  | AlarmBody
  | ReceiptBody
  | CustomerBody
  | StatusBody
  | RequestBody
  | BirthBody
  | BillingBody
  | AuditBody
  | SamplesBody
  | LostBody
  | ModesBody
  | ReadingsBody;

/** IEEE 2030.5 response codes, by the names used here. */
export const RESPONSE = {
  received: 1,
  started: 2,
  completed: 3,
  optOut: 4,
  optIn: 5,
  cancelled: 6,
  superseded: 7,
  partialOptOut: 8,
  partialOptIn: 9,
  completedNoParticipation: 10,
  acknowledged: 11,
  noDisplay: 12,
  abortedByServer: 13,
  abortedByProgram: 14,
  notApplicable: 252,
  invalid: 253,
  expired: 254,
} as const;
export type Response = keyof typeof RESPONSE;

/** How an order on one axis ended on one device. */
export interface Applied {
  readonly device: DeviceId;
  readonly axis: Setpoint['axis'];
  readonly outcome: Outcome;
  readonly why?: string;
  readonly evidence: readonly Evidence[];
}

/** Answer to a command: one for each change of what it asked for. */
export interface ReceiptBody {
  readonly kind: 'receipt';
  readonly cti: Cti;
  /** Who issued the command: its cti is unique among its own issuer's only. */
  readonly issuer?: string;
  readonly response: Response;
  readonly mRID?: MRID;
  /** Name of the refusal where `response` is one. */
  readonly refusal?: string;
  /** With `refusal`: the same bytes can succeed later, so this is no answer yet and they are to be sent again. */
  readonly retry?: 'later';
  /** A sentence for a person. */
  readonly why: string;
  readonly applied?: readonly Applied[];
  /** With the answer to a grant or a probe: what is held of its issuer's groups now, made as that of a status. */
  readonly membershipDigest?: string;
  /**
   * With the answer to a grant: groups of it that are held in a later epoch than it names, or otherwise in that one. A
   * head end whose ledger was restored from an old copy goes on above them.
   */
  readonly held?: readonly GroupHeld[];
  /** With `replay` and `sequence-too-old`: the highest sequence of the command's stream that was taken. */
  readonly taken?: number;
  /** How curves and settings ended, by device. */
  readonly set?: readonly SettingsSet[];
  /** With the answer to an interrogation: the devices that told, each in records of kind modes that come before it. */
  readonly told?: readonly DeviceId[];
}

/** What is held of one issuer's groups: made as the digest of all, of them alone. */
export interface IssuerDigest {
  readonly issuer: string;
  readonly digest: string;
}

/** How one group is held by a gateway. */
export interface GroupHeld {
  readonly group: GroupId;
  readonly epoch: number;
  readonly member: boolean;
}

/** The customer answered an event (OVR-5): at once, and again with the total when the override ends. */
export interface CustomerBody {
  readonly kind: 'customer';
  readonly mRID: MRID;
  readonly action: 'acknowledged' | 'override' | 'override-ended' | 'code-refused';
  readonly why: string;
  /** With `code-refused`: how many attempts it tells of; one unless given. */
  readonly count?: number;
  /** With `override-ended`: how long the event was overridden, in whole seconds. */
  readonly totalS?: number;
}

/** The site as it stands: readings, setpoints in force with their reasons, memberships digest. */
export interface StatusBody {
  readonly kind: 'status';
  readonly readings: readonly Reading[];
  /** By exception: devices whose readings are not here have not moved since they were told last. */
  readonly partial?: true;
  readonly setpoints: readonly Setpoint[];
  /** 8 bytes over the memberships, hexadecimal: the head end sees drift without a query. */
  readonly membershipDigest: string;
  /** Where more than one issuer has a say in groups: each apart, those who have put it into none included. */
  readonly membershipDigests?: readonly IssuerDigest[];
  /** How far the date in this gateway is to be believed. */
  readonly clock?: ClockTrust;
}

/** The gateway asks for something: a grant it has not seen, chunks of a file that was announced, or the time. */
export type RequestBody = GrantRequest | ChunkRequest | TimeRequest;

export interface GrantRequest {
  readonly kind: 'request';
  readonly wants: 'grant';
  readonly group: string;
  readonly why: string;
}

export interface TimeRequest {
  readonly kind: 'request';
  readonly wants: 'time';
  /** To be signed with the answer. */
  readonly nonce: Nonce;
  readonly why: string;
}

/** Something that people have to look at (ALARM-1): goes ahead of all other records. */
export interface AlarmBody {
  readonly kind: 'alarm';
  /** Short and stable, for filtering: `memory-lost`. */
  readonly alarm: string;
  /** A sentence for a person. */
  readonly why: string;
  /** With alarm `voltage`. */
  readonly voltage?: VoltageAlarm;
}

export interface ChunkRequest {
  readonly kind: 'request';
  readonly wants: 'chunks';
  readonly file: FileId;
  /** The file itself or its chunk list, which comes first. */
  readonly of: FileId;
  readonly pieces: readonly number[];
  /** Chunks of the file that are there already. */
  readonly held: number;
  readonly why: string;
}

/** First record after a start. */
export interface BirthBody {
  readonly kind: 'birth';
  readonly version: string;
  /** Counts starts of this gateway since its store was made. */
  readonly start: number;
  readonly devices: readonly { readonly device: DeviceId; readonly model: string }[];
  /** The X25519 key for what is sealed to this gateway, 64 hexadecimal digits. */
  readonly boxKey?: string;
  /** To be answered by a welcome. */
  readonly nonce?: Nonce;
  /** How far the streams of the issuers that may welcome were taken here. */
  readonly marks?: readonly {
    readonly issuer: string;
    readonly keyEpoch: number;
    readonly stream: string;
    readonly high: number;
  }[];
}

/**
 * What was numbered since the last one of these: with it the receiver can prove that it holds all of it, and as it was.
 */
export interface AuditBody {
  readonly kind: 'audit';
  /** One entry for each stretch; after a start of the gateway a stream may have two. */
  readonly streams: readonly AuditedStretch[];
}

export interface AuditedStretch {
  readonly stream: StreamName;
  readonly first: number;
  readonly last: number;
  /** How many records were made: the numbers from `first` to `last`. */
  readonly count: number;
  /**
   * The chain of hashes over them, 64 hexadecimal digits. Absent for what was numbered before a start of the gateway:
   * of that the count alone can be proven.
   */
  readonly hash?: string;
}

/**
 * Stands in a stream for records that the gateway numbered and cannot read any more: their place on its disk is
 * damaged. With it the receiver can account for every sequence; what the records said is gone.
 */
export interface LostBody {
  readonly kind: 'lost';
  /** The sequence of this record itself. */
  readonly first: number;
  /** The last one lost with it; `first` or more. */
  readonly last: number;
  readonly why: string;
}
