/**
 * Deliveries (NMS-1): `deliver` announces a file to a gateway or, in stages, to a group, and waits for its end as long
 * as asked; `deliveries` answers how each stands, member by member.
 */
import { z } from 'zod';
import { after, hours, unixTime } from '../../../base/time.ts';
import { DELIVERIES, formatAudience } from '../../../model/mod.ts';
import type { FileId, ManifestBody } from '../../../model/mod.ts';
import type { RolloutStatus } from '../../../utility/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call, CallContext, CallResult } from '../desk.ts';
import { audience } from './send.ts';

/** How long members may begin, unless told. */
const TRIED_FOR = hours(7 * 24);

/** As the contract has it: printable, on one line. */
const word = z
  .string()
  .max(64)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]+$/u, { error: 'is no word of 1 to 64 letters' });

const args = z.strictObject({
  to: audience,
  /** Absolute; the head end takes a copy. */
  path: z.string(),
  delivers: z.enum(DELIVERIES),
  model: word,
  version: word,
  versions: z.array(word).min(1).max(16).optional(),
  stages: z.array(z.number().positive().max(100)).optional(),
  expires: z.iso
    .datetime({ offset: true })
    .transform(text => unixTime(Date.parse(text)))
    .optional(),
  timeoutS: z.number().min(0).max(86_400),
});

export const deliver: Call = call(args, async (asked, context) => {
  const { rollouts, blobs } = context.headEnd.deliveries;
  const kept = await blobs.keep(asked.path);
  if (!kept.ok)
    return {
      ok: false,
      refusal: kept.refusal,
      why: `it cannot be delivered: ${kept.detail ?? kept.refusal}`,
    };
  const { delivers, model, version, versions } = asked;
  const manifest: ManifestBody = {
    kind: 'manifest',
    ...kept.value,
    delivers,
    model,
    version,
    ...(versions === undefined ? {} : { versions }),
  };
  const started = await rollouts.start({
    manifest,
    to: asked.to,
    expires: asked.expires ?? after(unixTime(Date.now()), TRIED_FOR),
    ...(asked.stages === undefined ? {} : { stages: asked.stages }),
  });
  if (!started.ok)
    return {
      ok: false,
      refusal: started.refusal,
      why: `not delivered to ${formatAudience(asked.to)}: ${started.detail ?? started.refusal}`,
    };
  context.tell(`${delivers} ${version} (${manifest.file.slice(0, 8)}) to ${started.value.members.length}`);
  return judge(await waited(manifest.file, asked.timeoutS, context));
});

export const deliveries: Call = call(
  z.strictObject({ file: z.string().optional() }),
  ({ file = '' }, { headEnd }) => {
    const all = headEnd.deliveries.rollouts.status().filter(({ manifest }) => manifest.file.startsWith(file));
    if (all.length === 0 && file !== '')
      return Promise.resolve({
        ok: false,
        refusal: 'no-such-delivery',
        why: `no file ${file} was delivered from here; utility deliver --status shows all`,
      });
    return Promise.resolve({ ok: true, value: plain({ deliveries: all.map(shown) }) });
  },
);

/** Its status when it has ended, or as it stands when the time is up. */
async function waited(
  file: FileId,
  timeoutS: number,
  { headEnd, tell, signal }: CallContext,
): Promise<RolloutStatus> {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const now = (): RolloutStatus | undefined =>
    headEnd.deliveries.rollouts.status().find(({ manifest }) => manifest.file === file);
  const look = (): void => {
    const status = now();
    if (status === undefined) return resolve();
    tell(summary(status));
    if (status.next === 'done' || status.next === 'halted') resolve();
  };
  const leave = headEnd.events.join({ onReceipt: look, onRecord: look });
  const timer = setTimeout(resolve, timeoutS * 1000);
  signal.addEventListener('abort', () => resolve(), { once: true });
  try {
    look();
    if (!signal.aborted) await ended;
  } finally {
    clearTimeout(timer);
    leave();
  }
  const status = now();
  if (status === undefined) throw new Error('a rollout stays until it is replaced');
  return status;
}

function judge(status: RolloutStatus): CallResult {
  const value = plain(shown(status));
  const { next, why, members } = status;
  const bad = members.filter(({ progress }) => progress === 'failed' || progress === 'refused');
  const reasons = bad.slice(0, 5).map(({ gateway, why: because }) => `${gateway}: ${because}`);
  if (next === 'halted')
    return { ok: false, refusal: 'halted', why: `halted, ${why}; ${reasons.join('; ')}`, value };
  if (next !== 'done')
    return {
      ok: false,
      refusal: 'under-way',
      why: `${summary(status)}; it goes on while a head end runs (underglass utility serve), and utility deliver --status shows how it stands`,
      value,
    };
  if (bad.length === 0) return { ok: true, value };
  const text = `${bad.length} of ${members.length} did not take it; ${reasons.join('; ')}`;
  return { ok: false, refusal: 'refused', why: text, value };
}

function summary({ members, chunks }: RolloutStatus): string {
  const counts = new Map<string, number>();
  for (const { progress } of members) counts.set(progress, (counts.get(progress) ?? 0) + 1);
  const held = Math.max(0, ...members.map(member => (member.progress === 'fetching' ? member.held : 0)));
  const parts = [...counts].map(([progress, count]) => `${count} ${progress}`);
  return `${parts.join(', ')}${held > 0 ? ` (${held} of ${chunks} chunks)` : ''}`;
}

function shown({ manifest, startedAt, ...status }: RolloutStatus): object {
  const { kind: _, ...file } = manifest;
  return { ...file, startedAt: new Date(startedAt).toISOString(), ...status };
}
