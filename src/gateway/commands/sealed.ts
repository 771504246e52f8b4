/**
 * Sealed commands: an override code or a message that only this gateway can read (SIWG-2). The box is stored, opened
 * behind a door, and leaves the store when what was in it is there: a code as its slow salted hash, a message as
 * the text the display shows.
 *
 * A code counts for events of its own issuer only. Opens nothing itself.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { Now, UnixTime } from '../../base/time.ts';
import { eventKey } from '../../model/mod.ts';
import type { Command, DerEvent, SealedBody } from '../../model/mod.ts';
import type { Input, Work } from '../effects.ts';
import { receipt, refusalReceipt } from '../uplink/reports.ts';
import type { Code, Message, Waiting } from './sealed-rows.ts';
import { commandKey, count, put } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** Boxes that wait to be opened: each takes some 50 ms, and a burst is one code and one message for each of some events. */
export const MAX_SEALED = 32;
/** Codes kept: one of each issuer and one an event, for more events than a household sees in a month. */
export const MAX_CODES = 128;
/** Messages kept for the display: the newest; an older one goes when there are more. */
export const MAX_MESSAGES = 20;

/** `sealed-unsupported`: there is no key to open it with. The others pass: `later`. */
export type SealedCommandRefusal = 'sealed-unsupported' | 'sealed-busy' | 'too-many-codes';

/** Takes a sealed command in. It is answered when its box is open. */
export function takeSealed(
  state: GatewayState,
  work: Work,
  command: Command,
  { box, mRID }: SealedBody,
): Result<undefined, SealedCommandRefusal> {
  if (state.settings.boxKey === undefined)
    return refused('sealed-unsupported', 'this gateway has no key for sealed commands');
  const { waiting, codes } = state.sealed;
  if (waiting.size >= MAX_SEALED)
    return refused('sealed-busy', `${MAX_SEALED} sealed commands are being opened`, 'later');
  if (codes.size + waiting.size >= MAX_CODES)
    return refused('too-many-codes', `${MAX_CODES} codes are kept`, 'later');
  const { cti, issuer, kid, expires } = command;
  const row: Waiting = { cti, issuer, kid, expires, box, ...(mRID === undefined ? {} : { mRID }) };
  const key = commandKey(command);
  waiting.set(key, { row, asked: false });
  work.store(put('sealed', key, row));
  return ok(undefined);
}

/** Asks the door for every box it was not asked for since this start. */
export function openSealed(state: GatewayState, work: Work): void {
  const { gateway } = state.settings;
  for (const [key, entry] of state.sealed.waiting) {
    if (entry.asked) continue;
    entry.asked = true;
    const { box, issuer, mRID } = entry.row;
    work.wish({
      do: 'open',
      sealed: key,
      box,
      context: { issuer, gateway, ...(mRID === undefined ? {} : { mRID }) },
    });
  }
}

/** The door answered. An answer to a box that is not waited for any more changes nothing. */
export function opened(
  state: GatewayState,
  work: Work,
  { sealed: key, opened: result }: Extract<Input, { on: 'opened' }>,
  now: Now,
): void {
  const { sealed } = state;
  const row = sealed.waiting.get(key)?.row;
  if (row === undefined) return;
  sealed.waiting.delete(key);
  work.store({ op: 'delete', kind: 'sealed', key });
  const { cti, issuer, kid, expires, mRID } = row;
  if (!result.ok) {
    const { refusal, detail: why = refusal } = result;
    count(state, `refused.${refusal}`);
    work.log('warn', 'command.refused', `${refusal}: ${why}`, { cti });
    const about = { cti, issuer, kid, refusal, retry: 'never', response: 'invalid', why } as const;
    return refusalReceipt(state, work, about, now);
  }
  const of = mRID === undefined ? {} : { mRID };
  const { value } = result;
  if (value.kind === 'code') keepCode(state, work, { issuer, ...of, hash: value.hash, expires });
  else keepMessage(state, work, key, { issuer, at: now.unix, expires, text: value.text, ...of });
  const whose = mRID === undefined ? 'the customer' : `event ${mRID}`;
  const why =
    value.kind === 'code' ? `the override code of ${whose} is set` : 'the message is on the display';
  receipt(state, work, { kind: 'receipt', cti, issuer, ...of, response: 'completed', why }, now);
}

/**
 * The hash an attempt at `event` is checked against: the event's own, or else the customer's from the same issuer.
 * `undefined`: the one of the configuration. OVR-1.
 */
export function codeFor({ sealed }: GatewayState, event: DerEvent): string | undefined {
  return (sealed.codes.get(eventKey(event)) ?? sealed.codes.get(`${event.issuer}/`))?.hash;
}

/** Forgets codes of events that are over or never came, and messages whose time is up. */
export function forgetSealed(state: GatewayState, work: Work, now: UnixTime): void {
  const { codes, messages } = state.sealed;
  for (const [key, { mRID, issuer, expires }] of codes) {
    if (mRID === undefined || expires > now) continue;
    if (state.schedule.entries.has(eventKey({ issuer, mRID }))) continue;
    codes.delete(key);
    work.store({ op: 'delete', kind: 'code', key });
  }
  for (const [key, { expires }] of messages) if (expires <= now) dropMessage(state, work, key);
}

function keepCode(state: GatewayState, work: Work, code: Code): void {
  const { issuer, mRID } = code;
  const key = mRID === undefined ? `${issuer}/` : eventKey({ issuer, mRID });
  state.sealed.codes.set(key, code);
  work.store(put('code', key, code));
}

function keepMessage(state: GatewayState, work: Work, key: string, message: Message): void {
  const { messages } = state.sealed;
  messages.set(key, message);
  work.store(put('message', key, message));
  const [oldest] = messages.keys();
  if (messages.size > MAX_MESSAGES && oldest !== undefined) dropMessage(state, work, oldest);
}

function dropMessage(state: GatewayState, work: Work, key: string): void {
  state.sealed.messages.delete(key);
  work.store({ op: 'delete', kind: 'message', key });
}
