/**
 * Records on their way up: each is verified, written to the ledger once, and only then owed an acknowledgement
 * and told to anybody. What cannot be stored is not acknowledged, and its gateway sends it again.
 */
import { troubleOf } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import type { BirthBody, GatewayId, KeyId, StreamName, UplinkRecord } from '../model/mod.ts';
import { openRecords } from '../wan/envelope/mod.ts';
import type { EnvelopeRefusal, TrustedKey } from '../wan/envelope/mod.ts';
import { judge, missing, restored, streamIntake, take, takeAgain, writeOff } from './intake.ts';
import type { Gap, Intake, StreamIntake } from './intake.ts';
import { isAbout } from './outstanding.ts';
import type { LedgerChange, LedgerPort, LedgerSnapshot } from './ports.ts';

/** `too-scattered`: too many gaps at once. `storage`: the ledger could not take it. Both come again. */
export type CollectRefusal = EnvelopeRefusal | 'too-scattered' | 'storage';

export interface CollectorDoors {
  /** Takes in what answers its own commands and nothing else; keeps no streams, so a number may be missing or come twice. */
  readonly guest?: true | undefined;
  /** Whose commands the ledger keeps answers to. */
  readonly issuer: string;
  readonly ledger: LedgerPort;
  /** The device keys that are trusted now. */
  readonly keyOf: (kid: KeyId) => TrustedKey | undefined;
  /** Device keys that make their own successors known; without, a key nobody knows stays unknown. */
  readonly successors?: Successors;
  /** `stream` is durable up to `through`, and its gateway should know. */
  readonly held: (gateway: GatewayId, stream: StreamName, through: number) => void;
  /** What goes into the ledger together with a record. */
  readonly alongside: (gateway: GatewayId, record: UplinkRecord) => Promise<readonly LedgerChange[]>;
  /** A birth record, durable now; told every time it comes, since its answer may have been lost. */
  readonly birth: (gateway: GatewayId, birth: BirthBody, came: 'new' | 'again') => void;
  /** A record that is durable now, told once. */
  readonly record: (gateway: GatewayId, record: UplinkRecord) => void;
  readonly gap: (gateway: GatewayId, stream: StreamName, gap: Gap & { readonly lost: boolean }) => void;
  readonly refused: (topic: string, refusal: CollectRefusal, detail: string | undefined) => void;
}

export interface Successors {
  /** The key that follows one that is known, by the record's own chain; changes nothing. */
  heirOf(bytes: Uint8Array): TrustedKey | undefined;
  /** What has to be durable before it is believed. */
  change(heir: TrustedKey): LedgerChange;
  /** Believes it from now on. */
  succeed(heir: TrustedKey): void;
}

export class Collector {
  readonly #doors: CollectorDoors;
  readonly #intake: Intake = new Map();
  /** Records handed to the ledger and not durable yet; as many as the broker lets us hold unacknowledged. */
  readonly #underWay = new Set<string>();
  /** Marks that moved and go to the ledger with the next record; at most one a stream. */
  readonly #marks = new Map<string, LedgerChange>();

