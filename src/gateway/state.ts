/**
 * A gateway as a value: everything it knows, rebuilt from the store at every start. What is not in the store
 * (link, devices, readings) is learnt again before it is used.
 */
import { unixTime } from '../base/time.ts';
import type { Duration, Instant, UnixTime } from '../base/time.ts';
import { decide, schedule } from '../control/mod.ts';
import type {
  Attempts,
  Bound,
  Decision,
  EarlyCancel,
  Entry,
  OverrideTerms,
  Schedule,
} from '../control/mod.ts';
import type {
  Applied,
  Axis,
  AxisValues,
  Cti,
  Delivery,
  DerEvent,
  DeviceId,
  DeviceRole,
  EventKey,
  GatewayId,
  GroupId,
  KeyId,
  MRID,
  Mode,
  ModeSetBy,
  Nonce,
  Points,
  Reading,
  ReceiptBody,
  StreamName,
  UplinkRecord,
} from '../model/mod.ts';
import { STREAMS, eventKey } from '../model/mod.ts';
import type { ReplayState, TrustedKey } from '../wan/envelope/mod.ts';
import { newClock } from '../wan/clock/mod.ts';
import type { Clock } from '../wan/clock/mod.ts';
import { newReplayState } from '../wan/envelope/mod.ts';
import type { Memberships } from '../wan/groups/mod.ts';
import { membershipsFromRows } from '../wan/groups/mod.ts';
import { restoreTrust } from '../wan/trust/mod.ts';
import type { Anchor, TrustState } from '../wan/trust/mod.ts';
import type { Uplink } from '../wan/uplink/mod.ts';
import { newUplink } from '../wan/uplink/mod.ts';
import { deliveriesFromRows } from './commands/delivery-rows.ts';
import type { Deliveries } from './commands/delivery-rows.ts';
import { sealedFromRows } from './commands/sealed-rows.ts';
import type { Sealed } from './commands/sealed-rows.ts';
import { newAudit } from './uplink/audit-rows.ts';
import type { Audit } from './uplink/audit-rows.ts';
import { meteringFromRows } from './uplink/metering-rows.ts';
import type { MeterTerms, Metering } from './uplink/metering-rows.ts';
import { samplingsFromRows } from './uplink/sampling-rows.ts';
import type { Sampling } from './uplink/sampling-rows.ts';
import { newAsking } from './commands/asking.ts';
import type { Asking, Inquiry } from './commands/asking.ts';
import type { DeviceOrder, DeviceState, Json, RowKind, Snapshot, StoreChange, StoredRow } from './ports.ts';

/** What a gateway is told once, by its configuration. */
export interface Settings {
  readonly gateway: GatewayId;
  readonly utility: string;
  readonly version: string;
  /** Keys it obeys beside those that documents delegate. */
  readonly keys: ReadonlyMap<KeyId, TrustedKey>;
  /** How it knows its utility's root; without one no document counts. */
  readonly anchor?: Anchor;
  readonly defaults: AxisValues;
  readonly bounds: readonly Bound[];
  readonly terms: OverrideTerms;
  /** Curves and settings the tariff agreement lets be changed over the WAN (TAR-1); all unless given. */
  readonly settable?: ReadonlySet<Mode>;
  /** How long a device holds a limit without a refresh before it falls back to the default control. */
  readonly reversion: Duration;
  /** The public key for what is sealed to this gateway, in hexadecimal; without one, sealed commands are refused. */
  readonly boxKey?: string;
  /** How meters are taken; one that is not named counts the boundary of the premise, and its voltage is not watched. */
  readonly meters?: ReadonlyMap<DeviceId, MeterTerms>;
  /** How often devices are read; every second unless given. */
  readonly pollEvery?: Duration;
  /** Which deliveries are taken, and how many bytes they may take together; none unless given. */
  readonly deliveries?: {
    readonly accepts: readonly Delivery[];
    readonly maxBytes: number;
    /** How long a trial is well before it is kept; {@link WELL_FOR} unless given. */
    readonly wellFor?: Duration;
  };
}

