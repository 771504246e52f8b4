/**
 * The store of a simulated gateway, with what disks do: a batch takes its time to become durable, and a crash in
 * between leaves the first few of what was under way, or none; writes fail, the disk is full or answers nothing for a
 * while. Telemetry waits for the next batch, under numbers that were promised. A batch is never on the disk in part.
 */
import { unixTime } from '../../../src/base/time.ts';
import type { Snapshot, StoreChange, StorePort, StoreUrgency } from '../../../src/gateway/mod.ts';
import type { GatewayId, StreamName, UplinkRecord } from '../../../src/model/mod.ts';
import { above, Image, lossOf } from './image.ts';
import type { Luck } from './luck.ts';
import type { VirtualTime } from './time.ts';

const TELEMETRY: ReadonlySet<StreamName> = new Set(['status', 'reading', 'audit']);
/** Streams of refusals: of these some numbers are promised when room runs out. */
const REFUSALS: readonly StreamName[] = ['alarm', 'receipt'];
const PROMISED = 8;
const LATE_FLUSH_MS = 60_000;
const COMMIT_MS: readonly [number, number] = [0, 40];

/** `full`: reads go on. `io`: nothing goes. */
export type DiskMood = 'well' | 'full' | 'io';

interface Batch {
  readonly number: number;
  readonly changes: readonly StoreChange[];
  readonly settle: (error?: Error) => void;
}

/** A record that is in memory alone: of a batch under way, or promised and waiting for one. */
interface InMemory {
  record: UplinkRecord;
  of: Batch | undefined;
}

/** How a disk may lie, to see whether the world notices. */
export interface DiskLies {
  /** Says that it is durable before it is. */
  readonly early?: true;
  /** Loses what fits without a word when the power goes. */
  readonly forgets?: (change: StoreChange) => boolean;
}

export class Disk implements StorePort {
  image = new Image();
  mood: DiskMood = 'well';
  /** This many of the next batches fail. */
  failNext = 0;
  /** The clock of the machine it is in. */
  offMs = 0;
  readonly #time: VirtualTime;
  readonly #luck: Luck;
  readonly #lies: DiskLies;
  #life = 0;
  /** Batches that were given to it, but for those that may wait. */
  issued = 0;
  readonly #underWay = new Set<number>();
  #batches: Batch[] = [];
  #tails = new Map<StreamName, InMemory[]>();
  #trims = new Map<StreamName, number>();
  #isFlushing = false;

  constructor(time: VirtualTime, luck: Luck, lies: DiskLies = {}) {
    this.#time = time;
    this.#luck = luck;
    this.#lies = lies;
  }

  persist(_: GatewayId, changes: readonly StoreChange[], urgency: StoreUrgency = 'now'): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (error?: Error): void => (error === undefined ? resolve() : reject(error));
    const batch: Batch = {
      number: this.issued + 1,
      changes: JSON.parse(JSON.stringify(changes)) as StoreChange[],
      settle,
    };
    const appended: InMemory[] = [];
    let mayWait = true;
    for (const change of batch.changes) {
      if (change.op === 'append') {
        const { record } = change;
        const entry: InMemory = { record, of: batch };
        this.#tail(record.stream).push(entry);
        appended.push(entry);
        mayWait &&=
          (urgency === 'soon' || TELEMETRY.has(record.stream)) &&
          record.sequence <= (this.image.promised.get(record.stream) ?? 0);
      } else if (change.op === 'trim') this.#noteTrim(change.stream, change.through);
      else mayWait = false;
    }
    if (mayWait) {
      for (const entry of appended) entry.of = undefined;
      settle();
      this.#flushIn(LATE_FLUSH_MS);
      return promise;
    }
    this.#batches.push(batch);
    this.#underWay.add(++this.issued);
    if (this.#lies.early === true) settle();
    this.#flushIn(this.#luck.between(...COMMIT_MS));
    return promise;
  }

