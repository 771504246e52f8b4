/**
 * A head end's books on one gateway, kept with suspicion: what was sent, answered, numbered, lost and acknowledged, and
 * everything about it that no gateway may do.
 */
import type { Cti, StreamName, UplinkRecord } from '../../src/model/mod.ts';

/** What may be lost: it was never acknowledged, and is telemetry. */
const MAY_BE_LOST: readonly StreamName[] = ['status', 'reading', 'audit'];
/** Answers of which a command gets one at most, however often it is sent and its gateway killed. */
const ONCE = ['received', 'completed', 'cancelled'];

interface Stream {
  /** Content of each number that came. */
  readonly held: Map<number, string>;
  readonly lost: Set<number>;
  through: number;
}

export class Books {
  readonly #sent = new Set<Cti>();
  readonly #answers = new Map<string, number>();
  readonly #answered = new Set<Cti>();
  readonly #streams = new Map<StreamName, Stream>();
  readonly #wrong: string[] = [];
  #records = 0;

  send(cti: Cti): void {
    this.#sent.add(cti);
  }

  sent(): number {
    return this.#sent.size;
  }

  wrong(what: string): void {
    this.#wrong.push(what);
  }

  take(record: UplinkRecord): void {
    const { stream: name, sequence, at, body } = record;
    const stream = this.#stream(name);
    this.#records++;
    if (body.kind === 'lost') return this.#takeLoss(name, { first: body.first, last: body.last });
    const content = JSON.stringify({ at, body }, inOrder);
    const known = stream.held.get(sequence);
    if (known !== undefined && known !== content) this.wrong(`${name} ${sequence} came with two contents`);
    if (stream.lost.has(sequence)) this.wrong(`${name} ${sequence} was told as lost, and came`);
    if (known !== undefined) return;
    stream.held.set(sequence, content);
    advance(stream);
    if (body.kind !== 'receipt') return;
    this.#answered.add(body.cti);
    if (!ONCE.includes(body.response)) return;
    const answer = `${body.cti} ${body.response}`;
    const times = (this.#answers.get(answer) ?? 0) + 1;
    this.#answers.set(answer, times);
    if (times > 1) this.wrong(`${answer} ${times} times: it was taken again`);
  }

  /** Up to which number everything is held or told as lost. */
  through(name: StreamName): number {
    return this.#stream(name).through;
  }

  acknowledged(name: StreamName, through: number): void {
    if (through > this.through(name)) this.wrong(`the head end acknowledged ${name} ${through} too early`);
  }

  /** At the end: gaps that were never filled, commands that were never answered. */
  close(): void {
    for (const [name, { held, lost, through }] of this.#streams) {
      const last = Math.max(0, ...held.keys(), ...lost);
      if (through < last) this.wrong(`${name}: ${through + 1} is missing, though ${last} came`);
    }
    for (const cti of this.#sent) if (!this.#answered.has(cti)) this.wrong(`${cti} has no receipt`);
  }

  figures(): {
    commands: number;
    answered: number;
    records: number;
    lostTelemetry: number;
    wrong: readonly string[];
  } {
    const lost = [...this.#streams.values()].reduce((sum, stream) => sum + stream.lost.size, 0);
    return {
      commands: this.#sent.size,
      answered: this.#answered.size,
      records: this.#records,
      lostTelemetry: lost,
      wrong: this.#wrong,
    };
  }

  #takeLoss(name: StreamName, { first, last }: { first: number; last: number }): void {
    const stream = this.#stream(name);
    if (!MAY_BE_LOST.includes(name)) this.wrong(`${name} ${first} to ${last} were lost`);
    // Of what is told as lost, the head end holds what reached it before the crash.
    for (let n = first; n <= last; n++) if (!stream.held.has(n)) stream.lost.add(n);
    advance(stream);
  }

  #stream(name: StreamName): Stream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const stream: Stream = { held: new Map(), lost: new Set(), through: 0 };
    this.#streams.set(name, stream);
    return stream;
  }
}

/** Two files may hold the fields of one record in another order. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function advance(stream: Stream): void {
  while (stream.held.has(stream.through + 1) || stream.lost.has(stream.through + 1)) stream.through++;
}
