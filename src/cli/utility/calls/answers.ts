/**
 * Waiting for the gateways' own word on a command: a broker's acknowledgement says nothing about them. What has
 * not answered in time is said to be missing, by name; the command goes on being repeated until its expiry.
 */
import type { Applied, DeviceId, GatewayId, ReceiptBody, Response, SettingsSet } from '../../../model/mod.ts';
import type { Sent } from '../../../utility/mod.ts';
import { plain } from '../desk.ts';
import type { CallContext, CallResult } from '../desk.ts';

/** How far a command is waited for. `sent`: it is in the ledger, and on its way. */
export const STAGES = ['sent', 'received', 'started', 'completed'] as const;
export type Stage = (typeof STAGES)[number];

export interface GatewayAnswer {
  readonly gateway: GatewayId;
  readonly response: Response;
  readonly refusal?: string;
  /** With `refusal`: the gateway takes the same command later, when it comes again. */
  readonly retry?: 'later';
  readonly why: string;
  readonly applied?: readonly Applied[];
  /** How curves and settings ended, by device. */
  readonly set?: readonly SettingsSet[];
  /** The devices whose modes were told. */
  readonly told?: readonly DeviceId[];
}

/** Responses after which more is to come, by how far one wants to hear. */
const NOT_YET: Readonly<Record<Stage, readonly Response[]>> = {
  sent: [],
  received: [],
  started: ['received'],
  completed: ['received', 'started', 'optOut', 'optIn'],
};

/** The newest receipt of each gateway to `sent`, in the order of its members, as far as they come in time. */
export async function collectAnswers(
  { headEnd, tell, signal }: CallContext,
  { cti, awaits }: Pick<Sent, 'cti' | 'awaits'>,
  { until, withinMs }: { readonly until: Stage; readonly withinMs: number },
): Promise<readonly GatewayAnswer[]> {
  const newest = new Map<GatewayId, ReceiptBody>();
  const isDone = (): boolean => awaits.every(gateway => isThere(newest.get(gateway), until));
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const take = (gateway: GatewayId, receipt: ReceiptBody): void => {
    if (receipt.cti !== cti) return;
    newest.set(gateway, receipt);
    tell(`${newest.size} of ${awaits.length} answered; ${gateway}: ${receipt.why}`);
    if (isDone()) resolve();
  };
  const leave = headEnd.events.join({ onReceipt: take });
  const timer = setTimeout(resolve, withinMs);
  signal.addEventListener('abort', () => resolve(), { once: true });
  try {
    for (const { gateway, receipt } of await headEnd.nms.answers(cti))
      if (!newest.has(gateway)) newest.set(gateway, receipt);
    if (until !== 'sent' && !isDone() && !signal.aborted) await done;
  } finally {
    clearTimeout(timer);
    leave();
  }
  const place = new Map(awaits.map((gateway, n) => [gateway, n]));
  const inOrder = [...newest].sort(([a], [b]) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
  return inOrder.map(([gateway, { response, refusal, retry, why, applied, set, told }]) => ({
    gateway,
    response,
    why,
    ...(refusal === undefined ? {} : { refusal }),
    ...(retry === undefined ? {} : { retry }),
    ...(applied === undefined ? {} : { applied }),
    ...(set === undefined ? {} : { set }),
    ...(told === undefined ? {} : { told }),
  }));
}

function isThere(receipt: Pick<ReceiptBody, 'response' | 'retry'> | undefined, until: Stage): boolean {
  if (receipt === undefined || receipt.retry === 'later') return false;
  return !NOT_YET[until].includes(receipt.response);
}

/** What became of a command that was waited for, as the answer of a call. */
export function judgeAnswers(
  context: CallContext,
  sent: Sent,
  {
    answers,
    until,
    ...more
  }: { readonly answers: readonly GatewayAnswer[]; readonly until: Stage; readonly mRID?: string },
): CallResult {
  const heard = new Map(answers.map(answer => [answer.gateway, answer]));
  const missing = until === 'sent' ? [] : sent.awaits.filter(gateway => !isThere(heard.get(gateway), until));
  const against = answers.filter(
    ({ refusal, retry, applied = [], set = [] }) =>
      (refusal !== undefined && retry === undefined) || [...applied, ...set].some(isBad),
  );
  const value = plain({
    cti: sent.cti,
    ...more,
    expires: new Date(sent.expires).toISOString(),
    awaits: sent.awaits,
    answers,
    missing,
  });
  if (against.length > 0)
    return {
      ok: false,
      refusal: against.some(({ refusal }) => refusal !== undefined) ? 'refused' : 'not-implemented',
      why: `${against.length} of ${sent.awaits.length} did not carry it out; ${names(against.map(a => `${a.gateway}: ${a.why}`))}`,
      value,
    };
  if (missing.length === 0) return { ok: true, value };
  return {
    ok: false,
    refusal: 'unanswered',
    why: `no answer yet from ${names(missing.map(one => said(one, heard.get(one))))}; ${nextOf(context, sent)}`,
    ...(answers.length === 0 ? { unreachable: true as const } : {}),
    value,
  };
}

function said(gateway: GatewayId, answer: GatewayAnswer | undefined): string {
  return answer === undefined ? gateway : `${gateway} (so far: ${answer.why})`;
}

function isBad({ outcome }: Applied | SettingsSet): boolean {
  return outcome !== 'implemented';
}

function nextOf({ headEnd }: CallContext, { cti, expires }: Sent): string {
  const open = headEnd.nms.open().some(({ command }) => command.cti === cti);
  return open
    ? `it stays in the ledger and is repeated by the head end that runs (underglass utility serve) until ${new Date(expires).toISOString()}`
    : 'it is not repeated any more';
}

/** As many as a person reads. */
const MAX_NAMED = 5;

function names(all: readonly string[]): string {
  const rest = all.length - MAX_NAMED;
  return `${all.slice(0, MAX_NAMED).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}