  constructor(doors: CollectorDoors, marks: LedgerSnapshot['marks']) {
    this.#doors = doors;
    for (const { gateway, stream, through, ahead } of marks)
      Object.assign(streamIntake(this.#intake, gateway, stream), restored(through, ahead));
  }

  /** Takes in what came on `topic`. Settles when it is durable or refused; rejects when a promise of our own is broken. */
  async take(topic: string, payload: Uint8Array): Promise<void> {
    const opened = await this.#open(topic, payload);
    if (opened === 'storage') return;
    if (!opened.ok) return this.#doors.refused(topic, opened.refusal, opened.detail);
    const { gateway, records } = opened.value;
    const signed = toHex(payload.slice(-16));
    await Promise.all(records.map(record => this.#takeOne(topic, gateway, record, signed)));
  }

  async #takeOne(topic: string, gateway: GatewayId, record: UplinkRecord, signed: string): Promise<void> {
    const { stream: name, sequence } = record;
    if (this.#doors.guest === true) return this.#takeAsGuest(topic, gateway, record);
    const verdict = judge(streamIntake(this.#intake, gateway, name), sequence);
    if (verdict === 'too-scattered') return this.#doors.refused(topic, verdict, `${name} ${sequence}`);
    if (verdict === 'duplicate') await this.#takeAgain(topic, gateway, record, signed);
    else if (!(await this.#takeNew(topic, gateway, record))) return;
    if (record.body.kind === 'birth')
      this.#doors.birth(gateway, record.body, verdict === 'duplicate' ? 'again' : 'new');
  }

  /** A record by a key that is known, or that it makes known itself: then that is durable when this resolves. */
  async #open(topic: string, payload: Uint8Array): Promise<ReturnType<typeof openRecords> | 'storage'> {
    const { keyOf, successors } = this.#doors;
    const opened = openRecords(payload, { topic, keyOf });
    if (opened.ok || opened.refusal !== 'key-unknown') return opened;
    const heir = successors?.heirOf(payload);
    if (successors === undefined || heir === undefined) return opened;
    const again = openRecords(payload, { topic, keyOf: kid => (kid === heir.kid ? heir : undefined) });
    if (!again.ok) return again;
    const trouble = await this.#store([successors.change(heir)]);
    if (trouble !== undefined) {
      this.#doors.refused(topic, 'storage', trouble);
      return 'storage';
    }
    successors.succeed(heir);
    return again;
  }

  /** The highest sequence of each stream of a gateway that is held or written off. */
  heldOf(gateway: GatewayId): Readonly<Partial<Record<StreamName, number>>> {
    const streams = this.#intake.get(gateway) ?? new Map<StreamName, StreamIntake>();
    return Object.fromEntries(
      [...streams].map(([name, { through, runs }]) => [name, runs.at(-1)?.last ?? through]),
    );
  }

  /** Up to where a stream of a gateway is held, or written off, without a gap. */
  throughOf(gateway: GatewayId, stream: StreamName): number {
    return this.#intake.get(gateway)?.get(stream)?.through ?? 0;
  }

  /** How many records of a gateway are missing between those that are held; they may still come. */
  missingOf(gateway: GatewayId): number {
    return [...(this.#intake.get(gateway)?.values() ?? [])].reduce((sum, stream) => sum + missing(stream), 0);
  }

  /** Whether it is durable now. */
  async #takeNew(topic: string, gateway: GatewayId, record: UplinkRecord): Promise<boolean> {
    const { stream: name, sequence, body, at } = record;
    const key = `${gateway} ${name} ${sequence}`;
    if (this.#underWay.has(key)) return false;
    this.#underWay.add(key);
    const answers: readonly LedgerChange[] =
      body.kind === 'receipt' && isAbout(body, this.#doors.issuer)
        ? [{ op: 'answer', answer: { cti: body.cti, gateway, at, receipt: body } }]
        : [];
    const trouble = await this.#storeNew(gateway, record, answers);
    this.#underWay.delete(key);
    if (trouble !== undefined) {
      this.#doors.refused(topic, 'storage', trouble);
      return false;
    }
    const stream = streamIntake(this.#intake, gateway, name);
    const before = stream.through;
    // What was written off while it was being stored is held already.
    const gap =
      body.kind === 'lost' || judge(stream, sequence) === 'duplicate' ? undefined : take(stream, sequence);
    const lost = body.kind === 'lost' ? writeOff(stream, body) : [];
    if (stream.through !== before) this.#noteMark(gateway, name, stream.through);
    // No record stands for what was written off: only the mark remembers it. Should it not be stored, it is told anew.
    if (lost.length > 0) await this.#store([]);
    this.#doors.held(gateway, name, stream.through);
    if (gap !== undefined) this.#doors.gap(gateway, name, { ...gap, lost: false });
    for (const each of lost) this.#doors.gap(gateway, name, { ...each, lost: true });
    this.#doors.record(gateway, record);
    return true;
  }

  async #takeAsGuest(topic: string, gateway: GatewayId, record: UplinkRecord): Promise<void> {
    const { at, body } = record;
    if ((body.kind !== 'receipt' && body.kind !== 'modes') || body.issuer !== this.#doors.issuer) return;
    const changes: readonly LedgerChange[] =
      body.kind === 'receipt'
        ? [{ op: 'answer', answer: { cti: body.cti, gateway, at, receipt: body } }]
        : await this.#doors.alongside(gateway, record);
    const trouble = await this.#store(changes);
    if (trouble !== undefined) return this.#doors.refused(topic, 'storage', trouble);
    this.#doors.record(gateway, record);
  }

  async #storeNew(
    gateway: GatewayId,
    record: UplinkRecord,
    answers: readonly LedgerChange[],
  ): Promise<string | undefined> {
    try {
      const more = record.body.kind === 'modes' ? await this.#doors.alongside(gateway, record) : [];
      return await this.#store([{ op: 'record', gateway, record }, ...answers, ...more]);
    } catch (error) {
      return troubleOf(error);
    }
  }

  /** Its acknowledgement was lost, or its gateway cannot fill a gap: it passes over it, or says what was lost since. */
  async #takeAgain(
    topic: string,
    gateway: GatewayId,
    { stream: name, sequence, body }: UplinkRecord,
    signed: string,
  ): Promise<void> {
    const stream = streamIntake(this.#intake, gateway, name);
    const told = body.kind === 'lost' ? writeOff(stream, body) : [];
    const passed = takeAgain(stream, sequence, signed);
    const gaps = passed === undefined ? told : [...told, passed];
    if (gaps.length > 0) {
      this.#noteMark(gateway, name, stream.through);
      const trouble = await this.#store([]);
      // The mark moves on in memory all the same: what lies behind the gap is durable, and the mark goes along later.
      if (trouble !== undefined) return this.#doors.refused(topic, 'storage', trouble);
      for (const gap of gaps) this.#doors.gap(gateway, name, { ...gap, lost: true });
    }
    this.#doors.held(gateway, name, stream.through);
  }

  /** Commits `changes` and the marks that moved. Why that failed, or `undefined`. */
  async #store(changes: readonly LedgerChange[]): Promise<string | undefined> {
    const marks = [...this.#marks];
    this.#marks.clear();
    try {
      await this.#doors.ledger.commit([...changes, ...marks.map(([, mark]) => mark)]);
      return undefined;
    } catch (error) {
      for (const [key, mark] of marks) if (!this.#marks.has(key)) this.#marks.set(key, mark);
      return troubleOf(error);
    }
  }

  #noteMark(gateway: GatewayId, stream: StreamName, through: number): void {
    this.#marks.set(`${gateway} ${stream}`, { op: 'mark', gateway, stream, through });
  }
}
