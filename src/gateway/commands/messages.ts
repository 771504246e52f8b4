/**
 * A message from the WAN: bytes become a verified command or a named refusal. Nothing is acknowledged to the broker
 * before what it changed is durable; a refused message is acknowledged, so that it does not come again.
 *
 * Everything up to the signature is what anybody can make us do; a command is acted on in commands.ts.
 */
import type { Now, UnixTime } from '../../base/time.ts';
import type { Command } from '../../model/mod.ts';
import type { EnvelopeRefusal } from '../../wan/envelope/mod.ts';
import { ack, receive, refuse } from './commands.ts';
import type { Input, Work } from '../effects.ts';
import { time, welcome } from './exchange.ts';
import type { Cause } from '../orders/orders.ts';
import { noteRefusal } from './refusals.ts';
import type { GatewayState } from '../state.ts';
import { openTrusted, trustedKey } from './trust.ts';

type Message = Extract<Input, { on: 'message' }>;

/** Handles one message. The causes returned are answered when their orders have ended. */
export function message(state: GatewayState, work: Work, input: Message, now: Now): readonly Cause[] {
  const causes = judge(state, work, input, now);
  const { token } = input;
  work.wish(work.fruitless ? { do: 'acknowledge', token, fruitless: true } : { do: 'acknowledge', token });
  return causes;
}

function judge(state: GatewayState, work: Work, input: Message, now: Now): readonly Cause[] {
  if (input.retained) return unread(state, work, 'retained', 'commands are never retained', now);
  const opened = open(state, input, now);
  if (!opened.ok) {
    // Authentic, but on a topic its issuer never put it on: an answer would tell the issuer that we refuse it.
    const misplaced = opened.refusal === 'kind-on-wrong-topic';
    if (opened.authenticated !== undefined && !misplaced)
      return refuse(state, work, opened.authenticated, opened, now);
    return unread(state, work, opened.refusal, opened.detail ?? '', now);
  }
  return take(state, work, opened.value, now);
}

/** Answers to what we asked, and acknowledgements, have no place in the replay memory: they change nothing twice. */
function take(state: GatewayState, work: Work, command: Command, now: Now): readonly Cause[] {
  const { body } = command;
  switch (body.kind) {
    case 'ack':
      return ack(state, work, body, now);
    case 'welcome': {
      const no = keyTrouble(state, command, body.time) ?? welcome(state, work, command, body, now);
      return no === undefined ? [] : unread(state, work, no.refusal, no.detail, now);
    }
    case 'time': {
      const no = keyTrouble(state, command, body.time) ?? time(state, work, body, now);
      return no === undefined ? [] : unread(state, work, no.refusal, no.detail, now);
    }
    default:
      return receive(state, work, command, now);
  }
}

/** Refusals by the date, which say nothing where the date itself is in question. */
const BY_DATE: ReadonlySet<string> = new Set<EnvelopeRefusal>([
  'not-yet-valid',
  'expired',
  'key-not-yet-valid',
  'key-expired',
  'root-expired',
]);

/**
 * Judged by the date; by no more than the earliest date it can be, where the clock is not trusted, and for the answer
 * to a question of ours, which is what sets the clock right.
 */
function open(state: GatewayState, { payload, topic }: Message, now: Now): ReturnType<typeof openTrusted> {
  const { settings, clock, exchange } = state;
  const context = { topic, utility: settings.utility };
  const earliest = { ...context, now: clock.floor, bound: 'earliest' } as const;
  if (clock.trust === 'untrusted') return openTrusted(state, payload, earliest);
  const opened = openTrusted(state, payload, { ...context, now: now.unix });
  if (opened.ok || !BY_DATE.has(opened.refusal)) return opened;
  if (exchange.question === undefined && exchange.birth === undefined) return opened;
  const answer = openTrusted(state, payload, earliest);
  return answer.ok && answersUs(state, answer.value) ? answer : opened;
}

/** It carries a nonce of ours. */
function answersUs({ exchange }: GatewayState, { body }: Command): boolean {
  if (body.kind !== 'welcome' && body.kind !== 'time') return false;
  return body.nonce !== undefined && [exchange.birth?.nonce, exchange.question?.nonce].includes(body.nonce);
}

/** Whoever tells the date may tell no date at which its own key is not valid. */
function keyTrouble(
  state: GatewayState,
  { kid }: Command,
  date: UnixTime,
): { refusal: string; detail: string } | undefined {
  const scope = trustedKey(state, kid)?.scope;
  if (scope === undefined || (date >= scope.validFrom && date < scope.validUntil)) return undefined;
  const refusal = date < scope.validFrom ? 'key-not-yet-valid' : 'key-expired';
  return { refusal, detail: `key ${kid} at the date it tells` };
}

function unread(state: GatewayState, work: Work, refusal: string, why: string, now: Now): readonly Cause[] {
  noteRefusal(state, work, refusal, why, now);
  work.untouched = true;
  return [];
}
