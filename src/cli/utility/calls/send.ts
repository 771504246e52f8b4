/** Events and their end: `send` and `cancel`, waited for as far as asked. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { seconds, unixTime } from '../../../base/time.ts';
import type { UnixTime } from '../../../base/time.ts';
import { AXES, CLASSES, formatAudience, parseAudience } from '../../../model/mod.ts';
import type { Axis, CommandBody, MRID } from '../../../model/mod.ts';
import { isId } from '../../../model/mod.ts';
import type { SendOptions } from '../../../utility/mod.ts';
import { call } from '../desk.ts';
import type { Call, CallContext, CallResult } from '../desk.ts';
import { collectAnswers, judgeAnswers, STAGES } from './answers.ts';
import type { Stage } from './answers.ts';

/** `g/<group>` or `d/<gateway>`. */
export const audience = z.string().transform((text, context) => {
  const parsed = parseAudience(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: 'is neither g/<group> nor d/<gateway>' });
  return z.NEVER;
});

const moment = z.iso.datetime({ offset: true }).transform(text => unixTime(Date.parse(text)));
const mRID = z
  .string()
  .refine(isId, { error: 'is no id' })
  .transform(text => text as MRID);

/** What every command takes: for whom, with what rank, and how long its answers are waited for. */
export const sending = {
  to: audience,
  class: z.enum(CLASSES),
  primacy: z.int().min(1).max(255),
  expires: moment.optional(),
  until: z.enum(STAGES).optional(),
  timeoutS: z.number().min(0).max(86_400),
};

const event = z.strictObject({
  ...sending,
  mRID: mRID.optional(),
  axes: z.partialRecord(z.enum(AXES.map(({ axis }) => axis) as [Axis, ...Axis[]]), z.int()),
  start: moment.optional(),
  durationS: z.int().min(1).optional(),
  service: z.enum(['demand-response', 'direct']),
  note: z.string().optional(),
});

export const send: Call = call(event, async (args, context) => {
  const now = unixTime(Date.now());
  const start = args.start ?? now;
  // Its own id, unless given: 16 random bytes reveal nothing of what, whom and where (SIWG-1).
  const id = args.mRID ?? (randomBytes(16).toString('hex') as MRID);
  const body: CommandBody = {
    kind: 'event',
    service: args.service,
    mRID: id,
    axes: args.axes,
    start,
    ...(args.durationS === undefined ? {} : { duration: seconds(args.durationS) }),
    ...(args.note === undefined ? {} : { note: args.note }),
  };
  // One that begins now is told of when it began: that it was received says nothing about a register.
  return sendAndWait(context, body, {
    ...args,
    until: args.until ?? (start <= now ? 'started' : 'received'),
    mRID: id,
  });
});

const ending = z.strictObject({ ...sending, mRID });

export const cancel: Call = call(ending, (args, context) =>
  sendAndWait(context, { kind: 'cancel', mRID: args.mRID }, { ...args, until: args.until ?? 'completed' }),
);

export interface Waited {
  readonly to: z.output<typeof audience>;
  readonly class: SendOptions['class'];
  readonly primacy: number;
  readonly expires?: UnixTime | undefined;
  readonly until: Stage;
  readonly timeoutS: number;
  readonly mRID?: MRID | undefined;
}

/** Sends one command and answers what its gateways said of it. */
export async function sendAndWait(
  context: CallContext,
  body: CommandBody,
  { to, until, timeoutS, mRID: about, ...how }: Waited,
): Promise<CallResult> {
  const { nms } = context.headEnd;
  const rank: SendOptions = {
    class: how.class,
    primacy: how.primacy,
    ...(how.expires === undefined ? {} : { expires: how.expires }),
  };
  const sent = await nms.send(to, body, rank);
  if (!sent.ok)
    return {
      ok: false,
      refusal: sent.refusal,
      why: `not sent to ${formatAudience(to)}: ${sent.detail ?? sent.refusal}`,
    };
  context.tell(`${body.kind} ${sent.value.cti} sent to ${sent.value.awaits.length}`);
  const answers = await collectAnswers(context, sent.value, { until, withinMs: timeoutS * 1000 });
  return judgeAnswers(context, sent.value, {
    answers,
    until,
    ...(about === undefined ? {} : { mRID: about }),
  });
}
