/**
 * Which modes devices hold and which they shall hold (SIWG-4, SIWG-5): `interrogate` asks gateways and answers what
 * each device told, `modes` answers what is known already, and `set` sets a standard packet or special settings.
 */
import { z } from 'zod';
import { after, milliseconds, unixTime } from '../../../base/time.ts';
import { CURVE_MODES, SETTING_MODES, curveFault, isId, settingsFault } from '../../../model/mod.ts';
import type { Cti, DeviceId, GatewayId, Intent, Settings } from '../../../model/mod.ts';
import type { ModesKnown } from '../../../utility/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call, CallContext, CallResult } from '../desk.ts';
import { collectAnswers, judgeAnswers } from './answers.ts';
import type { GatewayAnswer } from './answers.ts';
import { audience, sending, sendAndWait } from './send.ts';

/** How long a question or a setting is worth taking, unless told: an answer of tomorrow is no answer. */
const TRIED_FOR = milliseconds(10 * 60_000);

const device = z
  .string()
  .refine(isId, { error: 'is no id' })
  .transform(text => text as DeviceId)
  .optional();

const number = z.number();
const points = z.array(z.strictObject({ x: number, y: number }));

const curve = z
  .strictObject({
    mode: z.enum(CURVE_MODES as [string, ...string[]]),
    points,
    reference: z.enum(['WMax', 'WAval', 'VArMax', 'VArAval', 'VAMax']).optional(),
    responseS: number.optional(),
    priority: z.enum(['active', 'reactive']).optional(),
    vRefPct: number.optional(),
    autonomousVRefS: number.optional(),
  })
  .transform((it, context) => sound({ kind: 'curve', curve: it } as Intent, context));

const setting = z
  .strictObject({
    mode: z.enum(SETTING_MODES as [string, ...string[]]),
    values: z.record(z.string(), number),
  })
  .transform((it, context) => sound({ kind: 'settings', settings: it as Settings }, context));

const release = z
  .strictObject({ release: z.enum([...CURVE_MODES, ...SETTING_MODES] as [string, ...string[]]) })
  .transform(it => ({ kind: 'release', mode: it.release }) as Intent);

/** A packet by its name, or curves, settings and releases. */
export const order = z.union([
  z
    .strictObject({ packet: z.string() })
    .transform(({ packet }) => ({ kind: 'packet', name: packet }) as const),
  z
    .strictObject({ special: z.array(z.union([curve, setting, release])).min(1) })
    .transform(({ special }) => ({ kind: 'special', intents: special }) as const),
]);

export const set: Call = call(z.strictObject({ ...sending, device, order }), (args, context) => {
  const { device: of, order: what } = args;
  const body = { kind: 'settings', order: what, ...(of === undefined ? {} : { device: of }) } as const;
  return sendAndWait(context, body, { ...soon(args), until: args.until ?? 'completed' });
});

export const interrogate: Call = call(z.strictObject({ ...sending, device }), async (args, context) => {
  const { to, device: of } = args;
  const body = { kind: 'interrogate', ...(of === undefined ? {} : { device: of }) } as const;
  const { expires, class: rank, primacy } = soon(args);
  const sent = await context.headEnd.nms.send(to, body, { class: rank, primacy, expires });
  if (!sent.ok) return { ok: false, refusal: sent.refusal, why: `not sent: ${sent.detail ?? sent.refusal}` };
  const until = args.until ?? 'completed';
  const answers = await collectAnswers(context, sent.value, { until, withinMs: args.timeoutS * 1000 });
  const devices = await toldBy(context, { cti: sent.value.cti, answers });
  return withDevices(judgeAnswers(context, sent.value, { answers, until }), devices);
});

export const modes: Call = call(
  z.strictObject({ to: audience, device }),
  async ({ to, device: of }, context) => {
    const { nms, registry } = context.headEnd;
    const group = to.kind === 'group' ? registry.get(to.id) : undefined;
    if (to.kind === 'group' && group === undefined)
      return { ok: false, refusal: 'no-such-group', why: `there is no group ${to.id}` };
    const gateways =
      to.kind === 'device' ? [to.id] : (group?.members ?? []).flatMap(m => (m.member ? [m.gateway] : []));
    const devices: ModesKnown[] = [];
    for (const gateway of gateways) devices.push(...(await nms.modes(gateway)));
    const wanted = devices.filter(known => of === undefined || known.device === of);
    if (wanted.length > 0) return { ok: true, value: plain({ devices: wanted.map(shown) }) };
    return {
      ok: false,
      refusal: 'never-told',
      why: `nothing is known of the modes of ${of ?? gateways.join(', ')} yet: ask without --known`,
    };
  },
);

function soon<T extends { readonly expires?: ReturnType<typeof unixTime> | undefined }>(args: T) {
  return { ...args, expires: args.expires ?? after(unixTime(Date.now()), TRIED_FOR) };
}

function sound(intent: Intent, context: z.RefinementCtx): Intent {
  const fault =
    intent.kind === 'curve'
      ? curveFault(intent.curve)
      : intent.kind === 'settings'
        ? settingsFault(intent.settings)
        : undefined;
  if (fault === undefined) return intent;
  context.addIssue({ code: 'custom', message: fault });
  return z.NEVER;
}

/** What the records say that came with the answers. A record that was lost comes again: it is waited for, as long. */
async function toldBy(
  { headEnd: { nms, events }, signal }: CallContext,
  { cti, answers }: { readonly cti: Cti; readonly answers: readonly GatewayAnswer[] },
): Promise<readonly ModesKnown[]> {
  const wanted = answers.flatMap(({ gateway, told = [] }) => told.map(name => ({ gateway, name })));
  const read = async (): Promise<{ readonly all: readonly ModesKnown[]; readonly isWhole: boolean }> => {
    const gateways = [...new Set(wanted.map(({ gateway }) => gateway))];
    const all: ModesKnown[] = [];
    for (const gateway of gateways)
      all.push(...(await nms.modes(gateway)).filter(known => known.cti === cti));
    const isThere = (gateway: GatewayId, name: DeviceId): boolean =>
      all.some(known => known.gateway === gateway && known.device === name && known.missing === 0);
    return { all, isWhole: wanted.every(({ gateway, name }) => isThere(gateway, name)) };
  };
  const until = performance.now() + LATE_RECORDS_MS;
  for (;;) {
    const came = Promise.withResolvers<void>();
    const leave = events.join({ onRecord: (_, { body }) => body.kind === 'modes' && came.resolve() });
    const timer = setTimeout(came.resolve, Math.max(0, until - performance.now()));
    try {
      const { all, isWhole } = await read();
      if (isWhole || signal.aborted || performance.now() >= until) return all;
      await came.promise;
    } finally {
      clearTimeout(timer);
      leave();
    }
  }
}

/** A record that the broker lost is sent again after half a minute: that is not waited for. */
const LATE_RECORDS_MS = 5000;

function withDevices(result: CallResult, devices: readonly ModesKnown[]): CallResult {
  const value = { ...(result.value as object | undefined), devices: devices.map(shown) };
  return { ...result, value: plain(value) };
}

function shown({ at, setBy, ...known }: ModesKnown): object {
  const by = setBy.map(one => ({ ...one, at: new Date(one.at).toISOString() }));
  return { ...known, at: new Date(at).toISOString(), setBy: by };
}
