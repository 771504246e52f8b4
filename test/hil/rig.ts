/**
 * A bench in memory: a simulated inverter whose registers, answers and bytes a test may spoil, on a clock that only
 * moves when somebody waits. A whole suite takes no real time.
 */
import { instant, unixTime } from '../../src/base/time.ts';
import { ok } from '../../src/base/assert.ts';
import { fromHex } from '../../src/base/bytes.ts';
import {
  EXCEPTION,
  decodeRequest,
  decodeRtu,
  encodeException,
  encodeMbap,
  encodeReply,
  encodeRtu,
  feedMbap,
  mbapParser,
} from '../../src/local/bus/mod.ts';
import type { Conversation, ModbusReply, ModbusRequest } from '../../src/local/bus/mod.ts';
import type { BenchPorts, DevicePort, InstrumentPort, RawPort, Stimulus } from '../../hil/bench/mod.ts';
import { Inverter } from '../../src/sim/mod.ts';
import type { Unit } from '../../src/sim/mod.ts';

/** What one exchange takes on the simulated line. */
const EXCHANGE_MS = 5;
const ARRAY_W = 9000;
const NOMINAL = { voltageV: 230, frequencyHz: 50, irradianceWm2: 1000 };

/** How a mutant differs from an honest device. */
export interface Spoiled {
  /** Stands between the bench and the registers. */
  readonly unit?: (honest: Unit, rig: Rig) => Unit;
  /** Answers a request on its own; `undefined`: as an honest device. */
  readonly reply?: (request: ModbusRequest, rig: Rig) => ModbusReply | undefined;
  /** The bytes that a device says to a piece of bytes, where it is asked bare. */
  readonly bytes?: (honest: (piece: Uint8Array) => Uint8Array) => (piece: Uint8Array) => Uint8Array;
  readonly serial?: boolean;
  /** Irradiance at the beginning, W/m². */
  readonly sun?: number;
}

export class Rig {
  readonly inverter = new Inverter(instant(0), { unit: 1 });
  readonly ports: BenchPorts;
  readonly asked: ModbusRequest[] = [];
  readonly instruments: SimulatedInstruments;
  readonly unit: Unit;
  readonly #spoiled: Spoiled;
  atMs = 0;

  constructor(
    spoiled: Spoiled = {},
    parts: { readonly units?: (rig: Rig) => Unit; readonly bare?: true } = {},
  ) {
    this.#spoiled = spoiled;
    this.instruments = new SimulatedInstruments(this, spoiled.sun ?? NOMINAL.irradianceWm2);
    const honest = parts.units?.(this) ?? this.inverter.wire;
    this.unit = spoiled.unit?.(honest, this) ?? honest;
    this.ports = {
      device: this.#device(),
      clock: {
        now: () => ({ instant: instant(this.atMs), unix: unixTime(1_760_000_000_000 + this.atMs) }),
        pause: ms => {
          this.advance(ms);
          return Promise.resolve();
        },
      },
      ...(parts.bare === true ? {} : { instruments: this.instruments }),
    };
    this.advance(20_000);
  }

  advance(ms: number): void {
    this.atMs += Math.ceil(ms);
    const { voltageV, frequencyHz, irradianceWm2 } = this.instruments.now;
    this.inverter.advance(instant(this.atMs), (ARRAY_W * irradianceWm2) / 1000, { voltageV, frequencyHz });
  }

  /** Every writable register of the device, to compare before and after. */
  words(): readonly number[] {
    const words: number[] = [];
    for (let at = 40_000; ; at++) {
      const word = this.inverter.image.read(at, 1);
      if ('exception' in word) return words;
      words.push(...word);
    }
  }