/** What one device was last ordered on one axis, and how that went. */
export interface Standing {
  readonly device: DeviceId;
  readonly axis: Axis;
  /** Rises with every order, 0 before the first of this run; an answer to an older one changes nothing. */
  order: number;
  value: number | undefined;
  /**
   * The event that ordered it, kept whole beside the order until a release is decided: if the event's own row
   * is damaged, the order alone tells that it holds (OVR-4).
   */
  holder?: DerEvent;
  /** The fallback it was given with the order. */
  reversion?: DeviceOrder['reversion'];
  /** Set from the first reading that shows another value until one shows this value. */
  drifted?: boolean;
  /** Whether an answer to `order` is still to come. */
  outstanding: boolean;
  /** The last answer, to this order or, after a repetition, to the one before with the same value. */
  applied?: Applied;
  answeredAt?: Instant;
  /** When it is ordered again: to refresh the device's timer, or because it did not succeed. */
  againAt?: Instant;
}

/** A receipt that waits for the orders it speaks of. */
export interface Awaiting {
  /** Names its row in the store. */
  readonly key: number;
  readonly receipt: ReceiptBody;
  readonly orders: Set<number>;
  readonly applied: Applied[];
  /** Why the outcome of its orders will not be known here, when it will not. */
  readonly interrupted?: string;
}

export interface GatewayState {
  readonly settings: Settings;
  trust: TrustState;
  readonly replay: ReplayState;
  clock: Clock;
  exchange: Exchange;
  readonly memberships: Memberships;
  readonly schedule: Schedule;
  readonly attempts: Attempts;
  readonly uplink: Uplink;
  /** The last receipt of each command by {@link commandKey}, to be sent again when it is repeated; the oldest goes first. */
  readonly receipts: Map<string, UplinkRecord>;
  readonly devices: Map<DeviceId, DeviceState>;
  readonly readings: Map<DeviceId, Reading>;
  /** What meters told, one entry a meter. */
  readonly metering: Map<DeviceId, Metering>;
  /** What each device is and its greatest real power, W, as last read; a device that is lost keeps its size. */
  readonly sizes: Map<DeviceId, { readonly role: DeviceRole; readonly ratedW?: number }>;
  readonly standing: Map<string, Standing>;
  awaiting: readonly Awaiting[];
  nextAwaiting: number;
  decisions: ReadonlyMap<Axis, Decision>;
  /** Events that held an axis when last decided. */
  holding: ReadonlySet<EventKey>;
  nextOrder: number;
  /** Override requests whose code is being checked. One at a time, so that guesses cannot run side by side. */
  checking: { readonly request: number; readonly mRID: MRID } | undefined;
  readonly sealed: Sealed;
  readonly deliveries: Deliveries;
  /** Refused attempts to override, by event: at most one entry for each event the schedule knows. */
  readonly attemptsRefused: Map<MRID, AttemptsRefused>;
  readonly reported: Reported;
  readonly audit: Audit;
  /** Up to which sequence losses on the disk were counted and logged: they are sent until they are acknowledged. */
  readonly lostThrough: Map<StreamName, number>;
  /** What was last left out of records and readings, one entry a kind and a device, so that it is logged once. */
  readonly misfits: Map<string, string>;
  /** Events whose own row was lost and that go on because an order remembers them; told in the first step. */
  adopted: readonly DerEvent[];
  /** Rows of the store that were set aside since this was last told. */
  damage: { readonly rows: number; readonly since: number; readonly tables: readonly string[] } | undefined;
  readonly asking: Asking;
  /** Requests for samples that are under way; at most as many as there may be. */
  readonly samplings: Map<string, Sampling>;
  /** Who set a mode of a device over the WAN last, by {@link settingKey}; at most one entry a device and mode. */
  readonly setBy: Map<string, ModeSetBy>;
  readonly refusals: Map<KeyId, { since: UnixTime; count: number }>;
  /** What was refused in the last second, by refusal: as many entries as there are names of refusals. */
  readonly refusalLines: Map<string, { readonly until: Instant; more: number; text: string }>;
  /** When a repeated command was last answered again, and when a grant was last asked for. */
  readonly answeredAgain: Map<string, Instant>;
  readonly askedGrant: Map<GroupId, Instant>;
  /** When a command of a group that was never granted first came. */
  readonly strangers: Map<GroupId, Instant>;
  /** Refusals and other events by name, since this start. */
  readonly counts: Map<string, number>;
  starts: number;
  born: boolean;
}

