/**
 * What no head end could open is never stored: it could not be signed, at this start or any other, and would hold
 * its stream up for good. A body that does not fit is relieved of what may be wrong with it, the least telling
 * part first, until it fits; a reading leaves its unknown points at the door. What was left out is named, so that
 * nothing is missing in silence.
 *
 * Decides nothing about content that fits. Whether a body can be opened is the envelope's word (`vetRecord`).
 */
import type {
  Applied,
  BirthBody,
  ModeHeld,
  ModesBody,
  Reading,
  ReceiptBody,
  RecordBody,
  StatusBody,
} from '../../model/mod.ts';
import { vetRecord } from '../../wan/envelope/mod.ts';

/** What is left of a value, and what it had to be relieved of. */
export interface Fitted<T> {
  /** Absent where nothing helps. */
  readonly left?: T;
  /** `W is NaN`, `evidence`; empty when it fitted as it came. */
  readonly without: readonly string[];
}

/** `body` as it can be stored and sent. */
export function fit(body: RecordBody): Fitted<RecordBody> {
  if (vetRecord(body) === undefined) return { left: body, without: [] };
  const without: string[] = [];
  for (const { left, less } of lighter(body)) {
    without.push(less);
    if (vetRecord(left) === undefined) return { left, without };
  }
  return { without };
}

/** A point that is not a finite number is unknown, and what is unknown is absent: for the display, too. */
export function fitReading(reading: Reading): Fitted<Reading> {
  const points = Object.entries(reading.points);
  const known = points.filter(([, value]) => Number.isFinite(value));
  if (known.length === points.length) return { left: reading, without: [] };
  const without = points.flatMap(([name, value]) => (Number.isFinite(value) ? [] : [`${name} is ${value}`]));
  return { left: { ...reading, points: Object.fromEntries(known) }, without };
}

/** A body of kind modes in as many records as it needs: halved until each part fits or is one mode. */
export function partsOf(whole: Omit<ModesBody, 'part' | 'parts'>): readonly ModesBody[] {
  const halved = (modes: readonly ModeHeld[]): readonly (readonly ModeHeld[])[] => {
    const body: ModesBody = { ...whole, modes, part: 1, parts: 1 };
    if (modes.length <= 1 || vetRecord(body) === undefined) return [modes];
    const middle = Math.ceil(modes.length / 2);
    return [...halved(modes.slice(0, middle)), ...halved(modes.slice(middle))];
  };
  const groups = halved(whole.modes);
  return groups.map((modes, at) => ({ ...whole, modes, part: at + 1, parts: groups.length }));
}

/** One body after the other, each with less in it than the one before; `less` names what went. */
type Lighter = Generator<{ readonly left: RecordBody; readonly less: string }, void>;

function* lighter(body: RecordBody): Lighter {
  if (body.kind === 'status') yield* lighterStatus(body);
  if (body.kind === 'receipt') yield* lighterReceipt(body);
  if (body.kind === 'modes') yield* lighterModes(body);
  if (body.kind === 'birth') yield* lighterBirth(body);
}

/** The nonce is what the record is for. */
function* lighterBirth(body: BirthBody): Lighter {
  yield { left: { ...body, devices: [] }, less: 'devices' };
  yield { left: { ...body, devices: [], marks: [] }, less: 'devices and marks' };
}

/** The first reason is the decisive one; behind it may stand as many as there are events. */
function* lighterStatus(body: StatusBody): Lighter {
  const setpoints = body.setpoints.map(s => ({ ...s, reasons: s.reasons.slice(0, 1) }));
  yield { left: { ...body, setpoints }, less: 'all reasons but the first' };
  const silenced = body.readings.map(({ device }) => device).join(', ');
  yield { left: { ...body, setpoints, readings: [] }, less: `readings of ${silenced}` };
}

/** What is in force says more than what could be; and that a mode is there more than its points. */
function* lighterModes(body: ModesBody): Lighter {
  const modes = body.modes.map(({ slots: _slots, ...mode }): ModeHeld => mode);
  yield { left: { ...body, modes }, less: 'what is not in force' };
  const named = modes.map(({ mode, model, state }): ModeHeld => ({ mode, model, state }));
  yield { left: { ...body, modes: named, setBy: [] }, less: 'points and settings' };
}

/** The answer itself stands in fields of bounded length; its sentence may tell of sixty devices. */
function* lighterReceipt({ applied, ...body }: ReceiptBody): Lighter {
  if (applied !== undefined) {
    const unproven = applied.map((one): Applied => ({ ...one, evidence: [] }));
    yield { left: { ...body, applied: unproven }, less: 'evidence' };
    yield { left: body, less: 'what was applied' };
  }
  if (body.set !== undefined) {
    const set = body.set.map(one => ({ ...one, parts: one.parts.map(part => ({ ...part, evidence: [] })) }));
    yield { left: { ...body, set }, less: 'evidence' };
  }
  yield { left: { ...body, why: 'the reason did not fit into a record' }, less: 'why' };
}