  #device(): DevicePort {
    const serial = this.#spoiled.serial === true;
    return {
      kind: serial ? 'serial' : 'tcp',
      unit: 1,
      run: conversation => Promise.resolve(this.#run(conversation)),
      openRaw: () => Promise.resolve(ok(this.#raw(serial))),
    };
  }

  #run<T>(conversation: Conversation<T>): T {
    let turn = conversation.next();
    while (turn.done !== true) {
      this.advance(EXCHANGE_MS);
      this.asked.push(turn.value);
      turn = conversation.next(this.#spoiled.reply?.(turn.value, this) ?? answer(this.unit, turn.value));
    }
    return turn.value;
  }

  #raw(serial: boolean): RawPort {
    const honest = serial ? rtuServer(this.unit) : mbapServer(this.unit);
    const said = this.#spoiled.bytes?.(honest) ?? honest;
    let heard: Uint8Array = new Uint8Array(0);
    return {
      send: piece => {
        heard = Buffer.concat([heard, said(piece)]);
        return Promise.resolve();
      },
      hear: withinMs => {
        this.advance(heard.length > 0 ? EXCHANGE_MS : withinMs);
        const all = heard;
        heard = new Uint8Array(0);
        return Promise.resolve(all);
      },
      close: () => Promise.resolve(),
    };
  }
}

/** Source and meter of the rig: the meter knows the truth, whatever the registers say. */
export class SimulatedInstruments implements InstrumentPort {
  readonly name = 'simulated source and meter';
  readonly #rig: Rig;
  now: Required<Stimulus>;
  stops = 0;

  constructor(rig: Rig, irradianceWm2: number) {
    this.#rig = rig;
    this.now = { ...NOMINAL, irradianceWm2 };
  }

  set(stimulus: Stimulus): Promise<{ ok: true; value: undefined }> {
    this.now = { ...this.now, ...stimulus };
    return Promise.resolve({ ok: true, value: undefined });
  }

  measure() {
    const { powerW, reactiveVar } = this.#rig.inverter.power;
    const { voltageV, frequencyHz } = this.now;
    return Promise.resolve(ok({ at: instant(this.#rig.atMs), powerW, reactiveVar, voltageV, frequencyHz }));
  }

  safe(): Promise<void> {
    this.stops += 1;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function answer(unit: Unit, request: ModbusRequest): ModbusReply {
  if (request.unit !== unit.unit)
    return { ok: false, refusal: 'timeout', retry: 'later', detail: 'no answer' };
  const result =
    request.kind === 'read'
      ? unit.read(request.address, request.count)
      : (unit.write(request.address, request.words) ?? []);
  if ('exception' in result) return exception(result.exception);
  return { ok: true, words: request.kind === 'read' ? result : [] };
}

export function exception(code: number): ModbusReply {
  return { ok: false, refusal: 'exception', retry: 'never', exception: code, detail: `exception ${code}` };
}

export const NOTHING = new Uint8Array(0);
export const bytes = (hex: string): Uint8Array => fromHex(hex) ?? NOTHING;

/** The PDU an honest device answers with. */
export function pduOf(unit: Unit, asked: number, pdu: Uint8Array): Uint8Array {
  const decoded = decodeRequest(asked, pdu);
  if ('exception' in decoded) return encodeException(pdu, decoded.exception);
  if (decoded.request.kind === 'write') return encodeException(pdu, EXCEPTION.illegalFunction);
  const words = unit.read(decoded.request.address, decoded.request.count);
  return 'exception' in words ? encodeException(pdu, words.exception) : encodeReply(pdu, words);
}

export function mbapServer(unit: Unit): (piece: Uint8Array) => Uint8Array {
  const parser = mbapParser();
  return piece => {
    const { frames } = feedMbap(parser, piece);
    return Buffer.concat(
      frames.map(frame => encodeMbap({ ...frame, pdu: pduOf(unit, frame.unit, frame.pdu) })),
    );
  };
}

export function rtuServer(unit: Unit): (piece: Uint8Array) => Uint8Array {
  return piece => {
    const frame = decodeRtu(piece);
    if (frame?.unit !== unit.unit) return NOTHING;
    return encodeRtu({ unit: unit.unit, pdu: pduOf(unit, frame.unit, frame.pdu) });
  };
}
