/**
 * Deliveries from the head end's side (NMS-1): who is told of a file and when, what each member said, and the chunks
 * that members ask for. The rule of the stages stands in `wan/delivery`; here it meets the ledger.
 *
 * A rollout is in the ledger before anybody is told, and what members said stands there anyway, so a head end that
 * dies goes on where it was. Chunks go out one at a time, behind everything else, and nobody is believed about them:
 * a member asks again.
 */
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import { after, between, hours, minutes } from '../base/time.ts';
import type { Duration, Instant, UnixTime } from '../base/time.ts';
import { CHUNK_BYTES } from '../model/mod.ts';
import type {
  Audience,
  ChunkRequest,
  Cti,
  FileId,
  GatewayId,
  ManifestBody,
  ReceiptBody,
} from '../model/mod.ts';
import { STAGES, chunkCount, nextStep, turns } from '../wan/delivery/mod.ts';
import type { MemberProgress, NextStep } from '../wan/delivery/mod.ts';
import type { AmiNms } from './ami-nms.ts';
import type { ClockPort, Json, LedgerPort } from './ports.ts';

/** Files at once: a head end that needs more has no order in what it changes. The oldest that ended goes first. */
export const MAX_ROLLOUTS = 16;
/** Chunks that wait to be sent, 12 MiB at most are read for them one by one; what is beyond is asked for again. */
export const MAX_WAITING_CHUNKS = 1024;
/** A member that took a file and is silent this long after its time has failed. */
const SILENT_FOR = hours(2);
/** Until the rest of a stage is told, where there was no room for all. */
const AGAIN_AFTER = minutes(1);
const ACTOR = 'delivery';

/** `in-progress`: the same file is on its way. `too-many-rollouts`: none of them has ended. */
export type RolloutRefusal =
  | 'in-progress'
  | 'too-many-rollouts'
  | 'no-such-group'
  | 'no-members'
  | 'wrong-purpose'
  | 'storage';

export interface RolloutDoors {
  readonly ledger: LedgerPort;
  readonly clock: ClockPort;
  readonly nms: Pick<AmiNms, 'send' | 'answers' | 'sendChunk'>;
  /** The members of a group for deliveries. */
  readonly membersOf: (audience: Audience) => Result<readonly GatewayId[], RolloutRefusal>;
  /** Part of a file, or of a chunk list; `undefined` where it is not kept. */
  readonly read: (file: FileId, offset: number, length: number) => Promise<Uint8Array | undefined>;
  readonly trouble: (why: string) => void;
}

export interface NewRollout {
  readonly manifest: ManifestBody;
  readonly to: Audience;
  /** Cumulative shares in percent; 1, 10, 100 unless given. */
  readonly stages?: readonly number[];
  /** The last moment a member may begin. */
  readonly expires: UnixTime;
}

/** What is kept of a rollout. */
interface Row extends Required<NewRollout> {
  readonly startedAt: UnixTime;
  /** In the order of their turn. */
  readonly members: readonly GatewayId[];
  readonly told: Readonly<Record<GatewayId, Cti>>;
}

export interface MemberStatus {
  readonly gateway: GatewayId;
  readonly progress: MemberProgress;
  /** Chunks it holds, as it last said. */
  readonly held: number;
  readonly refusal?: string;
  readonly why: string;
}

export interface RolloutStatus {
  readonly manifest: ManifestBody;
  readonly startedAt: UnixTime;
  readonly chunks: number;
  readonly stages: readonly number[];
  readonly next: NextStep['is'];
  /** Why it halted. */
  readonly why?: string;
  readonly members: readonly MemberStatus[];
}

interface Rollout {
  row: Row;
  readonly said: Map<GatewayId, MemberStatus>;
  /** Members are being told. */
  telling: boolean;
  /** The ledger, or the queue of commands, had no room: the rest is told then. */
  againAt?: Instant | undefined;
}

