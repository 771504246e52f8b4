/**
 * A gateway whose store takes nothing any more. What is stored goes on: the state is read anew, and events begin and
 * end as a restart would have them, so that limits are refreshed and what ends falls to the default control. Nothing
 * new is taken: commands are refused as `storage`, by receipts whose numbers the store promised before it was full.
 *
 * Nothing that happens here is remembered: when the store works again the state is read from it once more, and what
 * became of events meanwhile is reported then. Writes, publishes and timers are the interpreter's.
 */
import type { Now } from '../../base/time.ts';
import type { Command, GatewayId, StreamName, UplinkRecord } from '../../model/mod.ts';
import { judgeReplay } from '../../wan/envelope/mod.ts';
import { judgeAudience } from '../../wan/groups/mod.ts';
import type { Effect, Input } from '../effects.ts';
import type { Snapshot, StorePort } from '../ports.ts';
import { commandKey, count, put } from '../state.ts';
import type { GatewayState } from '../state.ts';
import { openTrusted } from '../commands/trust.ts';

type Message = Extract<Input, { on: 'message' }>;

/** Inputs that concern the house alone. The link stays down to this state, so that no number of it ever leaves. */
const LOCAL: ReadonlySet<Input['on']> = new Set(['tick', 'reading', 'device', 'applied']);
/** Effects that need no store. */
const UNSTORED: ReadonlySet<Effect['do']> = new Set(['actuate', 'show', 'log']);
/** Receipts of one failure: as many as numbers are promised, and no more commands are remembered. */
const MAX_REFUSED = 64;

export function isLocal(input: Input): boolean {
  return LOCAL.has(input.on);
}

/** What the store says, where it can be read, and whether it works again: something is written to see. */
export async function tryStore(
  store: StorePort,
  gateway: GatewayId,
  { now, storeless }: { readonly now: Now; readonly storeless: Storeless | undefined },
): Promise<{ readonly snapshot: Snapshot | undefined; readonly works: boolean }> {
  const read = (): Promise<Snapshot | undefined> => store.snapshot(gateway).catch(() => undefined);
  const snapshot = await read();
  if (snapshot === undefined) return { snapshot, works: false };
  const works = await store.persist(gateway, [put('meta', 'store-tried', now.unix)]).then(
    () => true,
    () => false,
  );
  if (!works || storeless === undefined) return { snapshot, works };
  // What was said since it was read has taken numbers, and no other record may have them.
  await storeless.silence();
  const last = await read();
  if (last === undefined) storeless.speak();
  return { snapshot: last, works: last !== undefined };
}

/** What is under way in the world, and what this run found out, holds for a state that was read anew. */
export function carryOver(old: GatewayState, state: GatewayState): void {
  state.nextOrder = old.nextOrder;
  state.uplink.session = old.uplink.session;
  state.born = old.born && old.starts === state.starts;
  // The store was read anew, the run was not: what its nonce brought holds.
  state.clock = old.clock;
  state.exchange = old.exchange;
  for (const [name, times] of old.counts) state.counts.set(name, times);
}

/** A record left before the head end answered this start: it holds no more than that, and lost nothing of ours by it. */
export function noteSaid({ exchange }: GatewayState, record: UplinkRecord): UplinkRecord {
  const { stream, sequence } = record;
  exchange.numbered[stream] = Math.max(exchange.numbered[stream], sequence);
  return record;
}

export interface StorelessParts {
  /** What the store said when it was last read. */
  readonly state: GatewayState;
  readonly why: string;
  /** The highest number of each stream, as the store knows it. */
  readonly marks: readonly { readonly stream: StreamName; readonly last: number }[];
  readonly date: () => Now;
  /** Sends a record, if its number was promised; resolves when that is known. */
  readonly say: (record: UplinkRecord) => Promise<void>;
}

/** What is said upstream while nothing can be stored: that it is so, refusals, and voltage out of range. */
export class Storeless {
  readonly #parts: StorelessParts;
  readonly #next: Record<'alarm' | 'receipt', number>;
  readonly #refused = new Set<string>();
  #muted = false;
  #silent = false;
  #saying: Promise<void> = Promise.resolve();

  constructor(parts: StorelessParts) {
    const nextOf = (name: StreamName): number =>
      1 + (parts.marks.find(({ stream }) => stream === name)?.last ?? 0);
    this.#parts = parts;
    this.#next = { alarm: nextOf('alarm'), receipt: nextOf('receipt') };
    const why = `${parts.why}; what is stored goes on, new commands are refused`;
    this.#say('alarm', { kind: 'alarm', alarm: 'store-failed', why });
  }

  /** Answers a message that is a new command for this gateway; each once. It is not acknowledged: it comes again. */
  refuse({ topic, payload, retained }: Pick<Message, 'topic' | 'payload' | 'retained'>): void {
    const { state, why, date } = this.#parts;
    if (retained || this.#silent || this.#refused.size >= MAX_REFUSED) return;
    const opened = openTrusted(state, payload, { topic, utility: state.settings.utility, now: date().unix });
    if (!opened.ok || !isNew(state, opened.value)) return;
    const { cti, issuer } = opened.value;
    const key = commandKey({ cti, issuer });
    if (this.#refused.has(key)) return;
    this.#refused.add(key);
    count(state, 'refused.storage');
    this.#say('receipt', {
      kind: 'receipt',
      cti,
      issuer,
      response: 'invalid',
      refusal: 'storage',
      retry: 'later',
      why: `nothing can be stored here at the moment (${why})`,
    });
  }

  /**
   * What of a step is done without the store. A voltage out of its range goes ahead of everything (ALARM-1), also of the
   * disk; it is raised again when the store works and it still is, for nothing is remembered here.
   */
  unstored(effects: readonly Effect[]): readonly Effect[] {
    for (const effect of effects) {
      if (effect.do !== 'persist') continue;
      for (const change of effect.changes) {
        const body = change.op === 'append' ? change.record.body : undefined;
        if (body?.kind === 'alarm' && body.voltage !== undefined) this.#say('alarm', body);
      }
    }
    return effects.filter(effect => UNSTORED.has(effect.do));
  }

  /** No number is promised: nothing more can be said. */
  mute(): void {
    this.#muted = true;
  }

  /** Nothing is said from now on. Resolves when all that was said is on the disk, or will never be. */
  async silence(): Promise<void> {
    this.#silent = true;
    await this.#saying;
  }

  /** Ends a {@link silence}. */
  speak(): void {
    this.#silent = false;
  }

  #say(stream: 'alarm' | 'receipt', body: UplinkRecord['body']): void {
    if (this.#muted || this.#silent) return;
    const record = { stream, sequence: this.#next[stream]++, at: this.#parts.date().unix, body };
    const before = this.#saying;
    this.#saying = this.#parts.say(record).then(() => before);
  }
}

/** Kinds that carry no order of their own; their issuer waits for no receipt. */
const UNANSWERED: ReadonlySet<Command['body']['kind']> = new Set(['ack', 'welcome', 'time', 'probe']);

function isNew(state: GatewayState, command: Command): boolean {
  if (UNANSWERED.has(command.body.kind)) return false;
  return (
    judgeReplay(state.replay, command).verdict === 'fresh' &&
    judgeAudience(state.memberships, state.settings.gateway, command).ok
  );
}
