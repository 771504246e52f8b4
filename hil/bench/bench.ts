/**
 * What a procedure has in its hands: the device as it was found, reading, writing with read-back, time, and a place
 * to say how to undo what it does. Every operation ends early with {@link Interrupted} when the operator wants out.
 */
import type { Result } from '../../src/base/assert.ts';
import { assert } from '../../src/base/assert.ts';
import { between } from '../../src/base/time.ts';
import type { Now } from '../../src/base/time.ts';
import type { Conversation, ModbusReply, ModbusRequest } from '../../src/local/bus/mod.ts';
import type { Discovery, ModelSet, SunSpecDevice, Words } from '../../src/local/sunspec/mod.ts';
import { EXCEPTION } from '../../src/local/bus/mod.ts';
import { describeFailure } from '../../src/local/sunspec/mod.ts';
import type { Evidence } from '../../src/model/mod.ts';
import type { BenchPorts } from './ports.ts';
import type { Reader, Sheet, Spot } from './sheet.ts';
import { readSheet, wordsFor, wordsIn } from './sheet.ts';

/** Thrown by every operation of a {@link Bench} after the operator asked to stop. Caught by the runner only. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** A written register must read back alike within this (SunSpec conformance, since 2024). */
export const READ_BACK_MS = 1000;
/** Pause between two looks at a register that has not changed yet. */
const LOOK_AGAIN_MS = 50;
/** A pause is cut into pieces no longer than this, so that an operator who wants out is heard. */
const HEARD_WITHIN_MS = 250;

export type WriteHow = 'single' | 'multiple';

/**
 * How a write ended. `taken`: acknowledged and read back alike. `refused`: the device answered an exception.
 * `other`: acknowledged, and after {@link READ_BACK_MS} it holds something else. `silent`: no usable answer.
 */
export interface Put {
  readonly outcome: 'taken' | 'refused' | 'other' | 'silent';
  readonly why: string;
  readonly exception?: number;
  readonly registers: readonly Evidence[];
  /** From the acknowledgement to the read that found the new value, ms; with `other`, to the last that did not. */
  readonly readBackMs: number;
}

export interface BenchParts {
  readonly ports: BenchPorts;
  readonly models: ModelSet;
  readonly discovery: Discovery;
  readonly device: SunSpecDevice;
  /** Every known model as it was before anything was written; the first of each id. */
  readonly asFound: ReadonlyMap<number, Sheet>;
  readonly began: Now;
  readonly signal: AbortSignal;
  /** Seconds of the reversion timers that are tried. */
  readonly reversionS: number;
  /** Most registers of one read, where the device takes fewer than others. */
  readonly maxRead?: number | undefined;
}

export class Bench {
  readonly parts: BenchParts;
  /** Set while leaving: then nothing is interrupted any more. */
  leaving = false;
  /** Whether anything was written since it was last set to false. */
  wrote = false;
  readonly undos: (() => Promise<void>)[] = [];
  /** Devices that refuse function 16 for one register are written with 6 from then on. */
  #one: WriteHow = 'multiple';

  constructor(parts: BenchParts) {
    this.parts = parts;
  }

  get ports(): BenchPorts {
    return this.parts.ports;
  }

  get device(): SunSpecDevice {
    return this.parts.device;
  }