/** Where the nonce exchange of this start stands. */
export interface Exchange {
  /** What nonces are made from; absent until the run has begun. */
  seed: string | undefined;
  /** Nonces made so far. */
  draws: number;
  /** What the birth record asks. */
  birth: Question | undefined;
  /** The last question for the time that is open; the birth record is one. */
  question: Question | undefined;
  /** The highest number of each stream of records that the head end can hold before it has answered this start. */
  readonly numbered: Record<StreamName, number>;
  /** Issuers that have answered this start. */
  readonly welcomed: Set<string>;
  /** When it was found that what happened before was forgotten; survives restarts. */
  lostAt: UnixTime | undefined;
}

export interface Question {
  readonly nonce: Nonce;
  /** Whoever answers signed after this: nobody knew the nonce before. */
  readonly drawn: Instant;
  /** When it was said last; when to say it again counts from here. */
  asked: Instant;
}

/** Attempts at one event that were refused since the last record of them. */
export interface AttemptsRefused {
  /** When `more`, if there are any, are told. */
  readonly until: Instant;
  more: number;
  /** Why the last one was refused. */
  why: string;
}

/** What the last status said, to tell when the next is due. */
export interface Reported {
  at: UnixTime | undefined;
  /** When the last one went out that held everything. */
  fullAt: UnixTime | undefined;
  due: boolean;
  readonly points: Map<DeviceId, Points>;
}

/** Receipts kept for repetition: a day of one command every two minutes. A repetition of an older one is answered by nothing. */
export const MAX_RECEIPTS = 1024;

/** The state the store describes. `settings` come from the configuration, never from the store. */
export function restore(settings: Settings, snapshot: Snapshot): GatewayState {
  const rows = <T>(kind: RowKind): T[] => snapshot.rows.filter(r => r.kind === kind).map(r => r.value as T);
  const receipts = rows<UplinkRecord>('receipt').sort((a, b) => a.sequence - b.sequence);
  const answered = receipts.map(record => [commandKey(record.body as ReceiptBody), record] as const);
  const ordered = rows<Ordered>('ordered');
  const entries = rows<Entry>('event');
  const adopted = orphans(ordered, entries);
  const awaiting = snapshot.rows.filter(r => r.kind === 'awaiting').map(interruptedReceipt);
  const floor = metaNumber(snapshot, 'clock-floor');
  const state: GatewayState = {
    settings,
    trust: restoreTrust(
      { utility: settings.utility, gateway: settings.gateway, anchor: settings.anchor },
      snapshot.rows.filter(r => r.kind === 'trust'),
    ),
    replay: newReplayState(snapshot.rows),
    clock: newClock(floor === undefined ? {} : { stored: unixTime(floor) }),
    exchange: newExchange(snapshot, metaNumber(snapshot, 'lost-at')),
    memberships: membershipsFromRows(snapshot.rows.filter(r => r.kind === 'membership')),
    schedule: schedule.newSchedule([...entries, ...adopted], rows<EarlyCancel>('cancel')),
    attempts: rows<Attempts>('override')[0] ?? { wrong: 0 },
    uplink: newUplink(snapshot.streams),
    receipts: new Map(answered),
    devices: new Map(),
    readings: new Map(),
    metering: meteringFromRows(snapshot.rows),
    sizes: new Map(),
    standing: new Map(
      ordered.map(o => [standingKey(o.device, o.axis), { ...o, order: 0, outstanding: false }]),
    ),
    awaiting,
    nextAwaiting: 1 + Math.max(0, ...awaiting.map(a => a.key)),
    decisions: new Map(),
    holding: new Set(),
    nextOrder: 1,
    checking: undefined,
    sealed: sealedFromRows(snapshot.rows),
    deliveries: deliveriesFromRows(snapshot.rows),
    attemptsRefused: new Map(),
    lostThrough: new Map(),
    misfits: new Map(),
    adopted: adopted.map(({ event }) => event),
    damage: newDamage(snapshot),
    audit: newAudit(snapshot),
    reported: { at: undefined, fullAt: undefined, due: true, points: new Map() },
    asking: newAsking(rows<Inquiry>('inquiry').map(row => [commandKey(row), row])),
    samplings: samplingsFromRows(snapshot.rows),
    setBy: new Map(
      snapshot.rows.flatMap(r => (r.kind === 'setting' ? [[r.key, r.value as unknown as ModeSetBy]] : [])),
    ),
    refusals: new Map(),
    refusalLines: new Map(),
    answeredAgain: new Map(),
    askedGrant: new Map(),
    strangers: new Map(),
    counts: new Map(),
    starts: metaNumber(snapshot, 'starts') ?? 0,
    born: false,
  };
  decideAnew(state);
  return state;
}

