/**
 * The doors a gateway needs, as types. `io` builds them, `sim` imitates them, and one process may share them
 * among many gateways.
 */
import type { Result } from '../base/assert.ts';
import type { UnixTime } from '../base/time.ts';
import type {
  Applied,
  Axis,
  DeviceId,
  FileId,
  GatewayId,
  ManifestBody,
  Interrogated,
  Json,
  PremiseView,
  Reading,
  SettingsOrder,
  SettingsSet,
  SharedSetpoints,
  StreamName,
  UplinkRecord,
} from '../model/mod.ts';
import type { Product } from '../wan/delivery/mod.ts';
import type { SealedContext, SealedRefusal } from '../wan/envelope/mod.ts';

/** Rows are JSON so that a person can read the store. */
export type { Json };

/** Kinds of row. Each is owned by one machine of the gateway. */
export type RowKind =
  | 'replay'
  | 'seen'
  | 'told'
  | 'membership'
  | 'event'
  | 'cancel'
  | 'override'
  | 'ordered'
  | 'receipt'
  | 'awaiting'
  | 'sealed'
  | 'code'
  | 'message'
  | 'inquiry'
  | 'setting'
  | 'trust'
  | 'delivery'
  | 'voltage'
  | 'interval'
  | 'audited'
  | 'sampling'
  /** Registers of flash written on a day; the devices' own, read before the state and no part of it. */
  | 'wear'
  /** For how much of a day the link and commands were available; kept beside the state and no part of it. */
  | 'availability'
  | 'meta';

/** One change to the store. All changes given to one `persist` become durable together or not at all. */
export type StoreChange =
  | { readonly op: 'put'; readonly kind: RowKind; readonly key: string; readonly value: Json }
  | { readonly op: 'delete'; readonly kind: RowKind; readonly key: string }
  /** A record joins the outbox. Its sequence is the stream's next; any other is a broken promise. */
  | { readonly op: 'append'; readonly record: UplinkRecord }
  /** The head end holds all records of `stream` up to and including `through`: they leave the outbox. */
  | { readonly op: 'trim'; readonly stream: StreamName; readonly through: number }
  /** The numbers of `stream` go up by `by`: those of the records in the outbox, the mark, and what is acknowledged. */
  | { readonly op: 'lift'; readonly stream: StreamName; readonly by: number };

export interface StoredRow {
  readonly kind: RowKind;
  readonly key: string;
  readonly value: Json;
}

/** Where one stream stands in the store. */
export interface StreamMark {
  readonly stream: StreamName;
  /** Highest sequence the head end acknowledged; 0 before any. */
  readonly acknowledged: number;
  /** Highest sequence appended; 0 before any. */
  readonly last: number;
}

export interface Snapshot {
  readonly rows: readonly StoredRow[];
  readonly streams: readonly StreamMark[];
  /** What did not prove itself and was set aside, in all runs; absent when nothing was. */
  readonly damage?: { readonly rows: number; readonly tables: readonly string[] };
}

/** `io`: an error of the disk or the file system. `full`: no room. Both leave the store as it was. */
export type StoreRefusal = 'io' | 'full';

/** `soon`: what it says would be worth less than a place on a disk that has none; see {@link StorePort.persist}. */
export type StoreUrgency = 'now' | 'soon';

/**
 * The store of one gateway. Rows carry the gateway's id, so a fleet shares one file.
 */
export interface StorePort {
  /** Everything the state is rebuilt from. Rejects only when the file cannot be read at all. */
  snapshot(gateway: GatewayId): Promise<Snapshot>;
  /**
   * Resolves when every change is on the disk (`synchronous=FULL`); rejects, with nothing changed, otherwise.
   *
   * A batch of nothing but telemetry and trims resolves at once and is on the disk within a minute: its numbers are
   * promised there already, so that after a crash none is given twice and what is missing is told as lost. With `soon`
   * that holds for appends to any stream, as long as numbers of it are promised.
   */
  persist(gateway: GatewayId, changes: readonly StoreChange[], urgency?: StoreUrgency): Promise<void>;
  /** Records of `stream` with a sequence above `after`, in order, at most `limit`. */
  load(
    gateway: GatewayId,
    stream: StreamName,
    after: number,
    limit: number,
  ): Promise<readonly UplinkRecord[]>;
}

/** The gateway's end of the WAN. Reconnects by itself; whoever holds it only hears of it. */
export interface BrokerPort {
  /** Resolves at the broker's PUBACK, which says nothing about the head end. Rejects when the link is lost first. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Adds subscriptions; they are renewed on every reconnect. */
  subscribe(topics: readonly string[]): void;
  unsubscribe(topics: readonly string[]): void;
  /** Drops the link and makes a new one, so that the broker delivers again what was not acknowledged. */
  renew(): void;
  close(): Promise<void>;
}

/** What a broker link tells its owner. */
export interface BrokerEvents {
  /** `acknowledge` sends the PUBACK. It is called once, after the message is durable or finally refused. */
  message(message: { topic: string; payload: Uint8Array; retained: boolean; acknowledge: () => void }): void;
  link(state: { up: boolean; why: string }): void;
}