  snapshot(): Promise<Snapshot> {
    if (this.mood === 'io') return Promise.reject(new Error('the disk does not answer'));
    const { rows, streams } = this.image.snapshot();
    const marks = streams.map(mark => ({
      ...mark,
      acknowledged: Math.max(mark.acknowledged, this.#trims.get(mark.stream) ?? 0),
      last: Math.max(mark.last, this.#tail(mark.stream).at(-1)?.record.sequence ?? 0),
    }));
    return Promise.resolve(JSON.parse(JSON.stringify({ rows, streams: marks })) as Snapshot);
  }

  load(_: GatewayId, stream: StreamName, after: number, limit: number): Promise<readonly UplinkRecord[]> {
    if (this.mood === 'io') return Promise.reject(new Error('the disk does not answer'));
    const { records, acknowledged } = this.image.stream(stream);
    const from = Math.max(after, acknowledged, this.#trims.get(stream) ?? 0);
    const all = above([...records, ...this.#tail(stream).map(({ record }) => record)], from);
    return Promise.resolve(JSON.parse(JSON.stringify(all.slice(0, limit))) as UplinkRecord[]);
  }

  /** Room for a few refusals more is promised while it runs out. */
  fill(): void {
    this.mood = 'full';
    for (const name of REFUSALS) this.image.promised.set(name, this.image.stream(name).last + PROMISED);
  }

  /** The power goes: of what was under way the first few batches are on the disk, and nothing else. */
  crash(): void {
    const many = this.mood === 'well' ? this.#luck.between(0, this.#batches.length) : 0;
    this.#write(this.#batches.slice(0, many));
    this.#forget();
    this.#life++;
    this.#isFlushing = false;
    this.#batches = [];
    this.#tails = new Map();
    this.#trims = new Map();
    this.image.recover(unixTime(this.#time.now(this.offMs).unix));
  }

  /** Whether every batch with a number in `first` … `last` is on the disk. */
  isDurable(first: number, last: number): boolean {
    for (let n = first; n <= last; n++) if (this.#underWay.has(n)) return false;
    return true;
  }

  /** Whether the number of `record` is safe: its content is on the disk, or no other will ever have its number. */
  isSafe({ stream, sequence, body, at }: UplinkRecord): boolean {
    const { records, acknowledged, last } = this.image.stream(stream);
    if (sequence <= acknowledged) return true;
    if (sequence > last) return sequence <= (this.image.promised.get(stream) ?? 0);
    const stored = records.find(record => record.sequence === sequence);
    if (stored === undefined) return body.kind === 'lost';
    return stored.at === at && JSON.stringify(stored.body) === JSON.stringify(body);
  }

  #tail(stream: StreamName): InMemory[] {
    const known = this.#tails.get(stream);
    if (known !== undefined) return known;
    const tail: InMemory[] = [];
    this.#tails.set(stream, tail);
    return tail;
  }

  #noteTrim(stream: StreamName, through: number): void {
    this.#trims.set(stream, Math.max(through, this.#trims.get(stream) ?? 0));
  }

  #flushIn(ms: number): void {
    const isLate = ms === LATE_FLUSH_MS;
    if (this.#isFlushing && !isLate) return;
    if (!isLate) this.#isFlushing = true;
    const life = this.#life;
    this.#time.after(ms, () => {
      if (life === this.#life) this.#flush();
    });
  }

  #flush(): void {
    this.#isFlushing = false;
    const batches = this.#batches;
    this.#batches = [];
    const broken = this.mood !== 'well' || (batches.length > 0 && this.failNext > 0 && this.failNext-- > 0);
    if (!broken) this.#write(batches);
    else for (const batch of batches.toReversed()) this.#takeBack(batch);
    const why = this.mood === 'full' ? 'the disk is full' : 'a write to the disk failed';
    for (const { settle } of batches) settle(broken ? new Error(why) : undefined);
  }

  /** `batches`, and with them all that waits, as one transaction. */
  #write(batches: readonly Batch[]): void {
    const written = new Set<Batch>();
    for (const batch of batches) {
      this.#underWay.delete(batch.number);
      if (batch.changes.some(({ op }) => op === 'lift')) this.#writeTails(written);
      for (const change of batch.changes)
        if (change.op !== 'append' && change.op !== 'trim') this.image.apply(change);
      written.add(batch);
    }
    this.#writeTails(written);
  }

  #writeTails(batches: ReadonlySet<Batch>): void {
    for (const [name, tail] of this.#tails) {
      const end = tail.findIndex(({ of }) => of !== undefined && !batches.has(of));
      for (const { record } of tail.splice(0, end === -1 ? tail.length : end))
        this.image.apply({ op: 'append', record });
      const { last } = this.image.stream(name);
      if (TELEMETRY.has(name)) this.image.promised.set(name, last + PROMISED);
      else this.image.promised.delete(name);
    }
    for (const [stream, through] of this.#trims) {
      const upTo = Math.min(through, this.image.stream(stream).last);
      this.image.apply({ op: 'trim', stream, through: upTo });
      if (upTo === through) this.#trims.delete(stream);
    }
  }

  /** What could not be stored did not happen; where a later record has the number behind it, a loss takes its place. */
  #takeBack(batch: Batch): void {
    for (const [name, tail] of this.#tails) {
      for (let n = tail.length - 1; n >= 0; n--) {
        const entry = tail[n];
        if (entry?.of !== batch) continue;
        if (n === tail.length - 1) tail.pop();
        else {
          const { sequence, at } = entry.record;
          tail[n] = { record: lossOf(name, sequence, sequence, at), of: undefined };
        }
      }
    }
  }

  #forget(): void {
    const { forgets } = this.#lies;
    if (forgets === undefined) return;
    for (const row of this.image.rows.values())
      if (forgets({ op: 'put', ...row })) this.image.apply({ op: 'delete', ...row });
    for (const [name, stream] of this.image.streams) {
      const kept = stream.records.filter(record => !forgets({ op: 'append', record }));
      if (kept.length === stream.records.length) continue;
      stream.records = kept;
      stream.last = kept.at(-1)?.sequence ?? stream.acknowledged;
      this.image.promised.delete(name);
    }
  }
}
