/** What devices measure (TIME-1): their newest readings, or samples every so often for so long, as they come. */
import { z } from 'zod';
import { after, milliseconds, unixTime } from '../../../base/time.ts';
import { MAX_SAMPLED_S, MAX_SAMPLE_EVERY_S, unpackSamples } from '../../../model/mod.ts';
import type { GatewayId, Reading, UplinkRecord } from '../../../model/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call, CallContext } from '../desk.ts';
import { collectAnswers, judgeAnswers } from './answers.ts';
import { sending } from './send.ts';

/** A question is worth no more than this, unless told: an answer of tomorrow is no answer. */
const TRIED_FOR = milliseconds(10 * 60_000);
/** Readings in one answer: an hour of one device at one a second. Later ones are in the ledger, and counted. */
const MAX_READINGS = 3600;
/** The receipt may come before the records it speaks of. */
const LATE_RECORDS_MS = 2000;

const form = z.strictObject({
  ...sending,
  every: z
    .strictObject({ s: z.int().min(1).max(MAX_SAMPLE_EVERY_S), forS: z.int().min(1).max(MAX_SAMPLED_S) })
    .optional(),
});

export const readings: Call = call(form, async (args, context) => {
  const { to, every, class: rank, primacy } = args;
  const body = { kind: 'read', ...(every === undefined ? {} : { every }) } as const;
  const expires = args.expires ?? after(unixTime(Date.now()), TRIED_FOR);
  const heard = new Heard();
  const leave = context.headEnd.events.join({ onRecord: (gateway, record) => heard.take(gateway, record) });
  try {
    const sent = await context.headEnd.nms.send(to, body, { class: rank, primacy, expires });
    if (!sent.ok)
      return { ok: false, refusal: sent.refusal, why: `not sent: ${sent.detail ?? sent.refusal}` };
    heard.listen(sent.value.cti, context.tell);
    const until = args.until ?? 'completed';
    const withinMs = (args.timeoutS + (every?.forS ?? 0)) * 1000;
    const answers = await collectAnswers(context, sent.value, { until, withinMs });
    const isOver = answers.some(({ response }) => response === 'completed');
    if (isOver) await heard.late(context, sent.value.awaits);
    const result = judgeAnswers(context, sent.value, { answers, until });
    const told = heard.readings.map(({ at, ...one }) => ({ ...one, at: new Date(at).toISOString() }));
    const value = { ...(result.value as object | undefined), readings: told, more: heard.more };
    return { ...result, value: plain(value) };
  } finally {
    leave();
  }
});

/** The records that answer one command. What comes before its id is known is kept, a few at most. */
class Heard {
  readonly readings: (Reading & { readonly gateway: GatewayId })[] = [];
  /** Readings beyond the most that are shown. */
  more = 0;
  #cti: string | undefined;
  #tell: CallContext['tell'] = () => {};
  #early: [GatewayId, UplinkRecord][] = [];
  readonly #from = new Set<GatewayId>();
  #came: (() => void) | undefined;

  listen(cti: string, tell: CallContext['tell']): void {
    this.#cti = cti;
    this.#tell = tell;
    for (const [gateway, record] of this.#early) this.take(gateway, record);
    this.#early = [];
  }

  take(gateway: GatewayId, record: UplinkRecord): void {
    const { body } = record;
    if (body.kind !== 'readings' && body.kind !== 'samples') return;
    if (this.#cti === undefined) {
      if (this.#early.length < 64) this.#early.push([gateway, record]);
      return;
    }
    if (body.cti !== this.#cti) return;
    const told = body.kind === 'readings' ? body.readings : (unpackSamples(body.runs) ?? []);
    const fit = told.slice(0, Math.max(0, MAX_READINGS - this.readings.length));
    this.readings.push(...fit.map(reading => ({ gateway, ...reading })));
    this.more += told.length - fit.length;
    for (const reading of told) this.#tell(lineOf(gateway, reading));
    this.#from.add(gateway);
    this.#came?.();
  }

  /** Waits a little for whoever has answered and whose record has not come. */
  async late({ signal }: CallContext, gateways: readonly GatewayId[]): Promise<void> {
    const until = performance.now() + LATE_RECORDS_MS;
    const isWhole = (): boolean => gateways.every(gateway => this.#from.has(gateway));
    while (!isWhole() && !signal.aborted && performance.now() < until) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#came = resolve;
      const timer = setTimeout(resolve, Math.max(0, until - performance.now()));
      await promise;
      clearTimeout(timer);
    }
  }
}

/** `premise-1 meter 2026-11-20T12:00:01.004Z  W -1500, PhVphA 239.9`. */
function lineOf(gateway: GatewayId, { device, at, points }: Reading): string {
  const values = Object.entries(points).map(([name, value]) => `${name} ${value}`);
  return `${gateway} ${device} ${new Date(at).toISOString()}  ${values.join(', ')}`;
}
