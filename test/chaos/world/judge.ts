/**
 * Who watches one gateway of a simulated world at its doors, and knows what was truly sent, pressed and written. It
 * judges every act when it happens; it knows nothing of the inside. What it finds wrong it says in a sentence.
 */
import type { Bound } from '../../../src/control/mod.ts';
import type { DeviceOrder } from '../../../src/gateway/mod.ts';
import { classNumber, endOf } from './facts.ts';
import type { KnownEvent } from './facts.ts';
import type {
  Axis,
  AxisValues,
  Cti,
  MRID,
  PremiseView,
  ReceiptBody,
  StreamName,
  UplinkRecord,
} from '../../../src/model/mod.ts';
import type { Disk } from './disk.ts';
import type { WorldLedger } from './ledger.ts';
import type { GatewayId } from '../../../src/model/mod.ts';

/** How far a gateway's date may be off without anybody knowing, and a step's time. */
const SLACK_MS = 8000;
/** Answers of which a command gets one at most. */
const ONCE: readonly string[] = ['received', 'completed', 'cancelled', 'partialOptOut'];

export interface Surroundings {
  readonly gateway: GatewayId;
  readonly disk: Disk;
  readonly ledger: WorldLedger;
  /** The true date. */
  readonly unix: () => number;
  readonly bounds: readonly Bound[];
  readonly defaults: AxisValues;
  readonly events: ReadonlyMap<MRID, KnownEvent>;
  readonly wrong: (what: string) => void;
}

export class Judge {
  readonly #of: Surroundings;
  /** What was said under each number, in all lives. */
  readonly #said = new Map<string, string>();
  readonly #lost = new Map<StreamName, Set<number>>();
  readonly #answers = new Map<string, number>();
  readonly #started = new Map<Cti, KnownEvent>();
  /** The number of the receipt that told the end. */
  readonly #over = new Map<Cti, number>();
  readonly #running = new Set<string>();
  /** Events for which the right code was typed. */
  readonly mayBeLifted = new Set<MRID>();
  /** The disk has failed in this life, and what is ordered since need not be on it. */
  isStoreless = false;
  #believesWrong = false;
  /** Some life went by a wrong date; what it recorded may be sent by a later one. */
  #believedWrong = false;

  constructor(of: Surroundings) {
    this.#of = of;
  }

  /** A process of the gateway begins. */
  begin(offMs: number): void {
    this.#running.clear();
    // Before a proof the machine's own date is all there is; where it is off by much, times are not judged.
    this.#believesWrong = Math.abs(offMs) > SLACK_MS / 2;
    this.#believedWrong ||= this.#believesWrong;
    this.isStoreless = false;
  }