export class Rollouts {
  readonly #doors: RolloutDoors;
  readonly #rollouts = new Map<FileId, Rollout>();
  /** Chunks to send, each once. */
  readonly #waiting = new Map<string, { readonly of: FileId; readonly n: number }>();
  #sending: Promise<void> | undefined;
  #cancelWake: (() => void) | undefined;
  #closed = false;

  private constructor(doors: RolloutDoors) {
    this.#doors = doors;
  }

  /** What the ledger says, with what members answered meanwhile. */
  static async open(doors: RolloutDoors): Promise<Rollouts> {
    const rollouts = new Rollouts(doors);
    const rows = (await doors.ledger.rows(ACTOR)).map(({ value }) => value as unknown as Row);
    for (const row of rows) await rollouts.#reopen(row);
    return rollouts;
  }

  /** Begins to deliver. Resolves when it is durable; the first members are told then. */
  async start(asked: NewRollout): Promise<Result<RolloutStatus, RolloutRefusal>> {
    const { manifest, to, stages = STAGES, expires } = asked;
    const { file } = manifest;
    const before = this.#rollouts.get(file);
    if (before !== undefined && isOpen(before))
      return refused('in-progress', `${file.slice(0, 8)} is on its way`);
    const members = this.#doors.membersOf(to);
    if (!members.ok) return members;
    const gone = before === undefined ? this.#makeRoom() : ok(undefined);
    if (!gone.ok) return gone;
    const row: Row = {
      manifest,
      to,
      stages,
      expires,
      startedAt: this.#doors.clock.now().unix,
      members: turns(file, members.value),
      told: {},
    };
    const dropped = gone.value;
    try {
      await this.#doors.ledger.commit([
        ...(dropped === undefined ? [] : [{ op: 'delete', actor: ACTOR, key: dropped } as const]),
        put(row),
      ]);
    } catch (error) {
      return refused('storage', String(error), 'later');
    }
    if (dropped !== undefined) this.#rollouts.delete(dropped);
    const rollout: Rollout = { row, said: new Map(), telling: false };
    this.#rollouts.set(file, rollout);
    this.#goOn(rollout);
    return ok(statusOf(rollout));
  }

  /** Every rollout, newest first. */
  status(): readonly RolloutStatus[] {
    return [...this.#rollouts.values()].map(statusOf).sort((a, b) => b.startedAt - a.startedAt);
  }

  /** A member's word on a command; others than ours are passed over. */
  receipt(gateway: GatewayId, receipt: ReceiptBody): void {
    for (const rollout of this.#rollouts.values()) {
      if (rollout.row.told[gateway] !== receipt.cti) continue;
      note(rollout, gateway, receipt);
      this.#goOn(rollout);
    }
  }

  /** A member asks for chunks. What is none of ours is passed over. */
  asked(gateway: GatewayId, { file, of, pieces, held }: ChunkRequest): void {
    const rollout = this.#rollouts.get(file);
    if (rollout === undefined || (of !== file && of !== rollout.row.manifest.list)) return;
    const { manifest, told } = rollout.row;
    if (told[gateway] === undefined) return;
    const known = rollout.said.get(gateway);
    if (known !== undefined) rollout.said.set(gateway, { ...known, held });
    const count = chunkCount(bytesOf(manifest, of));
    for (const n of pieces) {
      if (n < 0 || n >= count || this.#waiting.size >= MAX_WAITING_CHUNKS) continue;
      this.#waiting.set(`${of} ${n}`, { of, n });
    }
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelWake?.();
    await this.#sending;
  }

  /** A head end that died between two members has told some that stand in no row: their commands say so. */
  async #reopen(row: Row): Promise<void> {
    const { ledger, nms } = this.#doors;
    const told: Record<GatewayId, Cti> = { ...row.told };
    for (const { command } of await ledger.commands('manifest', row.members.length * 4)) {
      const gateway = command.audience.slice(2) as GatewayId;
      const ours = command.about === row.manifest.file && command.sentAt >= row.startedAt - 1000;
      if (ours && row.members.includes(gateway)) told[gateway] ??= command.cti;
    }
    const rollout: Rollout = { row: { ...row, told }, said: new Map(), telling: false };
    for (const [gateway, cti] of Object.entries(told) as [GatewayId, Cti][])
      for (const answer of await nms.answers(cti))
        if (answer.gateway === gateway) note(rollout, gateway, answer.receipt);
    this.#rollouts.set(row.manifest.file, rollout);
    this.#goOn(rollout);
  }

  /** The oldest that has ended, if there is no room without it. */
  #makeRoom(): Result<FileId | undefined, RolloutRefusal> {
    if (this.#rollouts.size < MAX_ROLLOUTS) return ok(undefined);
    const ended = [...this.#rollouts.values()]
      .filter(rollout => !isOpen(rollout))
      .sort((a, b) => a.row.startedAt - b.row.startedAt)[0];
    if (ended === undefined) return refused('too-many-rollouts', `${MAX_ROLLOUTS} files are on their way`);
    return ok(ended.row.manifest.file);
  }

  #goOn(rollout: Rollout): void {
    this.#giveUpSilent(rollout);
    const step = stepOf(rollout);
    const now = this.#doors.clock.now().instant;
    const waits = rollout.telling || (rollout.againAt ?? now) > now;
    if (step.is === 'tell' && !waits && !this.#closed) void this.#tell(rollout, step.members);
    this.#wake();
  }

  async #tell(rollout: Rollout, members: readonly GatewayId[]): Promise<void> {
    rollout.telling = true;
    const { nms, ledger, trouble } = this.#doors;
    const { manifest, expires } = rollout.row;
    const told: Record<GatewayId, Cti> = { ...rollout.row.told };
    try {
      for (const id of members) {
        const sent = await nms.send({ kind: 'device', id }, manifest, {
          class: 'market',
          primacy: 255,
          expires,
        });
        if (this.#closed) return;
        if (sent.ok) told[id] = sent.value.cti;
        else if (sent.retry === 'later') {
          rollout.againAt = after(this.#doors.clock.now().instant, AGAIN_AFTER);
          break;
        } else refuse(rollout, id, sent.refusal, sent.detail ?? sent.refusal);
        // What is answered before the row is written is known all the same.
        rollout.row = { ...rollout.row, told: { ...told } };
      }
      await ledger.commit([put(rollout.row)]);
    } catch (error) {
      trouble(`who was told of ${manifest.file.slice(0, 8)} could not be noted: ${String(error)}`);
    }
    rollout.telling = false;
    this.#goOn(rollout);
  }

  /** The time is up: nobody else is told. Who never answered took nothing; who took it and is silent has failed. */
  #giveUpSilent(rollout: Rollout): void {
    const { unix } = this.#doors.clock.now();
    const { expires, told, members } = rollout.row;
    if (unix < expires) return;
    for (const gateway of members)
      if (told[gateway] === undefined && !rollout.said.has(gateway))
        refuse(rollout, gateway, 'expired', 'the time was up before its turn came');
    for (const gateway of Object.keys(told) as GatewayId[]) {
      const progress = rollout.said.get(gateway)?.progress ?? 'told';
      if (progress === 'told') refuse(rollout, gateway, 'unanswered', 'it never answered');
      if (unix < after(expires, SILENT_FOR)) continue;
      if (progress === 'fetching' || progress === 'applying')
        say(rollout, gateway, { progress: 'failed', refusal: 'silent', why: `it is ${progress} no more` });
    }
  }

  #wake(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    if (this.#closed) return;
    const { clock } = this.#doors;
    const now = clock.now();
    const due = [...this.#rollouts.values()].filter(isOpen).flatMap(({ row: { expires } }) => {
      const next = [expires, after(expires, SILENT_FOR)].find(at => at > now.unix);
      return next ?? [];
    });
    const wait = due.length === 0 ? [] : [between(now.unix, Math.min(...due) as UnixTime)];
    const again = [...this.#rollouts.values()].flatMap(({ againAt = now.instant }) =>
      againAt > now.instant ? [between(now.instant, againAt)] : [],
    );
    const soonest = [...wait, ...again];
    if (soonest.length === 0) return;
    this.#cancelWake = clock.at(after(now.instant, Math.min(...soonest) as Duration), () => {
      for (const rollout of this.#rollouts.values()) this.#goOn(rollout);
    });
  }

  /** One at a time, each given to the broker before the next is read. Without a link the members ask again. */
  async #sendAll(): Promise<void> {
    const { read, nms, trouble } = this.#doors;
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#closed) return;
      const [key, { of, n }] = next;
      try {
        const bytes = await read(of, n * CHUNK_BYTES, CHUNK_BYTES);
        if (bytes === undefined || bytes.length === 0)
          trouble(`chunk ${n} of ${of.slice(0, 8)} is not kept here`);
        else await nms.sendChunk(of, n, bytes);
        this.#waiting.delete(key);
      } catch {
        this.#waiting.clear();
      }
    }
  }
}

