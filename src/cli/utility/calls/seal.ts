/**
 * What is private to one customer (SIWG-2): `seal` sends an override code or a message to one gateway in a box that
 * it alone opens, and waits for its word. The text is in no answer, progress or log.
 */
import { z } from 'zod';
import { isId } from '../../../model/mod.ts';
import type { GatewayId, MRID } from '../../../model/mod.ts';
import { call } from '../desk.ts';
import type { Call, CallContext } from '../desk.ts';
import { collectAnswers, judgeAnswers } from './answers.ts';

/** A head end that was just opened is handed what came for it meanwhile, birth records too. */
const BIRTH_WITHIN_MS = 5000;

const args = z.strictObject({
  gateway: z
    .string()
    .refine(isId, { error: 'is no id' })
    .transform(text => text as GatewayId),
  kind: z.enum(['code', 'message']),
  text: z.string(),
  mRID: z
    .string()
    .refine(isId, { error: 'is no id' })
    .transform(text => text as MRID)
    .optional(),
  timeoutS: z.number().min(0).max(86_400),
});

export const seal: Call = call(args, async ({ gateway, kind, text, mRID, timeoutS }, context) => {
  const { nms } = context.headEnd;
  const about = mRID === undefined ? {} : { mRID };
  const send = (): ReturnType<typeof nms.sendSealed> => nms.sendSealed(gateway, { kind, text }, about);
  let sent = await send();
  if (!sent.ok && sent.refusal === 'no-box-key' && (await isBorn(gateway, context))) sent = await send();
  if (!sent.ok) {
    const remedy =
      sent.refusal === 'no-box-key' ? '; it does so when it starts and reaches this head end' : '';
    return { ok: false, refusal: sent.refusal, why: `not sent: ${sent.detail ?? sent.refusal}${remedy}` };
  }
  const until = 'completed';
  const answers = await collectAnswers(context, sent.value, { until, withinMs: timeoutS * 1000 });
  return judgeAnswers(context, sent.value, { answers, until, ...about });
});

/** Whether a birth record of `gateway` comes in now. */
async function isBorn(gateway: GatewayId, { headEnd, signal }: CallContext): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const leave = headEnd.events.join({
    onRecord: (from, { body }) => from === gateway && body.kind === 'birth' && resolve(true),
  });
  const timer = setTimeout(() => resolve(false), BIRTH_WITHIN_MS);
  signal.addEventListener('abort', () => resolve(false), { once: true });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    leave();
  }
}