  /** A message is acknowledged to the broker; its step gave the batches `first` … `last` to the disk. */
  acknowledged(first: number, last: number): void {
    if (!this.#of.disk.isDurable(first, last))
      this.#wrong('a command was acknowledged before it was durable');
  }

  /** A record is signed, which is when it leaves. */
  said(record: UplinkRecord): void {
    const { stream, sequence, at, body } = record;
    const name = `${stream} ${sequence}`;
    if (!this.#of.disk.isSafe(record)) this.#wrong(`${name} was sent before it was durable`);
    const lost = this.#lost.get(stream) ?? new Set();
    this.#lost.set(stream, lost);
    if (body.kind === 'lost') {
      for (let n = body.first; n <= body.last; n++) lost.add(n);
      return;
    }
    const content = JSON.stringify({ at, body });
    const before = this.#said.get(name);
    if (lost.has(sequence)) this.#wrong(`${name} was told as lost, and is sent`);
    if (before !== undefined && before !== content)
      this.#wrong(`${name} was given to two records: ${before} and ${content}`);
    if (before !== undefined) return;
    this.#said.set(name, content);
    if (body.kind === 'receipt') this.#receipt(body, record);
    if (body.kind === 'customer' && body.action === 'override') this.#lifted(body.mRID);
    if (body.kind === 'alarm' && body.alarm === 'memory-lost')
      this.#wrong(`a loss of memory was seen that never was: ${body.why}`);
  }

  /** The head end's word that it holds `stream` up to `through` is acted on. */
  trimmed(stream: StreamName, from: number, through: number): void {
    const { records } = this.#of.ledger.held(this.#of.gateway, stream);
    for (let n = from + 1; n <= through; n++) {
      if (records.has(n) || this.#lost.get(stream)?.has(n) === true) continue;
      this.#wrong(`${stream} ${n} is forgotten here, and the head end does not hold it`);
      return;
    }
  }

  order({ device, axis, value, reversion }: DeviceOrder, at: 'asked' | 'done'): void {
    const box = `${device}/${axis}`;
    if (at === 'done') return void this.#running.delete(box);
    if (this.#running.has(box)) this.#wrong(`two orders on ${box} at once`);
    this.#running.add(box);
    this.#bounded(axis, value, box);
    if (reversion !== undefined) this.#bounded(axis, reversion.value, `the fallback of ${box}`);
    const isolating = axis === 'opModConnect' && value !== 0 ? this.#isolation() : undefined;
    if (isolating !== undefined)
      this.#wrong(`${box} is told ${value ?? 'nothing'} while isolation ${isolating.mRID} is in force`);
    if (value === undefined || this.isStoreless) return;
    // By now a newer order may have taken its place there.
    if (!this.#of.disk.image.everOrdered.has(`${box} ${value}`))
      this.#wrong(`${box} is told ${value}, which is not on the disk`);
  }

  /** What the customer is shown: one setpoint an axis, and the event that holds it by name. */
  shown(view: PremiseView): void {
    const active = view.events.flatMap(({ mRID, status, overridden }) => {
      const known = this.#of.events.get(mRID);
      return status === 'active' && !overridden && known !== undefined ? [known] : [];
    });
    const axes = view.setpoints.map(({ axis }) => axis);
    if (new Set(axes).size !== axes.length) this.#wrong('an axis has two setpoints');
    for (const { axis, order, reasons } of view.setpoints) {
      const holder = prevailing(active, axis);
      const text = reasons.map(reason => reason.text).join('; ');
      const asked = holder === undefined ? this.#of.defaults[axis] : holder.axes[axis];
      const wanted = this.bound(axis, asked);
      const got = order.kind === 'none' ? undefined : order.value;
      if (got !== wanted) this.#wrong(`${axis} is ${got}, should be ${wanted}: ${text}`);
      if (holder !== undefined && !text.includes(holder.mRID))
        this.#wrong(`${axis} is held by ${holder.mRID}, and the reasons say: ${text}`);
    }
  }

  /** What a value becomes inside the tariff; a ceiling holds unasked. */
  bound(axis: Axis, value: number | undefined): number | undefined {
    const bound = this.#of.bounds.find(each => each.axis === axis);
    if (bound === undefined) return value;
    return Math.max(bound.min, Math.min(bound.max, value ?? bound.max));
  }

  #bounded(axis: Axis, value: number | undefined, what: string): void {
    if (this.bound(axis, value) !== value)
      this.#wrong(`${what} is told ${value ?? 'nothing'}, outside the tariff`);
  }

  /** An isolation that began here by the gateway's own word, and that nobody has released. */
  #isolation(): KnownEvent | undefined {
    const now = this.#of.unix();
    for (const [cti, event] of this.#started) {
      if (event.class !== 'emergency' || event.axes.opModConnect !== 0 || this.#over.has(cti)) continue;
      if (event.cancelSent || now > endOf(event) - SLACK_MS) continue;
      if (this.#believesWrong && event.durationMs !== undefined) continue;
      return event;
    }
    return undefined;
  }

  #receipt({ cti, response, mRID, why }: ReceiptBody, { sequence, at }: UplinkRecord): void {
    if (ONCE.includes(response)) {
      const name = `${cti} ${response}`;
      const times = (this.#answers.get(name) ?? 0) + 1;
      this.#answers.set(name, times);
      if (times > 1) this.#wrong(`${mRID ?? cti} was ${response} ${times} times: ${why}`);
    }
    const event = mRID === undefined ? undefined : this.#of.events.get(mRID);
    if (event === undefined || event.cti !== cti) return;
    const now = this.#of.unix();
    const wentByWrong = this.#believesWrong || (this.#believedWrong && at > now + SLACK_MS);
    if (response === 'started') {
      this.#started.set(cti, event);
      if (!wentByWrong && now < event.start - SLACK_MS)
        this.#wrong(`${mRID} began ${event.start - now} ms too early: ${why}`);
      if (sequence > (this.#over.get(cti) ?? sequence))
        this.#wrong(`${mRID} began after it was over: ${why}`);
    }
    if (response === 'cancelled' && !event.cancelSent) this.#wrong(`${mRID} was cancelled by nobody: ${why}`);
    if (['completed', 'partialOptOut', 'completedNoParticipation'].includes(response)) {
      if (!wentByWrong && now < endOf(event) - SLACK_MS)
        this.#wrong(`${mRID} ended ${endOf(event) - now} ms too early: ${why}`);
      this.#over.set(cti, sequence);
    }
    if (response === 'cancelled') this.#over.set(cti, sequence);
  }

  #lifted(mRID: MRID): void {
    const event = this.#of.events.get(mRID);
    if (event?.class === 'emergency' || event?.class === 'transmission')
      this.#wrong(`the customer overrode ${mRID}, which nobody may`);
    if (!this.mayBeLifted.has(mRID)) this.#wrong(`${mRID} was overridden without the right code`);
  }

  #wrong(what: string): void {
    this.#of.wrong(`${this.#of.gateway}: ${what}`);
  }
}

/** The rule in words: the highest class, then the lower primacy, then the newer. */
export function prevailing(events: readonly KnownEvent[], axis: Axis): KnownEvent | undefined {
  return events
    .filter(event => event.axes[axis] !== undefined)
    .sort(
      (a, b) =>
        classNumber(a.class) - classNumber(b.class) ||
        a.primacy - b.primacy ||
        b.issuedAt - a.issuedAt ||
        b.sequence - a.sequence ||
        (a.mRID < b.mRID ? -1 : 1),
    )[0];
}
