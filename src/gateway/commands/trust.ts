/**
 * Whom this gateway obeys now: what documents delegate, beside the keys of its configuration; what is revoked is
 * neither. New documents come with commands of kind trust; what keys said that are trusted no more is judged again.
 *
 * What becomes of an event whose key is revoked, or may not say it any more: one that has not begun is dropped.
 * One that is active ends at once, and the default control takes its place, but for two that go on, because to
 * let go of equipment all at once is what a thief of the key could want: an isolation in an emergency holds until
 * its issuer releases it with another key; and a limit not above the default goes on to its end as long as its
 * issuer has another key to cancel it with.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { Now } from '../../base/time.ts';
import { schedule } from '../../control/mod.ts';
import type { Entry } from '../../control/mod.ts';
import { axesOf, eventKey } from '../../model/mod.ts';
import type { Axis, Command, DerEvent, KeyId, TrustBody } from '../../model/mod.ts';
import { openCommand, peek, scopeTrouble } from '../../wan/envelope/mod.ts';
import type { CommandContext, OpenResult, TrustedKey } from '../../wan/envelope/mod.ts';
import { delegatedKey, learn, rootInForce } from '../../wan/trust/mod.ts';
import type { Learned, TrustRefusal, TrustState } from '../../wan/trust/mod.ts';
import type { Work } from '../effects.ts';
import type { Cause } from '../orders/orders.ts';
import { aboutEvent, overrideEnded, receipt } from '../uplink/reports.ts';
import { put } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** The key that `kid` names, if it is trusted now. Its validity in time is the pipeline's to judge. */
export function trustedKey(
  { settings, trust }: Pick<GatewayState, 'settings' | 'trust'>,
  kid: KeyId,
): TrustedKey | undefined {
  return trust.revoked.has(kid) ? undefined : (delegatedKey(trust, kid) ?? settings.keys.get(kid));
}

/** All keys trusted now. */
export function trustedKeys(state: Pick<GatewayState, 'settings' | 'trust'>): readonly TrustedKey[] {
  const { settings, trust } = state;
  const kids = new Set([...settings.keys.keys(), ...trust.delegations.keys()]);
  return [...kids].flatMap(kid => trustedKey(state, kid) ?? []);
}

/**
 * Judges a message by the keys trusted now. A command of kind trust may also be signed by a key that its own
 * documents delegate: that is how the first one comes, and the one after an expiry. Its documents are judged before
 * its signature is, at the price of some signatures more.
 */
export function openTrusted(
  state: GatewayState,
  payload: Uint8Array,
  context: Omit<CommandContext, 'keyOf'>,
): OpenResult | (Extract<Result<never, TrustRefusal>, { ok: false }> & { readonly authenticated?: never }) {
  const opened = openCommand(payload, { ...context, keyOf: kid => trustedKey(state, kid) });
  if (opened.ok || !RENEWABLE.has(opened.refusal)) return opened;
  const { kid, claims } = peek(payload) ?? {};
  const body = claims?.body;
  if (body?.kind !== 'trust') {
    const isRevoked = kid !== undefined && state.trust.revoked.has(kid);
    return isRevoked ? refused('key-revoked', `key ${kid} is revoked`) : opened;
  }
  const learned = learn(state.trust, body.documents, context.now);
  if (!learned.ok) return learned;
  const then = { settings: state.settings, trust: learned.value.state };
  return openCommand(payload, { ...context, keyOf: kid => trustedKey(then, kid) });
}

/** What a command's own documents can remedy: its key was not known, or not valid, before them. */
const RENEWABLE: ReadonlySet<string> = new Set(['key-unknown', 'key-expired', 'root-expired']);

/** Takes the documents of a command in, all or none, and judges again what is waiting and active. */
export function learnTrust(
  state: GatewayState,
  work: Work,
  { cti, issuer }: Pick<Command, 'cti' | 'issuer'>,
  { documents }: TrustBody,
  now: Now,
): Result<readonly Cause[], TrustRefusal> {
  const learned = learn(state.trust, documents, now.unix);
  if (!learned.ok) return learned;
  state.trust = learned.value.state;
  for (const row of learned.value.rows) work.store(row);
  const why = describe(state.trust, learned.value);
  work.log('info', 'trust.learned', why, { cti });
  receipt(state, work, { kind: 'receipt', cti, issuer, response: 'completed', why }, now);
  return ok(judgeAgain(state, work, learned.value, now));
}