/** An order to one device on one axis: a value in the axis's unit, or `undefined` to release it. */
export interface DeviceOrder {
  readonly order: number;
  readonly device: DeviceId;
  readonly axis: Axis;
  readonly value: number | undefined;
  /**
   * Fall back to `value` by itself after `afterS` whole seconds without a refresh. Absent: it holds until
   * changed. A device that cannot fall back to a value of our choosing is left to hold.
   */
  readonly reversion?: { readonly afterS: number; readonly value: number };
}

/** The devices behind this gateway. */
export interface DevicesPort {
  /** Writes, reads back, and says how it went. Never rejects: what cannot be known is `unknown`. */
  apply(order: DeviceOrder): Promise<Applied>;
  close(): Promise<void>;
}

/**
 * What stands at a device beside the orders on its axes: modes, curves and settings, asked for and set (SIWG-4, SIWG-5).
 * What it answers is plain data. Who may ask and who may set is the gateway's to judge before it comes here.
 */
export interface SettingsPort {
  /** Reads every model of the device that holds a mode; some twenty requests. Never rejects, writes nothing. */
  interrogate(device: DeviceId): Promise<Interrogated>;
  /**
   * Sets a standard packet or special settings, each intent verified before the next; nothing is written where one of
   * them cannot be carried out. Never rejects. Orders for one device are carried out one after the other.
   */
  set(device: DeviceId, order: SettingsOrder): Promise<SettingsSet>;
}

/** What the devices tell their owner. */
export interface DeviceEvents {
  reading(reading: Reading): void;
  /** A device was found, lost, or found again. `why` names address and cause. */
  device(state: DeviceState): void;
  /** An order that was implemented, and that the device has to be reminded of, is not any more. */
  lapsed(order: number, applied: Applied): void;
}

export interface DeviceState {
  readonly device: DeviceId;
  readonly present: boolean;
  /** Manufacturer, model and version, as far as known. */
  readonly model: string;
  /** As it names itself (SunSpec common block), as far as known. */
  readonly product?: {
    readonly manufacturer?: string;
    readonly model?: string;
    readonly version?: string;
  };
  /** The axes it can be ordered on. */
  readonly axes: readonly Axis[];
  /** Those of them that share a setpoint; absent until it is known. */
  readonly setpoints?: SharedSetpoints;
  readonly why: string;
}

/** Signs a record as it is sent. The private key stays behind this door. */
export interface SignerPort {
  signRecord(record: UplinkRecord, at: UnixTime): Uint8Array;
  /** Several that follow each other in one stream; `undefined` where they are too large together. */
  signRecords?(records: readonly UplinkRecord[], at: UnixTime): Uint8Array | undefined;
}

/** Where the customer display gets what it shows. */
export interface DisplayPort {
  show(view: PremiseView): void;
}

/** Slow work that must not run inside a step. */
export interface CodePort {
  /** Whether `code` is the one behind `hash`, or, without one, the one configured (scrypt; some 50 ms). */
  check(code: string, hash?: string): Promise<boolean>;
}

/** What was in a box, when it is open: a code is there as its slow salted hash only. */
export type Opened = Result<
  { readonly kind: 'code'; readonly hash: string } | { readonly kind: 'message'; readonly text: string },
  SealedRefusal
>;

/** Opens what was sealed to this gateway. The private key stays behind this door. */
export interface OpenerPort {
  /** The public key that head ends seal to, in hexadecimal. */
  readonly boxKey: string;
  /** Never rejects for what is in the box. */
  open(box: string, context: SealedContext): Promise<Opened>;
}

/** What the door of deliveries says of one file. */
export type DeliverySaid =
  /** Pieces of the file or of its chunk list are missing; `held` chunks are on the disk. */
  | {
      readonly is: 'wants';
      readonly of: FileId;
      readonly pieces: readonly number[];
      readonly held: number;
    }
  /** Every chunk is on the disk, and the whole has the hash that was signed. */
  | { readonly is: 'whole' }
  /** The gateway runs with it on trial; {@link DeliveryPort.settle} ends that. */
  | { readonly is: 'trial' }
  /** It is in force, or was applied to all its devices. */
  | { readonly is: 'applied' }
  /** It came to nothing: it was not fetched, not valid, not applied, or taken back. What was before is in force. */
  | { readonly is: 'failed'; readonly refusal: string; readonly why: string };

export interface DeliveryEvents {
  said(file: FileId, said: DeliverySaid): void;
}

/**
 * Files on their way to this gateway. Every wish may be repeated, also after a restart: what was done is not done
 * again, and its answer is said again.
 */
export interface DeliveryPort {
  fetch(manifest: ManifestBody): void;
  /** Applies a whole file. What needs another start of the gateway asks its owner for one. */
  install(manifest: ManifestBody, devices: readonly Product[]): void;
  settle(file: FileId, verdict: 'keep' | 'roll-back', why: string): void;
  /** The file is not needed any more, unless it is in force. */
  discard(file: FileId): void;
  /** A chunk from the broker. Resolves when it is on the disk, or was not wanted. */
  chunk(chunk: { readonly of: FileId; readonly n: number; readonly bytes: Uint8Array }): Promise<void>;
  link(up: boolean): void;
  close(): Promise<void>;
}
