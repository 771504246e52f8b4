/**
 * What a gateway says upstream: receipts, the customer's answers, status, requests, birth. A record gets its
 * number here, joins the outbox in the same batch as what it reports, and is offered to the link.
 */
import type { Retry } from '../../base/assert.ts';
import { after, minutes, seconds } from '../../base/time.ts';
import type { Now, UnixTime } from '../../base/time.ts';
import { endOverride } from '../../control/mod.ts';
import type { Entry } from '../../control/mod.ts';
import type {
  Applied,
  Cti,
  CustomerBody,
  GroupId,
  IssuerDigest,
  KeyId,
  MRID,
  ReceiptBody,
  RecordBody,
  Response,
  StreamName,
  UplinkRecord,
} from '../../model/mod.ts';
import { isNews } from '../../metering/mod.ts';
import { membershipDigest } from '../../wan/groups/mod.ts';
import { number, offer } from '../../wan/uplink/mod.ts';
import type { UplinkWish } from '../../wan/uplink/mod.ts';
import { noteNumbered } from './audit-rows.ts';
import type { Work } from '../effects.ts';
import { fit } from './vetting.ts';
import type { Fitted } from './vetting.ts';
import { MAX_RECEIPTS, commandKey, count, put } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** A full status is sent at least this often, changed or not. */
export const STATUS_EVERY = minutes(5);
/** Between two statuses by exception: telemetry must not wear the card. */
export const STATUS_SPACING = seconds(2);
/** Receipts for refused commands, a key and a minute; more are counted, not sent. */
export const REFUSALS_PER_MINUTE = 10;

/**
 * Puts `body` on `stream`: numbered, in the outbox, offered to the link. What no head end could open is left out of
 * it first; `undefined`: nothing was left, and nothing was stored or numbered.
 */
export function report(
  state: GatewayState,
  work: Work,
  stream: StreamName,
  body: RecordBody,
  now: Now,
): UplinkRecord | undefined {
  const { left, without } = fit(body);
  if (left !== body) noteMisfit(state, work, { what: body.kind, left, without });
  if (left === undefined) return undefined;
  const record = number(state.uplink, stream, now.unix, left);
  work.store({ op: 'append', record });
  noteNumbered(state.audit, record);
  sendWishes(work, offer(state.uplink, record));
  return record;
}

/** Counted every time, logged when it is news: a device may say the same nonsense every second. */
export function noteMisfit(
  state: GatewayState,
  work: Work,
  { what, left, without }: Fitted<unknown> & { readonly what: string },
): void {
  count(state, `misfit.${what}`);
  const loss = left === undefined ? 'it is dropped' : `left out: ${without.join(', ')}`;
  if (state.misfits.get(what) === loss) return;
  state.misfits.set(what, loss);
  work.log('error', 'record.misfit', `${what} does not fit into a record; ${loss}`);
}

/** Answers a command, and keeps the answer for when the same command comes again. */
export function receipt(state: GatewayState, work: Work, body: ReceiptBody, now: Now): void {
  const record = report(state, work, 'receipt', body, now);
  if (record === undefined) return;
  const key = commandKey(body);
  state.receipts.delete(key);
  state.receipts.set(key, record);
  work.store(put('receipt', key, record));
  const [oldest] = state.receipts.keys();
  if (state.receipts.size > MAX_RECEIPTS && oldest !== undefined) {
    state.receipts.delete(oldest);
    work.store({ op: 'delete', kind: 'receipt', key: oldest });
  }
  work.log('info', `receipt.${body.response}`, body.why, {
    cti: body.cti,
    ...(body.mRID === undefined ? {} : { mRID: body.mRID }),
  });
}

/** A command that is authentic and is not carried out. */
export interface RefusedCommand {
  readonly cti: Cti;
  readonly issuer: string;
  readonly kid: KeyId;
  readonly refusal: string;
  readonly retry: Retry;
  readonly response: Response;
  readonly why: string;
  /** By which its head end sees that it has forgotten what it said before. */
  readonly proof?: Pick<ReceiptBody, 'held' | 'taken'>;
}

/**
 * The receipt of a refused command: one a command, {@link REFUSALS_PER_MINUTE} a key. A command that was refused
 * for later is answered once more when another refusal, or a final one, takes the place of that one.
 */
export function refusalReceipt(state: GatewayState, work: Work, refused: RefusedCommand, now: Now): void {
  const said = state.receipts.get(commandKey(refused))?.body as ReceiptBody | undefined;
  const repeats = said?.refusal === refused.refusal && said.retry === laterOf(refused.retry);
  if (said !== undefined && (said.retry === undefined || repeats)) return;
  if (isRefusalWithheld(state, refused.kid, now)) return count(state, 'refusal-receipts-withheld');
  const recent = recentRefusals(state, refused.kid, now);
  if (recent === undefined) state.refusals.set(refused.kid, { since: now.unix, count: 1 });
  else recent.count++;
  const { cti, issuer, refusal, retry, response, why, proof } = refused;
  const again = laterOf(retry) === undefined ? {} : { retry: 'later' as const };
  receipt(state, work, { kind: 'receipt', cti, issuer, response, refusal, ...again, why, ...proof }, now);
}

/** Whether the key has had all the receipts of refusals that it gets in this minute. */
export function isRefusalWithheld(state: GatewayState, kid: KeyId, now: Now): boolean {
  return (recentRefusals(state, kid, now)?.count ?? 0) >= REFUSALS_PER_MINUTE;
}

function recentRefusals({ refusals }: GatewayState, kid: KeyId, now: Now): { count: number } | undefined {
  const recent = refusals.get(kid);
  return recent === undefined || after(recent.since, minutes(1)) <= now.unix ? undefined : recent;
}