function newExchange({ streams }: Snapshot, lostAt: number | undefined): Exchange {
  const last = STREAMS.map(name => [name, streams.find(({ stream }) => stream === name)?.last ?? 0]);
  return {
    seed: undefined,
    draws: 0,
    birth: undefined,
    question: undefined,
    numbered: Object.fromEntries(last) as Record<StreamName, number>,
    welcomed: new Set(),
    lostAt: lostAt === undefined ? undefined : unixTime(lostAt),
  };
}

/** What was found damaged and not told upstream yet. */
function newDamage(snapshot: Snapshot): GatewayState['damage'] {
  const { rows = 0, tables = [] } = snapshot.damage ?? {};
  const told = metaNumber(snapshot, 'damage-told') ?? 0;
  return rows > told ? { rows, since: rows - told, tables } : undefined;
}

function metaNumber({ rows }: Snapshot, key: string): number | undefined {
  const value = rows.find(r => r.kind === 'meta' && r.key === key)?.value;
  return typeof value === 'number' ? value : undefined;
}

/** An order as its row keeps it. */
interface Ordered {
  readonly device: DeviceId;
  readonly axis: Axis;
  readonly value: number;
  readonly holder?: DerEvent;
}

/** Events that orders name and that no row holds: active until they end by themselves or their issuer ends them. */
function orphans(ordered: readonly Ordered[], entries: readonly Entry[]): readonly Entry[] {
  const known = new Set(entries.map(entry => eventKey(entry.event)));
  const lost = new Map(
    ordered.flatMap(({ holder }) => (holder === undefined ? [] : [[eventKey(holder), holder]])),
  );
  return [...lost].flatMap(([key, event]) => (known.has(key) ? [] : [{ event, status: 'active' } as const]));
}

/** The orders it waited for are lost with the state that issued them; what they did is seen when devices are asked again. */
function interruptedReceipt({ key, value }: StoredRow): Awaiting {
  const interrupted = 'the gateway restarted before its devices had answered';
  const receipt = value as unknown as ReceiptBody;
  return { key: Number(key), receipt, orders: new Set(), applied: [], interrupted };
}

/** Makes the decision anew from the events that are active; returns which event holds which axes. */
export function decideAnew(state: GatewayState): ReadonlyMap<EventKey, readonly Axis[]> {
  const events = schedule
    .activeEntries(state.schedule)
    .map(({ event, overriddenAt }) => ({ event, overridden: overriddenAt !== undefined }));
  state.decisions = decide({ events, defaults: state.settings.defaults, bounds: state.settings.bounds });
  const holders = new Map<EventKey, Axis[]>();
  for (const [axis, { holder }] of state.decisions) {
    if (holder !== undefined) holders.set(holder, [...(holders.get(holder) ?? []), axis]);
  }
  state.holding = new Set(holders.keys());
  return holders;
}

export function standingKey(device: DeviceId, axis: Axis): string {
  return `${device}/${axis}`;
}

/** Names a command: another issuer may draw the same cti, by chance or on purpose. */
export function commandKey({ issuer, cti }: { readonly issuer?: string; readonly cti: Cti }): string {
  return `${issuer ?? ''}/${cti}`;
}

/** A row of the store for a value of ours; every such value is plain data that JSON holds without loss. */
export function put(kind: RowKind, key: string, value: object | number | string): StoreChange {
  return { op: 'put', kind, key, value: value as Json };
}

export function count(state: GatewayState, name: string, by = 1): void {
  state.counts.set(name, (state.counts.get(name) ?? 0) + by);
}