/** Rows that the store held and that did not prove themselves again are told once. */
export function tellUnread(state: GatewayState, work: Work): void {
  const { unread } = state.trust;
  if (unread.length === 0) return;
  state.trust = { ...state.trust, unread: [] };
  const text = `what the store holds of trust does not prove itself and does not count: ${unread.join(', ')}`;
  work.log('error', 'trust.unread', text);
}

function describe(trust: TrustState, { rows, lost }: Learned): string {
  const version = rootInForce(trust)?.document.version;
  const gone = lost.length === 0 ? '' : `; trusted no more: ${lost.join(', ')}`;
  const news = rows.length === 0 ? 'nothing new: ' : '';
  return `${news}root ${version} is in force, ${trust.delegations.size} keys delegated, ${trust.revoked.size} revoked${gone}`;
}

function judgeAgain(state: GatewayState, work: Work, learned: Learned, now: Now): readonly Cause[] {
  const doubted = new Set([...learned.lost, ...learned.changed]);
  for (const key of schedule.forgetCancels(state.schedule, kid => doubted.has(kid) && isGone(state, kid)))
    work.store({ op: 'delete', kind: 'cancel', key });
  return [...state.schedule.live.values()].flatMap(entry => {
    if (!doubted.has(entry.event.kid)) return [];
    const why = objection(state, entry.event);
    return why === undefined ? [] : drop(state, work, { entry, ...why }, now);
  });
}

function isGone(state: GatewayState, kid: KeyId): boolean {
  return trustedKey(state, kid) === undefined;
}

interface Objection {
  readonly refusal: string;
  readonly why: string;
}

function objection(state: GatewayState, event: DerEvent): Objection | undefined {
  const { kid, audience, primacy, axes } = event;
  const key = trustedKey(state, kid);
  if (key === undefined) {
    const revoked = state.trust.revoked.has(kid);
    const why = revoked ? 'is revoked' : 'is delegated by no root any more';
    return { refusal: revoked ? 'key-revoked' : 'key-lapsed', why: `its key ${kid} ${why}` };
  }
  const no = scopeTrouble(
    { audience, primacy, class: event.class, body: { kind: 'event', axes } },
    key.scope,
  );
  if (no === undefined) return undefined;
  return { refusal: no.refusal, why: `its key ${kid} may not say it any more (${no.detail ?? no.refusal})` };
}

function drop(
  state: GatewayState,
  work: Work,
  { entry, refusal, why }: Objection & { readonly entry: Entry },
  now: Now,
): readonly Cause[] {
  const { event, status } = entry;
  if (status === 'active' && goesOn(state, event)) {
    const text = `event ${event.mRID} goes on: ${why}, and it only restrains`;
    work.log('warn', 'event.kept', text, { mRID: event.mRID });
    return [];
  }
  schedule.abort(state.schedule, entry, now.unix);
  overrideEnded(state, work, entry, now);
  work.store(put('event', eventKey(event), entry));
  const text = `event ${event.mRID} is ${status === 'active' ? 'ended' : 'dropped before its start'}: ${why}`;
  const said = { ...aboutEvent(event, 'abortedByServer', text), refusal };
  if (status === 'active') return [{ receipt: said, axes: axesOf(event.axes) }];
  receipt(state, work, said, now);
  return [];
}

/** Limits whose lower value asks less of the grid. */
const LIMITS: readonly Axis[] = [
  'opModMaxLimW',
  'opModExpLimW',
  'opModImpLimW',
  'opModGenLimW',
  'opModLoadLimW',
];

/** Whether an active event is to hold although nobody trusted says it any more: see the head of this file. */
function goesOn(state: GatewayState, event: DerEvent): boolean {
  const { axes, issuer } = event;
  const isolates =
    event.class === 'emergency' && axesOf(axes).every(a => a === 'opModConnect' && axes[a] === 0);
  if (isolates) return true;
  const { defaults } = state.settings;
  const restrains = axesOf(axes).every(axis => {
    if (axis === 'opModConnect') return axes[axis] === 0;
    return LIMITS.includes(axis) && (axes[axis] ?? Infinity) <= (defaults[axis] ?? Infinity);
  });
  return restrains && speaksStill(state, issuer);
}

function speaksStill(state: GatewayState, issuer: string): boolean {
  return trustedKeys(state).some(key => key.issuer === issuer);
}