/** What a receipt says of `retry`: nothing when it is final. */
function laterOf(retry: Retry): 'later' | undefined {
  return retry === 'later' ? retry : undefined;
}

export function customer(state: GatewayState, work: Work, said: Omit<CustomerBody, 'kind'>, now: Now): void {
  report(state, work, 'customer', { kind: 'customer', ...said }, now);
  work.log('info', `customer.${said.action}`, said.why, { mRID: said.mRID });
}

/** Ends an override, if there is one, and reports its total (OVR-5). Returns the total in whole seconds. */
export function overrideEnded(state: GatewayState, work: Work, entry: Entry, now: Now): number | undefined {
  const ended = endOverride(entry, entry.endedAt ?? now.unix);
  if (!ended.ok) return undefined;
  const totalS = wholeSeconds(ended.value.totalMs);
  const { mRID } = entry.event;
  customer(
    state,
    work,
    { mRID, action: 'override-ended', totalS, why: `${mRID} was overridden for ${totalS} s` },
    now,
  );
  return totalS;
}

export function askForGrant(
  state: GatewayState,
  work: Work,
  ask: { group: GroupId; why: string },
  now: Now,
): void {
  report(state, work, 'request', { kind: 'request', wants: 'grant', ...ask }, now);
}

/**
 * Reports a status when one is due: all of it by the clock and when something was ordered or decided; by exception the
 * readings of those devices of which one left its dead band. While the link is down the clock alone counts: history
 * needs no more, and when the link is back all of it is told at once. `digestsOf`: of the groups of each issuer apart.
 */
export function statusIfDue(
  state: GatewayState,
  work: Work,
  now: Now,
  digestsOf: (state: GatewayState) => readonly IssuerDigest[],
): void {
  const { reported, uplink } = state;
  const since = reported.at;
  if (since !== undefined && now.unix >= since && after(since, STATUS_SPACING) > now.unix) return;
  const full = reported.fullAt;
  const overdue = full === undefined || now.unix < full || after(full, STATUS_EVERY) <= now.unix;
  if (!uplink.up && !overdue) return;
  const whole = reported.due || overdue;
  const all = [...state.readings.values()];
  const readings = whole ? all : all.filter(one => isNews(reported.points.get(one.device), one.points));
  if (!whole && readings.length === 0) return;
  const setpoints = [...state.decisions.values()].map(d => d.setpoint).filter(s => s.order.kind === 'value');
  const digests = digestsOf(state);
  const body = {
    kind: 'status',
    readings,
    ...(whole ? {} : { partial: true as const }),
    setpoints,
    membershipDigest: membershipDigest(state.memberships),
    ...(digests.length === 0 ? {} : { membershipDigests: digests }),
    clock: state.clock.trust,
  } as const;
  report(state, work, 'status', body, now);
  reported.at = now.unix;
  if (whole) reported.fullAt = now.unix;
  reported.due = !uplink.up;
  for (const { device, points } of readings) reported.points.set(device, points);
}

/** When {@link statusIfDue} has something to do by the clock alone. */
export function nextStatus(state: GatewayState, now: UnixTime): UnixTime {
  const { at, fullAt, due } = state.reported;
  if (!state.uplink.up) return fullAt === undefined ? now : after(fullAt, STATUS_EVERY);
  if (at === undefined || fullAt === undefined) return now;
  return due ? after(at, STATUS_SPACING) : after(fullAt, STATUS_EVERY);
}

/** What was loaded from the outbox goes out; each record lost or dropped of it is counted, and logged, once a start. */
export function sendLoaded(state: GatewayState, work: Work, wishes: readonly UplinkWish[]): void {
  sendWishes(work, wishes);
  for (const wish of wishes) {
    if (wish.do !== 'publish' || wish.record.body.kind !== 'lost') continue;
    const { stream, body } = wish.record;
    const known = Math.max(state.lostThrough.get(stream) ?? 0, body.first - 1);
    if (body.last <= known) continue;
    state.lostThrough.set(stream, body.last);
    count(state, `lost.${stream}`);
    count(state, `lost-records.${stream}`, body.last - known);
    const which = body.first === body.last ? `record ${body.first}` : `records ${body.first} to ${body.last}`;
    work.log('error', 'record.lost', `${which} of ${stream}: ${body.why}; the head end is told`);
  }
}

/** What did not prove itself was left out of the state; people have to look at it, once. */
export function tellDamage(state: GatewayState, work: Work, now: Now): void {
  const { damage } = state;
  if (damage === undefined) return;
  state.damage = undefined;
  const { rows, since, tables } = damage;
  const why = `${since === 1 ? '1 part' : `${since} parts`} of the store (${tables.join(', ')}) did not prove sound; set aside, and not acted on`;
  work.store(put('meta', 'damage-told', rows));
  work.log('error', 'store.damage', why);
  report(state, work, 'alarm', { kind: 'alarm', alarm: 'store-damaged', why }, now);
}

export function sendWishes(work: Work, wishes: readonly UplinkWish[]): void {
  for (const wish of wishes) work.wish(wish);
}

/** One sentence on how orders ended: `inverter implemented, battery refused (…)`. */
export function describeApplied(applied: readonly Applied[]): string {
  if (applied.length === 0) return 'nothing had to be written';
  return applied.map(a => `${a.device} ${a.outcome}${a.why === undefined ? '' : ` (${a.why})`}`).join(', ');
}

export function aboutEvent(
  { cti, issuer, mRID }: { cti: Cti; issuer: string; mRID: MRID },
  response: Response,
  why: string,
): ReceiptBody {
  return { kind: 'receipt', cti, issuer, mRID, response, why };
}

/** Whole seconds of a duration, for records. */
export function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