function put(row: Row) {
  const { file } = row.manifest;
  return { op: 'put', actor: ACTOR, key: file, value: row as unknown as Json } as const;
}

function bytesOf({ size, file }: ManifestBody, of: FileId): number {
  return of === file ? size : chunkCount(size) * 32;
}

function stepOf({ row: { members, stages, told }, said }: Rollout): NextStep {
  const progress = new Map(
    members.map(id => [id, said.get(id)?.progress ?? (told[id] === undefined ? 'waiting' : 'told')]),
  );
  return nextStep({ members, stages, progress });
}

function isOpen(rollout: Rollout): boolean {
  const { is } = stepOf(rollout);
  return is === 'tell' || is === 'wait';
}

/** What each response to a manifest says of its member. */
function note(rollout: Rollout, gateway: GatewayId, { response, refusal, retry, why }: ReceiptBody): void {
  const more = refusal === undefined ? {} : { refusal };
  if (retry === 'later') return say(rollout, gateway, { progress: 'told', why, ...more });
  if (response === 'received') return say(rollout, gateway, { progress: 'fetching', why });
  if (response === 'started') return say(rollout, gateway, { progress: 'applying', why });
  if (response === 'completed') return say(rollout, gateway, { progress: 'done', why });
  if (response === 'abortedByProgram') return say(rollout, gateway, { progress: 'failed', why, ...more });
  say(rollout, gateway, { progress: 'refused', why, ...more });
}

