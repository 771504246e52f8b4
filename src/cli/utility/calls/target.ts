/** A target for a group: split among its members, ordered from each, and reported against what receipts prove (GRP-4). */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { seconds, unixTime } from '../../../base/time.ts';
import { CLASSES, isId } from '../../../model/mod.ts';
import type { Cti, GroupId, MRID, ReceiptBody } from '../../../model/mod.ts';
import { TARGET_AXES, reachTarget, roomOf } from '../../../utility/mod.ts';
import type { Ended, MemberRoom, TargetAxis, TargetReport } from '../../../utility/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call, CallContext, CallResult } from '../desk.ts';

const MAX_W = 1e12;
/** How often it is looked whether the statuses are there. */
const LOOK_EVERY_MS = 200;

const aim = z.strictObject({
  group: z
    .string()
    .refine(isId, { error: 'is no id' })
    .transform(text => text as GroupId),
  axis: z.enum(TARGET_AXES),
  targetW: z.int().min(-MAX_W).max(MAX_W),
  durationS: z.int().min(1),
  class: z.enum(CLASSES),
  primacy: z.int().min(1).max(255),
  /** For a first status of those who have sent none, and then for the answers of each round. */
  timeoutS: z.number().min(1).max(86_400),
});

type Aim = z.output<typeof aim>;

export const target: Call = call(aim, async (args, context) => {
  const { registry } = context.headEnd;
  const group = registry.get(args.group);
  if (group === undefined) return no('no-such-group', `no such group: ${args.group}`);
  if (!group.purposes.includes('load-control'))
    return no('wrong-purpose', `${args.group} is for ${group.purposes.join(', ')}, not for load-control`);
  if (group.opaque === true)
    return no(
      'opaque',
      `${args.group} shows its members to ${group.owner} alone: who owns it splits its target`,
    );
  const rooms = await roomsOf(context, args);
  if (rooms.length === 0) return no('no-members', `nobody is in ${args.group}`);
  // One id for all members, with the round behind it: what comes later prevails over what came before.
  const id = randomBytes(15).toString('hex');
  const receipts = new Receipts(context);
  try {
    const report = await reachTarget(args.targetW, rooms, ({ gateway, watts, round }) =>
      order(context, receipts, { ...args, gateway, watts, mRID: `${id}-${round}` as MRID }),
    );
    const mRIDs = Array.from({ length: report.rounds }, (_, n) => `${id}-${n + 1}`);
    return judged(report, mRIDs);
  } finally {
    receipts.close();
  }
});

/** What each member could take. Who has sent no status yet is waited for: a gateway sends it again by itself. */
async function roomsOf(
  { headEnd: { nms, registry }, tell, signal }: CallContext,
  { group, axis, targetW, timeoutS }: Aim,
): Promise<readonly MemberRoom[]> {
  const members = registry.get(group)?.members.filter(({ member }) => member) ?? [];
  const until = performance.now() + timeoutS * 1000;
  for (let told = -1; ; ) {
    const statuses = await Promise.all(members.map(({ gateway }) => nms.lastStatus(gateway)));
    const silent = statuses.filter(status => status === undefined).length;
    if (silent === 0 || signal.aborted || performance.now() >= until) {
      const now = unixTime(Date.now());
      return members.map(({ gateway }, n) => roomOf(gateway, statuses[n]?.readings, { axis, targetW, now }));
    }
    if (silent !== told) tell(`${silent} of ${members.length} have sent no status yet`);
    told = silent;
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

interface Ordered extends Aim {
  readonly gateway: MemberRoom['gateway'];
  readonly watts: number;
  readonly mRID: MRID;
}

async function order({ headEnd }: CallContext, receipts: Receipts, what: Ordered): Promise<Ended> {
  const { gateway, watts, axis, mRID, durationS } = what;
  const sent = await headEnd.nms.send(
    { kind: 'device', id: gateway },
    {
      kind: 'event',
      service: 'direct',
      mRID,
      axes: { [axis]: watts },
      start: unixTime(Date.now()),
      duration: seconds(durationS),
    },
    { class: what.class, primacy: what.primacy },
  );
  if (!sent.ok) return { state: 'refused', why: `not sent: ${sent.detail ?? sent.refusal}` };
  return receipts.ended(sent.value.cti, axis, what.timeoutS * 1000);
}

/** Receipts of many commands at once, heard by one ear. */
class Receipts {
  readonly #waiting = new Map<Cti, (receipt: ReceiptBody) => void>();
  readonly #leave: () => void;
  readonly #signal: AbortSignal;

  constructor({ headEnd, signal }: CallContext) {
    this.#signal = signal;
    this.#leave = headEnd.events.join({
      onReceipt: (_, receipt) => this.#waiting.get(receipt.cti)?.(receipt),
    });
  }

  /** How the only gateway of a command has carried it out, as far as it says so in time. */
  async ended(cti: Cti, axis: TargetAxis, withinMs: number): Promise<Ended> {
    const { promise, resolve } = Promise.withResolvers<Ended>();
    let last = 'no answer yet; its command is repeated until the event ends';
    this.#waiting.set(cti, receipt => {
      last = receipt.why;
      const ended = endedBy(receipt, axis);
      if (ended !== undefined) resolve(ended);
    });
    const giveUp = (): void => resolve({ state: 'silent', why: last });
    const timer = setTimeout(giveUp, withinMs);
    this.#signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(cti);
      this.#signal.removeEventListener('abort', giveUp);
    }
  }

  close(): void {
    this.#leave();
  }
}

/** `undefined`: there is more to come. */
export function endedBy(
  { refusal, retry, response, why, applied = [] }: ReceiptBody,
  axis: TargetAxis,
): Ended | undefined {
  if (retry === 'later') return undefined;
  if (refusal !== undefined) return { state: 'refused', why };
  if (response === 'received') return undefined;
  const done = applied.filter(one => one.axis === axis);
  const good = done.filter(({ outcome }) => outcome === 'implemented').length;
  if (response === 'started' && good > 0 && good === done.length) return { state: 'implemented', why };
  if (response !== 'started') return { state: 'refused', why };
  // Begun, and nothing tried yet: it may still be.
  const isUndone = done.length > 0 && done.every(({ outcome }) => outcome === 'refused');
  return { state: isUndone ? 'undone' : 'partly', why };
}

function judged(report: TargetReport, mRIDs: readonly string[]): CallResult {
  const { targetW, implementedW, unprovenW, shortW, members } = report;
  const value = plain({ ...report, mRIDs });
  if (implementedW === targetW) return { ok: true, value };
  const silent = members.filter(({ state }) => state === 'silent');
  const unknown = members.filter(({ state }) => state === 'room-unknown').length;
  const more = unknown === 0 ? '' : `; of ${unknown} members it is not known what they could take`;
  return {
    ok: false,
    refusal: 'short',
    why: `${implementedW} W of ${targetW} W are proven; ${unprovenW} W are asked of members who have not proven it, and for ${shortW} W nobody has room${more}`,
    ...(members.length === silent.length ? { unreachable: true as const } : {}),
    value,
  };
}

function no(refusal: string, why: string): CallResult {
  return { ok: false, refusal, why };
}