  get #reader(): Reader {
    return { unit: this.device.unit, maxRead: this.parts.maxRead };
  }

  has(model: number): boolean {
    return this.parts.asFound.has(model);
  }

  /** A model as it was found. The device must have it. */
  found(model: number): Sheet {
    const sheet = this.parts.asFound.get(model);
    assert(sheet !== undefined, `model ${model} is in the chain`);
    return sheet;
  }

  /** A model as it is now. */
  async sheet(model: number): Promise<Result<Sheet, 'silent'>> {
    const { entry, def } = this.found(model);
    return this.run(readSheet(this.#reader, entry, def));
  }

  async run<T>(conversation: Conversation<T>): Promise<T> {
    this.#heed();
    return this.ports.device.run(conversation);
  }

  /** Milliseconds since the run began. */
  elapsedMs(): number {
    return between(this.parts.began.instant, this.ports.clock.now().instant);
  }

  async pause(ms: number): Promise<void> {
    const until = this.elapsedMs() + ms;
    for (let left = ms; left > 0; left = until - this.elapsedMs()) {
      this.#heed();
      await this.ports.clock.pause(Math.min(left, HEARD_WITHIN_MS));
    }
  }

  /** Run, last first, when the check ends or is interrupted, before the registers themselves are put back. */
  onLeave(undo: () => Promise<void>): void {
    this.undos.push(undo);
  }

  async readRaw(address: number, count: number): Promise<ModbusReply> {
    return this.run(ask({ kind: 'read', unit: this.device.unit, space: 'holding', address, count }));
  }

  /** One write, no questions asked afterwards. `values`: registers of each value; all of them are one unless told. */
  async writeRaw(
    address: number,
    words: readonly number[],
    how: WriteHow = this.#how(words),
    values: readonly number[] = [words.length],
  ): Promise<ModbusReply> {
    this.wrote = true;
    const { unit } = this.device;
    const reply = await this.run(ask({ kind: 'write', unit, address, words, values, how }));
    const wrongFunction = !reply.ok && reply.exception === EXCEPTION.illegalFunction;
    if (wrongFunction && how === 'multiple' && words.length === 1 && this.#one === 'multiple') {
      this.#one = 'single';
      return this.writeRaw(address, words, 'single');
    }
    return reply;
  }

  /**
   * Sets points of one model to engineering values: neighbours of one group in one request, in the order of their
   * addresses. `sheet` gives the scale factors. Read back until alike, {@link READ_BACK_MS} at most.
   */
  async put(sheet: Sheet, values: Readonly<Record<string, number>>, how?: WriteHow): Promise<Put> {
    const wanted: Wanted[] = [];
    for (const [path, value] of Object.entries(values)) {
      const words = wordsFor(sheet, path, value);
      const spot = sheet.spots.get(path);
      if (!words.ok || spot === undefined)
        return { outcome: 'refused', why: cannot(path, words), registers: [], readBackMs: 0 };
      wanted.push({ spot, words: words.value });
    }
    return this.putWords(sheet, wanted, how);
  }

  async putWords(sheet: Sheet, wanted: readonly Wanted[], how?: WriteHow): Promise<Put> {
    const evidence = wanted.map(({ spot, words }) => ({
      point: spot.name,
      address: spot.address,
      wrote: words,
    }));
    for (const run of runsOf(wanted)) {
      const reply = await this.writeRaw(run.address, run.words, how, run.values);
      if (!reply.ok) return this.#unwritten(reply, evidence);
    }
    return this.#readBack(sheet, wanted);
  }

  async #readBack(sheet: Sheet, wanted: readonly Wanted[]): Promise<Put> {
    const acknowledged = this.elapsedMs();
    for (;;) {
      const asked = this.elapsedMs() - acknowledged;
      const now = await this.run(readSheet(this.#reader, sheet.entry, sheet.def));
      const registers = evidenceOf(wanted, now.ok ? now.value : undefined);
      if (registers.every(({ wrote, readBack }) => same(wrote, readBack)))
        return { outcome: 'taken', why: 'read back alike', registers, readBackMs: asked };
      if (asked >= READ_BACK_MS)
        return now.ok
          ? { outcome: 'other', why: otherWords(registers), registers, readBackMs: asked }
          : { outcome: 'silent', why: now.detail ?? 'no answer', registers, readBackMs: asked };
      await this.pause(LOOK_AGAIN_MS);
    }
  }

  #unwritten(reply: Extract<ModbusReply, { ok: false }>, registers: readonly Evidence[]): Put {
    const said = { why: describeFailure(reply), registers, readBackMs: 0 };
    if (reply.refusal !== 'exception' && reply.refusal !== 'too-long') return { outcome: 'silent', ...said };
    return {
      outcome: 'refused',
      ...said,
      ...(reply.exception === undefined ? {} : { exception: reply.exception }),
    };
  }

  #how(words: readonly number[]): WriteHow {
    return words.length === 1 ? this.#one : 'multiple';
  }

  #heed(): void {
    if (this.parts.signal.aborted && !this.leaving) throw new Interrupted('stopped by the operator');
  }
}

export interface Wanted {
  readonly spot: Spot;
  readonly words: readonly number[];
}

/** Registers of one write; a device that takes fewer at once may be given `values` one by one. */
export interface Run {
  readonly address: number;
  readonly words: readonly number[];
  readonly values: readonly number[];
}

/** A slot that is not in force, point by point; elsewhere a half of a group is another order than the whole. */
const SLOT = /^(Crv|Ctl|curve)\[/;

/** Neighbours of one group as one write: power factor and excitation belong together. */
export function runsOf(wanted: readonly Wanted[]): readonly Run[] {
  const runs: { address: number; words: number[]; values: number[]; group: string }[] = [];
  for (const { spot, words } of wanted) {
    const last = runs.at(-1);
    const follows = last !== undefined && last.address + last.words.length === spot.address;
    if (follows && spot.group !== '' && last.group === spot.group) {
      last.words.push(...words);
      if (SLOT.test(spot.path)) last.values.push(words.length);
      else last.values = [last.words.length];
    } else runs.push({ address: spot.address, words: [...words], values: [words.length], group: spot.group });
  }
  return runs;
}

export function same(a: Words | undefined, b: Words | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((word, at) => word === b[at]);
}

/** Registers as people compare them: `0x1f40`, several in a row. */
export function hex(words: readonly number[]): string {
  return words.map(word => `0x${word.toString(16).padStart(4, '0')}`).join(' ');
}

function* ask(request: ModbusRequest): Conversation<ModbusReply> {
  return yield request;
}

function evidenceOf(wanted: readonly Wanted[], now: Sheet | undefined): readonly Evidence[] {
  return wanted.map(({ spot, words }) => {
    const readBack = now === undefined ? undefined : wordsIn(now, spot);
    const { name: point, address } = spot;
    return { point, address, wrote: words, ...(readBack === undefined ? {} : { readBack }) };
  });
}

function otherWords(registers: readonly Evidence[]): string {
  const wrong = registers.find(({ wrote, readBack }) => !same(wrote, readBack));
  if (wrong?.readBack === undefined) return 'it cannot be read back';
  return `${wrong.point} holds ${hex(wrong.readBack)}, not ${hex(wrong.wrote)}`;
}

function cannot(path: string, words: Result<unknown, string>): string {
  return words.ok ? `no point ${path}` : (words.detail ?? words.refusal);
}