function refuse(rollout: Rollout, gateway: GatewayId, refusal: string, why: string): void {
  say(rollout, gateway, { progress: 'refused', refusal, why });
}

function say(rollout: Rollout, gateway: GatewayId, what: Omit<MemberStatus, 'gateway' | 'held'>): void {
  const held = rollout.said.get(gateway)?.held ?? 0;
  const isWhole = what.progress === 'applying' || what.progress === 'done';
  const all = chunkCount(rollout.row.manifest.size);
  rollout.said.set(gateway, { gateway, held: isWhole ? all : held, ...what });
}

function statusOf(rollout: Rollout): RolloutStatus {
  const { manifest, startedAt, stages, members, told } = rollout.row;
  const next = stepOf(rollout);
  return {
    manifest,
    startedAt,
    stages,
    chunks: chunkCount(manifest.size),
    next: next.is,
    ...(next.is === 'halted' ? { why: next.why } : {}),
    members: members.map(gateway => {
      const isTold = told[gateway] !== undefined;
      const unsaid: MemberStatus = {
        gateway,
        progress: isTold ? 'told' : 'waiting',
        held: 0,
        why: isTold ? 'no answer yet' : 'its turn has not come',
      };
      return rollout.said.get(gateway) ?? unsaid;
    }),
  };
}
